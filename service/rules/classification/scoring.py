"""Scoring how attractive an account is: factors, weights, written score bands, and the exact weighted score.

One model serves every account of a portfolio, otherwise scores cannot be compared. Everything is exact (decimals and
fractions, no floats), so an account on a border is on it for everybody.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from service.rules.classification.fiocca import FioccaLimits, validate_limits
from service.rules.classification.quadrants import (
    BorderWidth,
    Cuts,
    validate_border_width,
    validate_cuts,
    validate_dead_band,
)
from service.rules.verdicts import (
    Verdict,
    escaped,
    fraction,
    is_score,
    plain,
    score_verdict,
    weight_verdicts,
    weighted_sum,
)
from service.rules.vocabulary import Direction

MOST_FACTORS = 8
FEWEST_ADVISED = 3
MOST_ADVISED = 6
RESERVED_KEYS = frozenset({"business_strength", "relative_strength"})  # they name what is missing beside factor keys
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class ScoreBand:
    """A written band of a metric and the score 0-10 it gives; `lower` is included, `upper` is not; None is unbounded.

    The upper end of the topmost band is included, so that bands written 0-50 and 50-100 cover 100.
    """

    lower: Decimal | None
    upper: Decimal | None
    score: Decimal


class FactorGroup(StrEnum):
    """Whether a factor is outcome-based and can be counted, or is judged; a good set begins with the hard ones."""

    HARD = "hard"
    SOFT = "soft"


@dataclass(frozen=True, slots=True)
class Factor:
    """One thing that makes an account attractive: its weight (0-100, all together 100) and, if measured, its bands.

    A score is always 10 = best. `direction` says which way the METRIC is good and so which way the bands must run; it
    never turns a given score round. Without a score for a required factor the account is incomplete; an optional
    factor without one is left out and the others carry its weight. `unit` is that of the metric, `group` and `source`
    say what kind of criterion it is and where it comes from; they decide nothing.
    """

    key: str
    name: str
    weight: Decimal
    direction: Direction = Direction.HIGHER_IS_BETTER
    required: bool = True
    bands: tuple[ScoreBand, ...] = ()
    unit: str | None = None
    group: FactorGroup | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class ScoringModel:
    """What decides a classification: factors, cut lines, nine-cell limits and dead band (score points, 0 is off).

    `border_width` decides nothing: it says how near to a border is borderline.
    """

    name: str
    factors: tuple[Factor, ...]
    cuts: Cuts = field(default_factory=Cuts)
    fiocca: FioccaLimits = field(default_factory=FioccaLimits)
    dead_band: Decimal = Decimal(0)
    border_width: BorderWidth = field(default_factory=BorderWidth)


@dataclass(frozen=True, slots=True)
class MetricScore:
    """The score a metric reads as; None with a verdict when no band answers for it."""

    score: Decimal | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one factor adds: points = weight x score / weight used."""

    factor: str
    weight: Decimal
    score: Decimal | Fraction
    weight_used: Fraction

    @property
    def points(self) -> Fraction:
        """The points that the factor adds to the score, 0-10, exact."""
        return fraction(self.weight) * fraction(self.score) / self.weight_used


@dataclass(frozen=True, slots=True)
class Attractiveness:
    """An account's attractiveness, 0-10, exact and explained; `score` is None when a required score is missing.

    `missing` names required factors without a score, `left_out` optional ones; `weight_used` is the weight that was
    divided by, and the points of a complete result sum to the score.
    """

    score: Fraction | None
    contributions: tuple[Contribution, ...]
    missing: tuple[str, ...]
    left_out: tuple[str, ...]
    weight_used: Fraction

    @property
    def complete(self) -> bool:
        """Return whether there is a score."""
        return self.score is not None


def validate_model(model: ScoringModel) -> list[Verdict]:
    """Judge a scoring model: 1-8 factors, unique keys, weights that sum to 100 within 0.01 (refused, never normalised),
    bands without gaps or overlaps that run with the direction, cuts, nine-cell limits and dead band in range.
    """
    verdicts: list[Verdict] = []
    if not 1 <= len(model.factors) <= MOST_FACTORS:
        verdicts.append(Verdict("/factors", "factor_count_out_of_range", "A scoring model has 1 to 8 factors."))
    seen: set[str] = set()
    for index, factor in enumerate(model.factors):
        pointer = f"/factors/{index}"
        if not _KEY.fullmatch(factor.key):
            message = "A factor key starts with a letter; letters, digits and _ . - may follow, at most 64 in all."
            verdicts.append(Verdict(f"{pointer}/key", "factor_key_invalid", message))
        elif factor.key in RESERVED_KEYS:
            verdicts.append(Verdict(f"{pointer}/key", "factor_key_reserved", f"The key {factor.key} is reserved."))
        if factor.key in seen:
            verdicts.append(Verdict(f"{pointer}/key", "factor_key_repeated", f"The key {factor.key} is used twice."))
        seen.add(factor.key)
        verdicts += validate_bands(factor, pointer)
    verdicts += weight_verdicts([factor.weight for factor in model.factors], "/factors")
    verdicts += validate_cuts(model.cuts) + validate_limits(model.fiocca) + validate_dead_band(model.dead_band)
    return verdicts + validate_border_width(model.border_width)


