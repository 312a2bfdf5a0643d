"""Emitting: event rows are part of the transaction that makes the change, in their final bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from service.events.catalogue import Event
from service.models.events import events
from service.platform.clock import instant_text
from service.platform.database import Row, Writer
from service.platform.ids import new_id
from service.platform.statements import Statement

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
    "body",
    "dedupe_key",
)
_INSERT = Statement(
    sa.insert(events).values({name: sa.bindparam(name, type_=events.c[name].type) for name in _COLUMNS})
)


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
        "body": orjson.dumps(envelope, default=str).decode(),
        "dedupe_key": None,
    }


async def append(writer: Writer, rows: Sequence[Row]) -> None:
    """Insert event rows into the open transaction, in order."""
    if len(rows) == 1:
        await writer.execute(_INSERT, **rows[0])
    elif rows:
        await writer.many(_INSERT, rows)
