"""A classification that explains itself: everything that led to it and everything needed to compute it again by hand.

It is written from the exact result; numbers are rounded for show only, here and last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

from service.rules.classification.classification import Classification
from service.rules.classification.fiocca import VERB_MEANINGS, FioccaLimits, FioccaVerb
from service.rules.classification.moves import Move, smallest_moves
from service.rules.classification.quadrants import Axis, Border
from service.rules.classification.scoring import ScoringModel
from service.rules.classification.strength import BusinessStrength, SuccessFactor
from service.rules.classification.ten_boxes import TEN_BOXES_LABEL, ten_box
from service.rules.relationship.stages import STAGES
from service.rules.verdicts import Verdict, as_decimal, fraction, shown
from service.rules.vocabulary import QUADRANTS, Quadrant, Stage

OLD_AFTER_DAYS = 365
"""Inputs older than this are flagged: a team reviews its scores once a year."""

SYNONYM_SOURCE = "Cheverton"


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a classification: a rating of a factor, or the customer's success factors (`factor` is None).

    `scored_at` is the instant as text, `age_days` how many whole days ago that was. `supported` is true when a rating
    has evidence, or when the customer confirmed its success factors. `changed_without_evidence` is true when a rating
    replaced another one without new evidence.
    """

    factor: str | None
    scored_at: str
    age_days: int
    rater_id: str | None = None
    supported: bool = True
    changed_without_evidence: bool = False

    @property
    def axis(self) -> str:
        """Which axis it belongs to."""
        return "business_strength" if self.factor is None else "attractiveness"

    @property
    def old(self) -> bool:
        """Return whether it is older than a year."""
        return self.age_days > OLD_AFTER_DAYS


@dataclass(frozen=True, slots=True)
class Background:
    """What an explanation shows beside the numbers that decide.

    `used` gives, by factor, the sum and the count of the ratings that are averaged. `inputs` are those ratings and the
    success factors, with their ages. `factors` are the customer's success factors. `override` is the quadrant set by
    hand, if one is in force. `model_number` is the number of the explaining model, `active_number` that of the active
    model. Ages are counted to the day `explained_on`.
    """

    stage: Stage | None = None
    used: Mapping[str, tuple[Decimal, int]] = field(default_factory=dict)
    inputs: Sequence[Input] = ()
    factors: Sequence[SuccessFactor] = ()
    override: Quadrant | None = None
    model_number: int | None = None
    active_number: int | None = None
    explained_on: str | None = None


def explain(model: ScoringModel, outcome: Classification, background: Background) -> dict[str, Any]:
    """Write a classification with all that explains it, for JSON: enums as text, numbers as Decimal.

    What was computed is rounded to 4 places, half up; what was given (weights, scores of success factors, cuts,
    limits) stands as it was given. A score that is the mean of several ratings stands as `total` / `ratings` too.
    """
    quadrant = background.override or outcome.quadrant
    terms = None if quadrant is None else QUADRANTS[quadrant]
    moves = smallest_moves(model, outcome, background.factors)
    return {
        "status": outcome.status.value,
        "missing": list(outcome.missing),
        "reasons": [asdict(reason) for reason in outcome.reasons],
        "attractiveness": _appeal(model, outcome, background.used),
        "business_strength": _strength(outcome.business_strength, background),
        "quadrant": None if quadrant is None else quadrant.value,
        "raw_quadrant": None if outcome.raw_quadrant is None else outcome.raw_quadrant.value,
        "investment_strategy": None if terms is None else terms.investment_strategy,
        "meaning": None if terms is None else {name: getattr(terms, name) for name in _MEANING},
        "synonyms": [] if terms is None else [{"name": terms.synonym, "source": SYNONYM_SOURCE}],
        "fiocca": _cell(model, outcome),
        "ten_boxes": _ten_boxes(outcome, background.stage),
        "borders": [_border(border, model) for border in outcome.borders],
        "cut_rule": _cut_rule(model),
        "dead_band": model.dead_band,
        "held_by_dead_band": outcome.held_by_dead_band,
        "moves": [_move(move) for move in moves],
        "explained_on": background.explained_on,
        "inputs": [{name: getattr(one, name) for name in _INPUT} for one in background.inputs],
        "warnings": [asdict(warning) for warning in _warnings(outcome, background)],
    }


