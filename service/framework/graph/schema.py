"""The schema, written by Strawberry from graph.py and the pydantic models; `sdl()` is its text, committed as
openapi/schema.graphql.

Requests are served from that text: graphql-core reads it in some milliseconds, so a process that only serves never
imports Strawberry. A test compares the committed text with the one that the code gives; `kam contract` writes it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from graphql import GraphQLSchema, build_schema
from pydantic import BaseModel

from service.framework.graph.calls import Call
from service.framework.graph.edges import Document, Edge, Graph, Many, Type
from service.framework.graph.names import camel
from service.framework.graph.shapes import SCALARS, Argument, Author, Field

log = logging.getLogger("service.graphql")

COMMITTED = Path(__file__).resolve().parents[3] / "openapi" / "schema.graphql"

_PAGING = (
    Argument("first", "Optional[int]", "How many, from the beginning or after a cursor; at most 200"),
    Argument("after", "Optional[str]", "Only what comes after this cursor"),
    Argument("last", "Optional[int]", "How many, from the end or before a cursor; at most 200"),
    Argument("before", "Optional[str]", "Only what comes before this cursor"),
)
_PAGE_INFO = (
    Field("hasNextPage", "bool", "Whether there is more after this page"),
    Field("hasPreviousPage", "bool", "Whether there is more before this page"),
    Field("startCursor", "Optional[str]", "Cursor of the first row"),
    Field("endCursor", "Optional[str]", "Cursor of the last row"),
)


def served(graph: Graph, path: Path = COMMITTED) -> GraphQLSchema:
    """The schema that requests run against: the committed text, or where there is none (an installed wheel) or the code
    has gone on since (development), a new one.
    """
    if path.exists():
        schema = build_schema(path.read_text(encoding="utf-8"), assume_valid=True)
        if agrees(schema, graph):
            return schema
        log.warning("openapi/schema.graphql is behind the code and is not served; run kam contract")
    return build_schema(sdl(graph), assume_valid=True)


def agrees(schema: GraphQLSchema, graph: Graph) -> bool:
    """Whether a schema has the members, edges, root fields and input members that the code has, by name: a quick look
    that a person's forgetting can't pass; the test compares every letter.
    """
    wanted: dict[str, set[str]] = {"Query": {"node", "nodes", *graph.singles, *graph.pages, *graph.calls}}
    if graph.mutations:
        wanted["Mutation"] = set(graph.mutations)
    if graph.subscriptions:
        wanted["Subscription"] = set(graph.subscriptions)
    for kind in graph.types.values():
        wanted[kind.name] = _names(kind.model) | {field for source, field in graph.edges if source == kind.name}
        if kind.filter is not None:
            wanted[f"{kind.name}Filter"] = _names(kind.filter)
    for call in (*graph.mutations.values(), *graph.calls.values(), *graph.subscriptions.values()):
        wanted |= {_bare(taken.kind): _names(taken.model) for taken in call.takes if taken.model is not None}
        wanted |= {_bare(given.kind): _names(given.model) for given in call.gives if given.model is not None}
    types = schema.type_map
    return all(name in types and set(types[name].fields) == fields for name, fields in wanted.items())  # type: ignore[attr-defined]


def _names(model: type[BaseModel]) -> set[str]:
    return {camel(info.alias or name) for name, info in model.model_fields.items()}


def sdl(graph: Graph) -> str:
    """The schema's text, sorted, as it is committed."""
    import strawberry  # noqa: PLC0415 - heavy, and needed only where the schema is written
    from strawberry.schema.config import StrawberryConfig  # noqa: PLC0415

    author = write(graph)
    config = StrawberryConfig(
        scalar_map={kind: strawberry.scalar(name=name, description=told) for kind, (name, told) in SCALARS.items()}
    )
    types = [author.names[name] for name in graph.types]
    query = author.names["Query"]
    mutation, subscription = (author.names.get(name) for name in ("Mutation", "Subscription"))
    schema = strawberry.Schema(query, mutation, subscription, types=types, config=config)
    return schema.as_str() + "\n"


def write(graph: Graph) -> Author:
    """Every type of the graph, written."""
    author = Author()
    author.object("Node", [Field("id", "ID", "The id, the same as in REST")], "A record with an id", kind="interface")
    author.object("PageInfo", _PAGE_INFO, "Where a page stands in its list")
    for word in graph.vocabularies:
        author.vocabulary(word.__name__, [value.value for value in word], " ".join((word.__doc__ or "").split()))
    author.vocabulary("SortDirection", ("asc", "desc"), "Lowest or highest first; what is unknown sorts lowest")
    for kind in graph.types.values():
        for edge in graph.edges.values():
            if edge.source == kind.name and isinstance(edge, Document) and edge.target not in author.names:
                author.output(edge.target, edge.model)
        extra = [_edge(graph, edge) for edge in graph.edges.values() if edge.source == kind.name]
        author.output(kind.name, kind.model, extra, ["Node"])
        _connection(author, kind)
    author.object("Query", _queries(author, graph), "Everything that can be read")
    if graph.mutations:
        author.object("Mutation", [_mutation(author, call) for call in graph.mutations.values()], "Every change")
    if graph.subscriptions:
        fields = [_query(author, call, "{}") for call in graph.subscriptions.values()]
        author.object("Subscription", fields, "What can be followed, over graphql-transport-ws or server-sent events")
    return author


