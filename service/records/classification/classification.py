"""Classifying accounts inside an open transaction: what writing inputs and activating a model share.

A writer of an account's inputs takes the shared lock MODEL_LOCK first and the account's row second; the activation
of a model takes MODEL_LOCK alone. So no account is classified by a model that is no longer the active one, and
transactions never wait for each other in a circle.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from service.events.classification import AccountClassified, AccountQuadrantChanged
from service.events.event import Event
from service.framework.database.database import Resource, Row
from service.framework.database.statements import inserting
from service.models.classification.classification import classifications
from service.platform.clock import instant_text
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.classification.classification import RATINGS_IN_USE, STORED_ACCOUNTS
from service.records.classification.positions import (
    ClassificationInputs,
    Position,
    background_of,
    differing_inputs,
    explained,
    history_entry,
    inputs_of,
    place,
    plain_numbers,
    scores_of_inputs,
    strength_in_use,
)
from service.records.classification.scoring_models import MODEL_LOCK, ActiveModel, active_model, stored_model
from service.records.context import Transaction
from service.records.rows import Expected, change, lock
from service.rules.classification.classification import Classification, known_borders
from service.rules.classification.fiocca import VERBS, FioccaVerb, leading_verb
from service.rules.classification.quadrants import Axis, Border
from service.rules.classification.scoring import ScoringModel
from service.rules.verdicts import shown
from service.rules.vocabulary import ClassificationCause, FioccaAttractiveness, FioccaPosition

_REMEMBER = inserting(classifications)


@dataclass
class StoredAccount:
    """An account with its stored inputs and its latest entry in the history.

    `row` holds its columns and its success factors; `earlier` is the model of the latest entry.
    """

    account: Resource
    model: ActiveModel
    ratings: list[Row]
    row: Row
    override: Row | None
    earlier: ActiveModel | None

    @property
    def latest(self) -> dict[str, Any] | None:
        """The latest entry of the history, as JSON has it."""
        entry: dict[str, Any] | None = self.row["latest"]
        return entry


@dataclass
class Classified:
    """The classification of one account: its position, the inputs for the history, and whether anything changed."""

    position: Position
    inputs: dict[str, Any]
    missing: list[str]
    changed: bool


async def lock_stored(tx: Transaction, identifier: str, expected: Expected) -> StoredAccount:
    """Lock an account for its classification and read what is stored of it; raises NotFound and StaleVersion."""
    await tx.serialize([MODEL_LOCK], shared=True)
    account = await lock(tx, ACCOUNTS, identifier, expected, "account")
    return (await read_stored(tx, [account]))[0]


async def read_stored(tx: Transaction, locked: Sequence[Resource]) -> list[StoredAccount]:
    """Read what is stored of accounts that the transaction has locked, in their order, with two statements in all."""
    ids = [account.id for account in locked]
    rows = {row["id"]: row for row in await tx.all(STORED_ACCOUNTS, ids=ids)}
    ratings: dict[str, list[Row]] = {}
    for row in await tx.all(RATINGS_IN_USE, ids=ids):
        ratings.setdefault(row["account_id"], []).append(row)
    first = rows[ids[0]]
    model = await active_model(tx.reader, first["model_id"], first["model_version"])
    earlier = {model.id: model}
    for row in rows.values():
        entry = row["latest"]
        if entry is not None and entry["model_id"] not in earlier:
            earlier[entry["model_id"]] = await stored_model(tx.reader, entry["model_id"], entry["model_version"])
    return [
        StoredAccount(
            account,
            model,
            ratings.get(account.id, []),
            rows[account.id],
            rows[account.id]["override"],
            None if rows[account.id]["latest"] is None else earlier[rows[account.id]["latest"]["model_id"]],
        )
        for account in locked
    ]


def classify_stored(stored: StoredAccount, known: Classification | None = None) -> Classified:
    """Classify an account by what is stored; `known` is the rules' outcome, where the caller has it already.

    With a dead band the present computed quadrant holds an account near a border, unless a manager confirmed the raw
    one. While a job brings another model to the portfolio, it releases the accounts that were held meanwhile.
    """
    strength = stored.row if stored.row["factors"] is not None else None
    held, verb = stored.row["computed_quadrant"], stored.row["leading_verb"]
    position = place(
        stored.model.rules, ClassificationInputs(stored.ratings, strength, held, stored.override, verb), known
    )
    inputs = inputs_of(position, strength)
    before, missing = stored.latest, list(position.outcome.missing)
    changed = (
        before is None
        or before["missing"] != missing
        or before["inputs"] != inputs
        or any(before[name] != value for name, value in plain_numbers(position.columns).items())
    )
    return Classified(position, inputs, missing, changed)


def unchanged(tx: Transaction, stored: StoredAccount, known: Classification | None = None) -> Resource:
    """Return the classification of an account of which nothing was written."""
    return _answer(stored, classify_stored(stored, known), stored.account, tx.now)


def _answer(stored: StoredAccount, classified: Classified, account: Resource, now: datetime) -> Resource:
    at = stored.latest["classified_at"] if stored.latest is not None and not classified.changed else instant_text(now)
    number = stored.model.number
    background = background_of(
        classified.position, stored.ratings, stored.row, account.data["stage"], (number, number), now
    )
    result = explained(classified.position, stored.model, at, stored.override, stored.row["leading"], background)
    document = {"account_id": account.id, "version": account.version, **result}
    return Resource(account.version, orjson.dumps(document), "updated")


async def store_classification(
    tx: Transaction,
    stored: StoredAccount,
    moved: Sequence[dict[str, Any]],
    cause: ClassificationCause,
    *,
    reason: str | None = None,
    known: Classification | None = None,
    remember: bool = False,
) -> Resource:
    """Classify one account after its inputs were written: set its columns, add an entry to the history, emit events.

    Return the classification with the account's new version. `moved` are success factors that changed, `reason` is the
    caller's, `known` the rules' outcome where the caller has it; `remember` adds an entry even when the position is the
    same.
    """
    classified = classify_stored(stored, known)
    classified.changed = classified.changed or remember
    shown = _shown_change(stored, classified, moved) if classified.changed else None
    values = classified.position.columns if classified.changed else {}
    account = await change(tx, ACCOUNTS, stored.account.id, values, silent=shown is None)
    if classified.changed:
        entry = history_entry(
            classified.position,
            classified.inputs,
            classified.missing,
            tx.now,
            account_id=account.id,
            account_version=account.version,
            model_id=stored.model.id,
            cause=cause.value,
            reason=reason,
            recorded_by=tx.cause["key_id"],
        )
        await tx.execute(_REMEMBER, **entry)
    if shown is not None:
        for event in _events(account.data, stored, shown, cause, reason):
            tx.emit(event)
    return _answer(stored, classified, account, tx.now)


@dataclass(frozen=True, slots=True)
class _ShownChange:
    """A change of a classification that events show: the position before and after, and the inputs that differ."""

    previous: dict[str, Any]
    current: dict[str, Any]
    changed: list[str]
    factors: list[dict[str, Any]]


def _shown_change(
    stored: StoredAccount, classified: Classified, moved: Sequence[dict[str, Any]]
) -> _ShownChange | None:
    """Return what events show of a classification: None when neither scores, strength nor position changed as far as
    numbers are shown, and while an account moves inside the dead band.
    """
    before = stored.latest
    previous = summary(before, None if before is None else before["missing"])
    current = summary(plain_numbers(classified.position.columns), classified.missing)
    changed = [name for name in current if previous[name] != current[name]]
    factors = [*_moved_scores(stored, classified), *moved]
    if (not changed and not factors) or _inside_the_dead_band(stored, classified.position.outcome, changed):
        return None
    return _ShownChange(previous, current, changed, factors)


def _events(
    account: Mapping[str, Any],
    stored: StoredAccount,
    shown: _ShownChange,
    cause: ClassificationCause,
    reason: str | None,
) -> list[Event]:
    """Return the events of a classification."""
    previous, current = shown.previous, shown.current
    why = {"model": stored.model.reference(), "factors": shown.factors, "cause": cause.value}
    if reason is not None:
        why["reason"] = reason
    emitted: list[Event] = [
        AccountClassified.of(account, previous=previous, current=current, changed=shown.changed, **why)
    ]
    if previous["quadrant"] != current["quadrant"]:
        emitted.append(AccountQuadrantChanged.moved(account, previous, current, **why))
    return emitted


def summary(columns: Mapping[str, Any] | None, missing: Sequence[str] | None) -> dict[str, Any]:
    """Return the headline of a position for events; `columns` are those of accounts and of the history, as JSON."""
    if columns is None:
        names = ("quadrant", "raw_quadrant", "attractiveness", "business_strength", "relative_strength", "fiocca")
        return {"status": "incomplete", **dict.fromkeys(names), "missing": None}
    return {
        "status": columns["classification_status"],
        **{name: columns[name] for name in ("quadrant", "raw_quadrant")},
        **{name: columns[name] for name in ("attractiveness", "business_strength", "relative_strength")},
        "fiocca": _cell(columns),
        "missing": missing,
    }


def _cell(columns: Mapping[str, Any]) -> dict[str, Any] | None:
    if columns["fiocca_position"] is None:
        return None
    band, position = columns["fiocca_attractiveness"], columns["fiocca_position"]
    verbs, chosen = VERBS[FioccaAttractiveness(band), FioccaPosition(position)], columns["leading_verb"]
    verb = leading_verb(verbs, None if chosen is None else FioccaVerb(chosen))
    return {
        "attractiveness": band,
        "position": position,
        "verbs": [each.value for each in verbs],
        "leading_verb": None if verb is None else verb.value,
    }


_HELD = {
    Axis.ATTRACTIVENESS: {"attractiveness"},
    Axis.RELATIVE_STRENGTH: {"business_strength", "relative_strength"},
    Axis.ABSOLUTE_STRENGTH: {"business_strength"},
}


def _inside_the_dead_band(stored: StoredAccount, outcome: Classification, changed: Sequence[str]) -> bool:
    """Return whether an account moved only where its quadrant is held: on axes where it lies inside the dead band and
    lay inside it before. Its quadrant, cell, status and what is missing are the same.
    """
    band, before = stored.model.rules.dead_band, stored.latest
    if not band or before is None or before["model_id"] != stored.model.id:
        return False

    def inside(borders: Iterable[Border]) -> set[Axis]:
        return {border.axis for border in borders if abs(border.points) <= band}

    def held_on(axes: set[Axis]) -> bool:
        return set(changed) <= {"raw_quadrant"}.union(*(_HELD[axis] for axis in axes))

    now, inputs = inside(outcome.borders), before["inputs"]
    if not held_on(now):  # most often; the borders of before are not needed then
        return False
    strength = strength_in_use(inputs["strength"])
    return held_on(now & inside(known_borders(stored.model.rules, scores_of_inputs(inputs), strength)))


def _moved_scores(stored: StoredAccount, classified: Classified) -> list[dict[str, Any]]:
    """Return the attractiveness factors whose weight or score changed, with both values; null without a score."""
    before = stored.latest
    old = {} if before is None or stored.earlier is None else _contributions(stored.earlier.rules, before["inputs"])
    new = _contributions(stored.model.rules, classified.inputs)
    return differing_inputs("attractiveness", old, new)


def _contributions(model: ScoringModel, inputs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    scores = scores_of_inputs(inputs)
    return {
        factor.key: plain_numbers({"weight": shown(factor.weight), "score": shown(scores[factor.key])})
        for factor in model.factors
        if factor.key in scores
    }
