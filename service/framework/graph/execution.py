"""The execution context that answers a Strawberry schema from compiled SQL.

The root's fields that the graph declares are read by the engine's plan of the document. Every other field (one that
somebody added, introspection) runs its resolver as in any Strawberry schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from graphql import GraphQLError, OperationType
from graphql.pyutils import Path

from service.framework.graph.edges import Graph

Read = Callable[[Any], Any]


def execution_context(graph: Graph, read: Read, base: Any) -> Any:
    """Return a subclass of Strawberry's execution context. `read` takes the executor and returns the answers of the
    graph's root fields as JSON by response key, with the entries of `errors`.
    """

    class Compiled(base):  # type: ignore[misc]
        """Answers root fields from SQL."""

        plain = base

        def execute_fields(self, parent: Any, source: Any, path: Any, fields: Any, position: Any) -> Any:
            """Execute the fields of an object; at the root, the graph's are read."""
            if path is not None or self.operation.operation is OperationType.SUBSCRIPTION:
                return super().execute_fields(parent, source, path, fields, position)
            return self._root(super().execute_fields, parent, source, fields, position)

        def execute_fields_serially(self, parent: Any, source: Any, path: Any, fields: Any, position: Any) -> Any:
            """Execute the root fields of a mutation, one after the other."""
            return self._root(super().execute_fields_serially, parent, source, fields, position)

        def _root(self, execute: Any, parent: Any, source: Any, fields: Mapping[str, Any], position: Any) -> Any:
            others = {key: each for key, each in fields.items() if not graph.answers(each[0].node.name.value)}
            if len(others) == len(fields):
                return execute(parent, source, None, others, position)
            return self._read(execute, parent, source, fields, others, position)

        async def _read(
            self, execute: Any, parent: Any, source: Any, fields: Any, others: Mapping[str, Any], position: Any
        ) -> dict[str, Any]:
            bodies, errors = await read(self)
            for each in errors:
                path = None
                for part in each["path"]:
                    path = Path(path, part, None)
                error = GraphQLError(each["message"], path=each["path"], extensions=each["extensions"])
                self.collected_errors.add(error, path)
            resolved: Any = execute(parent, source, None, others, position) if others else {}
            if self.is_awaitable(resolved):
                resolved = await resolved
            return {key: orjson.loads(bodies[key]) if key in bodies else resolved.get(key) for key in fields}

    return Compiled
