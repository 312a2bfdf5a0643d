"""Many upserts in one transaction: a result per row; rows that change nothing cost no statement."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import orjson
from pydantic import BaseModel, Field, ValidationError, WithJsonSchema, create_model

from service.framework.database.database import ConstraintViolated, Resource
from service.framework.database.listing import Listing
from service.platform.errors import FieldError, Invalid, KamError, ReferenceTaken
from service.platform.pointers import field_errors, reasons
from service.platform.types import Count, Id, Name, Shape, Slug, Version
from service.queries.accounts.refs import FIND_MANY, owners_of
from service.records.context import Transaction
from service.records.restoring import Found, find_many
from service.rules.vocabulary import OnDeleted

MOST_ROWS = 1000
MOST_BYTES = 10_000_000
ON_DELETED = (
    "What to do when the record of a reference was deleted: restore (it keeps its id and history), create a new one, "
    "or refuse"
)
Reference = tuple[str, str]
"""The other system, and the record's id there."""


class RowError(Shape):
    """Why a row failed."""

    code: Name = Field(description="An error code of the catalogue")
    detail: Name = Field(description="What is wrong, in words")
    errors: Annotated[list[dict[str, str]], Field(max_length=50)] = Field(
        description="Members at fault, with pointers into the body"
    )


class RowResult(Shape):
    """The result of one row."""

    index: Count = Field(description="The row's place in the request, from 0")
    outcome: Literal["created", "restored", "updated", "unchanged", "failed"] = Field(
        description="What was done with the row"
    )
    id: Id | None = Field(description="The record's id")
    version: Version | None = Field(description="The record's version now")
    error: RowError | None = Field(description="Why it failed")


class BatchResult(Shape):
    """A result per row, in the order of the request, and the sums."""

    items: Annotated[list[RowResult], Field(max_length=MOST_ROWS)] = Field(description="A result per row")
    created: Count = Field(description="How many were created")
    restored: Count = Field(description="How many had been deleted and were restored")
    updated: Count = Field(description="How many were updated")
    unchanged: Count = Field(description="How many needed no change")
    failed: Count = Field(description="How many failed")


class Batch(Protocol):
    """The body of a batch."""

    items: list[dict[str, Any]]
    on_deleted: OnDeleted


@dataclass(frozen=True, slots=True)
class BatchShapes:
    """The shapes of a batch of one kind of record.

    `body` is what is sent: its rows are validated one by one, so that a bad row fails alone. `row` is one good row, and
    `shown` is the body with such rows, for the GraphQL schema.
    """

    body: Any
    row: type[Shape]
    shown: type[Shape]


def batch_shapes(name: str, plural: str, member: str, record: type[BaseModel], *, body: str, row: str) -> BatchShapes:
    """Return the shapes of a batch whose rows hold the `record` as `member`; `body` and `row` are their names."""
    kept = "members that are not sent stay as they are"
    one: Any = create_model(
        row,
        __base__=Shape,
        __doc__=f"One {name} to upsert by its reference.",
        system=(Slug, Field(description="The other system")),
        external_id=(Name, Field(description=f"The {name}'s id there")),
        **{member: (record, Field(description=f"The {name}; {kept}"))},  # type: ignore[call-overload]
    )
    described = {
        "type": "object",
        "description": f"One row: `system`, `external_id` and `{member}`, checked on its own",
    }
    any_row: Any = Annotated[dict[str, Any], WithJsonSchema(described)]
    many = plural[:1].upper() + plural[1:]
    says = f"{many} to upsert, at most 1,000. Rows are checked one by one: a bad row fails alone."
    rows: Any = Annotated[list[any_row], Field(min_length=1, max_length=MOST_ROWS)]
    items = Field(description=f"Rows of `{{system, external_id, {member}}}`")
    deleted: Any = (OnDeleted, Field(default=OnDeleted.RESTORE, description=ON_DELETED))
    sent = create_model(body, __base__=Shape, __doc__=says, items=(rows, items), on_deleted=deleted)
    good: Any = Annotated[list[one], Field(max_length=MOST_ROWS)]
    shown_items = Field(description=f"The {plural} with their references")
    shown = create_model(f"{body}Shown", __base__=Shape, __doc__=says, items=(good, shown_items), on_deleted=deleted)
    return BatchShapes(sent, one, shown)


