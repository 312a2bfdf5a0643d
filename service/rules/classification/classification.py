"""The explained classification of one account: scores in; quadrant, Fiocca cell and all that led there out."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from service.rules.classification.fiocca import FioccaCell, cell
from service.rules.classification.quadrants import (
    Border,
    absolute_strength_border,
    attractiveness_border,
    raw_quadrant,
    relative_strength_border,
    settle,
)
from service.rules.classification.scoring import (
    Attractiveness,
    Factor,
    ScoreBand,
    ScoringModel,
    attractiveness,
    score_verdicts,
)
from service.rules.classification.strength import BusinessStrength
from service.rules.verdicts import Verdict
from service.rules.vocabulary import QUADRANTS, ClassificationStatus, Direction, Quadrant


@dataclass(frozen=True, slots=True)
class Classification:
    """One account's classification, exact inside.

    `missing` names what keeps it incomplete: factor keys, `business_strength` when nothing was scored there,
    `relative_strength` when it is undefined; `reasons` says it in words. `quadrant` is `raw_quadrant` after the dead
    band; both are None while incomplete. The Fiocca cell needs only attractiveness and our own total, so it can stand
    while the quadrant waits for a competitor's score. `borders` holds the known axes.
    """

    status: ClassificationStatus
    missing: tuple[str, ...]
    reasons: tuple[Verdict, ...]
    attractiveness: Attractiveness
    business_strength: BusinessStrength | None
    quadrant: Quadrant | None
    raw_quadrant: Quadrant | None
    fiocca: FioccaCell | None
    borders: tuple[Border, ...]

    @property
    def investment_strategy(self) -> str | None:
        """How much to invest, by the quadrant."""
        return None if self.quadrant is None else QUADRANTS[self.quadrant].investment_strategy

    @property
    def held_by_dead_band(self) -> bool:
        """Return whether the scores alone would put the account elsewhere."""
        return self.quadrant is not self.raw_quadrant


def _bands(*bands: tuple[str | None, str | None, int]) -> tuple[ScoreBand, ...]:
    return tuple(
        ScoreBand(None if low is None else Decimal(low), None if high is None else Decimal(high), Decimal(score))
        for low, high, score in bands
    )


# A start for a programme that has no model yet: first what lets profit grow, measured and required, then the softer
# factors, judged and optional. Scores follow the reading 10-7 high, 6-4 medium, 3-0 low; thresholds are to be adapted.
DEFAULT_MODEL = ScoringModel(
    name="Default",
    factors=(
        Factor(  # total sales available to any supplier over three years, in the account's currency
            "spend_available",
            "Spend available over three years",
            Decimal(30),
            bands=_bands(
                (None, "50000", 1),
                ("50000", "250000", 3),
                ("250000", "1000000", 5),
                ("1000000", "5000000", 7),
                ("5000000", None, 9),
            ),
        ),
        Factor(  # expected growth of that spend, percent a year
            "growth",
            "Growth",
            Decimal(25),
            bands=_bands((None, "0", 1), ("0", "5", 3), ("5", "10", 5), ("10", "20", 7), ("20", None, 9)),
        ),
        Factor(  # customer margin to be expected, percent of net revenue
            "profit_potential",
            "Profit potential",
            Decimal(20),
            bands=_bands((None, "0", 1), ("0", "10", 3), ("10", "20", 5), ("20", "35", 7), ("35", None, 9)),
        ),
        Factor("innovation_partner", "Willing to be a partner in innovation", Decimal(15), required=False),
        Factor("prestige", "Image and prestige in the market", Decimal(10), Direction.HIGHER_IS_BETTER, required=False),
    ),
)


def classify(
    model: ScoringModel,
    scores: Mapping[str, Decimal | Fraction],
    strength: BusinessStrength | None,
    previous_quadrant: Quadrant | None = None,
) -> Classification:
    """Classify one account by the Cranfield four boxes and by Fiocca's nine cells, side by side.

    `scores` are 0-10 by factor key; `strength` is None when nobody has scored it yet. `previous_quadrant` matters only
    with a dead band; give None when the model itself changed and old borders should not hold an account.
    """
    appeal = attractiveness(model, scores)
    vertical, horizontal = _attractiveness_border(model, appeal), _strength_border(model, strength)
    missing, reasons = _what_is_missing(model, scores, appeal, strength)
    raw = settled = None
    if vertical is not None and horizontal is not None:
        raw = raw_quadrant(vertical, horizontal)
        settled = settle(previous_quadrant, vertical, horizontal, model.dead_band)
    placed = None
    if appeal.score is not None and strength is not None and strength.ours is not None:
        placed = cell(appeal.score, strength.ours, model.fiocca, model.border_width.fiocca)
    return Classification(
        status=ClassificationStatus.INCOMPLETE if settled is None else ClassificationStatus.COMPLETE,
        missing=missing,
        reasons=reasons,
        attractiveness=appeal,
        business_strength=strength,
        quadrant=settled,
        raw_quadrant=raw,
        fiocca=placed,
        borders=tuple(border for border in (vertical, horizontal) if border is not None),
    )


def known_borders(
    model: ScoringModel, scores: Mapping[str, Decimal | Fraction], strength: BusinessStrength | None
) -> tuple[Border, ...]:
    """Return the borders of the known axes, as `classify` would, without classifying the account."""
    borders = _attractiveness_border(model, attractiveness(model, scores)), _strength_border(model, strength)
    return tuple(border for border in borders if border is not None)


def _attractiveness_border(model: ScoringModel, appeal: Attractiveness) -> Border | None:
    if appeal.score is None:
        return None
    return attractiveness_border(appeal.score, model.cuts, model.border_width.attractiveness)


def _strength_border(model: ScoringModel, strength: BusinessStrength | None) -> Border | None:
    if strength is None or not strength.complete or strength.ours is None:
        return None
    width = model.border_width
    if strength.best_competitor is None:
        return absolute_strength_border(strength.ours, width.attractiveness)
    return relative_strength_border(strength.ours, strength.best_competitor.total, model.cuts, width.relative_strength)


def _what_is_missing(
    model: ScoringModel,
    scores: Mapping[str, Decimal | Fraction],
    appeal: Attractiveness,
    strength: BusinessStrength | None,
) -> tuple[tuple[str, ...], tuple[Verdict, ...]]:
    missing, reasons = list(appeal.missing), score_verdicts(model, scores)
    reasons += [
        Verdict(f"/scores/{key}", "score_missing", f"{key} has no score; a missing score is not 0.")
        for key in appeal.missing
        if key not in scores
    ]
    if strength is None:
        missing.append("business_strength")
        reasons.append(Verdict("/business_strength", "strength_missing", "Nobody has scored our strength here yet."))
    elif not strength.complete:
        missing.append("business_strength" if strength.ours is None else "relative_strength")
        reasons += strength.reasons
    return tuple(missing), tuple(reasons)
