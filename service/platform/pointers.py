"""Turn pydantic's errors into the service's field errors: JSON pointers or parameter names, never values."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from service.platform.errors import MOST_ERRORS, FieldError
from service.platform.patterns import sentence


def reasons(error: ValidationError) -> list[Any]:
    """Return pydantic's error details without values, in words that show no pattern."""
    return worded(error.errors(include_url=False, include_input=False))


def worded(errors: Iterable[Any]) -> list[Any]:
    """Return error details with the sentence of a pattern in the place of the pattern itself."""
    return [
        {**error, "msg": sentence(error["ctx"]["pattern"])} if error["type"] == "string_pattern_mismatch" else error
        for error in errors
    ]


def field_errors(errors: Iterable[Any], body: Any = None, *, parameter: bool = False) -> list[FieldError]:
    """Return pydantic's error details as field errors with JSON pointers or parameter names, never values; the first
    100 of them.

    `body` is the parsed JSON: parts of a location that are not in it are names of union members and are cut.
    """
    found: list[FieldError] = []
    for error in errors:
        place = tuple(str(part) for part in _location(error, body))
        message = str(error["msg"])
        where = {"parameter": (place[0] if place else "")[:200]} if parameter else {"pointer": pointer(place)}
        found.append(FieldError(code=error["type"], message=message, **where))
        if len(found) == MOST_ERRORS:
            break
    return found


def pointer(parts: Iterable[str | int]) -> str:
    """Return the RFC 6901 JSON pointer to a member, cut after 500 characters. The empty text points to the whole
    document.
    """
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)[:500]


def _location(error: Any, body: Any) -> tuple[str | int, ...]:
    """Return the location without the names of union members, which the body does not contain."""
    parts: tuple[str | int, ...] = error["loc"]
    if body is None:
        return parts
    kept: list[str | int] = []
    here = body
    for part in parts:
        if isinstance(here, list) and isinstance(part, int):
            kept.append(part)
            here = here[part] if part < len(here) else None
        elif isinstance(here, dict) and (part in here or (part == parts[-1] and error["type"] == "missing")):
            kept.append(part)
            here = here.get(part)
    return tuple(kept)
