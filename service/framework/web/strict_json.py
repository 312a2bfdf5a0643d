"""Reading JSON that a client sent: refuses what parsers disagree about or what the database cannot hold, saying where.

Python's and Rust's parsers let pass what RFC 8259 leaves open: a member twice, NaN, numbers beyond a double, NUL and
lone surrogates in text. Each of them has made a service answer 500, or believe something else than its neighbour.
"""

import json
import math
import re
from typing import Any, NoReturn

from service.platform.errors import FieldError, Invalid, MalformedRequest
from service.platform.pointers import pointer

_SUSPECT = re.compile(r"\\u0000|\\u[dD][89a-fA-F]|[eE]\+?[0-9]{3}|[0-9]{300}")
_MESSAGES = {
    "duplicate_member": "This member appears twice",
    "string_nul": "Text must not contain NUL characters",
    "string_surrogate": "Text must not contain lone surrogates",
    "number_range": "The number is too large",
}


class _Twice(ValueError):
    """A member appears twice somewhere."""


class _Pairs(list[tuple[str, Any]]):
    """An object as its pairs, to find where the member is that appears twice."""


def read_json(raw: bytes) -> Any:
    """Return the parsed JSON text.

    Raises MalformedRequest when it is not JSON (RFC 8259, UTF-8), and Invalid with a JSON pointer for a duplicate
    member, NUL or a lone surrogate in text, and a number that no double can hold.
    """
    try:
        text = raw.decode()
        parsed = _DECODER.decode(text)
    except _Twice:
        _refuse_twice(raw.decode())
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise MalformedRequest(f"The body is not JSON: error at character {error.pos}") from None
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply") from None
    except ValueError:
        raise MalformedRequest("The body is not JSON: it holds a number that is not one, or is too long") from None
    if _SUSPECT.search(text):
        _search(parsed, ())
    return parsed


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object, or refuse it when a member appears twice."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Twice
    return made


def _constant(_: str) -> NoReturn:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _refuse_twice(text: str) -> NoReturn:
    """Raise Invalid with the place of the first member that appears twice."""
    tree = json.JSONDecoder(object_pairs_hook=_Pairs).decode(text)
    _find_twice(tree, ())
    raise MalformedRequest("A member appears twice")


def _find_twice(value: Any, path: tuple[str | int, ...]) -> None:
    """Walk the pairs down to the member that appears twice."""
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for name, inner in value:
            if name in seen:
                _refuse((*path, name), "duplicate_member")
            seen.add(name)
            _find_twice(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _find_twice(inner, (*path, index))


def _search(value: Any, path: tuple[str | int, ...]) -> None:
    """Walk the values to a text or number that the database cannot hold."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name, path)
            _search(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _search(inner, (*path, index))
    elif isinstance(value, str):
        _check_text(value, path)
    elif (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, int) and abs(value) > 10**300):
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
