"""Measure the CPU time of the graph's hot path without a server: `python -P -m tests.bench.graph_loop [rounds [url]]`.

Runs one account with its stakeholders (W3b) and 50 accounts with three nested lists (W3) against a new SQLite file or the database at `url`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time

import orjson

from service.access.principal import SYSTEM
from service.framework.database.migrate import ensure_migrated
from service.framework.graph.execute import Engine, Request
from service.framework.graph.schema import schema_of
from service.graphql.graph import GRAPH
from service.operations.classification.scoring_models import ensure_default_model
from service.platform.settings import Settings
from service.records.context import Context
from service.records.services import make_services

ONE = "query($id: ID!) { account(id: $id) { id name stakeholders { nodes { id name } } } }"
MANY = (
    "{ accounts(first: 50) { nodes { id name stakeholders { nodes { id name } } "
    "objectives { nodes { id title actions { nodes { id title } } } } } } }"
)
STAKEHOLDER = (
    "mutation($id: ID!, $name: String!) { createStakeholder(accountId: $id, input: {name: $name}) { outcome } }"
)
ACCOUNT = "mutation($name: String!) { createAccount(input: {name: $name}) { account { id } } }"


async def main(url: str, rounds: int) -> None:
    """Fill a database, run both queries and print the microseconds of CPU per request."""
    await ensure_migrated(url)
    settings = Settings(
        _env_file=None, database_url=url, secret_key="a key of 32 characters for the bench", worker=False
    )
    services = make_services(settings)
    await services.database.open()
    await ensure_default_model(services)
    engine = Engine(schema_of(GRAPH), GRAPH, services.cursors)
    context = Context(services, SYSTEM)
    made = ""
    for number in range(50):
        body = await engine.run(context, Request(ACCOUNT, None, {"name": f"Account {number}"}))
        made = orjson.loads(body)["data"]["createAccount"]["account"]["id"]
        for person in range(3):
            await engine.run(context, Request(STAKEHOLDER, None, {"id": made, "name": f"Person {person}"}))
    for name, query, variables in (("W3b", ONE, {"id": made}), ("W3", MANY, {})):
        request = Request(query, None, variables)
        best = float("inf")
        for _ in range(5):
            begun = time.process_time()
            for _ in range(rounds):
                await engine.run(context, request)
            best = min(best, (time.process_time() - begun) / rounds)
        print(f"{name}: {best * 1e6:.0f} us of CPU per request")
    await services.database.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        address = sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/kam.db"
        asyncio.run(main(address, int(sys.argv[1]) if len(sys.argv) > 1 else 300))
