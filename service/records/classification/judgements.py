"""Judgements that people make of an account: one is valid, earlier ones are kept in the history.

A subclass says what one kind of judgement demands and shows. REST and GraphQL derive its operations from the object.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.events.event import AccountEvent
from service.framework.database.columns import Instant, Uuid, bind
from service.framework.database.database import Reader, Resource, Row
from service.framework.database.statements import Statement, inserting
from service.platform.clock import instant_text
from service.platform.errors import NotFound
from service.platform.ids import new_id
from service.platform.types import Shape
from service.queries.accounts.accounts import ACCOUNTS
from service.records.classification.scoring_models import refused
from service.records.context import Context, Transaction, operation
from service.records.rows import Expected, change, lock, require_person
from service.records.words import OperationText
from service.rules.verdicts import Verdict

KIND = "account"


@dataclass(frozen=True)
class JudgementKind:
    """What one kind of judgement is called and made of, and what clients read of its operations.

    `query` reads an account's version beside its valid judgement; `given` are the columns that a caller gives.
    """

    singular: str
    table: sa.Table
    query: Statement
    given: tuple[str, ...]
    put: type[Shape]
    read: type[Shape]
    event: type[AccountEvent]
    says: Mapping[str, OperationText]
    """The texts of `get`, `put` and `delete`."""

    @property
    def name(self) -> str:
        """The word in names of operations: `forecast_position`."""
        return self.singular.replace(" ", "_")


class Judgements(ABC):
    """The operations of one kind of judgement. `model` is what a document needs besides the row: None, or the model."""

    kind: ClassVar[JudgementKind]

    def __init__(self) -> None:
        table = self.kind.table
        self._add = inserting(table, "superseded_at")
        self._supersede = Statement(
            sa.update(table)
            .where(table.c.account_id == bind("b_account_id", Uuid()), table.c.superseded_at.is_(None))
            .values(superseded_at=bind("b_now", Instant()))
        )

    @abstractmethod
    def document(self, account_id: str, row: Mapping[str, Any], model: Any = None) -> dict[str, Any]:
        """Return a judgement as it reads; its version is the account's."""

    @abstractmethod
    def payload(self, row: Mapping[str, Any], model: Any) -> dict[str, Any]:
        """Return a judgement as events hold it."""

    @abstractmethod
    def judged(self, data: Any, before: Row | None, today: date) -> dict[str, Any]:
        """Return the row of a request; `before` is the valid judgement. Raises Invalid."""

    def verdicts(self, row: Row, today: date) -> Sequence[Verdict]:
        """Return what the rules refuse of a judgement that differs from the valid one."""
        return ()

    async def model(self, reader: Reader) -> Any:
        """Return what documents need besides the row."""
        return None

    def columns(self, row: Row | None) -> dict[str, Any]:
        """Return the columns of the account that follow from its judgement."""
        return {}

    @abstractmethod
    def changed(self, previous: dict[str, Any] | None, current: dict[str, Any] | None) -> list[str]:
        """Return the members of two payloads that differ, as the event names them."""

    async def get(self, ctx: Context, identifier: str) -> Resource:
        """Read the valid judgement. Raises NotFound for an unknown account and for one without a judgement."""
        async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
            row = await self._valid(reader, identifier)
            return self._resource(identifier, row, await self.model(reader))

    @operation
    async def put(self, ctx: Context, identifier: str, data: Any, expected: Expected = None) -> Resource:
        """Replace the valid judgement. Without a difference nothing is written and no event is emitted. Raises
        NotFound, StaleVersion, and Invalid.
        """
        async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
            account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
            read = await self._read(tx.reader, identifier)
            before = None if read["judgement_id"] is None else read
            row = self.judged(data, before, tx.today)
            model = await self.model(tx.reader)
            if before is not None and all(before[name] == row[name] for name in self.kind.given):
                return tx.answer(self._resource(identifier, before, model), "unchanged")
            if verdicts := self.verdicts(row, tx.today):
                raise refused(verdicts)
            await require_person(tx, data.author_id, "/author_id")
            row |= {"recorded_by": ctx.principal.id, "recorded_at": tx.now}
            if before is not None:
                await tx.execute(self._supersede, b_account_id=identifier, b_now=tx.now)
            await tx.execute(self._add, id=new_id(tx.now), account_id=identifier, **row)
            after = await change(tx, ACCOUNTS, account.id, self.columns(row))
            self._emit(tx, after, before, row, model, data.reason)
            result = self._resource(identifier, {**row, "version": after.version}, model)
            return tx.answer(result, "created" if before is None else "updated")

    @operation
    async def delete(self, ctx: Context, identifier: str, expected: Expected = None) -> Resource:
        """Delete the valid judgement and return it. Raises NotFound, also when there is none, and StaleVersion."""
        async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
            account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
            before = await self._valid(tx.reader, identifier)
            model = await self.model(tx.reader)
            await tx.execute(self._supersede, b_account_id=identifier, b_now=tx.now)
            after = await change(tx, ACCOUNTS, account.id, self.columns(None))
            self._emit(tx, after, before, None, model, None)
            return tx.answer(self._resource(identifier, {**before, "version": after.version}, model), "deleted")

    async def _read(self, reader: Reader, account_id: str) -> Row:
        """Return the account's version with the valid judgement or nulls; raises NotFound for the account."""
        row = await reader.one(self.kind.query, id=account_id)
        if row is None:
            raise NotFound(KIND)
        return row

    async def _valid(self, reader: Reader, account_id: str) -> Row:
        row = await self._read(reader, account_id)
        if row["judgement_id"] is None:
            raise NotFound(self.kind.singular)
        return row

    def _resource(self, account_id: str, row: Mapping[str, Any], model: Any) -> Resource:
        return Resource(row["version"], orjson.dumps(self.document(account_id, row, model)))

    def _emit(
        self, tx: Transaction, account: Resource, before: Row | None, after: Row | None, model: Any, reason: str | None
    ) -> None:
        previous, current = (None if row is None else self.payload(row, model) for row in (before, after))
        members = {"previous": previous, "current": current, "changed": self.changed(previous, current)}
        if model is not None:
            members["model"] = model.reference()
        tx.emit(self.kind.event.of(account.data, **members, reason=reason))


def recorded(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a judgement that say why, by whom and when it was made."""
    at = row["recorded_at"]
    return {
        **{name: row[name] for name in ("reason", "author_id", "recorded_by")},
        "recorded_at": at if isinstance(at, str) else instant_text(at),
    }
