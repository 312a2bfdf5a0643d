"""What a GraphQL document may ask for, judged before anything runs: size, depth, aliases, directives, repeated fields
and cost.

GraphQL gives callers a language, so one small text can ask for years of work. Each limit stops one way of doing that; a
refusal names the limit. Tokens, aliases, directives and repetitions are counted on the raw tree (validation itself
costs more than linear time); depth with fragments expanded, after validation has excluded cycles. Cost, the number of
objects an operation may load, depends on variables: `Budget` counts it while a plan is resolved.
"""

from __future__ import annotations

from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from service.platform.errors import QueryTooComplex


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one document; every one of them has a default that screens of real front-ends stay far below."""

    tokens: int = 4000
    depth: int = 16
    aliases: int = 60
    directives: int = 60
    repeats: int = 4
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
    """Judge the raw tree in one walk; raises QueryTooComplex."""
    aliases = directives = 0
    sets: list[SelectionSetNode] = []
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            directives += len(definition.directives or ())
            sets.append(definition.selection_set)
    while sets:
        seen: dict[str, int] = {}
        for node in sets.pop().selections:
            directives += len(node.directives or ())
            if isinstance(node, FieldNode):
                aliases += node.alias is not None
                key = (node.alias or node.name).value
            else:
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


def refuse_deep(document: DocumentNode, limits: Limits) -> None:
    """Judge the depth of every operation of a valid document, fragments expanded; introspection fields are exempt."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    known: dict[str, int] = {}

    def depth(selections: SelectionSetNode) -> int:
        deepest = 0
        for node in selections.selections:
            if isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in known:
                    known[name] = depth(fragments[name].selection_set)
                below = known[name]
            elif isinstance(node, InlineFragmentNode):
                below = depth(node.selection_set)
            else:
                assert isinstance(node, FieldNode)  # noqa: S101 - the only other kind
                own = node.selection_set is not None and not node.name.value.startswith("__")
                below = 1 + (depth(node.selection_set) if own and node.selection_set is not None else 0)
            deepest = max(deepest, below)
        return deepest

    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode) and depth(definition.selection_set) > limits.depth:
            raise _beyond("levels of nesting", limits.depth)


def _beyond(what: str, limit: int) -> QueryTooComplex:
    return QueryTooComplex(f"This document has more than {limit} {what}", members={"limit": limit})
