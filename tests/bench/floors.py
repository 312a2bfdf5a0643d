"""The floors that the service is measured against: the same answers with nothing around them, on the same database.

Bare ASGI on uvicorn, asyncpg with statements prepared per connection, a small last-in-first-out pool without the RESET
on release, no keys, limits, ids, conditions, validation, logs or metrics. Both read the service's own tables and answer
the service's own paths, below /f1 and /f5:

F1  rows come as values and become JSON in this process (orjson). W4 is one data-modifying statement: version check,
    update, event row, the new document.
F5  the database builds the JSON, the bytes are passed through.

What they answer, so that the comparison is fair in both directions:

W1   the whole account document, member for member what the service answers (references, Fiocca cell, Cranfield name)
W2   `{"items": [50 such documents]}`; the service's page has `next_cursor` and `has_more` besides, for which it reads
     one row more and signs a cursor
W3   GraphQL's answer for 50 accounts (id name industry quadrant revenue) with stakeholders (id name roles influence
     stance) and objectives (id title metric target dueOn) with actions (id title ownerId dueOn state). The document is
     not read at all: the shape of the variables tells which query it is
W3b  the same for one account with its stakeholders
W4   the changed account's document; the event row has every column and the same envelope as the service's
"""

from __future__ import annotations

import argparse
import asyncio
import collections
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qs

import asyncpg
import orjson
import uvicorn

from tests.bench.floor_statements import STAGE_NAMES, STATEMENTS, VERBS_OF

POOL = 10
SESSION = {"timezone": "UTC", "jit": "off", "application_name": "kam-floor"}
"""What the service asks of its connections too."""

