"""Emitting: event rows are part of the transaction that makes the change, in their final bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.events.event import Event
from service.framework.database.columns import bind
from service.framework.database.database import Row, Writer
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
_TOLD = tuple(name for name in _COLUMNS if name not in ("subject_version", "body"))

GAP = "\0"
"""Stands in an event's data for what the database puts there; no text of a caller holds a NUL."""


def insert_told(
    subject: sa.Table, summary: ColumnElement[Any], current: ColumnElement[Any], of_subject: ColumnElement[bool]
) -> Any:
    """INSERT of the event of a change, made from the changed row in the statement that changes it; `summary` of the
    account and `current` members are JSON text, the rest is bound by `told_row`.
    """
    columns: dict[str, ColumnElement[Any]] = {name: bind(f"e_{name}", events.c[name]) for name in _TOLD}
    head, middle, tail = (bind(f"e_{part}", sa.Text()) for part in ("head", "middle", "tail"))
    columns["subject_version"] = subject.c.version
    columns["body"] = head.op("||")(summary).op("||")(middle).op("||")(current).op("||")(tail)
    made = sa.select(*columns.values()).select_from(subject).where(of_subject)
    return sa.insert(events).from_select(list(columns), made, include_defaults=False)


def told_row(event: Event, at: datetime, cause: Mapping[str, Any]) -> Row:
    """What `insert_told` binds, for an event whose data has a GAP for `account` and, after it, one for `current`."""
    row = event_row(event, at, cause)
    head, middle, tail = row["body"].split('"\\u0000"')
    told = {f"e_{name}": row[name] for name in _TOLD}
    return {**told, "e_head": head, "e_middle": middle, "e_tail": tail}


def told_pieces(
    kind: type[Event], gaps: Sequence[str], data: Mapping[str, Any], at: datetime, cause: Mapping[str, Any]
) -> list[str]:
    """The body of events that the database makes, cut where it puts in: the id, and each of the `gaps` of the data, in
    this order. So many pieces and two more.
    """
    envelope = {
        "id": GAP,
        "type": kind.type,
        "timestamp": instant_text(at),
        "data": {**dict.fromkeys(gaps, GAP), **data},
        "cause": dict(cause),
    }
    return orjson.dumps(envelope, default=str).decode().split('"\\u0000"')


def event_row(event: Event, at: datetime, cause: Mapping[str, Any]) -> Row:
    """The row of an event: its id, and the exact bytes that every receiver gets."""
    identifier = new_id(at)
    envelope = {
        "id": identifier,
        "type": event.type,
        "timestamp": instant_text(at),
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
