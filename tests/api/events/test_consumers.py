"""Named consumers through HTTP, on both databases: leased, in order, at least once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx

from service.records.context import Services
from tests.api.records import NOBODY, make_account

PATH = "/v1/event-consumers"
COSTS = {"postgresql": (7, 5), "sqlite": (7, 5)}
"""Statements of a poll and of a commit, when nothing waits for its place in the feed."""


async def consumer(client: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json={"name": "reader", **members})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{PATH}/{answer.json()['id']}"
    return dict(answer.json())


async def poll(client: httpx.AsyncClient, one: dict[str, Any], **members: Any) -> httpx.Response:
    return await client.post(f"{PATH}/{one['id']}/poll", json=members)


async def commit(client: httpx.AsyncClient, batch: dict[str, Any], **members: Any) -> httpx.Response:
    body = {"lease_token": batch["lease_token"], "cursor": batch["cursor"], **members}
    return await client.post(f"{PATH}/{batch['consumer_id']}/commit", json=body)


async def test_a_consumer_reads_on_from_what_it_committed(client: httpx.AsyncClient) -> None:
    await make_account(client, name="Before")
    one = await consumer(client)
    assert one["behind"] == 0
    for number in range(3):
        await make_account(client, name=f"Account {number}")
    first = (await poll(client, one, limit=2)).json()
    assert [event["data"]["account"]["name"] for event in first["items"]] == ["Account 0", "Account 1"]
    assert first["has_more"] is True
    done = await commit(client, first)
    assert done.status_code == 200 and done.json()["lease_until"] is None and done.json()["behind"] == 1
    second = (await poll(client, one)).json()
    assert [event["data"]["account"]["name"] for event in second["items"]] == ["Account 2"]
    feed = (await client.get("/v1/events")).json()["items"]
    assert [*first["items"], *second["items"]] == feed[1:]


async def test_a_reader_that_dies_gives_its_events_to_the_next(client: httpx.AsyncClient, clock: Any) -> None:
    one = await consumer(client)
    await make_account(client)
    dead = (await poll(client, one, lease_seconds=30)).json()
    refused = await poll(client, one)
    assert (refused.status_code, refused.json()["code"]) == (409, "consumer_leased")
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    clock.advance(timedelta(seconds=31))
    alive = (await poll(client, one)).json()
    assert alive["items"] == dead["items"] and alive["lease_token"] != dead["lease_token"]
    late = await commit(client, dead)
    assert (late.status_code, late.json()["code"]) == (409, "consumer_lease_lost")
    assert (await commit(client, alive)).status_code == 200


async def test_the_holder_prolongs_its_lease_and_keeps_it_over_a_commit(client: httpx.AsyncClient, clock: Any) -> None:
    one = await consumer(client)
    await make_account(client)
    batch = (await poll(client, one, lease_seconds=30)).json()
    clock.advance(timedelta(seconds=20))
    again = (await poll(client, one, lease_seconds=30, lease_token=batch["lease_token"])).json()
    assert again["lease_token"] == batch["lease_token"] and again["lease_until"] > batch["lease_until"]
    kept = await commit(client, again, release=False)
    assert kept.json()["lease_until"] == again["lease_until"]
    assert (await poll(client, one)).status_code == 409


async def test_only_what_is_asked_for_is_read_and_the_rest_is_passed_over(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    one = await consumer(client, begin="start", event_types=["account.updated"], account_id=account["id"])
    await make_account(client, name="Other")
    await client.patch(f"/v1/accounts/{account['id']}", json={"name": "Changed"})
    batch = (await poll(client, one)).json()
    assert [event["type"] for event in batch["items"]] == ["account.updated"]
    assert (await commit(client, batch)).json()["behind"] == 0


async def test_a_consumer_is_put_somewhere_else(client: httpx.AsyncClient) -> None:
    one = await consumer(client)
    await make_account(client)
    batch = (await poll(client, one)).json()
    back = await client.post(f"{PATH}/{one['id']}/seek", json={"to": "start"})
    assert back.json()["committed"] == 0 and back.json()["lease_until"] is None
    assert (await commit(client, batch)).json()["code"] == "consumer_lease_lost"
    now = await client.post(f"{PATH}/{one['id']}/seek", json={"to": "now"})
    assert now.json()["behind"] == 0
    there = await client.post(f"{PATH}/{one['id']}/seek", json={"cursor": batch["cursor"]})
    assert there.json()["committed"] == 1
    for body in ({}, {"to": "now", "cursor": batch["cursor"]}):
        assert (await client.post(f"{PATH}/{one['id']}/seek", json=body)).status_code == 422


async def test_long_polling_ends_with_the_first_event(client: httpx.AsyncClient) -> None:
    one = await consumer(client)
    waiting = asyncio.create_task(poll(client, one, wait_seconds=20))
    await asyncio.sleep(0)  # the poll begins
    await make_account(client)
    batch = (await asyncio.wait_for(waiting, 15)).json()
    assert [event["type"] for event in batch["items"]] == ["account.created"]


async def test_long_polling_is_not_ended_by_what_the_consumer_does_not_take(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    one = await consumer(client, event_types=["account.updated"])
    await make_account(client, name="Before the poll")
    waiting = asyncio.create_task(poll(client, one, wait_seconds=20))
    for number in range(3):
        await make_account(client, name=f"During it {number}")
    await client.patch(f"/v1/accounts/{account['id']}", json={"name": "Changed"})
    batch = (await asyncio.wait_for(waiting, 15)).json()
    assert [event["type"] for event in batch["items"]] == ["account.updated"]


async def test_a_poll_answered_before_says_so(client: httpx.AsyncClient) -> None:
    one = await consumer(client)
    asked: dict[str, Any] = {"url": f"{PATH}/{one['id']}/poll", "json": {}, "headers": {"Idempotency-Key": "poll"}}
    first, again = await client.post(**asked), await client.post(**asked)
    assert again.json() == first.json()
    assert [each.headers.get("idempotent-replayed") for each in (first, again)] == [None, "true"]


async def test_what_is_wrong_is_refused_by_name(client: httpx.AsyncClient, make_client: Any) -> None:
    one = await consumer(client)
    assert (await client.post(PATH, json={"name": "reader"})).json()["code"] == "name_taken"
    unknown = await client.post(PATH, json={"name": "x", "event_types": ["account.*", "nothing.like"]})
    assert unknown.json()["errors"][0]["pointer"] == "/event_types/1"
    assert (await client.post(f"{PATH}/{NOBODY}/poll", json={})).status_code == 404
    batch = (await poll(client, one)).json()
    assert (await commit(client, batch, cursor="abc")).json()["code"] == "cursor_invalid"
    await make_account(client)
    ahead = (await poll(client, one, lease_token=batch["lease_token"])).json()
    assert (await commit(client, ahead, release=False)).status_code == 200
    behind = await commit(client, batch)
    assert behind.json()["errors"][0]["code"] == "cursor_behind"
    reader = await make_client("events:read")
    assert (await reader.get(PATH)).status_code == 200
    assert (await poll(reader, one)).json()["required_scope"] == "events:write"
    assert (await client.delete(f"{PATH}/{one['id']}")).status_code == 204
    assert (await client.get(f"{PATH}/{one['id']}")).status_code == 404
    assert (await client.post(PATH, json={"name": "reader"})).status_code == 201


async def test_a_commit_costs_a_known_number_of_statements(client: httpx.AsyncClient, services: Services) -> None:
    one = await consumer(client)
    await make_account(client)
    await client.get("/v1/events")  # everything has its place in the feed
    before = services.database.statements
    batch = (await poll(client, one)).json()
    polled = services.database.statements - before
    await commit(client, batch)
    assert (polled, services.database.statements - before - polled) == COSTS[services.database.kind]


async def test_a_key_that_sees_less_cannot_pass_over_what_another_is_to_get(
    client: httpx.AsyncClient, make_client: Any
) -> None:
    one = await consumer(client, event_types=["account.*", "person.*"])
    less = await make_client("events:write", "accounts:read")
    for answer in (await poll(less, one), await less.post(f"{PATH}/{one['id']}/seek", json={"to": "now"})):
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    document = f'mutation {{ deleteEventConsumer(id: "{one["id"]}") {{ eventConsumer {{ id }} }} }}'
    refused = await less.delete(f"{PATH}/{one['id']}")
    [error] = (await less.post("/graphql", json={"query": document})).json()["errors"]
    assert (refused.status_code, refused.json()["required_scope"]) == (403, "classification:read")
    assert error["extensions"]["code"] == "insufficient_scope"
    assert (await client.get(f"{PATH}/{one['id']}")).status_code == 200
    other = await consumer(client, name="other", event_types=["account.updated"])
    assert (await less.delete(f"{PATH}/{other['id']}")).status_code == 204
    own = await less.post(PATH, json={"name": "own", "event_types": ["*"]})
    assert (await poll(less, own.json())).status_code == 200
    assert (await less.post(PATH, json={"name": "x", "event_types": ["person.*"]})).status_code == 403


async def test_who_will_be_refused_or_was_answered_does_not_wait(client: httpx.AsyncClient) -> None:
    one = await consumer(client)
    await make_account(client)
    key = {"Idempotency-Key": "a-poll-of-its-own"}
    path = f"{PATH}/{one['id']}/poll"
    async with asyncio.timeout(10):
        first = await client.post(path, json={"wait_seconds": 20}, headers=key)
        again = await client.post(path, json={"wait_seconds": 20}, headers=key)
        assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
        other = await client.post(path, json={"wait_seconds": 19}, headers=key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        await commit(client, first.json(), release=False)
        leased = await poll(client, one, wait_seconds=20)
        assert (leased.status_code, leased.json()["code"]) == (409, "consumer_leased")
