"""Classifying accounts inside an open transaction: what writing inputs and activating a model share.

Whoever writes an account's inputs holds the shared lock MODEL_LOCK first and the account's row second; whoever
activates a model holds it alone. So no account is classified by a model that is no longer the active one, and nobody
waits for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa

from service.events.catalogue import AccountClassified, AccountQuadrantChanged
from service.events.event import Event
from service.models.accounts import accounts
from service.models.classification import classifications
from service.operations.context import Transaction
from service.operations.records import change
from service.operations.scoring_model_records import ActiveModel, active_model
from service.platform.clock import instant_text
from service.platform.columns import Uuid
from service.platform.database import Resource, Row
from service.platform.errors import FieldError, Invalid
from service.platform.ids import new_id
from service.platform.statements import Statement
from service.queries.accounts import ACCOUNTS
from service.queries.classification import SCORES, STANDINGS
from service.rules.classification import Classification, classify, to_dict
from service.rules.scoring import ScoringModel, score_from_metric
from service.rules.strength import BusinessStrength, SuccessFactor, business_strength
from service.rules.verdicts import Verdict, exact, shown
from service.rules.vocabulary import Quadrant, QuadrantSource

HIGHEST_SHOWN_RATIO = Decimal(99_999_999)

_POSITION = (
    "quadrant",
    "quadrant_source",
    "raw_quadrant",
    "attractiveness",
    "business_strength",
    "relative_strength",
    "fiocca_attractiveness",
    "fiocca_position",
    "classification_status",
)
_REMEMBER = Statement(
    sa.insert(classifications).values(
        {column.name: sa.bindparam(column.name, type_=column.type) for column in classifications.c}
    )
)
_PLACE = Statement(
    sa.update(accounts)
    .where(accounts.c.id == sa.bindparam("b_id", type_=Uuid()))
    .values(
        {
            **{name: sa.bindparam(f"b_{name}", type_=accounts.c[name].type) for name in _POSITION},
            "version": accounts.c.version + sa.literal_column("1"),
            "updated_at": sa.bindparam("b_now", type_=accounts.c.updated_at.type),
        }
    )
)


@dataclass
class Standing:
    """What is stored of one account: its row as it reads, its inputs, its latest result."""

    account: Resource
    model: ActiveModel
    scores: list[Row]
    strength: Row
    latest: dict[str, Any] | None


@dataclass
class Judged:
    """One account classified anew: the document to tell, the columns to set, and whether the result is another one."""

    result: dict[str, Any]
    columns: dict[str, Any]
    changed: bool


async def read_standings(tx: Transaction, locked: Sequence[Resource]) -> list[Standing]:
    """What is stored of accounts that the transaction has locked, in their order; two statements, however many."""
    ids = [account.id for account in locked]
    rows = {row["id"]: row for row in await tx.all(STANDINGS, ids=ids)}
    scores: dict[str, list[Row]] = {}
    for row in await tx.all(SCORES, ids=ids):
        scores.setdefault(row["account_id"], []).append(row)
    first = rows[ids[0]]
    model = await active_model(tx.reader, first["model_id"], first["model_version"])
    return [
        Standing(account, model, scores.get(account.id, []), rows[account.id], rows[account.id]["latest"])
        for account in locked
    ]


def scores_in_use(model: ScoringModel, rows: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """The scores that count: a metric is read through the active model's bands where it has some, else the stored
    score stands. Scores of factors that the model does not have stay stored and are ignored.
    """
    factors = {factor.key: factor for factor in model.factors}
    used: dict[str, Decimal] = {}
    for row in rows:
        factor = factors.get(row["factor"])
        if factor is None:
            continue
        score: Decimal | None = exact(row["score"])
        if row["metric"] is not None and factor.bands:
            score = score_from_metric(factor, Decimal(row["metric"])).score
        if score is not None:
            used[factor.key] = score
    return used


def strength_in_use(row: Mapping[str, Any] | None) -> BusinessStrength | None:
    """Our strength by the stored success factors; None when nobody has scored it."""
    if row is None or row["factors"] is None:
        return None
    return business_strength(success_factors(row["factors"]), bool(row["no_known_competitor"]))


def success_factors(stored: Iterable[Mapping[str, Any]]) -> list[SuccessFactor]:
    """Stored success factors as the rules take them."""
    return [
        SuccessFactor(
            factor["name"],
            exact(factor["weight"]),
            exact(factor["ours"]),
            {name: exact(score) for name, score in factor["competitors"].items()},
        )
        for factor in stored
    ]


def judge(standing: Standing, at: str, *, model_changed: bool = False) -> Judged:
    """Classify an account by what is stored; `at` is the instant of the result.

    With a dead band the present quadrant holds an account near a border, unless the model itself has changed.
    """
    held = None if model_changed else standing.account.data["quadrant"]
    outcome = classify(
        standing.model.rules,
        scores_in_use(standing.model.rules, standing.scores),
        strength_in_use(standing.strength),
        None if held is None else Quadrant(held),
    )
    result = result_document(outcome, standing.model, at)
    before = standing.latest
    changed = before is None or any(result[key] != before.get(key) for key in result if key != "classified_at")
    return Judged(result, _columns(outcome), changed)


def result_document(outcome: Classification, model: ActiveModel, at: str | None) -> dict[str, Any]:
    """The explained result as it is told and kept: numbers rounded for show only, after everything was decided."""
    written = to_dict(outcome)
    if written["business_strength"] is not None and outcome.business_strength is not None:
        written["business_strength"]["relative_strength"] = outcome.business_strength.relative_strength_shown
    result: dict[str, Any] = plain_numbers(written)
    return {**result, "model": model.reference(), "classified_at": at}


def _columns(outcome: Classification) -> dict[str, Any]:
    strength, placed = outcome.business_strength, outcome.fiocca
    appeal = outcome.attractiveness.score
    ours = None if strength is None else strength.ours
    ratio = None if strength is None else strength.relative_strength_shown
    return {
        "quadrant": None if outcome.quadrant is None else outcome.quadrant.value,
        "quadrant_source": None if outcome.quadrant is None else QuadrantSource.COMPUTED.value,
        "raw_quadrant": None if outcome.raw_quadrant is None else outcome.raw_quadrant.value,
        "attractiveness": None if appeal is None else shown(appeal),
        "business_strength": None if ours is None else shown(ours),
        "relative_strength": None if ratio is None else min(ratio, HIGHEST_SHOWN_RATIO),
        "fiocca_attractiveness": None if placed is None else placed.attractiveness.value,
        "fiocca_position": None if placed is None else placed.position.value,
        "classification_status": outcome.status.value,
    }


async def settle(tx: Transaction, standing: Standing, moved: Sequence[dict[str, Any]], cause: str) -> Resource:
    """Classify one account after its inputs were written: set its columns, keep the result in the history, tell.

    Answers with the classification and the account's new version. `moved` are success factors that changed.
    """
    judged = judge(standing, instant_text(tx.now))
    account = await change(tx, ACCOUNTS, standing.account.id, judged.columns if judged.changed else {})
    result = judged.result if judged.changed or standing.latest is None else standing.latest
    if judged.changed:
        await tx.execute(_REMEMBER, **_entry(tx, account.id, account.version, standing.model, judged, cause))
    for event in _events(account.data, standing, result, moved, cause):
        tx.emit(event)
    return classification_of(account.id, account.version, result)


async def settle_many(tx: Transaction, standings: Sequence[Standing], cause: str) -> int:
    """Classify accounts anew after the model has changed: two statements for all of them; how many had another
    result.
    """
    at = instant_text(tx.now)
    judged = [(standing, judge(standing, at, model_changed=True)) for standing in standings]
    judged = [(standing, outcome) for standing, outcome in judged if outcome.changed]
    if not judged:
        return 0
    places, entries = [], []
    for standing, outcome in judged:
        after = {**standing.account.data, "version": standing.account.version + 1}
        places.append(
            {"b_id": after["id"], "b_now": tx.now, **{f"b_{name}": value for name, value in outcome.columns.items()}}
        )
        entries.append(_entry(tx, after["id"], after["version"], standing.model, outcome, cause))
        for event in _events(after, standing, outcome.result, (), cause):
            tx.emit(event)
    await tx.many(_PLACE, places)
    await tx.many(_REMEMBER, entries)
    return len(judged)


def _entry(tx: Transaction, account_id: str, version: int, model: ActiveModel, judged: Judged, cause: str) -> Row:
    return {
        "id": new_id(tx.now),
        "account_id": account_id,
        "account_version": version,
        "model_id": model.id,
        "classified_at": tx.now,
        "cause": cause,
        "quadrant": judged.columns["quadrant"],
        "quadrant_source": judged.columns["quadrant_source"],
        "result": judged.result,
    }


def _events(
    account: Mapping[str, Any],
    standing: Standing,
    result: Mapping[str, Any],
    moved: Sequence[dict[str, Any]],
    cause: str,
) -> list[Event]:
    """What there is to tell: nothing when neither scores, strength nor position changed."""
    previous, current = _summary(standing.latest), _summary(result)
    changed = [name for name in current if previous[name] != current[name]]
    factors = [*_moved_scores(standing.latest, result), *moved]
    if not changed and not factors:
        return []
    why = {"model": standing.model.reference(), "factors": factors, "cause": cause}
    told = [AccountClassified.of(account, previous=previous, current=current, changed=changed, **why)]
    if previous["quadrant"] != current["quadrant"]:
        axes = ("quadrant", "attractiveness", "relative_strength")
        told.append(
            AccountQuadrantChanged.of(
                account,
                previous={name: previous[name] for name in axes},
                current={name: current[name] for name in axes},
                changed=[name for name in axes if name in changed],
                **why,
            )
        )
    return told


def _summary(result: Mapping[str, Any] | None) -> dict[str, Any]:
    """The headline of a result, as events tell it."""
    if result is None:
        names = ("quadrant", "raw_quadrant", "attractiveness", "business_strength", "relative_strength", "fiocca")
        return {"status": "incomplete", **dict.fromkeys(names), "missing": None}
    strength, placed = result["business_strength"] or {}, result["fiocca"]
    return {
        "status": result["status"],
        "quadrant": result["quadrant"],
        "raw_quadrant": result["raw_quadrant"],
        "attractiveness": result["attractiveness"]["score"],
        "business_strength": strength.get("ours"),
        "relative_strength": strength.get("relative_strength"),
        "fiocca": placed and {name: placed[name] for name in ("attractiveness", "position", "verbs")},
        "missing": result["missing"],
    }


def _moved_scores(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The attractiveness factors whose contribution changed, with what it was and is; null is no score."""
    old, new = _contributions(before), _contributions(after)
    return [
        {"axis": "attractiveness", "factor": key, "previous": old.get(key), "current": new.get(key)}
        for key in [*new, *(key for key in old if key not in new)]
        if old.get(key) != new.get(key)
    ]


def _contributions(result: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    listed = [] if result is None else result["attractiveness"]["contributions"]
    return {one["factor"]: {name: one[name] for name in ("weight", "score")} for one in listed}


def classification_of(account_id: str, version: int, result: Mapping[str, Any]) -> Resource:
    """A result as the account's classification; the version is the account's."""
    document = {"account_id": account_id, "version": version, **result}
    return Resource(version, orjson.dumps(document), "updated")


def plain_numbers(value: Any) -> Any:
    """The same value with numbers as JSON has them; a decimal that came from JSON keeps its every digit."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {key: plain_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_numbers(inner) for inner in value]
    return value


def refused(verdicts: Iterable[Verdict]) -> Invalid:
    """The error of rules that said no."""
    return Invalid([FieldError(verdict.code, verdict.message, pointer=verdict.pointer) for verdict in verdicts])