@dataclass(frozen=True, slots=True)
class Rows:
    """How the rows of a batch are written. `kind` is the word for the record, and the member of a row that holds it.

    `lock` locks what the records of the good rows stand under, before their references are looked up; without it the
    records themselves are locked. `upsert` creates the record of a reference, or changes the one that was found.
    """

    listing: Listing
    kind: str
    shape: type[Shape]
    lock: Callable[[Sequence[Any]], Awaitable[None]] | None
    upsert: Callable[[Found | None, dict[str, str], Any], Awaitable[Resource]]

    async def upserted(self, tx: Transaction, items: Sequence[dict[str, Any]]) -> Resource:
        """Upsert the rows and return the result of the batch. A row that breaks a rule changes nothing and is reported
        with its error. A row that only the database refuses ends the whole batch.
        """
        read = [self._read(item) for item in items]
        known = await self._look_up(tx, [row for row in read if not isinstance(row, KamError)])
        results: list[dict[str, Any]] = []
        for index, row in enumerate(read):
            result: dict[str, Any] = {"index": index, "outcome": "failed", "id": None, "version": None, "error": None}
            try:
                if isinstance(row, KamError):
                    raise row
                record = await self._upsert_row(row, known)
                result |= {"outcome": record.outcome, "id": record.id, "version": record.version}
            except KamError as error:
                if isinstance(error.__context__, ConstraintViolated):
                    raise  # the database has ended the transaction
                place = f"/items/{index}" if error is row else f"/items/{index}/{self.kind}"
                result["error"] = _shown(error, place)
            results.append(result)
        outcomes = [result["outcome"] for result in results]
        sums = {name: outcomes.count(name) for name in ("created", "restored", "updated", "unchanged", "failed")}
        return Resource(1, orjson.dumps({"items": results, **sums}), "read")

    def _read(self, item: Mapping[str, Any]) -> Any:
        """Return the row as a shape, or the error that says what is wrong with it."""
        try:
            return self.shape.model_validate_json(json.dumps(item))  # orjson stops at 64-bit integers
        except ValidationError as error:
            return Invalid(field_errors(reasons(error), item))

    async def _look_up(self, tx: Transaction, rows: Sequence[Any]) -> _Known:
        """Lock and read what the rows name, in a constant number of statements."""
        bodies = [getattr(row, self.kind) for row in rows]
        pairs = {(row.system, row.external_id) for row in rows}
        pairs |= {(ref.system, ref.external_id) for body in bodies for ref in body.refs}
        if not pairs:
            return _Known({}, {})
        await tx.serialize([f"{self.kind}/{system}/{external_id}" for system, external_id in pairs])
        if self.lock is not None:
            await self.lock(bodies)
        found = await tx.all(FIND_MANY, kind=self.kind, external_ids=sorted({pair[1] for pair in pairs}))
        owners = {pair: owner for pair, owner in owners_of(found).items() if pair in pairs}
        ids = sorted(set(owners.values()))
        return _Known(owners, await find_many(tx, self.listing, ids, lock=self.lock is None))

    async def _upsert_row(self, row: Any, known: _Known) -> Resource:
        """Upsert one row; the rows after it see the references that it takes."""
        body, own = getattr(row, self.kind), {"system": row.system, "external_id": row.external_id}
        identifier = known.owners.get((row.system, row.external_id))
        for ref in body.refs:
            holder = known.owners.get((ref.system, ref.external_id))
            if holder is not None and holder != identifier and known.records[holder].live is not None:
                raise ReferenceTaken("/refs", holder)
        record = await self.upsert(None if identifier is None else known.records.get(identifier), own, body)
        known.records[record.id] = Found(Resource(record.version, record.body), None)
        known.owners |= {(ref["system"], ref["external_id"]): record.id for ref in record.data["refs"]}
        return record


@dataclass(slots=True)
class _Known:
    """The records of a batch, by id, and the ids of the records that references name."""

    owners: dict[Reference, str]
    records: dict[str, Found]


def _shown(error: KamError, place: str) -> dict[str, Any]:
    """Return an error of a row with pointers into the body of the batch."""
    errors = [FieldError(each.code, each.message, f"{place}{each.pointer or ''}").members() for each in error.errors]
    return {"code": error.code, "detail": error.detail or error.title, "errors": errors}
