"""A validated operation, compiled once: which members of which types are asked, through which edges, under which keys.

A plan holds no values: arguments are read from the variables of each request. `@skip` and `@include` depend on Boolean
variables only, so there is one plan per combination of theirs, and everything below can be static. `statements.py`
makes SQL of a plan, `execute.py` runs it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
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
    OperationType,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    is_nullable_type,
)
from graphql.language import BooleanValueNode

from service.framework.database.statements import Statement
from service.framework.graph.cut import Cutter
from service.framework.graph.edges import Document, Graph, Many
from service.framework.graph.selection import (
    Arguments,
    Connection,
    ConnectionPart,
    Constant,
    Item,
    Leaf,
    Nested,
    Selection,
    Single,
    Withheld,
)
from service.platform.kept import Kept

Fields = dict[str, list[FieldNode]]


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

    @property
    def selections(self) -> list[Selection]:
        """The selections that were made so far."""
        return list(self._selections.values())

    def selection(self, typename: str) -> Selection:
        """What is asked of an object of that type."""
        found = self._selections.get(typename)
        if found is None:
            found = self.compiler.cut(typename, self.compiler.selection(typename, self.nodes))
            self._selections[typename] = found
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
    statements: Kept[Hashable, Statement] = field(default_factory=lambda: Kept(64))
    fixed: dict[int, Any] = field(default_factory=dict)
    """The page arguments of connections, by slot, where no variable or cursor changes them."""
    prepared: dict[tuple[str, ...], Any] = field(default_factory=dict)
    """The statements whose page arguments are all fixed, with these arguments."""
    foreign: bool = False
    """Whether a root field is not the graph's and has a resolver of its own."""
    is_mutation: bool = False
    lacking: frozenset[Any] = frozenset()
    """The permissions of the graph's types that the caller does not have: what takes them below a root is null."""


class Compiler:
    """Compiles one operation of a document; `conditions` are the values of the variables of its directives, `lacking`
    the permissions that the caller does not have; `shallow` cuts statements for a database that does not parse deep
    ones.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        graph: Graph,
        document: DocumentNode,
        conditions: Mapping[str, Any],
        *,
        lacking: frozenset[Any] = frozenset(),
        shallow: bool = False,
    ) -> None:
        self._lacking = lacking
        self._cutter = Cutter(graph) if shallow else None
        self.schema = schema
        self.graph = graph
        self.conditions = conditions
        self.slots = 0
        self.fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}

    def plan(self, operation: OperationDefinitionNode) -> Plan:
        """The plan of a validated operation."""
        root = self.schema.get_root_type(operation.operation)
        assert root is not None  # noqa: S101 - validation has made sure
        is_mutation = operation.operation is OperationType.MUTATION
        plan = Plan(operation, [], is_mutation=is_mutation, lacking=self._lacking)
        fields = self.collect(root, [operation.selection_set])
        for key, nodes in fields.items():
            name = nodes[0].name.value
            if name == "__typename":
                plan.roots.append(Constant(key, root.name))
            elif name.startswith("__"):
                plan.roots.append(Introspective(key))
            elif self.graph.answers(name):
                plan.roots.append(self._root(root, key, nodes))
            else:
                plan.foreign = True
        asked = [node for nodes in fields.values() for node in nodes if node.name.value in ("__schema", "__type")]
        if asked:
            plan.introspection = self._introspection(operation, asked)
        return plan

    def _root(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Root:
        name = nodes[0].name.value
        root = Root(key, name, Arguments.of(parent.fields[name], nodes[0]), nodes, self)
        many = self.graph.pages.get(name) if parent is self.schema.query_type else None
        if many is not None:
            made = self.connection(key, many, parent.fields[name], nodes)
            root.connection = made if self._cutter is None else self._cutter.page(made)
        return root

    def cut(self, typename: str, selection: Selection) -> Selection:
        """The selection of a row, cut where the database needs it."""
        return self._cutter.rows(selection) if self._cutter is not None and typename in self.graph.types else selection

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
        permission = None if edge is None else self.graph.permissions[edge.target]
        if permission in self._lacking:
            return Withheld(key, permission)
        if isinstance(edge, Many):
            return self.connection(key, edge, definition, nodes)
        if isinstance(edge, Document):
            return Nested(key, name, name, self.selection(edge.target, nodes), edge)
        if edge is not None:
            return Single(key, edge, self.selection(edge.target, nodes))
        member = self.graph.member(name)
        if isinstance(target, GraphQLObjectType):
            nullable = is_nullable_type(definition.type)
            return Nested(key, member, name, self.selection(target.name, nodes), nullable=nullable)
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
