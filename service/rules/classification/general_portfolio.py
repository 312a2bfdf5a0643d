"""Fiocca's step 1, the general portfolio of all accounts: strategic importance by difficulty of managing, four cells.

The factors are those that a secondary summary of Fiocca 1982 names. The cut at 5.0 is this programme's own, as for the
four boxes. Everything is exact, so an account on the cut is on it for everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from service.rules.classification.factor_library import LIBRARY, FactorAxis
from service.rules.verdicts import FULL_WEIGHT, Verdict, fraction, score_verdict, weight_verdicts, weighted_sum


class GeneralCell(StrEnum):
    """The cells of the general portfolio: key accounts (of high strategic importance) and others, difficult or easy."""

    KEY_DIFFICULT = "key_difficult"
    KEY_EASY = "key_easy"
    NON_KEY_DIFFICULT = "non_key_difficult"
    NON_KEY_EASY = "non_key_easy"


class GeneralLevel(StrEnum):
    """A side of an axis."""

    HIGH = "high"
    LOW = "low"


AXES = (FactorAxis.STRATEGIC_IMPORTANCE, FactorAxis.DIFFICULTY)
CUT = Decimal(5)
"""High from here on, on both axes."""
BORDER = Decimal("0.3")
"""Nearer to the cut than this is borderline."""
FACTORS: dict[FactorAxis, tuple[str, ...]] = {
    axis: tuple(factor.key for factor in LIBRARY if factor.axis is axis) for axis in AXES
}
NAMES: dict[str, str] = {factor.key: factor.name for factor in LIBRARY}

_H, _L = GeneralLevel.HIGH, GeneralLevel.LOW
CELLS: dict[tuple[GeneralLevel, GeneralLevel], GeneralCell] = {
    (_H, _H): GeneralCell.KEY_DIFFICULT,
    (_H, _L): GeneralCell.KEY_EASY,
    (_L, _H): GeneralCell.NON_KEY_DIFFICULT,
    (_L, _L): GeneralCell.NON_KEY_EASY,
}
"""The cell by strategic importance and difficulty."""


@dataclass(frozen=True, slots=True)
class GeneralScore:
    """A factor's score 0-10, None while it is missing; its weight, if the axis is weighted."""

    factor: str
    score: Decimal | None
    weight: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AxisMean:
    """An axis, exact: the mean 0-10 of its scores, None while one is missing; the weights used, by factor."""

    score: Fraction | None
    level: GeneralLevel | None
    borderline: bool
    missing: tuple[str, ...]
    weights: dict[str, Fraction]


def validate_axis(axis: FactorAxis, scores: Sequence[GeneralScore], pointer: str) -> list[Verdict]:
    """Judge what is said of an axis: factors of this axis, each once, scores 0-10, and weights for all or for none,
    which sum to 100 within 0.01 (refused, never normalised).
    """
    verdicts: list[Verdict] = []
    seen: set[str] = set()
    for index, given in enumerate(scores):
        place = f"{pointer}/{index}"
        if given.factor not in FACTORS[axis]:
            message = f"The factors of {axis.value.replace('_', ' ')} are {', '.join(FACTORS[axis])}."
            verdicts.append(Verdict(f"{place}/factor", "factor_unknown", message))
        elif given.factor in seen:
            verdicts.append(Verdict(f"{place}/factor", "factor_repeated", f"{given.factor} is there twice."))
        seen.add(given.factor)
        if given.score is not None and (refused := score_verdict(f"{place}/score", given.score)) is not None:
            verdicts.append(refused)
    weights = [given.weight for given in scores if given.weight is not None]
    if weights and len(weights) < len(scores):
        verdicts.append(Verdict(pointer, "weights_incomplete", "Weigh every factor of the axis, or none."))
    elif weights:
        verdicts += weight_verdicts(weights, pointer)
    return verdicts


def axis_mean(axis: FactorAxis, scores: Sequence[GeneralScore]) -> AxisMean:
    """The exact mean of an axis: sum(weight x score) / sum(weights), 0-10.

    Without weights all factors of the axis count alike; with weights those that are weighted. A missing score is
    missing, never 0: the axis then has no mean.
    """
    given = {one.factor: one for one in scores}
    weights = {one.factor: fraction(one.weight) for one in scores if one.weight is not None}
    if not weights:
        weights = {factor: fraction(FULL_WEIGHT) / len(FACTORS[axis]) for factor in FACTORS[axis]}
    found = {factor: given[factor].score for factor in weights if factor in given}
    known = {factor: fraction(score) for factor, score in found.items() if score is not None}
    missing = tuple(factor for factor in weights if factor not in known)
    if missing:
        return AxisMean(None, None, False, missing, weights)
    mean = weighted_sum((weights[factor], known[factor]) for factor in weights) / sum(weights.values())
    level = GeneralLevel.HIGH if mean >= CUT else GeneralLevel.LOW
    return AxisMean(mean, level, abs(mean - fraction(CUT)) < fraction(BORDER), (), weights)


def general_cell(importance: AxisMean, difficulty: AxisMean) -> GeneralCell | None:
    """The cell of the general portfolio; None while an axis has no mean."""
    if importance.level is None or difficulty.level is None:
        return None
    return CELLS[importance.level, difficulty.level]
