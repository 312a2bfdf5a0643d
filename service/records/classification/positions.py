"""The position of an account from its stored rows: as columns, as inputs of the history, and explained. No SQL.

Writes, reads of both APIs and looking back all use `place` and `explained`, so that they agree.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from service.platform.clock import instant_text
from service.platform.errors import Conflict
from service.platform.ids import new_id
from service.queries.classification.classification import COLUMNS
from service.records.classification.scoring_models import ActiveModel, model_of
from service.rules.classification.classification import Classification, classify
from service.rules.classification.explanation import Background, Input, explain
from service.rules.classification.fiocca import FioccaVerb, kept_choice, leading_verb
from service.rules.classification.quadrants import CutRule
from service.rules.classification.ratings import FactorValue, Rating, plain_text, values_used
from service.rules.classification.scoring import ScoringModel
from service.rules.classification.strength import (
    BusinessStrength,
    CompetitorTotal,
    StrengthRule,
    SuccessFactor,
    business_strength,
)
from service.rules.verdicts import exact, shown
from service.rules.vocabulary import Quadrant, QuadrantSource, Stage

HIGHEST_SHOWN_RATIO = Decimal(99_999_999)
COMPUTED = tuple(name for name in COLUMNS if name not in ("quadrant", "quadrant_source", "leading_verb"))
"""The columns that follow from a model and the inputs alone, without those that a person sets."""


@dataclass(frozen=True)
class Position:
    """An account classified: the rules' outcome, the value of each factor, and the columns of accounts and history."""

    outcome: Classification
    values: Mapping[str, FactorValue]
    columns: dict[str, Any]


@dataclass(frozen=True)
class ClassificationInputs:
    """The stored rows of an account that its classification is computed from.

    `held` is the quadrant that a dead band holds (the computed one of before), `override` the quadrant set by hand,
    which counts until it is removed or the worker ends it after its expiry, `verb` the chosen leading verb.
    """

    ratings: Iterable[Mapping[str, Any]]
    strength: Mapping[str, Any] | None
    held: str | None
    override: Mapping[str, Any] | None = None
    verb: str | None = None


def place(model: ScoringModel, inputs: ClassificationInputs, known: Classification | None = None) -> Position:
    """Return the position of an account by its stored rows; `known` is the rules' outcome, if the caller has it."""
    values = values_used(model, map(rating_of, inputs.ratings))
    outcome = known or classify(
        model,
        {factor: value.value for factor, value in values.items()},
        strength_in_use(inputs.strength),
        None if inputs.held is None else Quadrant(inputs.held),
    )
    return Position(outcome, values, _columns(outcome, inputs))


def rating_of(row: Mapping[str, Any]) -> Rating:
    """Return a stored rating for the rules."""
    metric = None if row["metric"] is None else Decimal(row["metric"])
    return Rating(row["factor"], exact(row["score"]), metric, bool(row["chosen"]))


def strength_in_use(stored: Mapping[str, Any] | None) -> BusinessStrength | None:
    """Return our strength by stored success factors, or by the totals that old entries of the history hold; None
    without scores.
    """
    if stored is None:
        return None
    if "factors" in stored:
        if stored["factors"] is None:
            return None
        return business_strength(success_factors(stored["factors"]), bool(stored["no_known_competitor"]))
    return _strength_by_totals(stored)


def _strength_by_totals(stored: Mapping[str, Any]) -> BusinessStrength:
    weights = Fraction(stored["weight_sum"])
    ours = Fraction(stored["ours_points"]) / weights
    if stored["best_points"] is None:
        return BusinessStrength(ours, (), None, None, StrengthRule.ABSOLUTE, True)
    best = CompetitorTotal(stored["best_competitor"], Fraction(stored["best_points"]) / weights)
    ratio = ours / best.total if best.total else None
    return BusinessStrength(ours, (best,), best, ratio, StrengthRule.RELATIVE, ratio is not None)


def success_factors(stored: Iterable[Mapping[str, Any]]) -> list[SuccessFactor]:
    """Return stored success factors for the rules."""
    return [
        SuccessFactor(
            factor["name"],
            exact(factor["weight"]),
            exact(factor["ours"]),
            {name: exact(score) for name, score in factor["competitors"].items()},
        )
        for factor in stored
    ]