_MEANING = ("name", "what_it_is", "what_to_do")
_INPUT = ("axis", "factor", "rater_id", "scored_at", "age_days", "old")


def _none_or(value: Fraction | None) -> Decimal | None:
    return None if value is None else shown(value)


def _appeal(model: ScoringModel, outcome: Classification, used: Mapping[str, tuple[Decimal, int]]) -> dict[str, Any]:
    appeal = outcome.attractiveness
    names = {factor.key: factor.name for factor in model.factors}
    contributions = []
    for one in appeal.contributions:
        total, ratings = used.get(one.factor, (as_decimal(fraction(one.score)), 1))
        contributions.append(
            {
                "factor": one.factor,
                "name": names[one.factor],
                "weight": one.weight,
                "score": shown(one.score),
                "total": total,
                "ratings": ratings,
                "points": shown(one.points),
                "share": shown(one.points / appeal.score) if appeal.score else None,
            }
        )
    return {
        "score": _none_or(appeal.score),
        "weight_used": as_decimal(appeal.weight_used),
        "left_out": list(appeal.left_out),
        "contributions": contributions,
    }


def _strength(strength: BusinessStrength | None, background: Background) -> dict[str, Any] | None:
    if strength is None:
        return None
    divisor = sum((fraction(factor.weight) for factor in background.factors), Fraction(0))
    best = None if strength.best_competitor is None else strength.best_competitor.name
    factors = []
    for factor in background.factors:
        weight, ours = fraction(factor.weight), fraction(factor.ours)
        rival = None if best is None else fraction(factor.competitors[best])
        factors.append(
            {
                "name": factor.name,
                "weight": factor.weight,
                "ours": factor.ours,
                "competitors": dict(factor.competitors),
                "points": shown(weight * ours / divisor),
                "lead": None if rival is None else shown(weight * (ours - rival) / divisor),
            }
        )
    return {
        "ours": _none_or(strength.ours),
        "competitors": [{"name": one.name, "total": shown(one.total)} for one in strength.competitors],
        "best_competitor": best,
        "relative_strength": strength.relative_strength_shown,
        "rule": strength.rule.value,
        "no_known_competitor": strength.rule.value == "absolute",
        "weight_used": as_decimal(divisor),
        "factors": factors,
    }


def _cell(model: ScoringModel, outcome: Classification) -> dict[str, Any] | None:
    placed, strength = outcome.fiocca, outcome.business_strength
    score = outcome.attractiveness.score
    if placed is None or strength is None or strength.ours is None or score is None:
        return None
    return {
        "attractiveness": placed.attractiveness.value,
        "position": placed.position.value,
        "verbs": [verb.value for verb in placed.verbs],
        "meanings": [_meaning(verb) for verb in placed.verbs],
        "attractiveness_near_limit": placed.attractiveness_near_limit,
        "position_near_limit": placed.position_near_limit,
        "limits": [
            *_limits("attractiveness", score, model.fiocca, model.border_width.fiocca),
            *_limits("position", strength.ours, model.fiocca, model.border_width.fiocca),
        ],
    }


def _meaning(verb: FioccaVerb) -> dict[str, Any]:
    return {"verb": verb.value, **asdict(VERB_MEANINGS[verb])}


def _limits(axis: str, value: Fraction, limits: FioccaLimits, width: Decimal) -> list[dict[str, Any]]:
    """Return the distance of a number to each limit of the nine cells. A limit itself belongs to the middle band."""
    return [
        {
            "axis": axis,
            "limit": name,
            "at": at,
            "value": shown(value),
            "distance": shown(value - fraction(at)),
            "near": abs(value - fraction(at)) <= fraction(width),
        }
        for name, at in asdict(limits).items()
    ]


