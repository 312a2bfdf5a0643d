"""The smallest single change of each score that moves an account to another box.

Everything else stays as it is. With a dead band a side is left only beyond the band, so the changes are those that
really move the account from where it is held.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from service.rules.classification.classification import Classification
from service.rules.classification.quadrants import ABSOLUTE_STRENGTH_CUT, Axis, box_at, sides_of
from service.rules.classification.scoring import ScoreBand, ScoringModel
from service.rules.classification.strength import BusinessStrength, SuccessFactor
from service.rules.verdicts import HIGHEST_SCORE, LOWEST_SCORE, fraction, weighted_sum
from service.rules.vocabulary import Quadrant

STEP_PLACES = 4
"""Target scores are given in steps of 0.0001, the decimal places that are shown."""


class Whose(StrEnum):
    """The party whose score would change: the account, we as its supplier, or the best competitor."""

    ACCOUNT = "account"
    OURS = "ours"
    COMPETITOR = "competitor"


class Comparison(StrEnum):
    """The relation between the new score and the threshold."""

    AT_LEAST = "at_least"
    ABOVE = "above"
    AT_MOST = "at_most"
    BELOW = "below"


@dataclass(frozen=True, slots=True)
class Bound:
    """The range that a number must reach: an exact comparison with a threshold."""

    comparison: Comparison
    threshold: Fraction

    def holds(self, value: Fraction | Decimal) -> bool:
        """Return whether a number lies where it must."""
        exactly = fraction(value)
        if self.comparison in (Comparison.AT_LEAST, Comparison.AT_MOST) and exactly == self.threshold:
            return True
        rising = self.comparison in (Comparison.AT_LEAST, Comparison.ABOVE)
        return exactly > self.threshold if rising else exactly < self.threshold

    def nearest_score(self) -> Decimal | None:
        """Return the first score 0-10 in steps of 0.0001 within the range, or None when there is none."""
        steps = self.threshold * 10**STEP_PLACES
        below = steps.numerator // steps.denominator
        above = -(-steps.numerator // steps.denominator)
        units = {
            Comparison.AT_LEAST: above,
            Comparison.ABOVE: below + 1,
            Comparison.AT_MOST: below,
            Comparison.BELOW: above - 1,
        }[self.comparison]
        score = Decimal(units).scaleb(-STEP_PLACES)
        return score if LOWEST_SCORE <= score <= HIGHEST_SCORE else None


@dataclass(frozen=True, slots=True)
class Move:
    """One change that alone moves the account.

    `bound` is exact; `to` is the first score in steps of 0.0001 that fulfils it, and anything nearer to the present
    score does not. `score` is None for an optional factor that nobody has scored yet. `band` is the nearest written
    band that is enough, for a factor that is measured.
    """

    axis: Axis
    whose: Whose
    factor: str
    competitor: str | None
    score: Fraction | None
    bound: Bound
    to: Decimal
    quadrant: Quadrant
    band: ScoreBand | None = None

    @property
    def change(self) -> Fraction | None:
        """The signed change of the score that is needed; None when there is no score yet."""
        return None if self.score is None else fraction(self.to) - self.score


def smallest_moves(
    model: ScoringModel, outcome: Classification, factors: Sequence[SuccessFactor] = ()
) -> tuple[Move, ...]:
    """List every single change of one score that moves the account, the smallest first; none while it is incomplete.

    `factors` are the customer's success factors behind the strength; without them only attractiveness is looked at.
    Of the competitors only the best one's scores are: it decides. Factors that cannot move the account within 0 to 10
    are left out.
    """
    if outcome.quadrant is None:
        return ()
    attractive, strong = sides_of(outcome.quadrant)
    moves = [*_appeal_moves(model, outcome, attractive, box_at(not attractive, strong))]
    if outcome.business_strength is not None and factors:
        moves += _strength_moves(model, outcome.business_strength, factors, strong, box_at(attractive, not strong))
    return tuple(sorted(moves, key=_size))


def _size(move: Move) -> tuple[bool, Fraction]:
    """Return the sort key of a move: the smallest change first, first scores of unscored factors last."""
    return (move.change is None, abs(move.change) if move.change is not None else Fraction(0))


def _crossing(high: bool, cut: Fraction, dead_band: Fraction) -> Bound:
    """Return the range that a value must reach to change its side. The cut itself is high; inside the dead band no side
    is left.
    """
    if high:
        return Bound(Comparison.BELOW, cut - dead_band)
    return Bound(Comparison.ABOVE if dead_band else Comparison.AT_LEAST, cut + dead_band)


def _appeal_moves(model: ScoringModel, outcome: Classification, high: bool, box: Quadrant) -> Iterable[Move]:
    appeal = outcome.attractiveness
    wanted = _crossing(high, fraction(model.cuts.attractiveness), fraction(model.dead_band))
    scored = {c.factor: fraction(c.score) for c in appeal.contributions}
    total = weighted_sum((c.weight, scored[c.factor]) for c in appeal.contributions)
    for factor in model.factors:
        weight, score = fraction(factor.weight), scored.get(factor.key)
        if score is None and factor.key not in appeal.left_out:
            continue
        divisor = appeal.weight_used + (weight if score is None else 0)
        rest = total - weight * (score or 0)
        bound = Bound(wanted.comparison, (wanted.threshold * divisor - rest) / weight)
        to = bound.nearest_score()
        if to is not None:
            band = _nearest_band(factor.bands, bound)
            yield Move(Axis.ATTRACTIVENESS, Whose.ACCOUNT, factor.key, None, score, bound, to, box, band)


def _nearest_band(bands: Sequence[ScoreBand], bound: Bound) -> ScoreBand | None:
    enough = [band for band in bands if bound.holds(band.score)]
    return min(enough, key=lambda band: abs(fraction(band.score) - bound.threshold)) if enough else None


def _strength_moves(
    model: ScoringModel,
    strength: BusinessStrength,
    factors: Sequence[SuccessFactor],
    high: bool,
    box: Quadrant,
) -> Iterable[Move]:
    if strength.ours is None:
        return
    dead_band, best = fraction(model.dead_band), strength.best_competitor
    axis = Axis.ABSOLUTE_STRENGTH if best is None else Axis.RELATIVE_STRENGTH
    ratio = fraction(model.cuts.relative_strength)
    cut = fraction(ABSOLUTE_STRENGTH_CUT) if best is None else ratio * best.total
    wanted = _crossing(high, cut, dead_band)
    ours = [fraction(factor.ours) for factor in factors]
    for factor, bound, to in _total_moves(factors, ours, strength.ours, wanted):
        yield Move(axis, Whose.OURS, factor.name, None, fraction(factor.ours), bound, to, box)
    if best is None:
        return
    theirs = _rival_bound(strength.ours, ratio, high, dead_band)
    others = [other.total for other in strength.competitors if other is not best]
    if not high and not all(theirs.holds(total) for total in others):
        return  # another competitor is too strong as well
    scores = [fraction(factor.competitors[best.name]) for factor in factors]
    for factor, bound, to in _total_moves(factors, scores, best.total, theirs):
        if high or any(others) or _total_with(factors, scores, factor, to) > 0:
            score = fraction(factor.competitors[best.name])
            yield Move(axis, Whose.COMPETITOR, factor.name, best.name, score, bound, to, box)


def _rival_bound(ours: Fraction, ratio: Fraction, high: bool, dead_band: Fraction) -> Bound:
    """Return the range that the best competitor's total must reach to change our side: our total against ratio x
    theirs.
    """
    if high:
        return Bound(Comparison.ABOVE, (ours + dead_band) / ratio)
    return Bound(Comparison.BELOW if dead_band else Comparison.AT_MOST, (ours - dead_band) / ratio)


def _total_moves(
    factors: Sequence[SuccessFactor], scores: Sequence[Fraction], total: Fraction, wanted: Bound
) -> Iterable[tuple[SuccessFactor, Bound, Decimal]]:
    """Yield the factors whose score alone can bring a weighted total into the wanted range within 0 to 10, with that
    score and its exact bound.
    """
    divisor = sum((fraction(factor.weight) for factor in factors), Fraction(0))
    for factor, score in zip(factors, scores, strict=True):
        weight = fraction(factor.weight)
        rest = total * divisor - weight * score
        bound = Bound(wanted.comparison, (wanted.threshold * divisor - rest) / weight)
        to = bound.nearest_score()
        if to is not None:
            yield factor, bound, to


def _total_with(
    factors: Sequence[SuccessFactor], scores: Sequence[Fraction], changed: SuccessFactor, to: Decimal
) -> Fraction:
    return weighted_sum(
        (factor.weight, to if factor is changed else score) for factor, score in zip(factors, scores, strict=True)
    )
