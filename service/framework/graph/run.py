"""Runs the plan of one operation: one statement per root field, and the answer's bytes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

import orjson
from graphql import GraphQLSchema, get_named_type
from graphql.execution.values import VariableValues

from service.framework.database.database import Reader
from service.framework.database.statements import Statement
from service.framework.graph import errors
from service.framework.graph.answer import Finisher, project
from service.framework.graph.calls import Call, RecordId, read_id, read_moment
from service.framework.graph.context import GraphContext
from service.framework.graph.edges import Graph
from service.framework.graph.introspection import Introspection
from service.framework.graph.limits import Budget, Limits
from service.framework.graph.paging import PageArguments, Paging
from service.framework.graph.plan import Introspective, Plan, Root
from service.framework.graph.selection import Connection, Constant, Leaf, Nested, Selection
from service.framework.graph.statements import Builder, Prepared
from service.framework.graph.whereabouts import words
from service.framework.graph.withheld import withheld_errors
from service.platform.errors import (
    CursorExpired,
    Forbidden,
    Invalid,
    NotFound,
    QueryTooComplex,
    Unavailable,
)


class Ground(Protocol):
    """The schema, graph and limits that all operations of an engine share."""

    schema: GraphQLSchema
    graph: Graph
    limits: Limits
    introspection: Introspection
    paging: Paging
    whereabouts: Statement


class Run:
    """One execution of an operation's plan."""

    __slots__ = ("_about_schema", "_as_of", "_budget", "_ctx", "_engine", "_errors", "_given", "_plan", "_variables")

    def __init__(
        self, engine: Ground, ctx: GraphContext, plan: Plan, variables: VariableValues, given: Mapping[str, Any]
    ) -> None:
        self._engine = engine
        self._ctx = ctx
        self._plan = plan
        self._variables = variables
        self._given = given
        self._budget = Budget(engine.limits.cost)
        self._errors: list[dict[str, Any]] = []
        self._about_schema: dict[str, bytes] | None = None
        self._as_of: datetime | None = None
        """The instant that the current root field looks back to."""

    async def answer(self) -> bytes:
        """Run every root field and return the answer's body."""
        if self._ctx.idempotency is not None and self._plan.is_mutation:
            self._one_mutation()
        fields = [b'"%s":%s' % (root.key.encode(), await self._field(root)) for root in self._plan.roots]
        return b'{"data":{' + b",".join(fields) + b"}" + errors.member(self._errors) + b"}"

    @property
    def foreign(self) -> bool:
        """Whether a root field has a resolver of its own."""
        return self._plan.foreign

    async def bodies(self) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
        """Return the JSON of the graph's root fields by response key, and the entries of `errors`."""
        if self._ctx.idempotency is not None and self._plan.is_mutation:
            self._one_mutation()
        found = {root.key: await self._field(root) for root in self._plan.roots if isinstance(root, Root)}
        return found, self._errors

    async def source(self) -> AsyncIterator[Any]:
        """Return the values that a subscription follows; raises KamError when it cannot begin."""
        root = self._followed()
        call = self._engine.graph.subscriptions[root.name]
        source: AsyncIterator[Any] = await call.resolve(
            self._ctx, root.arguments.read(self._variables), root.arguments.definition.args
        )
        return source

    async def follow(self, source: AsyncIterator[Any]) -> AsyncGenerator[bytes, None]:
        """Yield an answer per value of the source; empty bytes are a sign of life."""
        root = self._followed()
        typename = get_named_type(root.arguments.definition.type).name
        selection = root.selection(typename)
        async for value in source:
            if value is None:
                yield b""
                continue
            shown = await self._shaped(root.key, selection, value)
            found = withheld_errors(root, orjson.loads(shown), self._ctx.request_id) if self._plan.lacking else []
            yield b'{"data":{"%s":%s}%s}' % (root.key.encode(), shown, errors.member(found))

    def _followed(self) -> Root:
        root = self._plan.roots[0]
        assert isinstance(root, Root)  # noqa: S101 - validation allows a subscription one field, and no introspection
        return root

    def _one_mutation(self) -> None:
        if sum(isinstance(root, Root) for root in self._plan.roots) > 1:
            message = "An Idempotency-Key covers one mutation; send one mutation per request with it"
            raise errors.refused(Invalid.parameter("Idempotency-Key", "one_mutation", message))

    async def _field(self, root: Root | Constant | Introspective) -> bytes:
        if isinstance(root, Constant):
            return b'"%s"' % root.value.encode()
        if isinstance(root, Introspective):
            if self._about_schema is None:
                self._about_schema = await self._introspected()
            return self._about_schema[root.key]
        self._as_of = None
        try:
            answer = await self._reader(root)(root)
        except Exception as error:
            self._errors.append(errors.entry(error, [root.key], self._ctx.request_id))
            return b"null"
        if self._plan.lacking:
            self._errors += withheld_errors(root, orjson.loads(answer), self._ctx.request_id)
        return answer

    def _reader(self, root: Root) -> Callable[[Root], Awaitable[bytes]]:
        graph = self._engine.graph
        if root.connection is not None:
            return self._page
        if graph.call(root.name, mutation=self._plan.is_mutation) is not None:
            return self._call
        if root.name in graph.singles:
            return self._single
        return self._node if root.name == "node" else self._nodes

    # -- rows

    async def _page(self, root: Root) -> bytes:
        connection = root.connection
        assert connection is not None  # noqa: S101 - chosen by it
        reading = self._reading(connection.types)
        self._look_back(connection.arguments.read(self._variables))
        prepared = self._prepare((root.key,), (connection,), lambda builder: builder.page(connection))
        if prepared.asked[connection.slot].form.changed:
            text = await self._changes(connection, prepared)
        else:
            async with reading as reader:
                text = await reader.value(prepared.statement, **prepared.binds)
        if connection.plain and connection.nodes[0].final:
            return text.encode()
        finisher = self._finisher(prepared.asked)
        answer = finisher.connection(connection, orjson.loads(text))
        await self._complete(finisher, prepared.asked)
        return orjson.dumps(answer)

    async def _changes(self, connection: Connection, prepared: Prepared) -> str:
        """Return the document of a page in the order of changes. What was committed before the call is in it: it is
        read again after the changes that waited have got their positions. Raises CursorExpired.
        """
        permissions = self._engine.graph.needed(connection.types)
        async with self._ctx.reading(*permissions, fresh=True) as reader:
            row = await reader.one(prepared.statement, **prepared.binds) or {}
        if prepared.binds[f"p{connection.slot}"] > row["end"]:
            raise CursorExpired.beyond_end(int(row["end"]), "changedAfter")
        if row["waiting"]:
            await self._ctx.number_changes()
            async with self._ctx.reading(*permissions, fresh=True) as reader:
                row = await reader.one(prepared.statement, **prepared.binds) or {}
        return str(row["document"])

    async def _single(self, root: Root) -> bytes:
        typename = self._engine.graph.singles[root.name]
        arguments = root.arguments.read(self._variables)
        self._look_back(arguments)
        found = await self._row(root.key, root.selection(typename), arguments["id"])
        if found is None:
            raise NotFound(words(typename))
        return found

    async def _row(self, key: str, selection: Selection, identifier: Any) -> bytes | None:
        """Return the answer for one row by its id; None when no visible row has it."""
        reading = self._reading(selection.types)
        prepared = self._prepare(
            (key, selection.typename), selection.connections, lambda builder: builder.by_id(selection)
        )
        async with reading as reader:
            text: str | None = await reader.value(prepared.statement, id=read_id(identifier), **prepared.binds)
        if text is None or selection.final:
            return None if text is None else text.encode()
        finisher = self._finisher(prepared.asked)
        answer = finisher.row(selection, orjson.loads(text))
        await self._complete(finisher, prepared.asked)
        return orjson.dumps(answer)

    async def _node(self, root: Root) -> bytes:
        identifier = root.arguments.read(self._variables)["id"]
        for typename, found in (await self._whereabouts([identifier])).items():
            return await self._row(root.key, root.selection(typename), found[0]) or b"null"
        return b"null"

    async def _nodes(self, root: Root) -> bytes:
        identifiers: list[Any] = root.arguments.read(self._variables)["ids"]
        if len(identifiers) > self._engine.limits.page:
            raise Invalid.parameter("ids", "too_many", f"At most {self._engine.limits.page} ids at once")
        found: dict[str, bytes] = {}
        for typename, ids in (await self._whereabouts(identifiers)).items():
            found.update(await self._rows(root.key, root.selection(typename), ids))
        return b"[" + b",".join(found.get(str(each).lower(), b"null") for each in identifiers) + b"]"

    async def _rows(self, key: str, selection: Selection, ids: Sequence[str]) -> dict[str, bytes]:
        reading = self._reading(selection.types)
        self._budget.spend(len(ids))
        asked = self._ask(selection.connections, len(ids))
        statement = self._statement((key, selection.typename, ""), asked, lambda builder: builder.by_ids(selection))
        async with reading as reader:
            rows = await reader.all(statement, ids=list(ids), **self._binds(asked))
        if selection.final:
            return {row["id"]: row["document"].encode() for row in rows}
        finisher = self._finisher(asked)
        answers = {row["id"]: finisher.row(selection, orjson.loads(row["document"])) for row in rows}
        await self._complete(finisher, asked)
        return {identifier: orjson.dumps(answer) for identifier, answer in answers.items()}

    async def _complete(self, finisher: Finisher, asked: dict[int, PageArguments]) -> None:
        """Read the parts that were cut off and put them into their rows: one statement per cut."""
        while finisher.later:
            rows, finisher.later = finisher.later, []
            cuts: dict[int, list[tuple[Selection, str, dict[str, Any]]]] = {}
            for each in rows:
                cuts.setdefault(id(each[0]), []).append(each)
            for cut in cuts.values():
                tail = cut[0][0].tail
                assert tail is not None  # noqa: S101 - only rows with a tail come later
                rest = await self._rest(tail, sorted({identifier for _, identifier, _ in cut}), asked)
                done = {identifier: finisher.row(tail, document) for identifier, document in rest.items()}
                for selection, identifier, row in cut:
                    if identifier not in done:
                        raise Unavailable("A record was deleted while it was read; ask again")
                    finisher.complete(selection, row, done[identifier])

    async def _rest(self, tail: Selection, ids: list[str], asked: dict[int, PageArguments]) -> dict[str, Any]:
        statement = self._statement(("later", id(tail)), asked, lambda builder: builder.by_ids(tail))
        async with self._reading(tail.types) as reader:
            rows = await reader.all(statement, ids=ids, **self._binds(asked))
        return {row["id"]: orjson.loads(row["document"]) for row in rows}

    async def _whereabouts(self, identifiers: Sequence[Any]) -> dict[str, list[str]]:
        """Return the ids that exist and that the caller may read, by type; text that is no id is left out."""
        ids = []
        for identifier in identifiers:
            try:
                ids.append(read_id(identifier))
            except NotFound:
                continue
        out: dict[str, list[str]] = {}
        if ids:
            async with self._ctx.reading() as reader:
                for row in await reader.all(self._engine.whereabouts, ids=ids):
                    if self._plan.lacking.isdisjoint(self._engine.graph.needed(frozenset((row["typename"],)))):
                        out.setdefault(row["typename"], []).append(row["id"])
        return out

    # -- operations

    async def _call(self, root: Root) -> bytes:
        call = self._engine.graph.call(root.name, mutation=self._plan.is_mutation)
        assert call is not None  # noqa: S101 - chosen by it
        definition = root.arguments.definition
        result = await call.resolve(self._ctx, root.arguments.read(self._variables), definition.args)
        typename = get_named_type(definition.type).name
        if self._plan.is_mutation:
            return await self._payload(root.key, root.selection(typename), call, result)
        value = call.gives[0].value(result)
        if root.nodes[0].selection_set is None:
            return orjson.dumps(value)
        return await self._shaped(root.key, root.selection(typename), value)

    async def _payload(self, key: str, selection: Selection, call: Call, result: Any) -> bytes:
        gives = {each.name: each for each in call.gives}
        parts = []
        for item in selection.items:
            if isinstance(item, Constant):
                shown = orjson.dumps(item.value)
            else:
                assert isinstance(item, Leaf | Nested)  # noqa: S101 - payloads have no edges of their own
                value = gives[item.field].value(result)
                shown = await self._part(key, item, value) if isinstance(item, Nested) else orjson.dumps(value)
            parts.append(b'"%s":%s' % (item.key.encode(), shown))
        return b"{" + b",".join(parts) + b"}"

    async def _part(self, key: str, item: Nested, value: Any) -> bytes:
        """Return a record of a payload; null with an error if it may be null and the caller may not read it."""
        try:
            return await self._shaped(f"{key}.{item.key}", item.shape, value)
        except Forbidden as error:
            if not item.nullable:
                raise
            self._errors.append(errors.entry(error, [key, item.key], self._ctx.request_id))
            return b"null"

    async def _shaped(self, key: str, selection: Selection, value: Any) -> bytes:
        """Return the selected members of a document that an operation returned; edges are read by its id."""
        if isinstance(value, dict) and selection.has_edges:
            value = RecordId(value["id"])
        if isinstance(value, RecordId):
            return await self._row(key, selection, value) or b"null"
        return orjson.dumps(project(selection, value))

    # -- statements and their arguments

    def _reading(self, types: frozenset[str]) -> AbstractAsyncContextManager[Reader]:
        """Open a read of these types; raises Forbidden at once. A mutation sees what it has just committed."""
        return self._ctx.reading(*self._engine.graph.needed(types), fresh=self._plan.is_mutation)

    def _look_back(self, arguments: Mapping[str, Any]) -> None:
        """Take the instant that a root field looks back to; raises Invalid for what lies ahead."""
        if arguments.get("asOf") is not None:
            self._as_of = self._ctx.past(read_moment("asOf", arguments["asOf"]), "asOf")

    def _finisher(self, asked: Mapping[int, PageArguments]) -> Finisher:
        return Finisher(asked, self._engine.paging.cursor, self._ctx.services.clock.now())

    def _prepare(
        self, key: tuple[str, ...], connections: Sequence[Connection], build: Callable[[Builder], Statement]
    ) -> Prepared:
        """Return the statement of one row or page; the plan keeps it where no variable changes an argument."""
        kept: Prepared | None = self._plan.prepared.get(key) if self._as_of is None else None
        if kept is not None:
            self._budget.spend(kept.cost)
            return kept
        left = self._budget.left
        asked = self._ask(connections, 1)
        made = Prepared(self._statement(key, asked, build), asked, self._binds(asked), left - self._budget.left)
        if self._as_of is None and self._plan.fixed.keys() >= asked.keys():
            self._plan.prepared[key] = made
        return made

    def _ask(self, connections: Sequence[Connection], parents: int) -> dict[int, PageArguments]:
        asked: dict[int, PageArguments] = {}
        self._read(connections, parents, asked)
        return asked

    def _read(self, connections: Sequence[Connection], parents: int, asked: dict[int, PageArguments]) -> None:
        """Read the arguments of connections and of those below them, and take their objects off the budget."""
        for connection in connections:
            constant = connection.arguments.constant
            fixed = self._as_of is None and constant is not None and not ({"after", "before"} & constant.keys())
            found = self._plan.fixed.get(connection.slot) if fixed else None
            if found is None:
                arguments = connection.arguments.read(self._variables)
                nested = bool(connection.many.source)
                found = self._engine.paging.ask(connection, arguments, nested=nested, as_of=self._as_of)
                if fixed:
                    self._plan.fixed[connection.slot] = found
            asked[connection.slot] = found
            rows = parents * found.size
            self._budget.spend(rows)
            for node in connection.nodes:
                self._read(node.connections, rows, asked)

    def _statement(
        self, key: tuple[str | int, ...], asked: Mapping[int, PageArguments], build: Callable[[Builder], Statement]
    ) -> Statement:
        forms = {slot: each.form for slot, each in asked.items()}
        past = self._as_of is not None
        form = (*key, past, *forms.values())
        statement = self._plan.statements.get(form)
        if statement is None:
            statement = build(Builder(self._engine.graph, forms, past))
            self._plan.statements.put(form, statement)
        return statement

    def _binds(self, asked: Mapping[int, PageArguments]) -> dict[str, Any]:
        values: dict[str, Any] = {} if self._as_of is None else {"as_of": self._as_of}
        for each in asked.values():
            values.update(each.binds)
        return values

    async def _introspected(self) -> dict[str, bytes]:
        plan = self._plan
        assert plan.introspection is not None  # noqa: S101 - there is an introspective field
        keep = not plan.operation.variable_definitions
        try:
            found, objects = await self._engine.introspection.answer(plan.introspection, dict(self._given), keep=keep)
            self._budget.spend(objects)
        except QueryTooComplex as error:
            raise errors.refused(error) from None
        return found
