"""Identifiers: UUIDv7, so that ids sort by the time they were made and new rows go to the end of an index."""

import uuid
from datetime import UTC, datetime, timedelta

import uuid_utils

SYSTEM_ID = "00000000-0000-7000-8000-000000000000"
"""The id in place of an API key's when the service itself acts."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(at: datetime | None = None) -> str:
    """Return a new UUIDv7 in canonical text. `at` sets the embedded time (milliseconds), by default the machine's."""
    if at is None:
        return str(uuid_utils.uuid7())
    return str(uuid_utils.uuid7(nanoseconds=(at - _EPOCH) // timedelta(microseconds=1) * 1000))


def first_id(at: datetime) -> str:
    """Return the lowest UUIDv7 of an instant, to the millisecond: every id made from then on sorts behind it."""
    milliseconds = max((at - _EPOCH) // timedelta(milliseconds=1), 0)
    return str(uuid.UUID(int=(milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | 0x2 << 62))
