"""How strong we are with one customer, beside the competitors, on that customer's own critical success factors.

Factors and weights belong to the customer and differ between accounts; the customer should give or confirm them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from service.rules.verdicts import Verdict, escaped, fraction, score_verdict, shown, weight_verdicts, weighted_sum

MOST_SUCCESS_FACTORS = 20
RATIO_PLACES = 6


@dataclass(frozen=True, slots=True)
class SuccessFactor:
    """A critical success factor of a customer: its weight (all together 100), our score and each competitor's, 0-10."""

    name: str
    weight: Decimal
    ours: Decimal
    competitors: Mapping[str, Decimal] = field(default_factory=dict)


class StrengthRule(StrEnum):
    """Which number decides the strength: the ratio to the best competitor, or our own total when none is known."""

    RELATIVE = "relative"
    ABSOLUTE = "absolute"


@dataclass(frozen=True, slots=True)
class CompetitorTotal:
    """A competitor's weighted total, 0-10, exact."""

    name: str
    total: Fraction


@dataclass(frozen=True, slots=True)
class BusinessStrength:
    """Our strength with one customer, exact; totals are 0-10 and computed, never typed.

    `best_competitor` is the one with the highest total (the first by name on a tie), not the biggest company.
    `relative_strength` = our total / the best competitor's; it is None when no competitor is known (then `rule` is
    absolute and our own total of at least 5 is high) and when the best total is 0 (then `complete` is False).
    """

    ours: Fraction | None
    competitors: tuple[CompetitorTotal, ...]
    best_competitor: CompetitorTotal | None
    relative_strength: Fraction | None
    rule: StrengthRule
    complete: bool
    reasons: tuple[Verdict, ...] = ()

    @property
    def relative_strength_shown(self) -> Decimal | None:
        """The relative strength rounded to 6 places, half up."""
        return None if self.relative_strength is None else shown(self.relative_strength, RATIO_PLACES)


@dataclass(frozen=True, slots=True)
class StrengthPoints:
    """The totals before they are divided, exact: weight x score summed, for us and for the best competitor (None when
    none is known), and the sum of the weights.

    R >= cut exactly when ours >= cut x best, and our total 0-10 is ours / weights: so a database can decide by whole
    numbers what the rules decide by fractions.
    """

    ours: Fraction
    best: Fraction | None
    weights: Fraction


def validate_strength(factors: Sequence[SuccessFactor], no_known_competitor: bool = False) -> list[Verdict]:
    """Judge success factors: 1-20 with unique names, weights that sum to 100 within 0.01, scores 0-10.

    Every competitor is scored on every factor; there is at least one, or `no_known_competitor` says there is none.
    """
    verdicts: list[Verdict] = []
    if not 1 <= len(factors) <= MOST_SUCCESS_FACTORS:
        verdicts.append(Verdict("/factors", "factor_count_out_of_range", "Give 1 to 20 success factors."))
    names = _competitor_names(factors)
    seen: set[str] = set()
    for index, factor in enumerate(factors):
        pointer = f"/factors/{index}"
        if not factor.name.strip():
            verdicts.append(Verdict(f"{pointer}/name", "factor_name_empty", "A success factor has a name."))
        if factor.name in seen:
            verdicts.append(Verdict(f"{pointer}/name", "factor_name_repeated", f"{factor.name} is named twice."))
        seen.add(factor.name)
        if (refused := score_verdict(f"{pointer}/ours", factor.ours)) is not None:
            verdicts.append(refused)
        verdicts += _competitor_verdicts(factor, names, f"{pointer}/competitors")
    verdicts += weight_verdicts([factor.weight for factor in factors], "/factors")
    if names and no_known_competitor:
        message = "Competitors are scored, so no_known_competitor cannot be true."
        verdicts.append(Verdict("/no_known_competitor", "competitors_contradict", message))
    if factors and not names and not no_known_competitor:
        message = "Score at least one competitor, or say no_known_competitor: true."
        verdicts.append(Verdict("/factors", "competitor_needed", message))
    return verdicts


def _competitor_names(factors: Sequence[SuccessFactor]) -> list[str]:
    return sorted({name for factor in factors for name in factor.competitors})


def _competitor_verdicts(factor: SuccessFactor, names: Sequence[str], pointer: str) -> list[Verdict]:
    verdicts = []
    for name in names:
        place, score = f"{pointer}/{escaped(name)}", factor.competitors.get(name)
        if score is None:
            message = f"{name} is scored on another factor, so it needs a score here too; a missing score is not 0."
            verdicts.append(Verdict(place, "competitor_score_missing", message))
        elif (refused := score_verdict(place, score)) is not None:
            verdicts.append(refused)
    return verdicts


def business_strength(factors: Sequence[SuccessFactor], no_known_competitor: bool = False) -> BusinessStrength:
    """Compute the weighted totals 0-10 and R = our total / the best competitor's total, exact.

    Source: Cranfield and McDonald's form (score out of 10 times weight, for us and for each competitor). Factors that
    validate_strength refuses give an incomplete result with its verdicts as reasons.
    """
    rule = StrengthRule.ABSOLUTE if no_known_competitor else StrengthRule.RELATIVE
    refused = tuple(validate_strength(factors, no_known_competitor))
    if refused:
        return BusinessStrength(None, (), None, None, rule, False, refused)
    ours = _total(factors, [factor.ours for factor in factors])
    competitors = tuple(
        CompetitorTotal(name, _total(factors, [factor.competitors[name] for factor in factors]))
        for name in _competitor_names(factors)
    )
    if not competitors:
        return BusinessStrength(ours, (), None, None, rule, True)
    best = max(competitors, key=lambda competitor: competitor.total)
    if best.total == 0:
        message = f"{best.name}, the best competitor, totals 0, so relative strength is undefined."
        reason = Verdict("/factors", "relative_strength_undefined", message)
        return BusinessStrength(ours, competitors, best, None, rule, False, (reason,))
    return BusinessStrength(ours, competitors, best, ours / best.total, rule, True)


def strength_points(factors: Sequence[SuccessFactor]) -> StrengthPoints:
    """The undivided totals of success factors that validate_strength does not refuse."""
    theirs = [_points(factors, [factor.competitors[name] for factor in factors]) for name in _competitor_names(factors)]
    ours = _points(factors, [factor.ours for factor in factors])
    return StrengthPoints(ours, max(theirs, default=None), _weights(factors))


def _total(factors: Sequence[SuccessFactor], scores: Sequence[Decimal]) -> Fraction:
    return _points(factors, scores) / _weights(factors)


def _points(factors: Sequence[SuccessFactor], scores: Sequence[Decimal]) -> Fraction:
    return weighted_sum((factor.weight, score) for factor, score in zip(factors, scores, strict=True))


def _weights(factors: Sequence[SuccessFactor]) -> Fraction:
    return sum((fraction(factor.weight) for factor in factors), Fraction(0))
