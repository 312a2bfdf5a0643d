"""An instant of the past as clients write it: a calendar day, or a time with an offset."""

from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from service.platform.types import DAY, INSTANT


def _moment(value: Any) -> date | datetime:
    """Return the day or the instant that a text spells."""
    if isinstance(value, str):
        try:
            if DAY.fullmatch(value):
                return date.fromisoformat(value)
            if INSTANT.fullmatch(value):
                return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # the pattern fits, but no calendar has such a day or hour
    message = "Must be a date as YYYY-MM-DD, or an RFC 3339 instant with an offset, like 2026-11-21T21:35:00Z"
    raise PydanticCustomError("moment_format", "{message}", {"message": message})


Moment = Annotated[
    date | datetime,
    PlainValidator(_moment),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt][0-9:.]{8,18}([Zz]|[+-][0-9]{2}:[0-9]{2}))?$",
            "maxLength": 40,
            "examples": ["2026-06-30"],
        }
    ),
]
"""A calendar day as YYYY-MM-DD, or an RFC 3339 instant with an offset. Inside a `date`, or an aware UTC `datetime`."""
