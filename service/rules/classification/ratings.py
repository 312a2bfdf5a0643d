"""Combine several people's ratings of one factor: which value counts, how much they differ, what changed without
evidence.

The value is the chosen rating if there is one, otherwise the mean of each rater's latest rating, as an exact fraction:
rounding a mean of thirds would move an account across a border.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from service.rules.classification.scoring import Factor, MetricScore, ScoringModel, score_from_metric
from service.rules.verdicts import Verdict, exact, fraction, score_verdict

MOST_RATERS = 10
"""Current raters of one factor; the means of up to ten scores share a small denominator."""

DISAGREEMENT = Decimal(3)
"""Score points between the highest and the lowest rating of a factor from which raters disagree: a whole written band
(10-7, 6-4, 3-0). An assumption of this programme."""


class ValueRule(StrEnum):
    """The value of a factor that counts: the only rating, the mean of all raters' latest, or the chosen one."""

    SINGLE = "single"
    MEAN = "mean"
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True)
class GivenRating:
    """A rating as handed in: either a score 0-10 or a metric in the factor's own unit; `rater` is '' without one."""

    factor: str
    score: Decimal | None = None
    metric: Decimal | None = None
    rater: str = ""


@dataclass(frozen=True, slots=True)
class ReadRatings:
    """The scores of given ratings in their order (None where refused), and what is wrong with those."""

    scores: tuple[Decimal | None, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Rating:
    """A current rating of a factor: a score 0-10 as it is stored, the metric it was read from, whether it is chosen."""

    factor: str
    score: Decimal
    metric: Decimal | None = None
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class FactorValue:
    """The value of a factor that counts, exact: `total` / `ratings`; `ratings` is 1 unless it is a mean.

    `spread` is the highest minus the lowest current rating, in score points 0-10.
    """

    total: Decimal
    ratings: int
    rule: ValueRule
    spread: Decimal

    @property
    def value(self) -> Fraction:
        """The score used, 0-10, exact."""
        total = fraction(self.total)
        return total if self.ratings == 1 else total / self.ratings

    @property
    def disagreement(self) -> bool:
        """Return whether the raters are at least a whole written band apart."""
        return self.spread >= DISAGREEMENT


def read_ratings(model: ScoringModel, given: Sequence[GivenRating], pointer: str = "/scores") -> ReadRatings:
    """Read ratings of one account: known factors, each once per rater, each a score 0-10 or a metric, never both."""
    factors = {factor.key: factor for factor in model.factors}
    scores: list[Decimal | None] = []
    verdicts: list[Verdict] = []
    seen: set[tuple[str, str]] = set()
    for index, entry in enumerate(given):
        place, factor = f"{pointer}/{index}", factors.get(entry.factor)
        if factor is None:
            message = f"The active scoring model has no factor {entry.factor}; it has {', '.join(factors)}."
            read = MetricScore(None, Verdict(f"{place}/factor", "unknown_factor", message))
        elif (entry.factor, entry.rater) in seen:
            message = f"{entry.factor} is scored twice by the same rater."
            read = MetricScore(None, Verdict(f"{place}/factor", "factor_repeated", message))
        else:
            seen.add((entry.factor, entry.rater))
            read = _read_one(factor, entry, place)
        scores.append(read.score)
        if read.verdict is not None:
            verdicts.append(read.verdict)
    return ReadRatings(tuple(scores), tuple(verdicts))


def _read_one(factor: Factor, entry: GivenRating, place: str) -> MetricScore:
    if entry.metric is not None and entry.score is None:
        return score_from_metric(factor, entry.metric, f"{place}/metric")
    if entry.score is None or entry.metric is not None:
        message = "Give either a score or a metric, not both or none."
        return MetricScore(None, Verdict(place, "score_or_metric", message))
    refused = score_verdict(f"{place}/score", entry.score)
    return MetricScore(None if refused else entry.score, refused)


def too_many_raters(ratings: Mapping[str, int]) -> list[str]:
    """Return the factors with more than MOST_RATERS current raters."""
    return [factor for factor, count in ratings.items() if count > MOST_RATERS]


def values_used(model: ScoringModel, ratings: Iterable[Rating]) -> dict[str, FactorValue]:
    """Return the value used of each factor, in the order of the model.

    A metric is read through the model's own bands where the factor has some (outside all of them it is no score), else
    the stored score stands. Ratings of factors that the model does not have are ignored.
    """
    by_factor: dict[str, list[tuple[Decimal, bool]]] = {factor.key: [] for factor in model.factors}
    factors = {factor.key: factor for factor in model.factors}
    for rating in ratings:
        factor = factors.get(rating.factor)
        if factor is None:
            continue
        score: Decimal | None = rating.score
        if rating.metric is not None and factor.bands:
            score = score_from_metric(factor, rating.metric).score
        if score is not None:
            by_factor[factor.key].append((score, rating.chosen))
    return {key: _value_of(read) for key, read in by_factor.items() if read}


def _value_of(read: Sequence[tuple[Decimal, bool]]) -> FactorValue:
    scores = [score for score, _ in read]
    spread = max(scores) - min(scores)
    if len(scores) == 1:
        return FactorValue(scores[0], 1, ValueRule.SINGLE, spread)
    chosen = [score for score, is_chosen in read if is_chosen]
    if chosen:
        return FactorValue(chosen[0], 1, ValueRule.CHOSEN, spread)
    total = sum(map(fraction, scores), Fraction(0))  # a sum of decimals would be rounded to 28 digits by the context
    return FactorValue(exact_decimal(total), len(scores), ValueRule.MEAN, spread)


def exact_decimal(value: Fraction) -> Decimal:
    """Return a fraction whose denominator divides a power of ten as a decimal, exact and without trailing zeros."""
    places, scaled = 0, value
    while scaled.denominator != 1:
        places, scaled = places + 1, scaled * 10
    digits = scaled.numerator
    while places and digits % 10 == 0:
        places, digits = places - 1, digits // 10
    return Decimal((int(digits < 0), tuple(map(int, str(abs(digits)))), -places))


def unsupported(before: Mapping[str, object] | None, after: Mapping[str, object]) -> bool:
    """Return whether a rater's new rating differs from the one it supersedes without new evidence (method 12.11).

    Both name `score`, `metric` and `evidence`; a first rating supersedes nothing.
    """
    if before is None or (before["score"] == after["score"] and before["metric"] == after["metric"]):
        return False
    return after["evidence"] is None or after["evidence"] == before["evidence"]


def plain_text(value: Decimal) -> str:
    """Return a decimal as its shortest plain text: no exponent, no trailing zeros, `0` for every zero."""
    return f"{exact_decimal(fraction(exact(value))):f}"
