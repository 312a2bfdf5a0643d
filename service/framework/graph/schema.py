"""The schema, made through Strawberry from a graph and its pydantic models.

`schema_of` is what a process serves; `sdl` is its text, committed as openapi/schema.graphql and compared by a test.
Reads are answered from SQL by an execution context of their own (`execution.py`), so their resolvers never run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from typing import Any

from service.framework.graph.calls import ID, Call
from service.framework.graph.edges import Document, Edge, Graph, Many, Type
from service.framework.graph.names import snake
from service.framework.graph.shapes import SCALARS, Argument, Author, BigInt, Field, many, optional

_PAGING = (
    Argument("first", int | None, "How many, from the beginning or after a cursor; at most 200"),
    Argument("after", str | None, "Only what comes after this cursor"),
    Argument("last", int | None, "How many, from the end or before a cursor; at most 200"),
    Argument("before", str | None, "Only what comes before this cursor"),
)
_PAGE_INFO = (
    Field("hasNextPage", bool, "Whether there is more after this page"),
    Field("hasPreviousPage", bool, "Whether there is more before this page"),
    Field("startCursor", str | None, "Cursor of the first row"),
    Field("endCursor", str | None, "Cursor of the last row"),
)


def schema_of(
    graph: Graph, *, context_class: Any = None, extensions: Iterable[Any] = (), queries: Iterable[Field] = ()
) -> Any:
    """Return the Strawberry schema of a graph. `context_class` is its execution context, `extensions` are Strawberry's,
    and `queries` are further root fields with resolvers of their own.
    """
    import strawberry  # noqa: PLC0415 - heavy, and needed only where the schema is built
    from strawberry.schema.config import StrawberryConfig  # noqa: PLC0415

    author = write(graph, queries)
    config = StrawberryConfig(
        scalar_map={kind: strawberry.scalar(name=name, description=text) for kind, (name, text) in SCALARS.items()},
        default_resolver=_member,
    )
    types = [author.names[name] for name in graph.types]
    names: tuple[Any, ...] = tuple(author.names.get(name) for name in ("Query", "Mutation", "Subscription"))
    return strawberry.Schema(
        query=names[0],
        mutation=names[1],
        subscription=names[2],
        types=types,
        config=config,
        extensions=list(extensions),
        execution_context_class=context_class,
    )


def _member(source: Any, name: str) -> Any:
    return source[name] if isinstance(source, Mapping) else getattr(source, name)


def sdl(graph: Graph) -> str:
    """Return the schema's text, as it is committed."""
    return str(schema_of(graph).as_str()) + "\n"


def write(graph: Graph, queries: Iterable[Field] = ()) -> Author:
    """Write every type of the graph."""
    author = Author()
    author.object(
        "Node", [Field("id", author.shown(ID), "The id, the same as in REST")], "A record with an id", kind="interface"
    )
    author.object("PageInfo", _PAGE_INFO, "Where a page stands in its list")
    for word in graph.vocabularies:
        author.vocabulary(word.__name__, [value.value for value in word], " ".join((word.__doc__ or "").split()))
    author.vocabulary("SortDirection", ("asc", "desc"), "Lowest or highest first; what is unknown sorts lowest")
    for kind in graph.types.values():
        author.models[kind.model.__name__, True] = author.declare(kind.name, author.names["Node"])
    for kind in graph.types.values():
        for edge in graph.edges.values():
            if edge.source == kind.name and isinstance(edge, Document):
                author.output(edge.target, edge.model)
        extra = [_edge(author, graph, edge) for edge in graph.edges.values() if edge.source == kind.name]
        author.output(kind.name, kind.model, extra)
        _connection(author, kind)
    author.object("Query", [*_queries(author, graph), *queries], "Everything that can be read")
    if graph.mutations:
        author.object("Mutation", [_mutation(author, call) for call in graph.mutations.values()], "Every change")
    if graph.subscriptions:
        fields = [_subscription(author, call) for call in graph.subscriptions.values()]
        author.object("Subscription", fields, "What can be followed, over graphql-transport-ws or server-sent events")
    return author


def _connection(author: Author, kind: Type) -> None:
    name = kind.name
    edge = [Field("cursor", str, "Where this row stands in the list"), Field("node", author.declare(name), "The row")]
    author.object(f"{name}Edge", edge, f"A row of a list of {name}")
    fields = [
        Field("edges", many(author.declare(f"{name}Edge")), "The rows with their cursors"),
        Field("nodes", many(author.declare(name)), "The rows"),
        Field("pageInfo", author.names["PageInfo"], "Where the page stands in the list"),
        Field("totalCount", int, "How many rows the whole list has; costs a count"),
    ]
    author.object(f"{name}Connection", fields, f"A page of a list of {name}")
    if kind.filter is not None:
        author.input(f"{name}Filter", kind.filter)
    if kind.listing.sorts:
        author.vocabulary(f"{name}Sort", kind.listing.sorts, f"What {name} lists sort by")
        order = [
            Field("field", author.names[f"{name}Sort"], "What to sort by"),
            Field("direction", author.names["SortDirection"] | None, "asc unless said otherwise"),
        ]
        author.object(f"{name}Order", order, "One sort key", kind="input")


