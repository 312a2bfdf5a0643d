"""Many upserts at once: a result per row, one transaction; rows that change nothing cost no statement of their own."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, ValidationError, WithJsonSchema

from service.access.policy import Permission
from service.framework.database.database import Resource
from service.models.accounts.accounts import AccountCreate
from service.platform.errors import Invalid, KamError, ReferenceTaken
from service.platform.pointers import field_errors, pointer
from service.platform.types import Count, Id, Name, Shape, Slug, Version
from service.queries.accounts import refs as references
from service.queries.accounts.accounts import ACCOUNTS
from service.records.accounts.accounts import KIND, apply_upsert
from service.records.context import Context, Transaction, operation

MOST_ROWS = 1000


class BatchRow(Shape):
    """One account to upsert by its reference."""

    system: Slug = Field(description="The other system")
    external_id: Name = Field(description="The account's id there")
    account: AccountCreate = Field(description="The account; members that are not sent stay as they are")


AnyRow = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {"type": "object", "description": "One row: `system`, `external_id` and `account`, judged on its own"}
    ),
]


class BatchUpsert(Shape):
    """Accounts to upsert, at most 1,000. Rows are judged one by one: a bad row fails alone."""

    items: Annotated[list[AnyRow], Field(min_length=1, max_length=MOST_ROWS)] = Field(
        description="Rows of `{system, external_id, account}`"
    )


class RowError(Shape):
    """Why a row failed."""

    code: Name = Field(description="An error code of the catalogue")
    detail: Name = Field(description="What is wrong, in words")
    errors: Annotated[list[dict[str, str]], Field(max_length=50)] = Field(
        description="Members at fault, with pointers into the body"
    )


class RowResult(Shape):
    """What became of one row."""

    index: Count = Field(description="The row's place in the request, from 0")
    outcome: Literal["created", "updated", "unchanged", "failed"] = Field(description="What became of it")
    id: Id | None = Field(description="The account's id")
    version: Version | None = Field(description="The account's version now")
    error: RowError | None = Field(description="Why it failed")


class BatchResult(Shape):
    """A result per row, in the order of the request, and the sums."""

    items: Annotated[list[RowResult], Field(max_length=MOST_ROWS)] = Field(description="A result per row")
    created: Count = Field(description="How many were created")
    updated: Count = Field(description="How many were updated")
    unchanged: Count = Field(description="How many were as they should be")
    failed: Count = Field(description="How many failed")


@operation
async def batch_upsert_accounts(ctx: Context, batch: BatchUpsert) -> Resource:
    """Upsert accounts by reference; the good rows are written together, each bad row is told with its error and
    changes nothing.
    """
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        rows = [_read(index, item) for index, item in enumerate(batch.items)]
        known = await _Known.of(tx, [row for row in rows if isinstance(row, BatchRow)])
        results = []
        for index, row in enumerate(rows):
            try:
                if isinstance(row, KamError):
                    raise row
                account = await known.upsert(ctx, tx, row, f"/items/{index}/account")
                results.append(
                    {
                        "index": index,
                        "outcome": account.outcome,
                        "id": account.id,
                        "version": account.version,
                        "error": None,
                    }
                )
            except KamError as error:
                results.append(
                    {"index": index, "outcome": "failed", "id": None, "version": None, "error": _told(error)}
                )
        sums = {
            name: sum(result["outcome"] == name for result in results)
            for name in ("created", "updated", "unchanged", "failed")
        }
        return tx.answer(Resource(1, orjson.dumps({"items": results, **sums}), "read"))


def _read(index: int, item: dict[str, Any]) -> BatchRow | KamError:
    """The row as a shape, or what is wrong with it."""
    try:
        return BatchRow.model_validate_json(json.dumps(item))  # orjson stops at 64-bit integers
    except ValidationError as error:
        place = pointer(["items", index])
        told = field_errors(error.errors(include_url=False, include_input=False), item)
        return Invalid([type(one)(one.code, one.message, f"{place}{one.pointer or ''}") for one in told])


def _told(error: KamError) -> dict[str, Any]:
    return {
        "code": error.code,
        "detail": error.detail or error.title,
        "errors": [one.members() for one in error.errors],
    }


class _Known:
    """The batch's references and accounts, read and locked in a constant number of statements."""

    def __init__(self, owners: dict[tuple[str, str], str], accounts: dict[str, Resource]) -> None:
        self._owners = owners
        self._accounts = accounts

    @classmethod
    async def of(cls, tx: Transaction, rows: list[BatchRow]) -> _Known:
        pairs = {(row.system, row.external_id) for row in rows}
        pairs |= {(ref.system, ref.external_id) for row in rows for ref in row.account.refs}
        if not pairs:
            return cls({}, {})
        await tx.serialize([f"{KIND}/{system}/{external_id}" for system, external_id in pairs])
        found = await tx.all(references.FIND_MANY, kind=KIND, external_ids=sorted({pair[1] for pair in pairs}))
        owners = {(row["system"], row["external_id"]): row["entity_id"] for row in found}
        owners = {pair: owner for pair, owner in owners.items() if pair in pairs}
        ids = sorted(set(owners.values()))
        await tx.all(ACCOUNTS.by_ids(lock=True), ids=ids)
        read = await tx.all(ACCOUNTS.by_ids(), ids=ids)  # what waited for a lock shows references of before the wait
        return cls(owners, {row["id"]: Resource(row["version"], row["document"].encode()) for row in read})

    async def upsert(self, ctx: Context, tx: Transaction, row: BatchRow, place: str) -> Resource:
        """Upsert one row; what it takes or creates is known to the rows after it."""
        own = {"system": row.system, "external_id": row.external_id}
        identifier = self._owners.get((row.system, row.external_id))
        for ref in row.account.refs:
            holder = self._owners.get((ref.system, ref.external_id))
            if holder is not None and holder != identifier:
                raise ReferenceTaken(f"{place}/refs", holder)
        before = None if identifier is None else self._accounts.get(identifier)
        account = await apply_upsert(ctx, tx, before, own, row.account, place)
        self._accounts[account.id] = Resource(account.version, account.body)
        for ref in account.data["refs"]:
            self._owners[(ref["system"], ref["external_id"])] = account.id
        return account
