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
from service.platform.pointers import field_errors
from service.platform.types import Count, Id, Name, Shape, Slug, Version
from service.queries.accounts.refs import FIND_MANY
from service.records.context import Transaction

MOST_ROWS = 1000
MOST_BYTES = 10_000_000
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
    outcome: Literal["created", "updated", "unchanged", "failed"] = Field(description="What was done with the row")
    id: Id | None = Field(description="The record's id")
    version: Version | None = Field(description="The record's version now")
    error: RowError | None = Field(description="Why it failed")


class BatchResult(Shape):
    """A result per row, in the order of the request, and the sums."""

    items: Annotated[list[RowResult], Field(max_length=MOST_ROWS)] = Field(description="A result per row")
    created: Count = Field(description="How many were created")
    updated: Count = Field(description="How many were updated")
    unchanged: Count = Field(description="How many needed no change")
    failed: Count = Field(description="How many failed")


class Row(Protocol):
    """One row: the reference of a record, and the record under its own name."""

    system: str
    external_id: str


class Batch(Protocol):
    """The body of a batch."""

    items: list[dict[str, Any]]


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
    described = {"type": "object", "description": f"One row: `system`, `external_id` and `{member}`, judged on its own"}
    any_row: Any = Annotated[dict[str, Any], WithJsonSchema(described)]
    many = plural[:1].upper() + plural[1:]
    says = f"{many} to upsert, at most 1,000. Rows are judged one by one: a bad row fails alone."
    rows: Any = Annotated[list[any_row], Field(min_length=1, max_length=MOST_ROWS)]
    items = Field(description=f"Rows of `{{system, external_id, {member}}}`")
    sent = create_model(body, __base__=Shape, __doc__=says, items=(rows, items))
    good: Any = Annotated[list[one], Field(max_length=MOST_ROWS)]
    shown_items = Field(description=f"The {plural} with their references")
    shown = create_model(f"{body}Shown", __base__=Shape, __doc__=says, items=(good, shown_items))
    return BatchShapes(sent, one, shown)


Prepare = Callable[[Sequence[Any], Sequence[str]], Awaitable[None]]
"""Locks what the good rows write to, given the rows and the ids of the records that their references name already."""
Upsert = Callable[[Resource | None, dict[str, str], Any], Awaitable[Resource]]
"""Creates the record of a reference, or revises the one that was found and locked."""


async def upsert_rows(
    tx: Transaction, listing: Listing, kind: str, member: str, shapes: BatchShapes, items: Sequence[dict[str, Any]],
    prepare: Prepare, upsert: Upsert,
) -> Resource:  # fmt: skip
    """Upsert the rows of a batch and return its result. A row that breaks a rule changes nothing and is reported with
    its error. A row that only the database refuses ends the whole batch.
    """
    read = [_read(shapes.row, index, item) for index, item in enumerate(items)]
    known = await _Known.of(tx, listing, kind, member, [row for row in read if not isinstance(row, KamError)], prepare)
    results: list[dict[str, Any]] = []
    for index, row in enumerate(read):
        result: dict[str, Any] = {"index": index, "outcome": "failed", "id": None, "version": None, "error": None}
        try:
            if isinstance(row, KamError):
                raise row
            record = await known.upsert(row, upsert)
            result |= {"outcome": record.outcome, "id": record.id, "version": record.version}
        except KamError as error:
            if isinstance(error.__context__, ConstraintViolated):
                raise  # the database has ended the transaction
            result["error"] = _shown(error, f"/items/{index}" if error is row else f"/items/{index}/{member}")
        results.append(result)
    outcomes = [result["outcome"] for result in results]
    sums = {name: outcomes.count(name) for name in ("created", "updated", "unchanged", "failed")}
    return Resource(1, orjson.dumps({"items": results, **sums}), "read")


def _read(shape: type[Shape], index: int, item: Mapping[str, Any]) -> Any:
    """Return the row as a shape, or the error that says what is wrong with it."""
    try:
        return shape.model_validate_json(json.dumps(item))  # orjson stops at 64-bit integers
    except ValidationError as error:
        return Invalid(field_errors(error.errors(include_url=False, include_input=False), item))


def _shown(error: KamError, place: str) -> dict[str, Any]:
    """Return an error of a row with pointers into the body of the batch."""
    errors = [FieldError(each.code, each.message, f"{place}{each.pointer or ''}").members() for each in error.errors]
    return {"code": error.code, "detail": error.detail or error.title, "errors": errors}


class _Known:
    """The references and records of a batch, read in a constant number of statements."""

    def __init__(self, member: str, owners: dict[Reference, str], records: dict[str, Resource]) -> None:
        self._member = member
        self._owners = owners
        self._records = records

    @classmethod
    async def of(
        cls, tx: Transaction, listing: Listing, kind: str, member: str, rows: Sequence[Any], prepare: Prepare
    ) -> _Known:
        pairs = {(row.system, row.external_id) for row in rows}
        pairs |= {(ref.system, ref.external_id) for row in rows for ref in getattr(row, member).refs}
        if not pairs:
            return cls(member, {}, {})
        await tx.serialize([f"{kind}/{system}/{external_id}" for system, external_id in pairs])
        found = await tx.all(FIND_MANY, kind=kind, external_ids=sorted({pair[1] for pair in pairs}))
        owners = {(row["system"], row["external_id"]): row["entity_id"] for row in found}
        owners = {pair: owner for pair, owner in owners.items() if pair in pairs}
        ids = sorted(set(owners.values()))
        await prepare(rows, ids)
        read = await tx.all(listing.by_ids(), ids=ids)  # a statement that waited for a lock shows earlier references
        return cls(member, owners, {row["id"]: Resource(row["version"], row["document"].encode()) for row in read})

    async def upsert(self, row: Any, upsert: Upsert) -> Resource:
        """Upsert one row; the rows after it see the references that it takes."""
        identifier = self._owners.get((row.system, row.external_id))
        for ref in getattr(row, self._member).refs:
            holder = self._owners.get((ref.system, ref.external_id))
            if holder is not None and holder != identifier:
                raise ReferenceTaken("/refs", holder)
        before = None if identifier is None else self._records.get(identifier)
        record = await upsert(before, {"system": row.system, "external_id": row.external_id}, row)
        self._records[record.id] = Resource(record.version, record.body)
        for ref in record.data["refs"]:
            self._owners[(ref["system"], ref["external_id"])] = record.id
        return record
