"""Answers questions about the schema: counted like other objects, beside the event loop, and kept as bytes."""

from collections import OrderedDict
from typing import Any

import orjson
from graphql import DocumentNode, GraphQLSchema, execute_sync, print_ast
from graphql.execution import Executor

from service.framework.graph.beside import Beside
from service.platform.errors import QueryTooComplex

MOST_BYTES = 8_000_000

Answered = tuple[dict[str, bytes], int]
"""The JSON of each root field, and the number of objects in all of them."""


class _Ended(BaseException):
    """More objects than allowed. Not an Exception, since the executor would turn that into one field's error."""


class _Count:
    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.objects = 0


class _CountingExecutor(Executor[Any]):
    def complete_object_value(self, *arguments: Any) -> Any:
        """Complete an object and count it; its context value is the count."""
        count: _Count = self.context_value
        count.objects += 1
        if count.objects > count.limit:
            raise _Ended
        return super().complete_object_value(*arguments)


class Introspection:
    """Answers introspection of one schema. Answers without variables are kept, at most `MOST_BYTES` of them."""

    def __init__(self, schema: GraphQLSchema, beside: Beside, limit: int) -> None:
        self._schema = schema
        self._beside = beside
        self._limit = limit
        self._kept: OrderedDict[str, Answered] = OrderedDict()
        self._bytes = 0

    async def answer(self, document: DocumentNode, variables: dict[str, Any], *, keep: bool) -> Answered:
        """Return the answer to a document that asks about the schema only; raises QueryTooComplex."""
        if not keep:
            return await self._beside.run(self._execute, document, variables)
        text = print_ast(document)
        found = self._kept.get(text)
        if found is None:
            found = await self._beside.run(self._execute, document, variables)
            self._keep(text, found)
        else:
            self._kept.move_to_end(text)
        return found

    def _execute(self, document: DocumentNode, variables: dict[str, Any]) -> Answered:
        count = _Count(self._limit)
        try:
            result = execute_sync(
                self._schema, document, variable_values=variables, context_value=count, executor_class=_CountingExecutor
            )
        except _Ended:
            message = f"This operation may load more than {self._limit} objects, those of the schema among them"
            raise QueryTooComplex(message, members={"limit": self._limit}) from None
        return {key: orjson.dumps(value) for key, value in (result.data or {}).items()}, count.objects

    def _keep(self, text: str, answered: Answered) -> None:
        """Keep an answer, and forget those that were used the longest time ago."""
        if text in self._kept:  # somebody else asked at the same time
            return
        self._kept[text] = answered
        self._bytes += _size(text, answered)
        while self._bytes > MOST_BYTES:
            self._bytes -= _size(*self._kept.popitem(last=False))


def _size(text: str, answered: Answered) -> int:
    return len(text) + sum(map(len, answered[0].values()))
