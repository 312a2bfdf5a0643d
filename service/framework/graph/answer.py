"""The last step from the database's documents to the answer: what SQL can't say, and the same selections over documents
that operations return.

Most of an answer leaves the database in its final form. Left over are cursors (they are signed here), page infos, parts
of nested documents and very long response keys; only the branches that hold one of these are walked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from service.framework.graph.paging import PageArguments
from service.framework.graph.selection import (
    Connection,
    ConnectionPart,
    Constant,
    Item,
    Nested,
    Selection,
    Single,
    Withheld,
)

CURSOR = "~"
"""The member under which a row carries its sort values; no GraphQL name looks like it."""

IDENTIFIER = "~id"
"""The member under which a row carries its id for what is read of it later."""

MakeCursor = Callable[[PageArguments, Mapping[str, Any]], str]
Document = dict[str, Any]


class Finisher:
    """Finishes the documents of one run; `asked` are the arguments of its connections by slot."""

    __slots__ = ("_asked", "_cursor", "_now", "later")

    def __init__(self, asked: Mapping[int, PageArguments], cursor: MakeCursor, now: datetime) -> None:
        self._asked = asked
        self._cursor = cursor
        self._now = now
        self.later: list[tuple[Selection, str, Document]] = []
        """Rows that are not whole yet: their selection (with its tail), their id, and where the rest goes."""

    def row(self, selection: Selection, row: Document) -> Document:
        """A row in its final form; the document is changed in place where that is enough."""
        if selection.wide:
            row = {name: value for group in row.values() for name, value in group.items()}
        for item in selection.unfinished:
            label = selection.label(item)
            value = row[label]
            if isinstance(item, Connection):
                row[label] = self.connection(item, value)
            elif value is not None:
                row[label] = self.row(item.shape, value) if isinstance(item, Single) else self._nested(item, value)
        identifier = row.pop(IDENTIFIER, None)
        if selection.long_keys:
            row = {item.key: row[selection.label(item)] for item in selection.items}
        if selection.tail is not None:
            self.later.append((selection, identifier, row))
        return row

    def _nested(self, item: Item, value: Any) -> Any:
        assert isinstance(item, Nested)  # noqa: S101 - the only other kind that is unfinished
        edge = item.edge
        if edge is None or edge.finish is None:
            return project(item.shape, value)
        return project(item.shape, edge.finish(value, self._now) if edge.dated else edge.finish(value))

    def complete(self, selection: Selection, row: Document, rest: Document) -> None:
        """Put the rest of a row into it, with the keys in their order."""
        whole = {**row, **rest}
        row.clear()
        row.update((key, whole[key]) for key in selection.order)

    def connection(self, item: Connection, value: Document) -> Document:
        """A connection in its final form."""
        if item.plain:
            return self._plain(item, value)
        asked = self._asked[item.slot]
        rows: list[Document] = value["rows"]
        more = len(rows) > asked.size
        del rows[asked.size :]
        if asked.form.backward:
            rows.reverse()
        cursors = [self._cursor(asked, row.pop(CURSOR)) for row in rows] if item.wants_cursor else []
        several = len(item.nodes) > 1
        nodes = [
            [self.row(node, row[str(index)] if several else row) for row in rows]
            for index, node in enumerate(item.nodes)
        ]
        return {part.key: self._part(part, asked, nodes, cursors, more, value) for part in item.parts}

    def _plain(self, item: Connection, value: Document) -> Document:
        node, part = item.nodes[0], item.parts[0]
        if not node.final:
            rows = value[part.key]
            if part.what == "nodes":
                value[part.key] = [self.row(node, row) for row in rows]
            else:
                key = part.inner[0].key
                value[part.key] = [{key: self.row(node, row[key])} for row in rows]
        return value

    def _part(
        self,
        part: ConnectionPart,
        asked: PageArguments,
        nodes: list[list[Document]],
        cursors: list[str],
        more: bool,
        value: Document,
    ) -> Any:
        if part.what == "nodes":
            return nodes[part.node]
        if part.what == "edges":
            count = min(len(value["rows"]), asked.size)
            return [{inner.key: _edge(inner, index, nodes, cursors) for inner in part.inner} for index in range(count)]
        if part.what == "pageInfo":
            return {inner.key: _page_info(inner.what, asked, cursors, more) for inner in part.inner}
        return value["total"] if part.what == "totalCount" else part.what.removeprefix("__typename")


def _edge(part: ConnectionPart, index: int, nodes: list[list[Document]], cursors: list[str]) -> Any:
    if part.what == "node":
        return nodes[part.node][index]
    return cursors[index] if part.what == "cursor" else part.what.removeprefix("__typename")


def _page_info(what: str, asked: PageArguments, cursors: list[str], more: bool) -> Any:
    if what == "hasNextPage":
        return asked.form.before or (more and not asked.form.backward)
    if what == "hasPreviousPage":
        return asked.form.after or (more and asked.form.backward)
    if what in ("startCursor", "endCursor"):
        return cursors[0 if what == "startCursor" else -1] if cursors else None
    return what.removeprefix("__typename")


def project(selection: Selection, value: Any) -> Any:
    """What a selection asks of a document (or a list of them) in REST's spelling; edges are not followed."""
    if value is None:
        return None
    if isinstance(value, list):
        return [project(selection, part) for part in value]
    out: Document = {}
    for item in selection.items:
        if isinstance(item, Constant):
            out[item.key] = item.value
        elif isinstance(item, Withheld):
            out[item.key] = None
        elif isinstance(item, Nested):
            out[item.key] = project(item.shape, value.get(item.member))
        else:
            out[item.key] = value.get(item.member)  # type: ignore[union-attr]
    return out
