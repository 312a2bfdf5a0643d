"""Errors of the fields of an answer that are null because the caller lacks a scope."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from service.framework.graph import errors
from service.framework.graph.plan import Root
from service.framework.graph.selection import Connection, ConnectionPart, Nested, Selection, Single, Withheld
from service.platform.errors import Forbidden

Keys = tuple[str, ...]
Path = list[str | int]


def withheld_errors(root: Root, answer: Any, request_id: str | None) -> list[dict[str, Any]]:
    """Return an entry of `errors` for each withheld field of the answer of a root field.

    A field of the rows of a list has one error, at its path in the first row that shows it; without a row it is not in
    the answer and has none.
    """
    connection = root.connection
    found = [] if connection is None else list(_of_parts(connection.parts, connection, ()))
    for selection in root.selections:
        found += _of_selection(selection, ())
    entries = []
    for keys, permission in dict.fromkeys(found):
        path = _first(answer, keys)
        if path is not None:
            entries.append(errors.entry(Forbidden(permission.value), [root.key, *path], request_id))
    return entries


def _of_selection(selection: Selection, above: Keys) -> Iterator[tuple[Keys, Any]]:
    for item in selection.items:
        here = (*above, item.key)
        if isinstance(item, Withheld):
            yield here, item.permission
        elif isinstance(item, Connection):
            yield from _of_parts(item.parts, item, here)
        elif isinstance(item, Single | Nested):
            yield from _of_selection(item.shape, here)
    if selection.tail is not None:
        yield from _of_selection(selection.tail, above)


def _of_parts(parts: Sequence[ConnectionPart], connection: Connection, above: Keys) -> Iterator[tuple[Keys, Any]]:
    for part in parts:
        here = (*above, part.key)
        if part.what in ("nodes", "node"):
            yield from _of_selection(connection.nodes[part.node], here)
        else:
            yield from _of_parts(part.inner, connection, here)


def _first(value: Any, keys: Keys) -> Path | None:
    """Return the first place in an answer where these keys lead to null, with the indexes of lists."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            below = _first(each, keys)
            if below is not None:
                return [index, *below]
        return None
    if not keys:
        return [] if value is None else None
    if not isinstance(value, dict) or keys[0] not in value:
        return None
    below = _first(value[keys[0]], keys[1:])
    return None if below is None else [keys[0], *below]
