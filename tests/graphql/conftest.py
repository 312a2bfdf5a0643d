"""Queries of the graph without HTTP: the engine over open services, as any caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import pytest
from graphql import GraphQLSchema

from service.access.principal import SYSTEM, Principal
from service.framework.graph import errors
from service.framework.graph.execute import Engine, Request
from service.framework.graph.limits import Limits
from service.framework.graph.schema import schema_of
from service.graphql.graph import GRAPH
from service.operations.classification.scoring_models import ensure_default_model
from service.platform.clock import SetClock
from service.platform.idempotency import Idempotency
from service.records.context import Context, Services


@pytest.fixture(scope="session")
def served() -> Any:
    """The Strawberry schema of the graph."""
    return schema_of(GRAPH)


@pytest.fixture(scope="session")
def schema(served: Any) -> GraphQLSchema:
    """The schema as graphql-core has it."""
    return served._schema


@dataclass
class Asker:
    """Runs documents and gives the answer as it would leave; `statements` are those of the last one."""

    services: Services
    engine: Engine
    statements: int = 0

    async def __call__(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        scopes: list[str] | None = None,
        key: Idempotency | None = None,
        operation: str | None = None,
    ) -> dict[str, Any]:
        caller = SYSTEM if scopes is None else Principal.of("00000000-0000-7000-8000-00000000000a", "test", scopes)
        ctx = Context(self.services, caller, idempotency=key, request_id="req-1")
        before = self.services.database.statements
        try:
            body = await self.engine.run(ctx, Request(query, operation, variables or {}))
        except errors.Refused as refused:
            return {"errors": refused.shown("req-1")}
        self.statements = self.services.database.statements - before
        return orjson.loads(body)

    async def data(self, query: str, variables: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """The data of an answer that has no errors."""
        answer = await self(query, variables, **more)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def code(self, query: str, variables: Mapping[str, Any] | None = None, **more: Any) -> str:
        """The code of the only error of an answer."""
        answer = await self(query, variables, **more)
        assert len(answer["errors"]) == 1, answer
        return answer["errors"][0]["extensions"]["code"]


@pytest.fixture
async def services(services: Services) -> Services:
    """Open services with the default scoring model, as every started service has it."""
    await ensure_default_model(services)
    return services


@pytest.fixture
def ask(services: Services, served: Any) -> Asker:
    """Ask with the usual limits."""
    return Asker(services, Engine(served, GRAPH, services.cursors))


@pytest.fixture
def ask_within(services: Services, served: Any) -> Any:
    """Make an asker with limits of one's own."""
    return lambda limits: Asker(services, Engine(served, GRAPH, services.cursors, limits))


@pytest.fixture
async def accounts(ask: Asker, clock: SetClock) -> dict[str, str]:
    """Five accounts, Alpha to Echo, with revenues 1 to 4 and one unknown; Bravo and Charlie belong to Alpha. Ids by name."""
    made: dict[str, str] = {}
    for index, name in enumerate(["Alpha", "Bravo", "Charlie", "Delta", "Echo"], 1):
        clock.advance(timedelta(seconds=1))
        given: dict[str, Any] = {"name": name, "revenue": f"{index}.00" if index < 5 else None}
        if name in ("Bravo", "Charlie"):
            given["parentId"] = made["Alpha"]
        query = "mutation($input: CreateAccountInput!) { createAccount(input: $input) { account { id } } }"
        made[name] = (await ask.data(query, {"input": given}))["createAccount"]["account"]["id"]
    return made


__all__ = ["Asker", "Limits"]
