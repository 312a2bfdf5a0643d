"""The GraphQL side of plain records, derived from their declarations: types, edges, pages, queries and mutations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

from service.framework.graph.calls import (
    Call,
    Gives,
    Takes,
    body,
    document,
    gives,
    identifier,
    if_version,
    reference,
    scalar,
)
from service.framework.graph.edges import Many, One, Type
from service.framework.graph.names import camel
from service.records.batches import ON_DELETED, BatchResult
from service.records.context import Context
from service.records.links import links_of
from service.records.plain import PlainRecord
from service.rules.vocabulary import OnDeleted

ON_DELETED_ARGUMENT = scalar(OnDeleted, OnDeleted | None, "onDeleted", ON_DELETED, default=OnDeleted.RESTORE)


def type_of(record: PlainRecord) -> Type:
    """Return the object type of a plain record."""
    return Type(record.type_name, record.read, record.listing, record.reads, record.filter)


def edges_of(record: PlainRecord, types: Iterable[Type]) -> Iterator[One | Many]:
    """Return the edges from a record to its account, its parent and the records that its members name, and back from
    its account and its parent. `types` are those that a member may lead to.
    """
    by_table = {each.listing.table.name: each.name for each in reversed(list(types))}
    table, parent = record.listing.table, record.parent
    if parent is not None:
        yield Many(parent.type_name, camel(record.names), record.type_name, parent.column, f"Its {record.plural}")
        if parent.column != "account_id":
            says = f"The {record.plural} of all its {parent.plural}"
            yield Many("Account", camel(record.names), record.type_name, "account_id", says)
            yield One(record.type_name, camel(parent.name), parent.type_name, parent.column, f"The {parent.singular}")
        yield One(record.type_name, "account", "Account", "account_id", "The account")
    for name, target in links_of(table, record.create.model_fields).items():
        says = record.create.model_fields[name].description or ""
        yield One(record.type_name, camel(name.removesuffix("_id")), by_table[target.name], name, says)


def page_of(record: PlainRecord) -> Many:
    """Return the root field that lists all records of the kind."""
    of = "" if record.parent is None else f" of all {record.parent.plural}"
    return Many("", camel(record.names), record.type_name, description=f"{record.plural.capitalize()}{of}")


def query_by_ref(record: PlainRecord) -> Call:
    """Return the query of one record by its reference."""

    async def read(ctx: Context, *given: Any) -> Any:
        *place, system, external_id = given
        return await record.get_by_ref(ctx, system, external_id, *place)

    takes = (*_place(record), *reference(record.singular))
    shown = (Gives("value", record.read, document),)
    return Call(f"{camel(record.name)}ByRef", _named(read, record, "read_by_ref"), takes, shown)


def mutations_of(record: PlainRecord) -> tuple[Call, ...]:
    """Return the mutations of a plain record: create, update, upsert, delete and the batch."""
    kind, plural = record.type_name, record.plural.title().replace(" ", "")

    async def create(ctx: Context, *given: Any) -> Any:
        *place, data = given
        return await record.add(ctx, data, *place)

    async def upsert(ctx: Context, *given: Any) -> Any:
        *place, system, external_id, data, expected, on_deleted = given
        return await record.upsert(ctx, system, external_id, data, place[0] if place else None, expected, on_deleted)

    async def update(ctx: Context, *given: Any) -> Any:
        return await record.change(ctx, *given)

    async def delete(ctx: Context, *given: Any) -> Any:
        return await record.delete(ctx, *given)

    async def put_ref(ctx: Context, *given: Any) -> Any:
        return await record.put_ref(ctx, *given)

    async def remove_ref(ctx: Context, *given: Any) -> Any:
        return await record.remove_ref(ctx, *given)

    async def batch(ctx: Context, given: Any) -> Any:
        return await record.batch_upsert(ctx, given)

    shown, sent = gives(camel(record.name), record.read), body(record.create, f"Create{kind}Input")
    changes, rows = body(record.patch, f"Update{kind}Input"), record.batch
    results = (Gives("result", BatchResult, document, "A result per row, and the sums"),)
    return (
        Call(f"create{kind}", _named(create, record, "create"), (*_place(record), sent), shown),
        Call(f"update{kind}", _named(update, record, "update"), (identifier(), changes, if_version()), shown),
        Call(
            f"upsert{kind}", _named(upsert, record, "upsert"),
            (*_place(record), *reference(record.singular), sent, if_version(creates=True), ON_DELETED_ARGUMENT), shown,
        ),
        Call(f"delete{kind}", _named(delete, record, "delete"), (identifier(), if_version()), shown),
        Call(
            f"put{kind}Ref", _named(put_ref, record, "put_ref"),
            (identifier(), *reference(record.singular), if_version()), shown,
        ),
        Call(
            f"remove{kind}Ref", _named(remove_ref, record, "remove_ref"),
            (identifier(), reference(record.singular)[0], if_version()), shown,
        ),
        Call(
            f"batchUpsert{plural}", _named(batch, record, "batch"),
            (body(rows.body, f"BatchUpsert{plural}Input", rows.shown),), results,
        ),
    )  # fmt: skip


def _place(record: PlainRecord) -> tuple[Takes, ...]:
    """Return the parent's id as an argument."""
    parent = record.parent
    return () if parent is None else (identifier(camel(parent.column), f"The {parent.singular}"),)


def _named(run: Callable[..., Awaitable[Any]], record: PlainRecord, verb: str) -> Callable[..., Awaitable[Any]]:
    """Give a function the name of the operation that it runs, and what that says of itself."""
    run.__name__ = run.__qualname__ = f"{verb}_{record.name}"
    run.__doc__ = record.words[verb].text
    return run