def model_warnings(model: ScoringModel) -> list[Verdict]:
    """Say what is allowed but unwise: fewer than 3 factors give a one-sided picture, more than 6 blur it; factors that
    say their group and are all soft; a metric that is good when low, without bands that turn it round.
    """
    warnings, count = [], len(model.factors)
    if count < FEWEST_ADVISED:
        warnings.append(Verdict("/factors", "few_factors", f"{count} factors give a one-sided picture; use 3 to 6."))
    if count > MOST_ADVISED:
        warnings.append(Verdict("/factors", "many_factors", f"{count} factors blur the picture; use 3 to 6."))
    if model.factors and all(factor.group is FactorGroup.SOFT for factor in model.factors):
        message = "All factors are soft; begin with hard, outcome-based ones such as growth or spend."
        warnings.append(Verdict("/factors", "no_hard_factor", message))
    for index, factor in enumerate(model.factors):
        if factor.direction is Direction.LOWER_IS_BETTER and not factor.bands:
            message = f"{factor.name} is good when low; without bands each rater must turn it round: 10 is always best."
            warnings.append(Verdict(f"/factors/{index}/bands", "reverse_factor_without_bands", message))
    return warnings


def validate_bands(factor: Factor, pointer: str = "") -> list[Verdict]:
    """Judge a factor's bands: ascending ends, scores 0-10, no gap, no overlap, scores running with the direction."""
    verdicts: list[Verdict] = []
    for index, band in enumerate(factor.bands):
        place = f"{pointer}/bands/{index}"
        if (refused := score_verdict(f"{place}/score", band.score)) is not None:
            verdicts.append(refused)
        ends = [end for end in (band.lower, band.upper) if end is not None]
        if not all(end.is_finite() for end in ends) or (len(ends) == 2 and ends[0] >= ends[1]):
            verdicts.append(Verdict(place, "band_not_ascending", "A band must begin below where it ends."))
    if verdicts:
        return verdicts
    order = sorted(range(len(factor.bands)), key=lambda index: _lower_end(factor.bands[index]))
    for before, after in pairwise(order):
        verdicts += _neighbour_verdicts(factor, before, after, pointer)
    return verdicts


def _lower_end(band: ScoreBand) -> tuple[bool, Decimal]:
    return (band.lower is not None, band.lower if band.lower is not None else Decimal(0))


def _neighbour_verdicts(factor: Factor, before: int, after: int, pointer: str) -> list[Verdict]:
    low, high, place = factor.bands[before], factor.bands[after], f"{pointer}/bands/{after}"
    if low.upper is None or high.lower is None or high.lower < low.upper:
        return [Verdict(place, "bands_overlap", "This band overlaps the band below it.")]
    verdicts = []
    if high.lower > low.upper:
        message = f"No band covers {plain(low.upper)} to {plain(high.lower)}."
        verdicts.append(Verdict(place, "bands_have_a_gap", message))
    rising, falling = high.score > low.score, high.score < low.score
    if (factor.direction is Direction.HIGHER_IS_BETTER and falling) or (
        factor.direction is Direction.LOWER_IS_BETTER and rising
    ):
        message = f"The scores of the bands must run with the direction {factor.direction.value}."
        verdicts.append(Verdict(f"{place}/score", "bands_against_direction", message))
    return verdicts


def score_from_metric(factor: Factor, metric: Decimal, pointer: str = "") -> MetricScore:
    """Read a metric (in the factor's own unit) through the factor's bands; outside all bands it has no score."""
    if not factor.bands:
        message = f"The factor {factor.key} has no score bands; give a score from 0 to 10."
        return MetricScore(None, Verdict(pointer, "factor_has_no_bands", message))
    if metric.is_finite():
        top = max(factor.bands, key=_lower_end)
        for band in factor.bands:
            above = band.lower is None or metric >= band.lower
            below = band.upper is None or metric < band.upper or (band is top and metric == band.upper)
            if above and below:
                return MetricScore(band.score, None)
    message = f"No score band of {factor.key} covers {metric}."
    return MetricScore(None, Verdict(pointer, "metric_outside_bands", message))


def score_verdicts(model: ScoringModel, scores: Mapping[str, Decimal | Fraction]) -> list[Verdict]:
    """Refuse scores by key that lie outside 0 to 10; keys the model does not know are not judged."""
    found = (
        score_verdict(f"/scores/{escaped(factor.key)}", scores[factor.key])
        for factor in model.factors
        if factor.key in scores
    )
    return [verdict for verdict in found if verdict is not None]


def attractiveness(model: ScoringModel, scores: Mapping[str, Decimal | Fraction]) -> Attractiveness:
    """Compute A = sum(weight x score) / sum(weights of the scored factors), exact, 0-10.

    With every factor scored and weights of exactly 100 this is the textbook weight x score / 100 (McDonald). Dividing
    by the weight in use keeps equal scores equal when weights carry a rounding remainder (33.33 three times), and lets
    an optional factor be left out: `weight_used` and `left_out` say so. A missing score is missing, never 0: without a
    required one, or without any, there is no score. A score outside 0-10 counts as missing; scores of factors that the
    model does not know are ignored.
    """
    present = [f for f in model.factors if f.key in scores and is_score(scores[f.key])]
    there = {f.key for f in present}
    absent = [f for f in model.factors if f.key not in there]
    needed = any(f.required for f in model.factors)
    missing = tuple(f.key for f in absent if f.required or not (present or needed))
    weight_used = sum((fraction(f.weight) for f in present), Fraction(0))
    contributions = tuple(Contribution(f.key, f.weight, scores[f.key], weight_used) for f in present)
    complete = bool(present) and not missing
    return Attractiveness(
        score=weighted_sum((c.weight, c.score) for c in contributions) / weight_used if complete else None,
        contributions=contributions,
        missing=missing,
        left_out=tuple(f.key for f in absent if f.key not in missing),
        weight_used=weight_used,
    )
