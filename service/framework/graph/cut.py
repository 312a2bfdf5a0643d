"""Where a statement would nest deeper than SQLite parses, it is cut: the rest is read by the ids of the rows in a
statement of its own.

SQLite's parser (before 3.46) has a stack of 100, of which every nested subquery takes a share; PostgreSQL needs no cut.
The number of statements still depends on the document alone, never on the rows. Shares were measured on SQLite 3.40 and
rounded up.
"""

from __future__ import annotations

from dataclasses import replace

from service.framework.database.columns import Exact, Json
from service.framework.database.dialects import JsonDocument
from service.framework.graph.edges import Graph
from service.framework.graph.selection import Connection, Item, Leaf, Nested, Selection, Single

ROOM = 88
_SINGLE, _PLAIN, _PAGE = 15, 26, 36
_VALUE, _NUMBER, _SUBQUERY = 8, 24, 45
_LEAST = 15
"""What an edge must leave for what is below it, or it is cut itself."""


class Cutter:
    """Cuts selections so that each statement stays within the room."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def rows(self, selection: Selection, room: int = ROOM) -> Selection:
        """The selection with everything that does not fit into the room in its `tail`."""
        if all(self._share(item, selection) <= room for item in selection.items):
            return selection
        kept: list[Item] = []
        later: list[Item] = []
        for item in selection.items:
            fitting = self._fit(item, selection, room)
            (later if fitting is None else kept).append(fitting or item)
        if not later:
            return Selection.of(selection.typename, kept)
        return replace(
            Selection.of(selection.typename, kept),
            tail=self.rows(Selection.of(selection.typename, later)),
            order=tuple(item.key for item in selection.items),
            connections=selection.connections,
        )

    def page(self, connection: Connection, room: int = ROOM) -> Connection:
        """The connection with its rows cut."""
        left = room - _own(connection)
        return replace(connection, nodes=tuple(self.rows(node, left) for node in connection.nodes))

    def _fit(self, item: Item, selection: Selection, room: int) -> Item | None:
        """The item within the room; None when it is to be read later."""
        if self._share(item, selection) <= room:
            return item
        if isinstance(item, Single | Connection) and room - _own(item) >= _LEAST:
            if isinstance(item, Connection):
                return self.page(item, room)
            return replace(item, shape=self.rows(item.shape, room - _own(item)))
        return None

    def _share(self, item: Item, selection: Selection) -> int:
        """What an item takes of the room, with everything below it."""
        if isinstance(item, Single):
            return _own(item) + self._widest(item.shape)
        if isinstance(item, Connection):
            return _own(item) + max((self._widest(node) for node in item.nodes), default=_VALUE)
        if isinstance(item, Nested) and item.edge is not None:
            return _SUBQUERY
        if isinstance(item, Leaf | Nested):
            shown = self._graph.types[selection.typename].listing.members.get(item.member)
            kind = None if shown is None else shown.type
            if isinstance(kind, JsonDocument | Json):
                return _SUBQUERY
            return _NUMBER if isinstance(kind, Exact) else _VALUE
        return _VALUE

    def _widest(self, selection: Selection) -> int:
        return max(self._share(item, selection) for item in selection.items)


def _own(item: Single | Connection) -> int:
    if isinstance(item, Single):
        return _SINGLE
    return _PLAIN if item.plain else _PAGE
