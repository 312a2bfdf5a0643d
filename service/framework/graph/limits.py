"""What a GraphQL document may ask for, judged before anything runs: size, depth, aliases, fragments, directives,
repeated fields, introspection and cost.

GraphQL gives callers a language, so one small text can ask for years of work. Each limit stops one way of doing that; a
refusal names the limit. Tokens, aliases, fragments, directives and repetitions are counted on the raw tree (validation
itself costs more than linear time); depth and fields with fragments expanded, after validation has excluded cycles.
Cost, the number of objects an operation may load, depends on variables: `Budget` counts it while a plan is resolved.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from service.framework.graph import errors
from service.platform.errors import QueryTooComplex


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one document; every one of them has a default that screens of real front-ends stay far below."""

    tokens: int = 4000
    depth: int = 16
    aliases: int = 60
    directives: int = 60
    repeats: int = 4
    fragments: int = 60
    """Fragment spreads and inline fragments of the document."""
    fields: int = 5000
    """Fields of an operation, fragments expanded."""
    root_fields: int = 30
    mutations: int = 20
    cost: int = 30000
    """Objects that one operation may load at most, all pages counted as full."""
    text: int = 100_000
    """Characters of the document."""
    page: int = 200
    default_page: int = 50
    nested_page: int = 20
    """The page of a nested connection when `first` and `last` are absent."""


class Budget:
    """Counts the objects that an operation may load; `spend` refuses what goes beyond the limit."""

    __slots__ = ("left", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = self.left = limit

    def spend(self, objects: int) -> None:
        """Take `objects` off the budget; raises QueryTooComplex when it is overdrawn."""
        self.left -= objects
        if self.left < 0:
            raise QueryTooComplex(
                f"This operation may load more than {self.limit} objects; ask for smaller pages",
                members={"limit": self.limit},
            )


def refuse_oversized(document: DocumentNode, limits: Limits) -> None:
    """Judge the raw tree in one walk; raises QueryTooComplex, and Refused for an empty selection."""
    aliases = directives = fragments = schemas = 0
    sets: list[SelectionSetNode] = []
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            directives += len(definition.directives or ())
            sets.append(definition.selection_set)
    while sets:
        seen: dict[str, int] = {}
        selected = sets.pop()
        if not selected.selections:
            raise _empty(selected)
        for node in selected.selections:
            directives += len(node.directives or ())
            if isinstance(node, FieldNode):
                aliases += node.alias is not None
                schemas += node.name.value == "__schema"
                key = (node.alias or node.name).value
            else:
                fragments += 1
                key = "..." + (node.name.value if isinstance(node, FragmentSpreadNode) else "")
            repeats = seen[key] = seen.get(key, 0) + 1
            if repeats > limits.repeats and key != "...":
                raise _beyond("repetitions of one field in a selection", limits.repeats)
            if isinstance(node, FieldNode | InlineFragmentNode) and node.selection_set is not None:
                sets.append(node.selection_set)
        if aliases > limits.aliases:
            raise _beyond("aliases", limits.aliases)
        if directives > limits.directives:
            raise _beyond("directives", limits.directives)
        if fragments > limits.fragments:
            raise _beyond("fragment spreads and inline fragments", limits.fragments)
        if schemas > 1:
            raise _beyond("field __schema", 1)


def refuse_expanded(document: DocumentNode, limits: Limits) -> None:
    """Judge the depth and the number of fields of every operation of a valid document, fragments expanded;
    introspection fields add no depth. Raises QueryTooComplex.
    """
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    known: dict[str, tuple[int, int]] = {}

    def measure(selections: SelectionSetNode) -> tuple[int, int]:
        """Return the depth and the number of fields."""
        depth = fields = 0
        spread: set[str] = set()  # a fragment that is spread twice adds nothing the second time
        for node in selections.selections:
            if isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in known:
                    known[name] = measure(fragments[name].selection_set)
                below, more = known[name] if name not in spread else (0, 0)
                spread.add(name)
            elif isinstance(node, InlineFragmentNode):
                below, more = measure(node.selection_set)
            else:
                assert isinstance(node, FieldNode)  # noqa: S101 - the only other kind
                below, more = measure(node.selection_set) if node.selection_set is not None else (0, 0)
                below, more = 1 if node.name.value.startswith("__") else 1 + below, 1 + more
            depth, fields = max(depth, below), fields + more
        return depth, fields

    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            depth, fields = measure(definition.selection_set)
            if depth > limits.depth:
                raise _beyond("levels of nesting", limits.depth)
            if fields > limits.fields:
                raise _beyond("fields with its fragments expanded", limits.fields)


def _empty(selected: SelectionSetNode) -> errors.Refused:
    """Return the error for `{}`, which the parser lets pass and GraphQL's grammar does not have."""
    place = selected.loc
    assert place is not None  # noqa: S101 - documents are parsed with locations
    return errors.syntax(GraphQLSyntaxError(place.source, place.end - 1, "Expected Name, found '}'."))


def _beyond(what: str, limit: int) -> QueryTooComplex:
    return QueryTooComplex(f"This document has more than {limit} {what}", members={"limit": limit})
