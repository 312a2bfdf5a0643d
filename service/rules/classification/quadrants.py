"""The Cranfield four boxes: where an account lies, how near to a border, and when it may leave its quadrant.

Vertical: account attractiveness A, 0-10. Horizontal: our strength with this customer, relative to the best competitor
(R = our total / the best competitor's), or our own total 0-10 when the customer is known to have no other supplier.
"""

from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from service.rules.verdicts import Verdict, fraction, is_score
from service.rules.vocabulary import Quadrant

ABSOLUTE_STRENGTH_CUT = Decimal(5)
BORDERLINE_SCORE = Decimal("0.3")
BORDERLINE_RATIO = Decimal("0.05")
WIDEST_DEAD_BAND = Decimal(5)
HIGHEST_RATIO_CUT = Decimal(10)
WIDEST_BORDER = Decimal(5)


class CutRule(StrEnum):
    """Where the attractiveness cut comes from: the model's own number, or the middle of the portfolio's own range."""

    FIXED = "fixed"
    RANGE_MIDDLE = "range_middle"


@dataclass(frozen=True, slots=True)
class PortfolioRange:
    """The least and the greatest attractiveness of the complete accounts, 0-10, in the 4 places that are shown.

    The ends count as shown, so that the middle can be checked by hand.
    """

    low: Decimal
    high: Decimal

    @property
    def middle(self) -> Decimal:
        """(high + low) / 2, exact."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Cuts:
    """The cut lines: attractiveness is high from `attractiveness` (0-10), strength from `relative_strength` (a ratio).

    By the rule `range_middle` the attractiveness cut is the middle of `range` as soon as the portfolio has one; until
    then it is `attractiveness`. `resolved_cuts` replaces it by the middle, so that every decision reads one number.
    """

    attractiveness: Decimal = Decimal(5)
    relative_strength: Decimal = Decimal(1)
    attractiveness_rule: CutRule = CutRule.FIXED
    range: PortfolioRange | None = None


@dataclass(frozen=True, slots=True)
class BorderWidth:
    """The distance to a border that counts as near: score points for attractiveness and Fiocca's limits, a ratio for
    strength.

    Our own total, which decides when no competitor is known, has the width of attractiveness.
    """

    attractiveness: Decimal = BORDERLINE_SCORE
    relative_strength: Decimal = BORDERLINE_RATIO
    fiocca: Decimal = BORDERLINE_SCORE


class Axis(StrEnum):
    """The measure of a border."""

    ATTRACTIVENESS = "attractiveness"
    RELATIVE_STRENGTH = "relative_strength"
    ABSOLUTE_STRENGTH = "absolute_strength"


@dataclass(frozen=True, slots=True)
class Border:
    """One axis of an account's position, exact.

    `distance` = value - cut in the axis's own unit (score points, or a ratio for relative strength); at 0 and above the
    account is on the high side. `points` is the same distance in score points 0-10, which is what a dead band is
    measured in: for relative strength it is our total - cut x the best competitor's total.
    """

    axis: Axis
    value: Fraction
    cut: Fraction
    distance: Fraction
    points: Fraction
    borderline: bool

    @property
    def high(self) -> bool:
        """Return whether the account is on the high side; the cut itself is high."""
        return self.distance >= 0


_BOXES = {
    (True, True): Quadrant.STRATEGIC,
    (True, False): Quadrant.STAR,
    (False, True): Quadrant.STATUS,
    (False, False): Quadrant.STREAMLINE,
}
_SIDES = {quadrant: sides for sides, quadrant in _BOXES.items()}


def validate_cuts(cuts: Cuts, pointer: str = "/cuts") -> list[Verdict]:
    """Refuse an attractiveness cut outside 0 to 10 and a relative-strength cut that is not above 0 and at most 10."""
    verdicts, ratio = [], cuts.relative_strength
    if not is_score(cuts.attractiveness):
        message = "The attractiveness cut lies between 0 and 10."
        verdicts.append(Verdict(f"{pointer}/attractiveness", "cut_out_of_range", message))
    if not (ratio.is_finite() and 0 < ratio <= HIGHEST_RATIO_CUT):
        message = "The relative-strength cut is a ratio above 0 and at most 10."
        verdicts.append(Verdict(f"{pointer}/relative_strength", "cut_out_of_range", message))
    return verdicts


def resolved_cuts(cuts: Cuts, portfolio: PortfolioRange | None) -> Cuts:
    """Return the cuts that decide: by `range_middle` the attractiveness cut is the middle of the portfolio's range.

    McDonald's matrix compares accounts with each other, so its cut can be their middle: (max A + min A) / 2. With a
    fixed cut, or without a complete account, the model's own number applies.
    """
    if cuts.attractiveness_rule is CutRule.FIXED or portfolio is None:
        return cuts
    return replace(cuts, attractiveness=portfolio.middle, range=portfolio)


def validate_border_width(width: BorderWidth, pointer: str = "/border_width") -> list[Verdict]:
    """Refuse a border width outside 0 to 5; 0 flags nothing but (for Fiocca's limits) the limit itself."""
    return [
        Verdict(
            f"{pointer}/{name}", "border_width_out_of_range", f"A border width lies between 0 and 5, not at {value}."
        )
        for name, value in asdict(width).items()
        if not (value.is_finite() and 0 <= value <= WIDEST_BORDER)
    ]


def validate_dead_band(dead_band: Decimal, pointer: str = "/dead_band") -> list[Verdict]:
    """Refuse a dead band outside 0 to 5 score points."""
    if dead_band.is_finite() and 0 <= dead_band <= WIDEST_DEAD_BAND:
        return []
    return [Verdict(pointer, "dead_band_out_of_range", "The dead band lies between 0 and 5 score points.")]


def attractiveness_border(attractiveness: Fraction | Decimal, cuts: Cuts, width: Decimal = BORDERLINE_SCORE) -> Border:
    """Measure attractiveness (0-10) against its cut; borderline when nearer than the border width (0.3)."""
    value, cut = fraction(attractiveness), fraction(cuts.attractiveness)
    distance = value - cut
    return Border(Axis.ATTRACTIVENESS, value, cut, distance, distance, abs(distance) < fraction(width))


def relative_strength_border(
    ours: Fraction | Decimal, best: Fraction | Decimal, cuts: Cuts, width: Decimal = BORDERLINE_RATIO
) -> Border:
    """Measure our total against the best competitor's (0-10, above 0); borderline when R is nearer than the border
    width (0.05).
    """
    value, cut = fraction(ours) / fraction(best), fraction(cuts.relative_strength)
    distance = value - cut
    near = abs(distance) < fraction(width)
    return Border(Axis.RELATIVE_STRENGTH, value, cut, distance, distance * fraction(best), near)


def absolute_strength_border(ours: Fraction | Decimal, width: Decimal = BORDERLINE_SCORE) -> Border:
    """Measure our own total (0-10) against 5, the rule when no competitor is known; borderline when nearer than the
    border width (0.3).
    """
    value, cut = fraction(ours), fraction(ABSOLUTE_STRENGTH_CUT)
    distance = value - cut
    return Border(Axis.ABSOLUTE_STRENGTH, value, cut, distance, distance, abs(distance) < fraction(width))


def four_box(attractiveness: Fraction | Decimal, strength: Fraction | Decimal, cuts: Cuts) -> Quadrant:
    """Place an account by attractiveness (0-10) and relative strength (a ratio); a value on the cut counts as high."""
    attractive = fraction(attractiveness) >= fraction(cuts.attractiveness)
    return _BOXES[attractive, fraction(strength) >= fraction(cuts.relative_strength)]


def box_at(attractive: bool, strong: bool) -> Quadrant:
    """Return the box of a row (attractive or not) and a column (strong or not)."""
    return _BOXES[attractive, strong]


def sides_of(quadrant: Quadrant) -> tuple[bool, bool]:
    """Return whether attractiveness is high in a box, and whether our strength is."""
    return _SIDES[quadrant]


def raw_quadrant(attractiveness: Border, strength: Border) -> Quadrant:
    """Place an account by its two borders, without regard to where it was."""
    return _BOXES[attractiveness.high, strength.high]


def settle(previous: Quadrant | None, attractiveness: Border, strength: Border, dead_band: Decimal) -> Quadrant:
    """Place an account so that it does not flap.

    An axis changes side only when it passed the cut by more than the dead band, which is in score points 0-10 on both
    axes; each axis is settled by itself. A band of 0 is off; an account without a previous quadrant takes its raw one.
    """
    if previous is None or dead_band == 0:
        return raw_quadrant(attractiveness, strength)
    was_attractive, was_strong = _SIDES[previous]
    return _BOXES[_side(was_attractive, attractiveness, dead_band), _side(was_strong, strength, dead_band)]


def _side(was_high: bool, border: Border, dead_band: Decimal) -> bool:
    return border.high if abs(border.points) > fraction(dead_band) else was_high
