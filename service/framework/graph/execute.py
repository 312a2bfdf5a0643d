"""Runs documents: a plan from the cache, one statement per root field, and the answer's bytes.

No executor walks the answer. A query's root fields are read one after the other, each through its own reading (an
operation among them opens its own, and nobody may wait for a connection while holding one); a field that fails becomes
null and an error with its path, and the others stand. Mutations run one after the other, each in its own transaction.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode, OperationType
from graphql.execution.values import VariableValues

from service.framework.database.pagination import Cursors
from service.framework.database.statements import Statement
from service.framework.graph import errors
from service.framework.graph.beside import Beside
from service.framework.graph.context import GraphContext
from service.framework.graph.edges import Graph
from service.framework.graph.execution import execution_context
from service.framework.graph.introspection import Introspection
from service.framework.graph.limits import Limits
from service.framework.graph.paging import Paging
from service.framework.graph.parsing import Document, Documents
from service.framework.graph.plan import Compiler, Plan
from service.framework.graph.run import Run
from service.framework.graph.whereabouts import whereabouts
from service.platform.errors import (
    KamError,
    MalformedRequest,
    MethodNotAllowed,
    NotAcceptable,
    QueryTooComplex,
)

_SMALL = 50_000
"""Bytes of a request whose variables are read in the event loop; those of larger ones are read beside it."""


@dataclass(slots=True)
class Request:
    """One GraphQL request, as HTTP brought it. `read_only` (GET) refuses mutations; `size` is its length in bytes;
    `hashed` are requests with the hash of a query in the place of the query.
    """

    query: str
    operation_name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    read_only: bool = False
    size: int = 0
    hashed: bool = False

    @staticmethod
    def has_hash_only(given: Mapping[str, Any]) -> bool:
        """Whether a request names a persisted query by its hash and has no query."""
        extensions = given.get("extensions")
        return given.get("query") is None and isinstance(extensions, dict) and "persistedQuery" in extensions


class Engine:
    """Runs documents against one schema and graph."""

    def __init__(self, schema: Any, graph: Graph, cursors: Cursors, limits: Limits | None = None) -> None:
        self.strawberry = schema
        self.schema: GraphQLSchema = schema._schema  # no public name; building it from as_str() takes 0.3 s
        base = getattr(schema.execution_context_class, "plain", schema.execution_context_class)
        schema.execution_context_class = execution_context(graph, self._read, base)
        self.graph = graph
        self.limits = limits or Limits()
        self.paging = Paging(graph, cursors, self.limits)
        self._beside = Beside()
        self.introspection = Introspection(self.schema, self._beside, self.limits.cost)
        self._documents = Documents(self.schema, self.limits, self._beside)
        self.whereabouts = Statement(whereabouts(graph))

    async def run(self, ctx: GraphContext, request: Request) -> bytes:
        """Return the answer's body; raises Refused when nothing of the document was run."""
        document, name, operation = await self._chosen(request)
        if request.read_only and operation.operation is not OperationType.QUERY:
            raise errors.refused(MethodNotAllowed(["POST"]))
        if operation.operation is OperationType.SUBSCRIPTION:
            raise errors.refused(NotAcceptable("A subscription needs Accept: text/event-stream, or a WebSocket"))
        run = await self._run(ctx, request, document, name)
        if self.strawberry.extensions or run.foreign:
            return await self._through_strawberry(ctx, request, name)
        return await run.answer()

    async def stream(self, ctx: GraphContext, request: Request) -> AsyncGenerator[bytes, None]:
        """Return the answers of an operation: one per value of a subscription, else one. Raises Refused when nothing of
        it was run. Strawberry's extensions don't run here.
        """
        document, name, operation = await self._chosen(request)
        run = await self._run(ctx, request, document, name)
        if operation.operation is not OperationType.SUBSCRIPTION:
            return _once(await run.answer())
        try:
            return run.follow(await run.source())
        except KamError as error:
            raise errors.refused(error) from None

    async def _chosen(self, request: Request) -> tuple[Document, str, OperationDefinitionNode]:
        if request.hashed:  # clients know this message, and send the query then
            raise errors.refused(MalformedRequest("PersistedQueryNotSupported"), well_formed=True)
        document = await self._documents.document(request.query)
        name = document.choose(request.operation_name)
        return document, name, document.operations[name]

    async def _run(self, ctx: GraphContext, request: Request, document: Document, name: str) -> Run:
        variables, given = document.variables[name], request.variables
        read = variables.read(given) if request.size <= _SMALL else await self._beside.run(variables.read, given)
        return self._planned(ctx, document, name, read, given)

    def _planned(
        self, ctx: GraphContext, document: Document, name: str, variables: VariableValues, given: Mapping[str, Any]
    ) -> Run:
        operation = document.operations[name]
        conditions = {each: bool(variables.coerced.get(each)) for each in document.conditions}
        lacking = ctx.lacking(self.graph.every_permission)
        key = (name, lacking, *conditions.values()) if conditions or lacking else name
        plan = document.plans.get(key)
        if plan is None:
            plan = self._compile(document, operation, conditions, lacking, ctx.services.database.kind)
            document.plans.put(key, plan)
        return Run(self, ctx, plan, variables, given)

    async def _through_strawberry(self, ctx: GraphContext, request: Request, name: str) -> bytes:
        """Run a request through Strawberry's Schema: its extensions, and fields with resolvers of their own."""
        result = await self.strawberry.execute(
            request.query, dict(request.variables), context_value=ctx, operation_name=name or None
        )
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_shown(error, ctx.request_id) for error in result.errors]
        if result.extensions:
            answer["extensions"] = result.extensions
        return orjson.dumps(answer)

    async def _read(self, executor: Any) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
        """Answer the graph's root fields for Strawberry's executor."""
        operation: OperationDefinitionNode = executor.operation
        assert operation.loc is not None  # noqa: S101 - Strawberry parses with locations
        document = await self._documents.document(operation.loc.source.body)
        name = operation.name.value if operation.name else ""
        run = self._planned(executor.context_value, document, name, executor.variable_values, {})
        return await run.bodies()

    def _compile(
        self,
        document: Document,
        operation: Any,
        conditions: Mapping[str, bool],
        lacking: frozenset[Any],
        kind: str,
    ) -> Plan:
        shallow = kind == "sqlite"
        compiler = Compiler(self.schema, self.graph, document.tree, conditions, lacking=lacking, shallow=shallow)
        plan = compiler.plan(operation)
        limit = self.limits.mutations if plan.is_mutation else self.limits.root_fields
        if len(plan.roots) > limit:
            message = f"This operation has more than {limit} root fields"
            raise errors.refused(QueryTooComplex(message, members={"limit": limit}))
        return plan


def _shown(error: GraphQLError, request_id: str | None) -> dict[str, Any]:
    """Return an error as the graph shows it; the graph's own have their extensions already."""
    if error.extensions:
        return errors.with_request_id(dict(error.formatted), request_id)
    return errors.entry(error.original_error or error, error.path or (), request_id)


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
