"""Classify sets of accounts by the rules in Python. PostgreSQL does this in SQL; SQLite has no exact numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from service.events.classification import AccountQuadrantChanged
from service.events.event import Event
from service.framework.database.columns import Uuid, bind
from service.framework.database.database import Reader, Row
from service.framework.database.statements import Statement, inserting
from service.models.accounts.accounts import accounts
from service.models.classification.classification import classifications
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.classification.classification import COLUMNS, RATINGS_IN_USE
from service.queries.classification.positions import STORED
from service.records.classification.positions import (
    ClassificationInputs,
    Position,
    history_entry,
    inputs_of,
    place,
    plain_numbers,
)
from service.records.classification.scoring_models import ActiveModel
from service.records.context import Transaction
from service.rules.classification.scoring import ScoringModel
from service.rules.vocabulary import ClassificationCause, QuadrantSource

_REMEMBER = inserting(classifications)
_PLACE = Statement(
    sa.update(accounts)
    .where(accounts.c.id == bind("b_id", Uuid()))
    .values(
        {
            **{name: bind(f"b_{name}", accounts.c[name]) for name in COLUMNS},
            "version": accounts.c.version + sa.literal_column("1"),
            "updated_at": bind("b_now", accounts.c.updated_at),
        }
    )
)


@dataclass(frozen=True, slots=True)
class ClassifiedAccount:
    """An account as it is stored, and its position by a model."""

    row: Row
    position: Position

    @property
    def differs(self) -> bool:
        """Return whether any column of the position differs from the stored one."""
        return any(self.row[name] != value for name, value in self.position.columns.items())


@dataclass(frozen=True, slots=True)
class Why:
    """The cause that the events and the history entries of one run share."""

    model: ActiveModel
    cause: ClassificationCause
    reason: str | None
    factors: list[dict[str, Any]]

    def payload(self) -> dict[str, Any]:
        """Return the members that events carry."""
        why = {"model": self.model.reference(), "factors": self.factors, "cause": self.cause.value}
        return why if self.reason is None else {**why, "reason": self.reason}


async def place_all(
    reader: Reader,
    model: ScoringModel,
    ids: Sequence[str],
    *,
    held: bool,
    given: dict[str, dict[str, Any]] | None = None,
) -> list[ClassifiedAccount]:
    """Classify accounts by a model and return them in the order of their ids, with two statements for any number.

    With `held`, the dead band holds accounts in their quadrants. `given` are scores by account and factor that replace
    the ratings.
    """
    found = sorted(await reader.all(STORED, ids=list(ids)), key=lambda row: str(row["id"]))
    ratings: dict[str, list[Row]] = {}
    for row in await reader.all(RATINGS_IN_USE, ids=list(ids)):
        ratings.setdefault(row["account_id"], []).append(row)
    placed = []
    for row in found:
        mine, instead = ratings.get(row["id"], []), (given or {}).get(row["id"], {})
        if instead:
            mine = [rating for rating in mine if rating["factor"] not in instead]
            mine += [{"factor": key, "score": score, "metric": None, "chosen": False} for key, score in instead.items()]
        by_hand = {"quadrant": row["quadrant"]} if row["quadrant_source"] == QuadrantSource.OVERRIDE else None
        strength = row if row["factors"] is not None else None
        inputs = ClassificationInputs(
            mine, strength, row["computed_quadrant"] if held else None, by_hand, row["leading_verb"]
        )
        placed.append(ClassifiedAccount(row, place(model, inputs)))
    return placed


async def write_all(tx: Transaction, changed: Sequence[ClassifiedAccount], why: Why) -> int:
    """Write columns and history of accounts whose position differs, and emit their events. Return how many moved."""
    if not changed:
        return 0
    places, entries = [], []
    for each in changed:
        columns = each.position.columns
        strength = each.row if each.row["factors"] is not None else None
        places.append({"b_id": each.row["id"], "b_now": tx.now, **{f"b_{name}": columns[name] for name in COLUMNS}})
        entries.append(
            history_entry(
                each.position,
                inputs_of(each.position, strength),
                each.position.outcome.missing,
                tx.now,
                account_id=each.row["id"],
                account_version=each.row["version"] + 1,
                model_id=why.model.id,
                cause=why.cause.value,
                reason=why.reason,
                recorded_by=tx.cause["key_id"],
            )
        )
    await tx.many(_PLACE, places)
    await tx.many(_REMEMBER, entries)
    moved = {each.row["id"]: each for each in changed if each.row["quadrant"] != each.position.columns["quadrant"]}
    if moved:
        for row in await tx.all(ACCOUNTS.by_ids(), ids=list(moved)):
            tx.emit(_event(row, moved[row["id"]], why))
        await tx.flush()
    return len(moved)


def _event(row: Row, each: ClassifiedAccount, why: Why) -> Event:
    previous = plain_numbers({name: each.row[name] for name in COLUMNS})
    current = plain_numbers(each.position.columns)
    return AccountQuadrantChanged.moved(orjson.loads(row["document"]), previous, current, **why.payload())
