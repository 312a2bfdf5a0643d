"""Bodies that a caller describes as JSON with placeholders: `{"text": "{data.account.name} moved"}`. An allow-listed
map of fields; nothing is executed.

A placeholder is a path in braces. A text that is nothing but one placeholder becomes the value itself, of whatever
type; inside a longer text the value is written out. What is not there is null, and nothing inside a text. `{{` and `}}`
are braces. Everything else is a constant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

ROOTS = ("id", "type", "timestamp", "data", "cause")
"""Where a path may begin: the members of an event."""

TEXT = r"^([^{}\u0000]|\{\{|\}\}|\{(id|type|timestamp|data|cause)(\.[A-Za-z0-9_-]{1,100}){0,8}\})*$"
"""The pattern of a text: placeholders, doubled braces and everything else."""

DEEPEST = 8
MOST_MEMBERS = 200
MOST_PLACEHOLDERS = 50
LARGEST = 8_000
"""Levels, values and placeholders that a template may have, and bytes that it may take as JSON."""

LONGEST_VALUE = 2_000
"""Characters of one value that are written into a text."""

_PART = re.compile(r"\{\{|\}\}|\{([A-Za-z0-9_.-]+)\}|[^{}]+")
_WHOLE = re.compile(TEXT)

Render = Callable[[Mapping[str, Any]], Any]
Part = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a template, and where: the steps to the value."""

    place: tuple[str | int, ...]
    code: str
    message: str


def faults(template: Any) -> list[Fault]:
    """What is wrong with a template: nothing, or its faults, at most one of each kind."""
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
    """The function that fills a template, which has no faults, from an event."""
    if isinstance(template, str):
        return _text(list(_parts(template)))
    if isinstance(template, Mapping):
        fields = {name: compiled(value) for name, value in template.items()}
        return lambda event: {name: fill(event) for name, fill in fields.items()}
    if isinstance(template, list):
        items = [compiled(value) for value in template]
        return lambda event: [fill(event) for fill in items]
    return lambda event: template


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
    """The pieces of a text: what stands there as text, paths as tuples."""
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
    """The value at a path, or None: members by name, items by number."""
    here = event
    for step in path:
        if isinstance(here, Mapping):
            here = here.get(step)
        elif isinstance(here, list) and step.isascii() and step.isdigit() and len(step) < 6 and int(step) < len(here):
            here = here[int(step)]
        else:
            return None
    return here


def _written(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
