"""Subscriptions of a running service: server-sent events, and the messages of graphql-transport-ws one by one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from tests.live import Live, serve

EVENTS = "subscription($types: [String!], $after: String) { events(types: $types, after: $after) { type cursor data } }"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serve(Path(tmp_path_factory.mktemp("live"))) as running:
        yield running


@pytest.fixture
async def client(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=live.url, headers=live.headers, trust_env=False, timeout=20) as made:
        yield made


@asynccontextmanager
async def socket(live: Live, *, key: str | None = None, header: bool = False, init: bool = True) -> AsyncIterator[Any]:
    url = live.url.replace("http://", "ws://") + "/graphql"
    headers = live.headers if header else {}
    async with websockets.connect(
        url, subprotocols=[websockets.Subprotocol("graphql-transport-ws")], additional_headers=headers, proxy=None
    ) as connection:
        if init:
            payload = None if header else {"Authorization": f"Bearer {key or live.key}"}
            await say(connection, {"type": "connection_init", "payload": payload})
            assert (await hear(connection))["type"] == "connection_ack"
        yield connection


async def say(connection: Any, message: Any) -> None:
    await connection.send(json.dumps(message))


async def hear(connection: Any) -> dict[str, Any]:
    return dict(json.loads(await asyncio.wait_for(connection.recv(), 20)))


async def closed(connection: Any) -> int:
    with pytest.raises(websockets.ConnectionClosed):
        while True:
            await asyncio.wait_for(connection.recv(), 20)
    return int(connection.close_code)


async def make(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.post("/v1/accounts", json={"name": name})).status_code == 201


def subscribe(identifier: str, query: str = EVENTS, **variables: Any) -> dict[str, Any]:
    return {"id": identifier, "type": "subscribe", "payload": {"query": query, "variables": variables}}


@pytest.mark.parametrize("header", [True, False])
async def test_a_socket_tells_events_as_they_happen(live: Live, client: httpx.AsyncClient, header: bool) -> None:
    async with socket(live, header=header) as connection:
        await say(connection, subscribe("a", types=["account.*"]))
        await say(connection, subscribe("q", "{ eventTypes { type } }"))
        assert (await hear(connection))["id"] == "q"  # a query beside it: one answer, then complete
        assert await hear(connection) == {"id": "q", "type": "complete"}
        await make(client, "Seen")
        told = await hear(connection)
        assert (told["id"], told["type"]) == ("a", "next")
        event = told["payload"]["data"]["events"]
        assert (event["type"], event["data"]["account"]["name"]) == ("account.created", "Seen")
        await say(connection, {"id": "a", "type": "complete"})
        await say(connection, {"type": "ping"})
        assert (await hear(connection))["type"] == "pong"
        await make(client, "Not seen")
        await say(connection, subscribe("b", after=event["cursor"]))
        assert (await hear(connection))["payload"]["data"]["events"]["data"]["account"]["name"] == "Not seen"


async def test_a_document_that_does_not_fit_is_an_error_of_its_operation_only(live: Live) -> None:
    async with socket(live) as connection:
        for query, code in (
            ("subscription { nothing }", "graphql_invalid"),
            ("subscription {", "graphql_syntax"),
            ("subscription { a: events { id } b: events { id } }", "graphql_invalid"),
            ('subscription { events(types: ["nothing.like"]) { id } }', "invalid_request"),
            ('subscription { events(after: "abc") { id } }', "cursor_invalid"),
        ):
            await say(connection, subscribe("x", query))
            told = await hear(connection)
            assert (told["id"], told["type"]) == ("x", "error")
            assert told["payload"][0]["extensions"]["code"] == code, query
        await say(connection, subscribe("x", "{ me { id } }"))
        assert (await hear(connection))["type"] == "next"


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"type": "subscribe", "id": "a", "payload": {"query": "{ me { id } }"}}], 4401),
        ([{"type": "connection_init", "payload": {"Authorization": "Bearer kam_no"}}], 4403),
        ([{"type": "connection_init"}], 4403),
        ([{"type": "nothing"}], 4400),
        (["text"], 4400),
    ],
)
async def test_who_does_not_keep_to_the_protocol_is_sent_away(live: Live, messages: list[Any], code: int) -> None:
    async with socket(live, init=False) as connection:
        for message in messages:
            await say(connection, message)
        assert await closed(connection) == code


async def test_an_id_is_used_once_and_init_comes_once(live: Live) -> None:
    async with socket(live) as connection:
        await say(connection, subscribe("a"))
        await say(connection, subscribe("a"))
        assert await closed(connection) == 4409
    async with socket(live) as connection:
        await say(connection, {"type": "connection_init"})
        assert await closed(connection) == 4429


async def test_another_subprotocol_or_path_is_not_served(live: Live) -> None:
    url = live.url.replace("http://", "ws://")
    async with websockets.connect(url + "/graphql", proxy=None) as connection:
        assert await closed(connection) == 4406
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(url + "/v1/accounts", proxy=None)


async def test_server_sent_events_carry_a_subscription(live: Live, client: httpx.AsyncClient) -> None:
    request = {"query": EVENTS, "variables": {"types": ["account.created"]}}
    async with client.stream("POST", "/graphql", json=request, headers={"Accept": "text/event-stream"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        assert await anext(lines) == ":"
        await make(client, "Streamed")
        told = [await anext(lines) for _ in range(3)]
    assert told[:2] == ["", "event: next"]
    event = json.loads(told[2].removeprefix("data: "))["data"]["events"]
    assert event["data"]["account"]["name"] == "Streamed"


async def test_any_operation_may_be_streamed_and_errors_come_before_the_stream(client: httpx.AsyncClient) -> None:
    stream = {"Accept": "text/event-stream"}
    whole = await client.post("/graphql", json={"query": "{ me { name } }"}, headers=stream)
    assert whole.text.split("\n\n")[1:] == [
        'event: next\ndata: {"data":{"me":{"name":"First admin key"}}}',
        "event: complete\ndata:",
        "",
    ]
    bad = await client.post("/graphql", json={"query": "subscription { nothing }"}, headers=stream)
    assert bad.status_code == 400 and bad.json()["errors"][0]["extensions"]["code"] == "graphql_invalid"
    plain = await client.post("/graphql", json={"query": EVENTS})
    assert plain.status_code == 406 and plain.json()["errors"][0]["extensions"]["code"] == "not_acceptable"
