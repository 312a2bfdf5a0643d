"""Reading JSON that a client sent: refuses what parsers disagree about or what the database cannot hold, saying where.

RFC 8259 leaves open what a member that appears twice means, and parsers differ about NaN, numbers beyond a double, NUL
and lone surrogates in text. Each of them has made a service answer 500, or read something else than its neighbour did.
"""

import json
import math
import re
from typing import Any, NoReturn

import orjson

from service.platform.errors import FieldError, Invalid, MalformedRequest
from service.platform.pointers import pointer

MAX_DEPTH = 200
MAX_VALUES = 200_000

_END_OF_NAME = re.compile(rb'"[ \t\r\n]*:')
_SUSPECT = re.compile(r"\\u0000|\\u[dD][89a-fA-F]|[eE]\+?[0-9]{3}|[0-9]{300}")
_MESSAGES = {
    "duplicate_member": "This member appears twice",
    "string_nul": "Text must not contain NUL characters",
    "string_surrogate": "Text must not contain lone surrogates",
    "number_range": "The number is too large",
    "too_many_values": f"A body may have at most {MAX_VALUES:,} values",
}


class _DuplicateMember(ValueError):
    """A member appears twice somewhere."""


class _Unclear(ValueError):
    """The fast parser may have read a number otherwise than it was written."""


class _Pairs(list[tuple[str, Any]]):
    """An object as its pairs, to find the member that appears twice."""


def read_json(raw: bytes) -> Any:
    """Return the parsed JSON text.

    Raises MalformedRequest when it is not JSON (RFC 8259, UTF-8) or nested more than `MAX_DEPTH` deep, and Invalid with
    a JSON pointer for a duplicate member, NUL or a lone surrogate in text, a number that no double can hold, and for
    more than `MAX_VALUES` commas and opening brackets: they are counted before any object is made, since an empty list
    takes three bytes to send and sixty to hold.
    """
    if len(raw) > MAX_VALUES and raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MAX_VALUES:
        _refuse((), "too_many_values")
    try:
        parsed = orjson.loads(raw)
        # Every member's name ends in a quote and a colon, so a text with exactly as many of them as there are members
        # has no member twice. Texts in values may look the same (`\":`): the slow reading decides about those.
        if b"\\u0000" not in raw and len(_END_OF_NAME.findall(raw)) == _count_members(parsed, 0):
            return parsed
    except ValueError:
        pass
    return _read_slowly(raw)


def _count_members(value: Any, depth: int) -> int:
    """Return how many members all objects of a value have; raises _Unclear for an integer that was read as a double,
    and for deep nesting.
    """
    if depth > MAX_DEPTH:
        raise _Unclear
    if isinstance(value, dict):
        return len(value) + sum([_count_members(inner, depth + 1) for inner in value.values() if type(inner) in _OPEN])
    if isinstance(value, list):
        return sum([_count_members(inner, depth + 1) for inner in value if type(inner) in _OPEN])
    if isinstance(value, float) and abs(value) >= 2**63:
        raise _Unclear
    return 0


_OPEN = frozenset((dict, list, float))


def _read_slowly(raw: bytes) -> Any:
    """Return the parsed JSON text, or raise with the place and the reason."""
    try:
        text = raw.decode()
        parsed = _DECODER.decode(text)
        _search(parsed, (), look_inside=_SUSPECT.search(text) is not None)
    except _DuplicateMember:
        _refuse_duplicate(raw.decode())
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not JSON: error at character {error.pos}") from None
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply") from None
    except ValueError:
        raise MalformedRequest("The body is not JSON: it holds a number that is not one, or is too long") from None
    return parsed


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; raises _DuplicateMember when a member appears twice."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _DuplicateMember
    return made


def _constant(_: str) -> NoReturn:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _refuse_duplicate(text: str) -> NoReturn:
    """Raise Invalid with the place of the first member that appears twice."""
    tree = json.JSONDecoder(object_pairs_hook=_Pairs).decode(text)
    _find_duplicate(tree, ())
    raise MalformedRequest("A member appears twice")


def _find_duplicate(value: Any, path: tuple[str | int, ...]) -> None:
    """Walk the pairs down to the member that appears twice."""
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, inner in value:
            if name in seen:
                _refuse((*path, name), "duplicate_member")
            seen.add(name)
            _find_duplicate(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _find_duplicate(inner, (*path, index))


def _search(value: Any, path: tuple[str | int, ...], *, look_inside: bool) -> None:
    """Walk the values to a text or number that the database cannot hold, or to nesting that is too deep."""
    if len(path) > MAX_DEPTH:
        raise RecursionError
    if isinstance(value, dict):
        for name, inner in value.items():
            if look_inside:
                _check_text(name, path)
            _search(inner, (*path, name), look_inside=look_inside)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _search(inner, (*path, index), look_inside=look_inside)
    elif not look_inside:
        return
    elif isinstance(value, str):
        _check_text(value, path)
    elif (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, int) and abs(value) > 10**300):
        _refuse(path, "number_range")


def check_numbers(value: Any, path: tuple[str | int, ...] = ()) -> None:
    """Raise Invalid, with the place below `path`, for a number that does not fit a double."""
    if isinstance(value, dict):
        for name, inner in value.items():
            check_numbers(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            check_numbers(inner, (*path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        _refuse(path, "number_range")


def _check_text(text: str, path: tuple[str | int, ...]) -> None:
    """Refuse a NUL or a lone surrogate in a text or a member's name."""
    if "\x00" in text:
        _refuse(path, "string_nul")
    if any("\ud800" <= character <= "\udfff" for character in text):
        _refuse(path, "string_surrogate")


def _refuse(path: tuple[str | int, ...], code: str) -> NoReturn:
    """Raise Invalid for the member at `path`."""
    raise Invalid([FieldError(code=code, message=_MESSAGES[code], pointer=pointer(path))])
