"""From text to a validated document, once per text: front-ends send the same few documents over and over, and
validation costs more than running them.

Documents that were refused are not kept: a caller must not be able to push the good ones out with bad ones.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, parse, validate

from service.framework.graph import errors
from service.framework.graph.beside import Beside
from service.framework.graph.limits import Limits, refuse_expanded, refuse_oversized
from service.framework.graph.plan import Plan, directive_variables
from service.framework.graph.variables import Variables
from service.platform.errors import KamError, QueryTooComplex
from service.platform.kept import Kept

_SHORT = 300
"""Characters of a document that takes less than some milliseconds, whatever it asks."""
_TOO_DEEP = QueryTooComplex("This document is nested too deeply")


@dataclass(slots=True)
class Document:
    """A document that fits the schema and the limits."""

    tree: DocumentNode
    operations: dict[str, OperationDefinitionNode]
    variables: dict[str, Variables]
    conditions: frozenset[str]
    plans: Kept[Hashable, Plan] = field(default_factory=lambda: Kept(16))

    def choose(self, name: str | None) -> str:
        """Return the name of the operation to run, which may be empty; raises Refused when it is not clear."""
        if name is None or name == "":
            if len(self.operations) == 1:
                return next(iter(self.operations))
            raise errors.invalid([GraphQLError("Must provide operation name if query contains multiple operations.")])
        if name not in self.operations:
            raise errors.invalid([GraphQLError("Unknown operation name.")])
        return name


class Documents:
    """Parses, validates and keeps documents."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, beside: Beside, size: int = 500) -> None:
        self._schema = schema
        self._limits = limits
        self._beside = beside
        self._kept: Kept[str, Document] = Kept(size)

    async def document(self, text: str) -> Document:
        """Return the document of a text; raises Refused. A long text is read beside the event loop."""
        document = self._kept.get(text)
        if document is None:
            document = self._read(text) if len(text) <= _SHORT else await self._beside.run(self._read, text)
            self._kept.put(text, document)
        return document

    def _read(self, text: str) -> Document:
        try:
            if len(text) > self._limits.text:
                raise QueryTooComplex(f"A document has at most {self._limits.text} characters")
            tree = self._parse(text)
            refuse_oversized(tree, self._limits)
            try:
                found = validate(self._schema, tree, max_errors=20)
                if found:
                    raise errors.invalid(found)
                refuse_expanded(tree, self._limits)
            except RecursionError:
                raise _TOO_DEEP from None
        except KamError as error:
            raise errors.refused(error) from None
        operations = {
            d.name.value if d.name else "": d for d in tree.definitions if isinstance(d, OperationDefinitionNode)
        }
        if not operations:
            raise errors.invalid([GraphQLError("The document has no operation.")])
        variables = {name: Variables(self._schema, operation) for name, operation in operations.items()}
        return Document(tree, operations, variables, directive_variables(tree))

    def _parse(self, text: str) -> DocumentNode:
        try:
            return parse(text, max_lexical_tokens=self._limits.tokens)
        except GraphQLError as error:
            if "more than" in error.message and "tokens" in error.message:
                raise QueryTooComplex(
                    f"This document has more than {self._limits.tokens} tokens", members={"limit": self._limits.tokens}
                ) from None
            raise errors.syntax(error) from None
        except RecursionError:
            raise _TOO_DEEP from None