def _columns(outcome: Classification, inputs: ClassificationInputs) -> dict[str, Any]:
    strength, placed, override = outcome.business_strength, outcome.fiocca, inputs.override
    appeal = outcome.attractiveness.score
    ours = None if strength is None else strength.ours
    ratio = None if strength is None else strength.relative_strength_shown
    computed = None if outcome.quadrant is None else outcome.quadrant.value
    source = QuadrantSource.COMPUTED if override is None else QuadrantSource.OVERRIDE
    quadrant = computed if override is None else override["quadrant"]
    chosen = None if inputs.verb is None else FioccaVerb(inputs.verb)
    verb = None if placed is None else kept_choice(placed.verbs, chosen)
    return {
        "quadrant": quadrant,
        "quadrant_source": None if quadrant is None else source.value,
        "computed_quadrant": computed,
        "raw_quadrant": None if outcome.raw_quadrant is None else outcome.raw_quadrant.value,
        "attractiveness": None if appeal is None else shown(appeal),
        "business_strength": None if ours is None else shown(ours),
        "relative_strength": None if ratio is None else min(ratio, HIGHEST_SHOWN_RATIO),
        "fiocca_attractiveness": None if placed is None else placed.attractiveness.value,
        "fiocca_position": None if placed is None else placed.position.value,
        "leading_verb": None if verb is None else verb.value,
        "classification_status": outcome.status.value,
    }