def _connection(author: Author, kind: Type) -> None:
    name = kind.name
    edge = [Field("cursor", "str", "Where this row stands in the list"), Field("node", name, "The row")]
    author.object(f"{name}Edge", edge, f"A row of a list of {name}")
    fields = [
        Field("edges", f"list[{name}Edge]", "The rows with their cursors"),
        Field("nodes", f"list[{name}]", "The rows"),
        Field("pageInfo", "PageInfo", "Where the page stands in the list"),
        Field("totalCount", "int", "How many rows the whole list has; costs a count"),
    ]
    author.object(f"{name}Connection", fields, f"A page of a list of {name}")
    if kind.filter is not None:
        author.input(f"{name}Filter", kind.filter)
    if kind.listing.sorts:
        author.vocabulary(f"{name}Sort", kind.listing.sorts, f"What {name} lists sort by")
        order = [
            Field("field", f"{name}Sort", "What to sort by"),
            Field("direction", "Optional[SortDirection]", "asc unless said otherwise"),
        ]
        author.object(f"{name}Order", order, "One sort key", kind="input")


def _page_arguments(kind: Type) -> tuple[Argument, ...]:
    more = []
    if kind.filter is not None:
        more.append(Argument("filter", f"Optional[{kind.name}Filter]", "Only rows that fulfil this"))
    if kind.listing.sorts:
        more.append(Argument("orderBy", f"Optional[list[{kind.name}Order]]", "The sort keys, the most important first"))
    return (*_PAGING, *more)


def _looking_back(kind: Type) -> tuple[Argument, ...]:
    if kind.past is None:
        return ()
    told = (
        f"Every {kind.name} of this answer as it stood then: an instant, or a day (its last moment); not ahead. "
        "Members without a history, and records of other types, are as today"
    )
    return (Argument("asOf", "Optional[str]", told),)


def _edge(graph: Graph, edge: Edge) -> Field:
    if isinstance(edge, Many):
        arguments = _page_arguments(graph.types[edge.target])
        return Field(edge.field, f"{edge.target}Connection", edge.description, arguments)
    return Field(edge.field, f"Optional[{edge.target}]", edge.description)


def _queries(author: Author, graph: Graph) -> list[Field]:
    by_id = (Argument("id", "ID", "The id, the same as in REST"),)
    fields = [
        Field("node", "Optional[Node]", "The record with this id, of whatever type; null where there is none", by_id),
        Field(
            "nodes",
            "Optional[list[Optional[Node]]]",
            "The records with these ids, in this order, null where there is none",
            (Argument("ids", "list[ID]", "At most 200 ids"),),
        ),
    ]
    fields += [
        Field(
            field,
            f"Optional[{name}]",
            f"One {name} by its id; the error not_found where there is none",
            (*by_id, *_looking_back(graph.types[name])),
        )
        for field, name in graph.singles.items()
    ]
    fields += [
        Field(
            page.field,
            f"Optional[{page.target}Connection]",
            page.description,
            (*_page_arguments(graph.types[page.target]), *_looking_back(graph.types[page.target])),
        )
        for page in graph.pages.values()
    ]
    fields += [_query(author, call) for call in graph.calls.values()]
    return fields


def _query(author: Author, call: Call, kind: str = "Optional[{}]") -> Field:
    given = call.gives[0]
    if given.model is not None and _bare(given.kind) not in author.names:
        author.output(_bare(given.kind), given.model)
    return Field(call.name, kind.format(given.kind), call.description, _arguments(author, call))


def _mutation(author: Author, call: Call) -> Field:
    for given in call.gives:
        if given.model is not None and _bare(given.kind) not in author.names:
            author.output(_bare(given.kind), given.model)
    fields = [Field(given.name, given.kind, given.description) for given in call.gives]
    author.object(call.payload, fields, f"What {call.name} gives")
    return Field(call.name, f"Optional[{call.payload}]", call.description, _arguments(author, call))


def _arguments(author: Author, call: Call) -> tuple[Argument, ...]:
    for taken in call.takes:
        if taken.model is not None and _bare(taken.kind) not in author.names:
            author.input(_bare(taken.kind), taken.model)
    return tuple(Argument(taken.name, taken.kind, taken.description) for taken in call.takes)


def _bare(kind: str) -> str:
    """The type that an annotation is about: `list[Optional[X]]` is about X."""
    return kind.replace("list[", "").replace("Optional[", "").rstrip("]")
