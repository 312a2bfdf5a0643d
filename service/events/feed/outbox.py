"""Emitting: event rows are part of the transaction that makes the change, in their final bytes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.events.event import Event
from service.framework.database.columns import bind
from service.framework.database.database import Row, Writer
from service.framework.database.dialects import instant_shown
from service.framework.database.statements import Statement
from service.models.events.events import events
from service.platform.clock import instant_text
from service.platform.ids import new_id

_COLUMNS = (
    "id",
    "type",
    "schema_version",
    "account_id",
    "subject_kind",
    "subject_id",
    "subject_version",
    "occurred_at",
    "cause",
    "content",
    "body",
)
_INSERT = Statement(sa.insert(events).values({name: bind(name, events.c[name]) for name in _COLUMNS}))

GAP = "\0"
"""Stands in an event's data for what the database puts there; no text of a caller holds a NUL."""


def insert_for(
    subject: sa.Table, gaps: int, at: ColumnElement[datetime], *conditions: ColumnElement[bool]
) -> sa.Insert:
    """INSERT of one event at an instant for the row of `subject` that meets the conditions, and of none if no row does.
    The columns of `event_row` are bound as `e_<column>`, and the body as `gaps + 1` fragments `b_<number>` between
    which the instant stands.
    """
    body: ColumnElement[str] = bind("b_0", sa.Text)
    for number in range(1, gaps + 1):
        body = body + instant_shown(at) + bind(f"b_{number}", sa.Text)
    own: dict[str, Any] = {"occurred_at": at, "body": body}
    columns: list[Any] = [own.get(name, bind(f"e_{name}", events.c[name])) for name in _COLUMNS]
    row = sa.select(*columns).select_from(subject).where(*conditions)
    return sa.insert(events).from_select(list(_COLUMNS), row, include_defaults=False)


def fragments_at_gaps(body: str) -> list[str]:
    """Return the fragments of a body between its gaps, which are texts that SQL inserts."""
    pieces = body.split('"\\u0000"')
    last = len(pieces) - 1
    return [('"' if n else "") + piece + ('"' if n < last else "") for n, piece in enumerate(pieces)]


def body_fragments(
    kind: type[Event], gaps: Sequence[str], data: Mapping[str, Any], cause: Mapping[str, Any]
) -> list[str]:
    """Return `len(gaps) + 3` fragments of the body of events that SQL builds: the text before, between and after the
    id, the time and the values of `gaps`, in this order.
    """
    envelope = {
        "id": GAP,
        "type": kind.type,
        "timestamp": GAP,
        "data": {**dict.fromkeys(gaps, GAP), **data},
        "cause": dict(cause),
    }
    return orjson.dumps(envelope, default=str).decode().split('"\\u0000"')


def event_row(event: Event, at: datetime, cause: Mapping[str, Any], timestamp: str | None = None) -> Row:
    """Return the row of an event: its id, and the exact bytes that every receiver gets. `timestamp` stands in the
    place of the event's time where SQL puts it.
    """
    identifier = new_id(at)
    envelope = {
        "id": identifier,
        "type": event.type,
        "timestamp": instant_text(at) if timestamp is None else timestamp,
        "data": event.data,
        "cause": dict(cause),
    }
    return {
        "id": identifier,
        "type": event.type,
        "schema_version": event.version,
        "account_id": event.account_id,
        "subject_kind": event.subject_kind,
        "subject_id": event.subject_id,
        "subject_version": event.subject_version,
        "occurred_at": at,
        "cause": dict(cause),
        "content": None if event.content is None else orjson.dumps(event.content).decode(),
        "body": orjson.dumps(envelope, default=str).decode(),
    }


async def append(writer: Writer, rows: Sequence[Row]) -> None:
    """Insert event rows into the open transaction, in order."""
    if len(rows) == 1:
        await writer.execute(_INSERT, **rows[0])
    elif rows:
        await writer.many(_INSERT, rows)
