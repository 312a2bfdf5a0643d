"""The vocabulary in which graph.py declares types and edges: data from which the schema, the SQL and the permissions of
the graph are derived.

A type says which rows it has and who may read them; an edge says how rows of one type lead to rows of another. Nothing
here knows an account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.listing import Listing, Sort
from service.framework.graph.calls import Call
from service.framework.graph.names import camel, snake


@dataclass(frozen=True, slots=True)
class Type:
    """An object type with an id of its own: its name in the schema, the read model and the listing it shares with REST,
    and who may read it.
    """

    name: str
    model: type[BaseModel]
    listing: Listing
    permission: Any
    filter: type[BaseModel] | None = None
    past: Listing | None = None
    """The same rows as they were at an instant (`asOf` of its root fields), where that can be read."""


@dataclass(frozen=True, slots=True)
class One:
    """An edge to one row or none: `column` of the source row names the target row by its id."""

    source: str
    field: str
    target: str
    column: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Many:
    """An edge to a page of rows: `column` of the target rows names the source row. Without a source it is a root field
    over all rows.
    """

    source: str
    field: str
    target: str
    column: str = ""
    description: str = ""
    sort: tuple[Sort, ...] = ()
    """The order when the caller names none; the listing's own if this is empty."""


@dataclass(frozen=True, slots=True)
class Document:
    """An edge to a document about one row, of a read model without an id: `expression` is its raw JSON over the
    source's table, and `finish` makes the document of REST of it where SQL alone can't.
    """

    source: str
    field: str
    target: str
    model: type[BaseModel]
    expression: ColumnElement[Any]
    permission: Any
    finish: Callable[..., Any] | None = None
    description: str = ""
    dated: bool = False
    """Whether `finish` takes the present instant too, because the document holds ages."""
    past: ColumnElement[Any] | None = None
    """The same document as of the instant that its root field looks back to; without one it holds for the present only
    and is refused there.
    """


Edge = One | Many | Document


class Graph:
    """Types and edges by name, and the names of their members in both spellings."""

    def __init__(
        self,
        types: Iterable[Type],
        edges: Iterable[Edge],
        pages: Iterable[Many],
        queries: Iterable[Call] = (),
        mutations: Iterable[Call] = (),
        subscriptions: Iterable[Call] = (),
        vocabularies: Iterable[type[StrEnum]] = (),
    ) -> None:
        self.vocabularies = tuple(vocabularies)
        self.calls = {call.name: call for call in queries}
        self.mutations = {call.name: call for call in mutations}
        self.subscriptions = {call.name: call for call in subscriptions}
        self.types = {kind.name: kind for kind in types}
        self.edges = {(edge.source, edge.field): edge for edge in edges}
        self.pages = {page.field: page for page in pages}
        documents = [edge for edge in self.edges.values() if isinstance(edge, Document)]
        self.permissions: dict[str, Any] = {
            **{kind.name: kind.permission for kind in self.types.values()},
            **{edge.target: edge.permission for edge in documents},
        }
        self.every_permission = frozenset(self.permissions.values())
        self._needed: dict[frozenset[str], tuple[Any, ...]] = {}
        self.singles = {name[:1].lower() + name[1:]: name for name in self.types}
        self._roots = {"node", "nodes", *self.singles, *self.pages, *self.calls, *self.mutations, *self.subscriptions}
        self._members = {camel(name): name for kind in self.types.values() for name in kind.model.model_fields}

    def needed(self, types: frozenset[str]) -> tuple[Any, ...]:
        """Return the permissions that reading these types takes, in the order of the types' names."""
        kept = self._needed.get(types)
        if kept is None:
            known = self.permissions
            kept = self._needed[types] = tuple(dict.fromkeys(known[each] for each in sorted(types) if each in known))
        return kept

    def answers(self, name: str) -> bool:
        """Whether a root field is declared here, and so answered without its resolver."""
        return name in self._roots

    def call(self, name: str, *, mutation: bool) -> Call | None:
        """The operation behind a root field, if it is one."""
        return (self.mutations if mutation else self.calls).get(name)

    def member(self, field_name: str) -> str:
        """The member of a read model behind a field."""
        return self._members.get(field_name) or snake(field_name)
