"""Replays: counted first, then sent as a job; by range, type, state and account; the same ids, in order, none twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa

from service.framework.database.statements import Statement
from service.jobs.kinds import KINDS
from service.jobs.replay import Replay
from service.jobs.runner import Runner
from service.jobs.work import Job, Step
from service.models.webhooks.endpoints import deliveries as table
from service.platform.clock import SetClock, instant_text
from service.queries.webhooks import replays
from service.records.context import Context, Services, Transaction
from tests.api.records import NOBODY, make_account
from tests.api.subscribing import Sender, deliveries, subscribe
from tests.delivery.receivers import Receiver, answering

_CANCEL = Statement(sa.update(table).values(state="canceled").where(table.c.event_position == 2))
_FORGET = Statement(sa.delete(table).where(table.c.event_position == 3, table.c.attempts == 0))
_ROWS = Statement(sa.select(table.c.event_id, table.c.replay_no, table.c.lane, table.c.order_key).order_by(table.c.id))


async def replay(client: httpx.AsyncClient, endpoint: dict[str, Any], clock: SetClock, **asked: Any) -> dict[str, Any]:
    """Ask for a replay of the last day."""
    body = {"since": instant_text(clock.now() - timedelta(days=1)), **asked}
    answer = await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/replay", json=body)
    assert answer.status_code == (200 if asked.get("dry_run") else 202), answer.text
    return dict(answer.json())


async def finished(client: httpx.AsyncClient, services: Services, asked: dict[str, Any]) -> dict[str, Any]:
    """Run what is queued; the job as it is then."""
    await Runner(services, KINDS).run_due()
    return dict((await client.get(f"/v1/jobs/{asked['job']['id']}")).json())


async def changes(client: httpx.AsyncClient, clock: SetClock, number: int = 3) -> list[dict[str, Any]]:
    """Two accounts that change `number` times each, a second apart."""
    accounts = [await make_account(client, name=name) for name in ("One", "Two")]
    for step in range(number):
        for account in accounts:
            clock.advance(timedelta(seconds=1))
            await client.patch(f"/v1/accounts/{account['id']}", json={"industry": f"Number {step}"})
    clock.advance(timedelta(seconds=1))
    return accounts


async def test_a_range_is_counted_then_sent_again_in_order_with_the_same_ids(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock, services: Services
) -> None:
    endpoint = await subscribe(client, receiver, "account.updated")
    accounts = await changes(client, clock)
    assert await sender.send() == 6
    counted = await replay(client, endpoint, clock, dry_run=True)
    assert counted == {
        "dry_run": True, "events": 6, "complete": True, "by_type": [{"type": "account.updated", "events": 6}],
        "by_state": [{"state": "succeeded", "events": 6}], "job": None,
    }  # fmt: skip
    assert len(await deliveries(client, endpoint)) == 6
    first = [request.headers["webhook-id"] for request in receiver.requests]
    asked = await replay(client, endpoint, clock)
    assert asked["job"]["kind"] == "webhook_replay" and asked["events"] is None
    job = await finished(client, services, asked)
    assert (job["state"], job["result"]) == ("succeeded", {"deliveries": 6, "by_type": {"account.updated": 6}})
    assert job["done"] == job["total"]
    receiver.requests.clear()
    assert await sender.send() == 6
    assert Counter(request.headers["webhook-id"] for request in receiver.requests) == Counter(first)
    for account in accounts:
        versions = [
            event["data"]["account"]["version"]
            for event in (orjson.loads(request.body) for request in receiver.requests)
            if event["data"]["account"]["id"] == account["id"]
        ]
        assert versions == [2, 3, 4]
    async with services.database.reading() as reader:
        rows = await reader.all(_ROWS)
    assert Counter(row["replay_no"] for row in rows) == {0: 6, 1: 6}
    assert {row["lane"] for row in rows if row["replay_no"]} == {"retry"}
    [attempt] = (
        await client.get(f"/v1/webhook-deliveries/{(await deliveries(client, endpoint))[0]['id']}/attempts")
    ).json()["items"]
    assert attempt["trigger"] == "manual"


async def test_types_states_account_and_time_narrow(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock, services: Services
) -> None:
    endpoint = await subscribe(client, receiver, "*")
    began = clock.now()
    one, _ = await changes(client, clock, 2)
    assert await sender.send() == 6  # two created, four updated
    async with services.database.transaction() as writer:
        assert await writer.execute(_CANCEL) == 1
    for asked, expected in (
        ({}, 6), ({"types": ["*.created"]}, 2), ({"states": ["canceled"]}, 1), ({"states": ["dead", "missing"]}, 0),
        ({"account_id": one["id"]}, 3), ({"account_id": NOBODY}, 0), ({"missing_only": True}, 0),
        ({"since": instant_text(began + timedelta(seconds=2))}, 3),
        ({"until": instant_text(began + timedelta(seconds=2))}, 3),
        ({"types": ["account.updated"], "account_id": one["id"], "states": ["succeeded"]}, 2),
    ):  # fmt: skip
        counted = await replay(client, endpoint, clock, dry_run=True, **asked)
        assert counted["events"] == expected, asked
    job = await finished(client, services, await replay(client, endpoint, clock, states=["canceled"]))
    assert job["result"]["deliveries"] == 1
    # what is on its way is not sent a second time, whatever it was before
    assert (await replay(client, endpoint, clock, dry_run=True, states=["canceled"]))["events"] == 0
    assert (await replay(client, endpoint, clock, dry_run=True, types=["account.*"]))["events"] == 5
    assert await sender.send() == 2  # the one, and that the job has finished


async def test_what_an_endpoint_should_have_had_is_found(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock, services: Services
) -> None:
    endpoint = await subscribe(client, receiver, "account.updated", filter={"country": ["DE"]})
    account = await make_account(client)
    await client.patch(f"/v1/accounts/{account['id']}", json={"country": "DE"})
    await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Steel"})
    await client.patch(f"/v1/accounts/{account['id']}", json={"country": "FR"})
    await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Energy"})  # not for this endpoint
    clock.advance(timedelta(seconds=1))
    await client.get("/v1/events")
    async with services.database.transaction() as writer:
        assert await writer.execute(_FORGET) == 1
    assert await sender.send() == 2
    counted = await replay(client, endpoint, clock, dry_run=True, missing_only=True)
    assert (counted["events"], counted["by_state"]) == (1, [{"state": "missing", "events": 1}])
    job = await finished(client, services, await replay(client, endpoint, clock, missing_only=True))
    assert job["result"] == {"deliveries": 1, "by_type": {"account.updated": 1}}
    assert await sender.send() == 1
    changed = [orjson.loads(request.body)["data"]["changed"] for request in receiver.requests]
    assert sorted(changed) == [["country"], ["country"], ["industry"]]
    assert (await replay(client, endpoint, clock, dry_run=True, missing_only=True))["events"] == 0


async def test_a_replay_does_not_hold_up_what_happens_now(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock, services: Services
) -> None:
    endpoint = await subscribe(client, receiver, "account.updated")
    accounts = await changes(client, clock, 2)
    await sender.send()
    receiver.behave = answering(500)
    await finished(client, services, await replay(client, endpoint, clock))
    await sender.send()  # the first of each account's replay fails and waits
    receiver.behave = answering()
    receiver.requests.clear()
    await client.patch(f"/v1/accounts/{accounts[0]['id']}", json={"industry": "Now"})
    assert await sender.send() == 1
    assert orjson.loads(receiver.requests[0].body)["data"]["current"] == {"industry": "Now"}


class Dying(Replay):
    """A replay whose worker dies: every second step is rolled back after its work was done."""

    def __init__(self) -> None:
        self.steps = 0

    async def step(self, ctx: Context, tx: Transaction, job: Job) -> Step:
        self.steps += 1
        step = await super().step(ctx, tx, job)
        if self.steps % 2:
            raise asyncio.CancelledError
        return step


async def test_a_worker_that_dies_between_its_work_and_its_commit_sends_nothing_twice(
    client: httpx.AsyncClient,
    receiver: Receiver,
    sender: Sender,
    clock: SetClock,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.jobs.replay.WINDOW", 2)
    endpoint = await subscribe(client, receiver, "account.updated")
    await changes(client, clock)
    await sender.send()
    asked = await replay(client, endpoint, clock)
    dying = Dying()
    for _ in range(20):
        runner = Runner(services, [dying])
        try:
            await runner.run_due()
        except asyncio.CancelledError:
            clock.advance(timedelta(minutes=10))  # the lease runs out
    job = (await client.get(f"/v1/jobs/{asked['job']['id']}")).json()
    assert job["state"] == "succeeded" and job["result"]["deliveries"] == 6 and dying.steps >= 8
    receiver.requests.clear()
    assert await sender.send() == 6
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 6


async def test_a_running_replay_can_be_canceled_and_ends_with_its_endpoint(
    client: httpx.AsyncClient,
    receiver: Receiver,
    sender: Sender,
    clock: SetClock,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replays, "WINDOW", 2)
    endpoint = await subscribe(client, receiver, "account.updated")
    await changes(client, clock)
    await sender.send()
    asked = await replay(client, endpoint, clock)
    canceled = await client.post(f"/v1/jobs/{asked['job']['id']}/cancel")
    assert canceled.json()["state"] == "canceled"
    assert (await finished(client, services, asked))["done"] == 0
    asked = await replay(client, endpoint, clock)
    await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"enabled": False})
    job = await finished(client, services, asked)
    assert job["state"] == "failed" and "turned off" in job["error"]
    body = {"since": instant_text(clock.now())}
    path = f"/v1/webhook-endpoints/{endpoint['id']}/replay"
    assert (await client.post(path, json=body)).status_code == 409
    assert (await client.post(path, json={**body, "dry_run": True})).status_code == 200


async def test_who_may_replay_and_what_is_refused(
    client: httpx.AsyncClient, make_client: Callable[..., Any], receiver: Receiver, clock: SetClock
) -> None:
    endpoint = await subscribe(client, receiver)
    path, now = f"/v1/webhook-endpoints/{endpoint['id']}/replay", instant_text(clock.now())
    for body, pointer in (
        ({}, "/since"), ({"since": "yesterday"}, "/since"), ({"since": now, "until": now}, "/until"),
        ({"since": now, "states": ["held"]}, "/states/0"), ({"since": now, "types": ["no.such"]}, "/types/0"),
        ({"since": now, "states": ["dead"], "missing_only": True}, "/states"), ({"since": now, "x": 1}, "/x"),
    ):  # fmt: skip
        answer = await client.post(path, json=body)
        assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer, (body, answer.text)
    assert (await (await make_client("webhooks:read")).post(path, json={"since": now})).status_code == 403
    missing = await client.post(f"/v1/webhook-endpoints/{NOBODY}/replay", json={"since": now})
    assert missing.status_code == 404
    keyed = [await client.post(path, json={"since": now}, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert keyed[0].json()["job"]["id"] == keyed[1].json()["job"]["id"]
    assert keyed[1].headers["idempotent-replayed"] == "true"


async def test_the_same_in_graphql(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock, services: Services
) -> None:
    endpoint = await subscribe(client, receiver, "account.updated")
    await changes(client, clock, 1)
    await sender.send()
    since = instant_text(clock.now() - timedelta(days=1))
    query = """mutation($id: ID!, $input: ReplayWebhookEndpointInput!) { replayWebhookEndpoint(id: $id, input: $input) {
      events complete byType { type events } byState { state events } job { kind state } } }"""

    async def ask(**more: Any) -> Any:
        variables = {"id": endpoint["id"], "input": {"since": since, **more}}
        answer = await client.post("/graphql", json={"query": query, "variables": variables})
        return answer.json()["data"]["replayWebhookEndpoint"]

    counted = await ask(dryRun=True)
    assert counted == {
        "events": 2, "complete": True, "byType": [{"type": "account.updated", "events": 2}],
        "byState": [{"state": "succeeded", "events": 2}], "job": None,
    }  # fmt: skip
    assert (await ask())["job"] == {"kind": "webhook_replay", "state": "queued"}
