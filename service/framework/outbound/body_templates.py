"""Body templates: JSON with placeholders, such as `{"text": "{data.account.name} moved"}`. Nothing is executed.

A placeholder is a path in braces. A text that consists of one placeholder becomes the value itself, of any type; inside
a longer text the value is written as text. A member whose placeholder the event lacks is left out; an item of a list is
null then, so that places stay, and inside a longer text it is empty. `{{` and `}}` stand for braces. Everything else is
constant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

ROOTS = ("id", "type", "timestamp", "data", "cause")
"""The first steps that a path may have: the members of an event."""

TEXT = r"^([^{}\u0000]|\{\{|\}\}|\{(id|type|timestamp|data|cause)(\.[A-Za-z0-9_-]{1,100}){0,8}\})*$"
"""The pattern of a text with placeholders, doubled braces and other characters."""

DEEPEST = 8
MOST_MEMBERS = 200
MOST_PLACEHOLDERS = 50
LARGEST = 8_000
"""Limits of a template: levels, values, placeholders, and bytes as JSON."""

LONGEST_VALUE = 2_000
"""The longest value inside a text, in characters; longer ones are cut."""

_PART = re.compile(r"\{\{|\}\}|\{([A-Za-z0-9_.-]+)\}|[^{}]+")
_WHOLE = re.compile(TEXT)

_ABSENT = object()
"""What the event lacks."""

Render = Callable[[Mapping[str, Any]], Any]
Part = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of a template; `place` holds the steps to the value."""

    place: tuple[str | int, ...]
    code: str
    message: str


def faults(template: Any) -> list[Fault]:
    """Return the faults of a template: an empty list, or the first fault found."""
    try:
        size = len(orjson.dumps(template))
    except TypeError:  # a number of more than 64 bits
        return [Fault((), "template_not_json", "Must be JSON, with numbers of at most 64 bits")]
    if size > LARGEST:
        return [Fault((), "template_too_large", f"Must take at most {LARGEST} bytes as JSON")]
    placeholders = members = 0
    for place, value in _values(template, ()):
        members += 1
        if place and "\0" in str(place[-1]):
            return [Fault(place[:-1], "name_format", "A name holds no NUL")]
        if len(place) > DEEPEST:
            return [Fault(place, "template_too_deep", f"Must have at most {DEEPEST} levels")]
        if isinstance(value, float) and not math.isfinite(value):
            return [Fault(place, "number_range", "Must fit a double")]
        if isinstance(value, str):
            if not _WHOLE.fullmatch(value):
                return [
                    Fault(place, "placeholder_unknown", "A path begins with " + ", ".join(ROOTS) + "; braces double")
                ]
            placeholders += sum(isinstance(part, tuple) for part in _parts(value))
    if members > MOST_MEMBERS:
        return [Fault((), "template_too_large", f"Must hold at most {MOST_MEMBERS} values")]
    if placeholders > MOST_PLACEHOLDERS:
        return [Fault((), "too_many_placeholders", f"Must have at most {MOST_PLACEHOLDERS} placeholders")]
    return []


def compiled(template: Any) -> Render:
    """Return the function that fills a template without faults from an event."""
    if isinstance(template, str):
        return _text(list(_parts(template)))
    if isinstance(template, Mapping):
        fields = {name: compiled(value) for name, value in template.items()}
        return lambda event: {name: value for name, fill in fields.items() if (value := fill(event)) is not _ABSENT}
    if isinstance(template, list):
        items = [compiled(value) for value in template]
        return lambda event: [None if (value := fill(event)) is _ABSENT else value for fill in items]
    return lambda event: template


def paths(template: Any) -> Iterator[tuple[tuple[str | int, ...], tuple[str, ...]]]:
    """Yield the path of each placeholder of a template without faults, after the steps to the value that holds it."""
    for place, value in _values(template, ()):
        if isinstance(value, str):
            yield from ((place, part) for part in _parts(value) if isinstance(part, tuple))


def _values(value: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, Mapping):
        yield place, None
        for name, inner in value.items():
            yield from _values(inner, (*place, name))
    elif isinstance(value, list):
        yield place, None
        for index, inner in enumerate(value):
            yield from _values(inner, (*place, index))
    else:
        yield place, value


def _parts(text: str) -> Iterator[Part]:
    """Split a text into constants (as text) and paths (as tuples)."""
    for match in _PART.finditer(text):
        whole, path = match[0], match[1]
        if path is not None:
            yield tuple(path.split("."))
        else:
            yield whole[0] if whole in ("{{", "}}") else whole


def _text(parts: Sequence[Part]) -> Render:
    if len(parts) == 1 and isinstance(parts[0], tuple):
        path = parts[0]
        return lambda event: _found(event, path)
    if not any(isinstance(part, tuple) for part in parts):
        constant = "".join(str(part) for part in parts)
        return lambda event: constant

    def fill(event: Mapping[str, Any]) -> str:
        return "".join([part if isinstance(part, str) else _written(_found(event, part)) for part in parts])

    return fill


def _found(event: Any, path: tuple[str, ...]) -> Any:
    """Return the value at a path, or `_ABSENT`. Steps are names of members and numbers of items."""
    here = event
    for step in path:
        if isinstance(here, Mapping):
            here = here.get(step, _ABSENT)
        elif isinstance(here, list) and step.isascii() and step.isdigit() and len(step) < 6 and int(step) < len(here):
            here = here[int(step)]
        else:
            return _ABSENT
    return here


def _written(value: Any) -> str:
    if value is None or value is _ABSENT:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
