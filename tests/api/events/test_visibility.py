"""No event shows what its reader's key may not read: in the feed, by id, as a stream, to a consumer, through GraphQL."""

from __future__ import annotations

from typing import Any

import httpx

from tests.api.records import make_account, make_plan

FEED = "query($types: [String!]) { events(types: $types) { nodes { type } } }"


async def types_of(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get("/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    return [event["type"] for event in answer.json()["items"]]


async def test_an_event_is_told_to_those_who_may_read_what_it_tells(
    client: httpx.AsyncClient, make_client: Any
) -> None:
    account = await make_account(client)
    await make_plan(client, account)
    every = (await client.get("/v1/events")).json()["items"]
    hidden = next(event for event in every if event["type"].startswith("plan."))
    narrow = await make_client("events:read", "events:write", "accounts:read")
    seen = await types_of(narrow)
    assert "account.created" in seen and not any(name.startswith("plan.") for name in seen)
    assert (await narrow.get("/v1/events")).json()["next_cursor"] == (await client.get("/v1/events")).json()[
        "next_cursor"
    ]
    assert (await narrow.get(f"/v1/events/{hidden['id']}")).status_code == 404
    for path in ("/v1/events", "/v1/events/stream"):
        refused = await narrow.get(path, params={"types": "plan.*"})
        assert (refused.status_code, refused.json()["required_scope"]) == (403, "plans:read")
    told = (await narrow.post("/graphql", json={"query": FEED})).json()["data"]["events"]["nodes"]
    assert [event["type"] for event in told] == seen
    refused = (await narrow.post("/graphql", json={"query": FEED, "variables": {"types": ["plan.*"]}})).json()
    assert refused["errors"][0]["extensions"]["code"] == "insufficient_scope"
    one = (await narrow.post("/v1/event-consumers", json={"name": "narrow", "begin": "start"})).json()
    batch = (await narrow.post(f"/v1/event-consumers/{one['id']}/poll", json={})).json()
    assert [event["type"] for event in batch["items"]] == seen
    assert batch["cursor"] == (await client.get("/v1/events")).json()["next_cursor"]
