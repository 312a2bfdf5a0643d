"""A validated operation, compiled once: which members of which types are asked, through which edges, under which keys.

A plan holds no values: arguments are read from the variables of each request. `@skip` and `@include` depend on Boolean
variables only, so there is one plan per combination of theirs, and everything below can be static. `statements.py`
makes SQL of a plan, `execute.py` runs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_argument_values,
    get_named_type,
)
from graphql.execution.values import VariableValues
from graphql.language import BooleanValueNode

from service.graphql.edges import Edge, Graph, Many
from service.graphql.recent import Recent
from service.platform.statements import Statement

Fields = dict[str, list[FieldNode]]

LONGEST_KEY = 60
"""PostgreSQL cuts names after 63 bytes, so longer response keys are set after the database."""


@dataclass(frozen=True, slots=True)
class Constant:
    """`__typename`: known before anything is read."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A member of the row that leaves as it is."""

    key: str
    member: str
    field: str


@dataclass(frozen=True, slots=True)
class Nested:
    """A member that is a document of its own (or a list of them), of which some members are asked."""

    key: str
    member: str
    field: str
    shape: Selection


@dataclass(frozen=True, slots=True)
class Single:
    """An edge to one row or none."""

    key: str
    edge: Edge
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
    def plain(self) -> bool:
        """Whether the database can give the final document: nothing but the rows is asked, forward."""
        return (
            len(self.parts) == 1 and len(self.nodes) == 1 and not self.wants_cursor and not self.arguments.backward()
            and (self.parts[0].what == "nodes" or (self.parts[0].what == "edges" and len(self.parts[0].inner) == 1))
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConnectionPart:
    """One field of a connection, edge or page info: `what` it is, and for `nodes` and `node` which of the selections.
    """

    key: str
    what: str
    inner: tuple[ConnectionPart, ...] = ()
    node: int = 0


Item = Constant | Leaf | Nested | Single | Connection


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

    @classmethod
    def of(cls, typename: str, items: Iterable[Item]) -> Selection:
        """A selection with everything that follows from its items."""
        items = tuple(items)
        connections: list[Connection] = []
        types = {typename}
        for item in items:
            if isinstance(item, Connection):
                connections.append(item)
                types.add(item.many.target)
                types.update(*(node.types for node in item.nodes))
            elif isinstance(item, Single):
                connections.extend(item.shape.connections)
                types |= item.shape.types
        unfinished = tuple(item for item in items if not _final(item))
        long_keys = any(len(item.key) > LONGEST_KEY for item in items)
        return cls(typename, items, unfinished, long_keys, tuple(connections), frozenset(types))

    @property
    def final(self) -> bool:
        """Whether the database gives documents of this selection in their final form."""
        return not self.unfinished and not self.long_keys

    @property
    def has_edges(self) -> bool:
        """Whether more than the row itself is asked."""
        return any(isinstance(item, Single | Connection) for item in self.items)

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
        return get_argument_values(self.definition, self.node, variables)

    def backward(self) -> bool:
        """Whether the field is written with `last` or `before`."""
        return any(argument.name.value in ("last", "before") for argument in self.node.arguments or ())


def _has_variable(value: Any) -> bool:
    if isinstance(value, VariableNode):
        return True
    inner = [part.value for part in getattr(value, "fields", None) or ()] or list(getattr(value, "values", None) or ())
    return any(_has_variable(part) for part in inner)


@dataclass(slots=True)
class Root:
    """One root field of an operation. `selections` are by type name, made when a type is first met (one entry unless
    the field is abstract).
    """

    key: str
    name: str
    arguments: Arguments
    nodes: list[FieldNode]
    compiler: Compiler
    connection: Connection | None = None
    _selections: dict[str, Selection] = field(default_factory=dict)

    def selection(self, typename: str) -> Selection:
        """What is asked of an object of that type."""
        found = self._selections.get(typename)
        if found is None:
            found = self._selections[typename] = self.compiler.selection(typename, self.nodes)
        return found


@dataclass(frozen=True, slots=True)
class Introspective:
    """`__schema` or `__type`: answered by graphql-core from the schema."""

    key: str


@dataclass(slots=True)
class Plan:
    """An operation ready to run: its root fields in order, and the part of it that asks about the schema."""

    operation: OperationDefinitionNode
    roots: list[Root | Constant | Introspective]
    introspection: DocumentNode | None = None
    statements: Recent[Statement] = field(default_factory=lambda: Recent(64))
    introspected: dict[str, Any] | None = None

    @property
    def is_mutation(self) -> bool:
        """Whether the operation changes something."""
        return self.operation.operation.value == "mutation"


class Compiler:
    """Compiles one operation of a document; `conditions` are the values of the variables of its directives."""

    def __init__(
        self, schema: GraphQLSchema, graph: Graph, document: DocumentNode, conditions: Mapping[str, Any]
    ) -> None:
        self.schema = schema
        self.graph = graph
        self.conditions = conditions
        self.slots = 0
        self.fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}

    def plan(self, operation: OperationDefinitionNode) -> Plan:
        """The plan of a validated operation."""
        root = self.schema.get_root_type(operation.operation)
        assert root is not None  # noqa: S101 - validation has made sure
        plan = Plan(operation, [])
        fields = self.collect(root, [operation.selection_set])
        for key, nodes in fields.items():
            name = nodes[0].name.value
            if name == "__typename":
                plan.roots.append(Constant(key, root.name))
            elif name.startswith("__"):
                plan.roots.append(Introspective(key))
            else:
                plan.roots.append(self._root(root, key, nodes))
        asked = [node for nodes in fields.values() for node in nodes if node.name.value in ("__schema", "__type")]
        if asked:
            plan.introspection = self._introspection(operation, asked)
        return plan

    def _root(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Root:
        name = nodes[0].name.value
        root = Root(key, name, Arguments.of(parent.fields[name], nodes[0]), nodes, self)
        many = self.graph.pages.get(name) if parent is self.schema.query_type else None
        if many is not None:
            root.connection = self.connection(key, many, parent.fields[name], nodes)
        return root

    def _introspection(self, operation: OperationDefinitionNode, nodes: list[FieldNode]) -> DocumentNode:
        reduced = OperationDefinitionNode(
            operation=operation.operation,
            name=operation.name,
            variable_definitions=operation.variable_definitions,
            directives=(),
            selection_set=SelectionSetNode(selections=tuple(nodes)),
        )
        return DocumentNode(definitions=(reduced, *self.fragments.values()))

    def collect(self, parent: GraphQLObjectType, sets: Iterable[SelectionSetNode]) -> Fields:
        """The fields asked of `parent`, fragments expanded, merged by response key."""
        fields: Fields = {}
        seen: set[str] = set()
        for selections in sets:
            self._collect(parent, selections.selections, fields, seen)
        return fields

    def _collect(
        self, parent: GraphQLObjectType, nodes: Iterable[SelectionNode], fields: Fields, seen: set[str]
    ) -> None:
        for node in nodes:
            if not self._included(node):
                continue
            if isinstance(node, FieldNode):
                fields.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or _applies(node.type_condition.name.value, parent):
                    self._collect(parent, node.selection_set.selections, fields, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if _applies(fragment.type_condition.name.value, parent):
                    self._collect(parent, fragment.selection_set.selections, fields, seen)

    def _included(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            if directive.name.value in ("skip", "include") and directive.arguments:
                given = directive.arguments[0].value
                if isinstance(given, VariableNode):
                    holds = bool(self.conditions[given.name.value])
                else:
                    holds = isinstance(given, BooleanValueNode) and given.value
                if holds is (directive.name.value == "skip"):
                    return False
        return True

    def selection(self, typename: str, nodes: Iterable[FieldNode]) -> Selection:
        """What the given fields ask of an object of that type."""
        kind = self.schema.type_map[typename]
        assert isinstance(kind, GraphQLObjectType)  # noqa: S101 - only object types get here
        fields = self.collect(kind, [node.selection_set for node in nodes if node.selection_set is not None])
        return Selection.of(typename, [self._item(kind, key, nodes) for key, nodes in fields.items()])

    def _item(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Item:
        name = nodes[0].name.value
        if name == "__typename":
            return Constant(key, parent.name)
        definition = parent.fields[name]
        target = get_named_type(definition.type)
        edge = self.graph.edges.get((parent.name, name))
        if isinstance(edge, Many):
            return self.connection(key, edge, definition, nodes)
        if edge is not None:
            return Single(key, edge, self.selection(edge.target, nodes))
        member = self.graph.member(name)
        if isinstance(target, GraphQLObjectType):
            return Nested(key, member, name, self.selection(target.name, nodes))
        return Leaf(key, member, name)

    def connection(self, key: str, many: Many, definition: GraphQLField, nodes: list[FieldNode]) -> Connection:
        """What is asked of a connection."""
        kind = get_named_type(definition.type)
        assert isinstance(kind, GraphQLObjectType)  # noqa: S101
        slot, self.slots = self.slots, self.slots + 1
        selections: list[Selection] = []
        wants: set[str] = set()
        parts = self._parts(kind, many.target, nodes, selections, wants)
        return Connection(
            key, many, slot, Arguments.of(definition, nodes[0]), kind.name, parts, tuple(selections),
            wants_cursor=bool(wants & {"cursor", "startCursor", "endCursor"}),
            wants_page="pageInfo" in wants,
            wants_total="totalCount" in wants,
        )  # fmt: skip

    def _parts(
        self, kind: GraphQLObjectType, target: str, nodes: list[FieldNode], selections: list[Selection], wants: set[str]
    ) -> tuple[ConnectionPart, ...]:
        parts: list[ConnectionPart] = []
        fields = self.collect(kind, [node.selection_set for node in nodes if node.selection_set is not None])
        for key, inner in fields.items():
            what = inner[0].name.value
            wants.add(what)
            if what in ("nodes", "node"):
                parts.append(ConnectionPart(key, what, node=len(selections)))
                selections.append(self.selection(target, inner))
            elif what in ("edges", "pageInfo"):
                below = get_named_type(kind.fields[what].type)
                assert isinstance(below, GraphQLObjectType)  # noqa: S101
                parts.append(ConnectionPart(key, what, self._parts(below, target, inner, selections, wants)))
            elif what == "__typename":
                parts.append(ConnectionPart(key, what + kind.name))
            else:
                parts.append(ConnectionPart(key, what))
        return tuple(parts)


def _applies(condition: str, parent: GraphQLObjectType) -> bool:
    return condition == parent.name or any(interface.name == condition for interface in parent.interfaces)


def directive_variables(document: DocumentNode) -> frozenset[str]:
    """The names of the variables that `@skip` and `@include` of a document depend on."""
    names: set[str] = set()
    sets = [
        d.selection_set for d in document.definitions if isinstance(d, OperationDefinitionNode | FragmentDefinitionNode)
    ]
    while sets:
        for node in sets.pop().selections:
            for directive in node.directives or ():
                names.update(a.value.name.value for a in directive.arguments or () if isinstance(a.value, VariableNode))
            if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
                sets.append(node.selection_set)
    return frozenset(names)
