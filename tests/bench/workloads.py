"""The workloads, as requests: method, path, body, If-Match. Service and floors get the same ones, below their prefix."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg
import orjson

from service.rules.vocabulary import Quadrant
from tests.bench.data import identifier

TREE = (
    "query($quadrant: Quadrant!) { accounts(first: 50, filter: {quadrant: {eq: $quadrant}},"
    " orderBy: [{field: revenue, direction: desc}]) { nodes { id name industry quadrant revenue"
    " stakeholders { nodes { id name roles influence stance } }"
    " objectives { nodes { id title metric target dueOn actions { nodes { id title ownerId dueOn state } } } } } } }"
)
BRANCH = (
    "query($id: ID!) { account(id: $id) { id name industry quadrant revenue"
    " stakeholders { nodes { id name roles influence stance } } } }"
)


@dataclass(frozen=True)
class Request:
    """One request; `expected` is the version for If-Match."""

    method: str
    path: str
    body: bytes = b""
    expected: int | None = None

    @property
    def media(self) -> str | None:
        """The Content-Type, where there is a body."""
        return "application/json" if self.body else None


@dataclass(frozen=True)
class Workload:
    """What is measured: its name, what it does, and which floors do the same."""

    name: str
    words: str
    floors: tuple[str, ...]
    once: bool = False
    """Whether each request may be sent only once (a write that expects a version)."""


WORKLOADS = (
    Workload("W1", "read one account", ("f1", "f5")),
    Workload("W2", "list of 50, filtered, sorted", ("f1", "f5")),
    Workload("W3", "GraphQL: 50 accounts with stakeholders, objectives, actions", ("f1", "f5")),
    Workload("W3b", "GraphQL: one account with stakeholders", ("f1", "f5")),
    Workload("W4", "patch with version check and event row", ("f1",), once=True),
)


def reads(name: str, accounts: int, count: int = 20_000) -> list[Request]:
    """The requests of a reading workload over a database of that many accounts, in random order."""
    dice = random.Random(7)
    if name == "W1":
        return [
            Request("GET", f"/v1/accounts/{identifier('accounts', dice.randint(1, accounts))}") for _ in range(count)
        ]
    if name == "W2":
        return [Request("GET", f"/v1/accounts?quadrant={quadrant}&sort=-revenue&limit=50") for quadrant in Quadrant]
    if name == "W3":
        return [_graphql(TREE, "quadrant", quadrant) for quadrant in Quadrant]
    if name == "W3b":
        return [_graphql(BRANCH, "id", identifier("accounts", dice.randint(1, accounts))) for _ in range(count)]
    raise ValueError(name)


async def writes(url: str, count: int, after: int = 0) -> list[Request]:
    """Patches of `count` accounts, the ones numbered from `after`+1 in a circle, each expecting the version it has now."""
    connection = await asyncpg.connect(url)
    try:
        accounts = await connection.fetchval("SELECT count(*) FROM accounts")
        count = min(count, accounts)
        wanted = [identifier("accounts", 1 + (after + index) % accounts) for index in range(count)]
        rows = await connection.fetch(
            "SELECT id::text, version FROM accounts WHERE id = ANY($1::text[]::uuid[])", wanted
        )
    finally:
        await connection.close()
    versions = {row[0]: row[1] for row in rows}
    return [
        Request("PATCH", f"/v1/accounts/{each}", b'{"service_level":%d}' % (1 + versions[each] % 5), versions[each])
        for each in wanted
    ]


def listed(requests: Iterable[Request], prefix: str = "") -> str:
    """The requests as the load programs read them: one a line, tabs between method, path, If-Match and body."""
    return "".join(
        f"{r.method}\t{prefix}{r.path}\t{'' if r.expected is None else f'{chr(34)}v{r.expected}{chr(34)}'}\t"
        f"{r.body.decode()}\n"
        for r in requests
    )


def _graphql(query: str, name: str, value: str) -> Request:
    return Request("POST", "/graphql", orjson.dumps({"query": query, "variables": {name: value}}))
