"""Imports of accounts from tables: batches whose rows have a column for each attribute, and a try that is undone."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from service.access.policy import Permission
from service.framework.database.database import Resource
from service.models.accounts.accounts import AccountCreate
from service.operations.accounts.accounts import ACCOUNT_RECORD
from service.platform.pointers import pointer
from service.records.context import Context, operation, refuse
from service.records.kinds import Members

Items = Sequence[dict[str, Any]]
"""Rows of a batch: `{system, external_id, account}` each."""


@dataclass(frozen=True)
class AttributeColumns:
    """How a row's attributes become those of its account: the account's other attributes stay, and null removes one.

    A text in an `untyped` column takes the kind that the account's attribute has: `convert` makes a value of the text
    and the present value, or returns None when it cannot.
    """

    names: frozenset[str]
    untyped: frozenset[str]
    convert: Callable[[str, Any], Any]

    def beside(self, data: AccountCreate, before: Members) -> AccountCreate:
        """Return the row's account with all attributes that it has afterwards. Raises Invalid."""
        if "attributes" not in data.model_fields_set:
            return data
        present: dict[str, Any] = before.get("attributes", {})
        merged = {**present, **data.attributes}
        for name in self.untyped & data.attributes.keys():
            if merged[name] is not None and present.get(name) is not None:
                merged[name] = self.convert(str(merged[name]), present[name])
                if merged[name] is None:
                    place = pointer(["attributes", name])
                    raise refuse(place, "attribute_kind", "Not of the kind that this attribute has")
        kept = {name: value for name, value in merged.items() if value is not None or name not in self.names}
        return data.model_copy(update={"attributes": kept})


class _Undone(Exception):
    """Rolls back a transaction that was only to be tried."""


@operation
async def import_accounts(ctx: Context, items: Items, columns: AttributeColumns | None = None) -> Resource:
    """Upsert accounts by their references; each row has a result, and a row that is refused changes nothing."""
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        return tx.answer(await ACCOUNT_RECORD.upserted(tx, items, columns.beside if columns else None))


async def try_import(
    ctx: Context, batches: Iterable[Items], columns: AttributeColumns | None = None
) -> AsyncIterator[Resource]:
    """Yield the results that imports of these batches would have one after the other, then undo all of them. Other
    writers of the same accounts (of SQLite: all writers) wait until then.
    """
    with suppress(_Undone):
        async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
            for items in batches:
                yield await ACCOUNT_RECORD.upserted(tx, items, columns.beside if columns else None)
            raise _Undone
