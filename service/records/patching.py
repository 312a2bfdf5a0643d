"""PATCH of a plain record: read it, then change the version that was read and insert the event, with one statement.

No lock is held and no transaction is open between the two, so a PATCH costs two round trips instead of six. The event
is built by its event class from the documents before and after. The document after the change is the one before it
with the new values: this holds for members that show one column of their own and on which nothing else depends.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.events.event import Event
from service.events.feed import outbox
from service.framework.database.columns import bind
from service.framework.database.database import ConstraintViolated, Resource
from service.framework.database.dialects import json_value, moment, written_at
from service.framework.database.listing import Listing, as_resource
from service.framework.database.statements import ChangeThenInsert, Statement
from service.models.accounts.accounts import accounts
from service.platform.clock import instant_text
from service.platform.errors import NotFound
from service.platform.kept import Kept
from service.queries.accounts.accounts import summary_of
from service.records.context import Transaction, violated
from service.records.rows import Expected, check_version, differing

_STATEMENTS: Kept[tuple[str, ...], Statement] = Kept(1000)


async def patch_at_once(
    tx: Transaction,
    listing: Listing,
    identifier: str,
    values: Mapping[str, Any],
    expected: Expected,
    event: Callable[..., Event],
    what: str,
) -> Resource | None:
    """Change plain members of a live record and insert the event; writes nothing when no value differs.

    `event` is the `between` of the event's class: it gets the documents before and after, and for a record of an
    account the account's summary. `what` names the record in NotFound. Returns None, with nothing written, when
    another change came in between or a member is not plain: then the caller takes the lock. Raises NotFound and
    StaleVersion.
    """
    if not values.keys() <= listing.own_columns:
        return None
    owned = "account_id" in listing.table.c
    row = await tx.one(_reading(listing, owned), id=identifier)
    before = as_resource(row)
    if row is None or before is None:
        raise NotFound(what)
    check_version(before, expected)
    changes = differing(before.data, values)
    if not changes:
        before.outcome = "unchanged"
        return before
    names = tuple(filter(changes.__contains__, listing.members))
    changed = {name: changes[name] for name in names}
    after = _changed(listing, before, changed, outbox.GAP)
    summary = orjson.loads(row["account"]) if owned else None
    fact = event(before.data, after, summary) if owned else event(before.data, after)
    event_row = outbox.event_row(fact, tx.now, tx.cause, outbox.GAP)
    fragments = outbox.fragments_at_gaps(event_row["body"])
    binds = {f"e_{name}": value for name, value in event_row.items()}
    binds |= {f"b_{number}": fragment for number, fragment in enumerate(fragments)}
    binds |= {f"v_{name}": value for name, value in changes.items()}
    binds |= {"id": identifier, "seen": before.version, "v_now": tx.now, "v_live": tx.live}
    if summary is not None:
        binds |= {"account": summary["id"], "account_seen": summary["version"]}
    gaps = len(fragments) - 1
    statement = _STATEMENTS.made((listing.name, str(gaps), *names), lambda: _writing(listing, names, owned, gaps))
    try:
        at = await tx.value(statement, **binds)
    except ConstraintViolated as error:
        raise violated(error) from None
    if at is None:
        return None
    return Resource.of(before.version + 1, {**after, "updated_at": instant_text(at)}, "updated")


def _changed(listing: Listing, before: Resource, changes: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return the document with new values, as a read of it would show them."""
    columns = listing.table.c
    shown = {name: json_value(value, columns[name].type) for name, value in changes.items()}
    return {**before.data, **shown, "version": before.version + 1, "updated_at": at}


def _reading(listing: Listing, owned: bool) -> Statement:
    """Return the SELECT of version and document by `:id`; for a record of an account, also of the account's summary."""
    if not owned:
        return listing.by_id()
    query = listing.by_id().clause
    summary = summary_of(listing.table.c.account_id).label("account")
    return _STATEMENTS.made((listing.name,), lambda: Statement(query.add_columns(summary)))


def _writing(listing: Listing, names: tuple[str, ...], owned: bool, gaps: int) -> Statement:
    """Return the UPDATE of the version that was read and the INSERT of its event. For a record of an account
    that account's row is locked first, in the version whose summary was read: an account's events are numbered in the
    order of its changes, and their time is read once the lock is there. The statement returns `updated_at`.
    """
    table = listing.table
    c = table.c
    this, seen = c.id == bind("id", c.id), bind("seen", c.version)
    one: ColumnElement[int] = sa.literal_column("1")
    values: dict[str, Any] = {name: bind(f"v_{name}", c[name]) for name in names}
    values |= {"version": c.version + one, "updated_at": moment("v_now", "v_live")}
    change = sa.update(table).where(this, c.version == seen, c.deleted_at.is_(None)).values(values)
    owner = None
    at: ColumnElement[Any] = c.updated_at  # the event shows the record with this time
    if table is accounts:
        at = written_at(c.updated_at)
    if owned:
        a = accounts.c
        owner = sa.select(a.id).where(
            a.id == bind("account", a.id), a.version == bind("account_seen", a.version), a.deleted_at.is_(None)
        )
    insert = outbox.insert_for(table, gaps, at, this, c.version == seen + one)
    updated_at = sa.select(c.updated_at).where(this).scalar_subquery()
    return ChangeThenInsert(table, change, insert.returning(updated_at), moment("v_now", "v_live"), owner)