def _page_arguments(author: Author, kind: Type) -> tuple[Argument, ...]:
    more = []
    if kind.filter is not None:
        more.append(Argument("filter", optional(author.declare(f"{kind.name}Filter")), "Only rows that fulfil this"))
    if kind.listing.sorts:
        more.append(
            Argument(
                "orderBy",
                optional(many(author.declare(f"{kind.name}Order"))),
                "The sort keys, the most important first",
            )
        )
    if kind.listing.with_deleted is not None:
        described = "Whether deleted records are listed too; each shows `deletedAt`"
        more.append(Argument("includeDeleted", bool | None, described))
    return (*_PAGING, *more)


def _changed_after(kind: Type) -> tuple[Argument, ...]:
    if kind.listing.changes is None:
        return ()
    described = (
        "For syncs: the records that changed after this position, in the order of their changes, deleted ones too, "
        "each with `changedPosition` and `deletedAt`. 0 gives every record; then ask with the greatest "
        "`changedPosition` that you have. Not with filter, orderBy or asOf"
    )
    return (Argument("changedAfter", BigInt | None, described),)


def _looking_back(kind: Type) -> tuple[Argument, ...]:
    if kind.past is None:
        return ()
    described = (
        f"Every {kind.name} of this answer as it stood then: an instant, or a day (its last moment); not ahead. "
        "Members without a history, and records of other types, are as today"
    )
    return (Argument("asOf", str | None, described),)


def _edge(author: Author, graph: Graph, edge: Edge) -> Field:
    if isinstance(edge, Many):
        arguments = _page_arguments(author, graph.types[edge.target])
        page = optional(author.declare(f"{edge.target}Connection"))  # null for a caller who may not read the rows
        return Field(edge.field, page, edge.description, arguments, _compiled)
    return Field(edge.field, optional(author.declare(edge.target)), edge.description, (), _compiled)


def _queries(author: Author, graph: Graph) -> list[Field]:
    node = author.names["Node"]
    by_id = (Argument("id", author.shown(ID), "The id, the same as in REST"),)
    fields = [
        Field(
            "node",
            optional(node),
            "The record with this id, of whatever type; null where there is none",
            by_id,
            _compiled,
        ),
        Field(
            "nodes",
            optional(many(optional(node))),
            "The records with these ids, in this order, null where there is none",
            (Argument("ids", many(author.shown(ID)), "At most 200 ids"),),
            _compiled,
        ),
    ]
    fields += [
        Field(
            field,
            optional(author.names[name]),
            f"One {name} by its id; the error not_found where there is none",
            (*by_id, *_looking_back(graph.types[name])),
            _compiled,
        )
        for field, name in graph.singles.items()
    ]
    fields += [
        Field(
            page.field,
            optional(author.declare(f"{page.target}Connection")),
            page.description,
            (
                *_page_arguments(author, graph.types[page.target]),
                *_changed_after(graph.types[page.target]),
                *_looking_back(graph.types[page.target]),
            ),
            _compiled,
        )
        for page in graph.pages.values()
    ]
    fields += [_query(author, call) for call in graph.calls.values()]
    return fields


def _query(author: Author, call: Call) -> Field:
    kind = optional(author.shown(call.gives[0].kind))
    return Field(call.name, kind, call.description, _arguments(author, call), _resolver(call, call.gives[0].value))


def _subscription(author: Author, call: Call) -> Field:
    iterator: Any = AsyncIterator
    kind = iterator[author.shown(call.gives[0].kind)]
    return Field(call.name, kind, call.description, _arguments(author, call), _compiled, "subscription")


def _mutation(author: Author, call: Call) -> Field:
    fields = [Field(each.name, author.shown(each.kind), each.description) for each in call.gives]
    payload = author.object(call.payload, fields, f"What {call.name} gives")

    def value(result: Any) -> dict[str, Any]:
        return {each.name: each.value(result) for each in call.gives}

    resolver = _resolver(call, value)
    return Field(call.name, optional(payload), call.description, _arguments(author, call), resolver, "mutation")


def _arguments(author: Author, call: Call) -> tuple[Argument, ...]:
    arguments = []
    for taken in call.takes:
        kind = author.shown(taken.kind) if taken.model is None else author.input(taken.kind, taken.model)
        arguments.append(Argument(taken.name, optional(kind) if taken.optional else kind, taken.description))
    return tuple(arguments)


def _compiled(info: Any, _: Mapping[str, Any]) -> Any:
    """Stand in for the resolver of a field that one SQL statement answers; never called."""
    raise AssertionError(f"{info.field_name} is answered from SQL: its resolver must not run")


def _resolver(call: Call, value: Callable[[Any], Any]) -> Callable[..., Any]:
    async def resolve(info: Any, arguments: Mapping[str, Any]) -> Any:
        given = {name.removesuffix("_"): _plain(each) for name, each in arguments.items()}
        return value(await call.resolve(info.context, given, {}))

    return resolve


def _plain(value: Any) -> Any:
    """Return an input object of Strawberry as REST's document; members that were not sent are left out."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not is_dataclass(value):
        return None if type(value).__name__ == "UnsetType" else value
    return {
        snake(member.name.removesuffix("_")): _plain(each)
        for member in fields_of(value)
        if type(each := getattr(value, member.name)).__name__ != "UnsetType"
    }
