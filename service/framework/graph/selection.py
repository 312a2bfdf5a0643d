"""What is asked of objects, as values: members, edges, pages, under the keys of the answer.

Selections are made once per document by plan.py; statements.py turns them into SQL, answer.py finishes what SQL can't
say. They hold no values of a request.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    ListValueNode,
    ObjectValueNode,
    VariableNode,
    get_argument_values,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from graphql.execution.values import VariableValues

from service.framework.graph.edges import Document, Many, One

LONGEST_KEY = 60
"""PostgreSQL cuts names after 63 bytes, so longer response keys are set after the database."""

WIDEST = 60
"""SQLite's json_object takes 63 members, so wider rows come in groups that are put together after the database."""


@dataclass(frozen=True, slots=True)
class Constant:
    """`__typename`: known before anything is read."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """An edge to what the caller may not read: null. `permission` is the one that the caller lacks."""

    key: str
    permission: Any


@dataclass(frozen=True, slots=True)
class Leaf:
    """A member of the row that leaves as it is."""

    key: str
    member: str
    field: str


@dataclass(frozen=True, slots=True)
class Nested:
    """A member that is a document of its own (or a list of them), of which some members are asked; `edge` when it is no
    member of the read model.
    """

    key: str
    member: str
    field: str
    shape: Selection
    edge: Document | None = None
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Single:
    """An edge to one row or none."""

    key: str
    edge: One
    shape: Selection


@dataclass(frozen=True, slots=True)
class Connection:
    """An edge to a page of rows. `parts` are what is asked beside and of the rows, `nodes` the selections of the rows
    themselves (mostly one).
    """

    key: str
    many: Many
    slot: int
    arguments: Arguments
    typename: str
    parts: tuple[ConnectionPart, ...]
    nodes: tuple[Selection, ...]
    wants_cursor: bool
    wants_page: bool
    wants_total: bool

    @property
    def types(self) -> frozenset[str]:
        """The types of the rows and of everything below them."""
        return frozenset((self.many.target,)).union(*(node.types for node in self.nodes))

    @property
    def plain(self) -> bool:
        """Whether the database can give the final document: nothing but the rows is asked, forward."""
        return (
            len(self.parts) == 1 and len(self.nodes) == 1 and not self.wants_cursor and not self.arguments.backward()
            and (self.parts[0].what == "nodes" or (self.parts[0].what == "edges" and len(self.parts[0].inner) == 1))
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConnectionPart:
    """One field of a connection, edge or page info: `what` it is; for `nodes` and `node`, which selection."""

    key: str
    what: str
    inner: tuple[ConnectionPart, ...] = ()
    node: int = 0


Item = Constant | Withheld | Leaf | Nested | Single | Connection


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked of one object; `unfinished` are the items that the database can't give in their final form."""

    typename: str
    items: tuple[Item, ...]
    unfinished: tuple[Item, ...]
    long_keys: bool
    connections: tuple[Connection, ...]
    """The connections directly below, also those behind edges to one row."""
    types: frozenset[str]
    """Every type that is read, here and below."""
    tail: Selection | None = None
    """What of the rows is read later, by their ids (see cut.py)."""
    order: tuple[str, ...] = ()
    """The keys in their order, where there is a tail."""

    @classmethod
    def of(cls, typename: str, items: Iterable[Item]) -> Selection:
        """A selection with everything that follows from its items."""
        items = tuple(items)
        connections: list[Connection] = []
        types = {typename}
        for item in items:
            if isinstance(item, Connection):
                connections.append(item)
                types |= item.types
            elif isinstance(item, Single):
                connections.extend(item.shape.connections)
                types |= item.shape.types
            elif isinstance(item, Nested) and item.edge is not None:
                types.add(item.edge.target)
        unfinished = tuple(item for item in items if not _final(item))
        long_keys = any(len(item.key) > LONGEST_KEY for item in items)
        return cls(typename, items, unfinished, long_keys, tuple(connections), frozenset(types))

    @property
    def final(self) -> bool:
        """Whether the database gives documents of this selection in their final form."""
        return not self.unfinished and not self.long_keys and not self.wide and self.tail is None

    @property
    def wide(self) -> bool:
        """Whether the row comes in groups of members."""
        return len(self.items) > WIDEST

    @property
    def has_edges(self) -> bool:
        """Whether more than the row itself is asked."""
        return any(
            isinstance(item, Single | Connection) or (isinstance(item, Nested) and item.edge is not None)
            for item in self.items
        )

    def label(self, item: Item) -> str:
        """The name of a member inside the database's document: the response key, or its number where the key is too
        long.
        """
        return item.key if len(item.key) <= LONGEST_KEY else f"~{self.items.index(item)}"


def _final(item: Item) -> bool:
    if isinstance(item, Nested):
        return False
    if isinstance(item, Single):
        return item.shape.final
    if isinstance(item, Connection):
        return item.plain and item.nodes[0].final
    return True


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one field: those without variables read once, the others per request."""

    definition: GraphQLField
    node: FieldNode
    constant: dict[str, Any] | None
    direct: tuple[tuple[str, str], ...] | None = None

    @classmethod
    def of(cls, definition: GraphQLField, node: FieldNode) -> Arguments:
        """Read what can be read without variables."""
        written = {argument.name.value: argument.value for argument in node.arguments or ()}
        if not any(_has_variable(value) for value in written.values()):
            return cls(definition, node, get_argument_values(definition, node, None))
        simple = not any(argument.default is not None for argument in definition.args.values())
        direct = tuple((name, value.name.value) for name, value in written.items() if isinstance(value, VariableNode))
        if simple and len(direct) == len(written):
            return cls(definition, node, None, direct)
        return cls(definition, node, None)

    def read(self, variables: VariableValues) -> dict[str, Any]:
        """The coerced arguments; absent ones are absent."""
        if self.constant is not None:
            return self.constant
        if self.direct is not None:
            coerced = variables.coerced
            return {name: coerced[variable] for name, variable in self.direct if variable in coerced}
        values = get_argument_values(self.definition, self.node, variables)
        for argument in self.node.arguments or ():
            name = argument.name.value
            if name in values:
                _drop_emptied(argument.value, values[name], self.definition.args[name].type)
        return values

    def backward(self) -> bool:
        """Whether the field is written with `last` or `before`."""
        return any(argument.name.value in ("last", "before") for argument in self.node.arguments or ())


def _drop_emptied(node: Any, value: Any, kind: Any) -> None:
    """Drop the conditions of a written filter whose operators are all variables that the request leaves out."""
    kind = get_nullable_type(kind)
    if is_list_type(kind) and isinstance(value, list):
        for part, inner in zip(node.values if isinstance(node, ListValueNode) else [node], value, strict=False):
            _drop_emptied(part, inner, kind.of_type)
    if not isinstance(node, ObjectValueNode) or not isinstance(value, dict):
        return
    for member in node.fields:
        name, inner = member.name.value, kind.fields[member.name.value].type
        if name not in value:
            continue
        written = bool(getattr(member.value, "fields", ()))
        if value[name] == {} and written and get_named_type(inner).name.endswith("Condition"):
            del value[name]
        else:
            _drop_emptied(member.value, value[name], inner)


def _has_variable(value: Any) -> bool:
    if isinstance(value, VariableNode):
        return True
    inner = [part.value for part in getattr(value, "fields", None) or ()] or list(getattr(value, "values", None) or ())
    return any(_has_variable(part) for part in inner)