Prepared = dict[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Pool:
    """Connections with every statement prepared; the one used last is given out first, so that few stay warm."""

    def __init__(self) -> None:
        self._free: list[Prepared] = []
        self._waiting: collections.deque[asyncio.Future[Prepared]] = collections.deque()
        self._connections: list[Any] = []

    async def open(self, url: str, size: int = POOL) -> None:
        """Connect and prepare."""
        for _ in range(size):
            connection = await asyncpg.connect(url, server_settings=SESSION)
            self._connections.append(connection)
            self._free.append({name: await connection.prepare(text) for name, text in STATEMENTS.items()})

    async def close(self) -> None:
        """Disconnect."""
        for connection in self._connections:
            await connection.close()

    async def take(self) -> Prepared:
        """A connection of one's own."""
        if self._free:
            return self._free.pop()
        waiting: asyncio.Future[Prepared] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        return await waiting

    def give(self, prepared: Prepared) -> None:
        """Hand it on."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(prepared)
                return
        self._free.append(prepared)


def account_of(r: Sequence[Any]) -> dict[str, Any]:
    """A row of `account` as the account's document."""
    high, strong = r[19], r[20]
    return {
        "id": r[0], "version": r[1], "created_at": r[2], "updated_at": r[3], "name": r[4], "parent_id": r[5],
        "status": r[6], "scope": r[7], "industry": r[8], "country": r[9], "website": r[10], "currency": r[11],
        "revenue": r[12], "owner_id": r[13], "tags": orjson.Fragment(r[14]), "attributes": orjson.Fragment(r[15]),
        "refs": orjson.Fragment(r[16]), "quadrant": r[17], "quadrant_source": r[18],
        "fiocca": strong and {
            "attractiveness": high, "position": strong, "verbs": VERBS_OF[high, strong],
            "leading_verb": VERBS_OF[high, strong][0] if len(VERBS_OF[high, strong]) == 1 else r[31],
        },
        "attractiveness": r[21], "business_strength": r[22], "relative_strength": r[23],
        "classification_status": r[24], "stage": r[25], "stage_cranfield": STAGE_NAMES[r[25]],
        "target_stage": r[26], "target_stage_on": r[27], "service_level": r[28], "supplier_status": r[29],
        "perception_level": r[30], "general_portfolio": r[32], "benefit_to_us": r[33], "benefit_to_customer": r[34],
    }  # fmt: skip


def _brief(r: Sequence[Any], stakeholders: Iterable[Sequence[Any]]) -> dict[str, Any]:
    shown = [
        {"id": s[1], "name": s[2], "roles": orjson.Fragment(s[3]), "influence": s[4], "stance": s[5]}
        for s in stakeholders
    ]
    return {
        "id": r[0], "name": r[1], "industry": r[2], "quadrant": r[3], "revenue": r[4], "stakeholders": {"nodes": shown}
    }  # fmt: skip


def _by_first(rows: Iterable[Sequence[Any]]) -> dict[str, list[Sequence[Any]]]:
    found: dict[str, list[Sequence[Any]]] = collections.defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return found


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


class Floors:
    """The ASGI application of both floors."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pool = Pool()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        status, prepared = 200, None
        raw = await _body(receive) if scope["method"] in ("POST", "PATCH") else b""
        floor, path = scope["path"][1:3], scope["path"][3:]
        prepared = await self.pool.take()
        try:
            answer = await (self._f1 if floor == "f1" else self._f5)(prepared, scope, path, raw)
        finally:
            self.pool.give(prepared)
        if answer is None:
            answer, status = b"{}", 412 if scope["method"] == "PATCH" else 404
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.pool.open(self.url)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _f1(self, prepared: Prepared, scope: Scope, path: str, raw: bytes) -> bytes | None:
        if path == "/graphql":
            variables = orjson.loads(raw)["variables"]
            if "id" in variables:
                row = await prepared["brief"].fetchrow(variables["id"])
                found = await prepared["stakeholders"].fetch([variables["id"]])
                return _dump({"data": {"account": _brief(row, found)}})
            return await self._tree(prepared, variables["quadrant"])
        if path == "/v1/accounts":
            rows = await prepared["accounts"].fetch(_quadrant(scope))
            return _dump({"items": [account_of(row) for row in rows]})
        if scope["method"] == "PATCH":
            row = await self._change(prepared, scope, path, raw)
        else:
            row = await prepared["account"].fetchrow(path[13:])
        return _dump(account_of(row)) if row else None

    async def _change(self, prepared: Prepared, scope: Scope, path: str, raw: bytes) -> Any:
        match = next(value for name, value in scope["headers"] if name == b"if-match")
        level = orjson.loads(raw)["service_level"]
        return await prepared["change"].fetchrow(path[13:], int(match[2:-1]), level)

    async def _tree(self, prepared: Prepared, quadrant: str) -> bytes:
        rows = await prepared["briefs"].fetch(quadrant)
        ids = [row[0] for row in rows]
        stakeholders = _by_first(await prepared["stakeholders"].fetch(ids))
        listed = await prepared["objectives"].fetch(ids)
        objectives = _by_first(listed)
        actions = _by_first(await prepared["actions"].fetch([row[1] for row in listed]))
        nodes = []
        for row in rows:
            node = _brief(row, stakeholders[row[0]])
            node["objectives"] = {
                "nodes": [
                    {
                        "id": o[1], "title": o[2], "metric": o[3], "target": o[4], "dueOn": o[5],
                        "actions": {
                            "nodes": [
                                {"id": c[1], "title": c[2], "ownerId": c[3], "dueOn": c[4], "state": c[5]}
                                for c in actions[o[1]]
                            ]
                        },
                    }
                    for o in objectives[row[0]]
                ]
            }  # fmt: skip
            nodes.append(node)
        return _dump({"data": {"accounts": {"nodes": nodes}}})

    async def _f5(self, prepared: Prepared, scope: Scope, path: str, raw: bytes) -> bytes | None:
        if path == "/graphql":
            variables = orjson.loads(raw)["variables"]
            if "id" in variables:
                text = await prepared["branch_json"].fetchval(variables["id"])
            else:
                text = await prepared["tree_json"].fetchval(variables["quadrant"])
        elif path == "/v1/accounts":
            text = await prepared["accounts_json"].fetchval(_quadrant(scope))
        else:
            text = await prepared["account_json"].fetchval(path[13:])
        return text.encode() if text else None


def _quadrant(scope: Scope) -> str:
    return str(parse_qs(scope["query_string"].decode())["quadrant"][0])


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


def main() -> None:
    """Serve both floors until a signal."""
    parser = argparse.ArgumentParser(description="The floors, below /f1 and /f5")
    parser.add_argument("url", help="postgresql://user:password@host/name, filled")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(
        Floors(given.url), host="127.0.0.1", port=given.port, loop="uvloop", http="httptools", access_log=False,
        log_level="warning", server_header=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