def inputs_of(position: Position, strength: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the inputs from which the history computes a position again: each factor's exact total with its number of
    ratings, and the stored success factors.
    """
    scored = strength is not None and strength["factors"] is not None
    return {
        "scores": {
            factor: {"total": plain_text(value.total), "ratings": value.ratings}
            for factor, value in position.values.items()
        },
        "strength": {
            "factors": strength["factors"],
            "no_known_competitor": bool(strength["no_known_competitor"]),
        }
        if scored and strength is not None
        else None,
    }


def scores_of_inputs(inputs: Mapping[str, Any]) -> dict[str, Fraction]:
    """Return the exact score of each factor that an entry of the history holds."""
    return {key: Fraction(value["total"]) / value["ratings"] for key, value in inputs["scores"].items()}


def classify_inputs(model: ScoringModel, inputs: Mapping[str, Any], held: str | None = None) -> Classification:
    """Return the classification of the inputs of a history entry by a model; `held` is the quadrant before it."""
    previous = None if held is None else Quadrant(held)
    return classify(model, scores_of_inputs(inputs), strength_in_use(inputs["strength"]), previous)


def explained(
    position: Position,
    model: ActiveModel,
    at: str | None,
    override: Mapping[str, Any] | None = None,
    leading: Mapping[str, Any] | None = None,
    background: Background | None = None,
) -> dict[str, Any]:
    """Return the document of a position: numbers are rounded for show only, after everything was decided.

    `at` is when it came about; `override` and `leading` say who set the quadrant or chose the leading verb, and why;
    `background` is what it rests on beside the numbers.
    """
    outcome, columns = position.outcome, position.columns
    by_hand = None if override is None else Quadrant(override["quadrant"])
    written = explain(model.rules, outcome, replace(background or Background(), override=by_hand))
    written |= {
        "quadrant_source": columns["quadrant_source"],
        "computed_quadrant": columns["computed_quadrant"],
        "override": override,
    }
    if outcome.fiocca is not None:
        chosen = columns["leading_verb"]
        verb = leading_verb(outcome.fiocca.verbs, None if chosen is None else FioccaVerb(chosen))
        choice = None if chosen is None or leading is None else dict(leading)
        written["fiocca"] |= {"leading_verb": None if verb is None else verb.value, "choice": choice}
    result: dict[str, Any] = plain_numbers(written)
    return {**result, "model": model.reference(), "classified_at": at}


def background_of(
    position: Position,
    ratings: Iterable[Mapping[str, Any]],
    strength: Mapping[str, Any] | None,
    stage: str,
    numbers: tuple[int, int],
    now: datetime,
) -> Background:
    """Return the background of an explanation from stored rows. `numbers` are those of the explaining model and of the
    active model. If a rating of a factor is chosen, it is the factor's only input.
    """
    rows = list(ratings)
    inputs = []
    for factor in position.values:
        own = [row for row in rows if row["factor"] == factor]
        inputs += [_rated_input(row, now) for row in [row for row in own if row["chosen"]] or own]
    scored = strength is not None and strength["factors"] is not None
    if strength is not None and scored:
        confirmed = strength["confirmed_by_id"] is not None
        inputs.append(Input(None, *_dated(strength["strength_at"], now), supported=confirmed))
    return Background(
        Stage(stage),
        {factor: (value.total, value.ratings) for factor, value in position.values.items()},
        inputs,
        success_factors(strength["factors"]) if strength is not None and scored else (),
        model_number=numbers[0],
        active_number=numbers[1],
        explained_on=now.date().isoformat(),
    )


def _rated_input(row: Mapping[str, Any], now: datetime) -> Input:
    return Input(
        row["factor"],
        *_dated(row["scored_at"], now),
        row["rater_id"],
        bool(row["evidence"]),
        bool(row["without_new_evidence"]),
    )


def _dated(since: datetime | str, now: datetime) -> tuple[str, int]:
    """Return an instant as text, and its age in whole days, at least 0."""
    at = since if isinstance(since, datetime) else datetime.fromisoformat(since)
    return instant_text(at), max((now - at.astimezone(UTC)).days, 0)


def live(stored: Mapping[str, Any], model: ActiveModel) -> Position:
    """Return the position of an account by a model, from the document `queries.classification.LIVE`."""
    return place(
        model.rules,
        ClassificationInputs(
            stored["ratings"],
            stored["strength"],
            stored["computed_quadrant"],
            stored["override"],
            stored["leading_verb"],
        ),
    )


def rests_on_another_model(stored: Mapping[str, Any], position: Position, model: ActiveModel) -> str | None:
    """Return the id of the model that an account's position still rests on, or None when that is the active model.

    While a job reclassifies the portfolio, the accounts that it has not reached keep the position by the earlier model.
    """
    before = stored["latest"]
    if before is None or before["model_id"] == model.id:
        return None
    computed = plain_numbers(position.columns)
    moved = any(stored[name] != computed[name] for name in COMPUTED)
    return str(before["model_id"]) if moved else None


def same_for_this_version(stored: Mapping[str, Any], model: ActiveModel) -> bool:
    """Return whether an account's classification follows from the account's version alone, so that an ETag can be made
    of it: it rests on the model of its latest entry, and its cut does not move with the portfolio.
    """
    latest = stored["latest"]
    fixed = model.rules.cuts.attractiveness_rule is CutRule.FIXED
    return fixed and latest is not None and latest["model_id"] == model.id


def live_document(
    stored: Mapping[str, Any], position: Position, model: ActiveModel, active: ActiveModel, now: datetime
) -> dict[str, Any]:
    """Return an account's classification as it reads now, explained by `model`."""
    latest = stored["latest"]
    at = None if latest is None else latest["classified_at"]
    numbers = (model.number, active.number)
    background = background_of(position, stored["ratings"], stored["strength"], stored["stage"], numbers, now)
    result = explained(position, model, at, stored["override"], stored["leading"], background)
    return {"account_id": stored["id"], "version": stored["version"], **result}


def past_document(stored: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return the explained classification of an account as of an instant.

    `PAST_INPUTS` of `queries/accounts/past.py` reads `stored`. The entry that was valid then gives the inputs and the
    model. An account whose position the active model of that time had not changed is explained by that model where it
    gives the same position, otherwise by the model of the entry. Ages of inputs are shown for the present only.
    """
    active = None if stored["model_period"] is None else model_of(stored["model_period"])
    if stored["inputs"] is None:
        if active is None:
            raise Conflict("No scoring model was active then")
        position, model = place(active.rules, ClassificationInputs((), None, None)), active
    else:
        position, model = _past_position(stored, active)
    override = None if stored["override"] is None else {**stored["override"], "expires_at": None}
    inputs = stored["inputs"] or {"scores": {}, "strength": None}
    background = Background(
        Stage(stored["stage"]),
        {factor: (Decimal(value["total"]), value["ratings"]) for factor, value in inputs["scores"].items()},
        factors=success_factors((inputs["strength"] or {}).get("factors") or ()),
        model_number=model.number,
        active_number=model.number if active is None else active.number,
        explained_on=at[:10],
    )
    result = explained(position, model, stored["classified_at"], override, stored["leading"], background)
    return {"account_id": stored["id"], "version": stored["version"], **result}


def _past_position(stored: Mapping[str, Any], active: ActiveModel | None) -> tuple[Position, ActiveModel]:
    """Return the position by the history entry that was valid then, and the model that explains it."""
    columns = {name: stored[name] for name in (*COMPUTED, "quadrant", "quadrant_source", "leading_verb")}
    if active is not None and active.id != stored["model_id"]:
        outcome = classify_inputs(active.rules, stored["inputs"], stored["computed_quadrant"])
        found = Position(outcome, {}, _columns(outcome, ClassificationInputs((), None, None)))
        if all(plain_numbers(found.columns[name]) == stored[name] for name in COMPUTED):
            return Position(outcome, {}, columns), active
    model = model_of(stored["model"])
    outcome = classify_inputs(model.rules, stored["inputs"], stored["computed_quadrant"])
    return Position(outcome, {}, columns), model


def differing_inputs(axis: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the factors of an axis that differ, as events and movements name them; null where there was none."""
    return [
        {"axis": axis, "factor": key, "previous": before.get(key), "current": after.get(key)}
        for key in [*after, *(key for key in before if key not in after)]
        if before.get(key) != after.get(key)
    ]


def history_entry(
    position: Position, inputs: Mapping[str, Any], missing: Sequence[str], now: datetime, **members: Any
) -> dict[str, Any]:
    """Return a row of the classification history; `members` are those that the position does not give."""
    return {
        "id": new_id(now),
        "classified_at": now,
        **position.columns,
        "missing": list(missing),
        "inputs": inputs,
        **members,
    }


def plain_numbers(value: Any) -> Any:
    """Return the value with decimals as int or float; a decimal that was read from JSON keeps every digit."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {key: plain_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_numbers(inner) for inner in value]
    return value