def _ten_boxes(outcome: Classification, stage: Stage | None) -> dict[str, Any] | None:
    if stage is None:
        return None
    placed, terms = ten_box(outcome.raw_quadrant, stage), STAGES[stage]
    return {
        "label": TEN_BOXES_LABEL,
        **{name: getattr(placed, name, None) for name in ("box", "name", "attractiveness")},
        "stage": stage.value,
        "stage_cranfield": terms.cranfield_name,
        "column": terms.ordinal or None,
        "uncoupling": stage is Stage.UNCOUPLING_KAM,
    }


def _border(border: Border, model: ScoringModel) -> dict[str, Any]:
    relative = border.axis is Axis.RELATIVE_STRENGTH
    width = model.border_width.relative_strength if relative else model.border_width.attractiveness
    return {
        "axis": border.axis.value,
        "value": shown(border.value),
        "cut": as_decimal(border.cut),
        "distance": shown(border.distance),
        "points": shown(border.points),
        "high": border.high,
        "width": width,
        "borderline": border.borderline,
    }


def _cut_rule(model: ScoringModel) -> dict[str, Any]:
    cuts = model.cuts
    return {
        "rule": cuts.attractiveness_rule.value,
        "attractiveness": cuts.attractiveness,
        "relative_strength": cuts.relative_strength,
        "range_low": None if cuts.range is None else cuts.range.low,
        "range_high": None if cuts.range is None else cuts.range.high,
    }


def _move(move: Move) -> dict[str, Any]:
    band = move.band
    return {
        "axis": move.axis.value,
        "whose": move.whose.value,
        "factor": move.factor,
        "competitor": move.competitor,
        "score": _none_or(move.score),
        "comparison": move.bound.comparison.value,
        "threshold": shown(move.bound.threshold),
        "to": move.to,
        "change": _none_or(move.change),
        "quadrant": move.quadrant.value,
        "band": None if band is None else {"from": band.lower, "to": band.upper, "score": band.score},
    }


def _warnings(outcome: Classification, background: Background) -> list[Verdict]:
    """List what a reader should know before acting on a classification. A warning never changes the position."""
    found = []
    for border in outcome.borders:
        if border.borderline:
            message = f"The account lies so near to the {border.axis.value.replace('_', ' ')} cut that little moves it."
            found.append(Verdict("/borders", "borderline", message))
    if outcome.held_by_dead_band:
        message = "The scores alone would put it elsewhere; the dead band holds it until it has crossed by more."
        found.append(Verdict("/quadrant", "held_by_dead_band", message))
    rated = [one for one in background.inputs if one.factor is not None]
    for code, message, inputs in (
        ("inputs_old", f"Older than {OLD_AFTER_DAYS} days", [one for one in background.inputs if one.old]),
        ("evidence_missing", "Scored without evidence", [one for one in rated if not one.supported]),
        (
            "changed_without_evidence", "Changed without new evidence",
            [one for one in rated if one.changed_without_evidence],
        ),
    ):  # fmt: skip
        if inputs:
            names = ", ".join(dict.fromkeys(one.factor or one.axis for one in inputs))
            found.append(Verdict("/inputs", code, f"{message}: {names}."))
    if any(one.factor is None and not one.supported for one in background.inputs):
        message = "The success factors are our view; the customer should give or confirm them."
        found.append(Verdict("/business_strength", "strength_not_confirmed", message))
    return found + _model_warnings(background)


def _model_warnings(background: Background) -> list[Verdict]:
    """Warn when the position rests on another model than the active one: the two must not share a chart."""
    if background.active_number is None or background.active_number == background.model_number:
        return []
    message = (
        f"This position is of model version {background.model_number}, version {background.active_number} is active: "
        "do not compare it with positions of that."
    )
    return [Verdict("/model", "model_version_differs", message)]
