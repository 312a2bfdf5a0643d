"""Operating endpoints: calls by hand, statistics, finding deliveries, canceling them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.platform.clock import SetClock, instant_text
from service.queries.webhooks.stats import percentile
from service.records.context import Services
from tests.api.records import NOBODY, make_account
from tests.api.subscribing import Sender, deliveries, subscribe, verified
from tests.delivery.receivers import Receiver, answering


async def test_a_ping_is_one_signed_call_now(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, services: Services
) -> None:
    endpoint = await subscribe(client, receiver, "plan.*", enabled=False)
    path = f"/v1/webhook-endpoints/{endpoint['id']}/ping"
    answer = await client.post(path)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["ok"], told["outcome"], told["status"], told["response_body"]) == (True, "ok", 200, "ok")
    [request] = receiver.requests
    event = verified(request, endpoint["secret"])
    assert (
        (event["id"], event["type"])
        == (told["event_id"], "webhook.test")
        == (request.headers["webhook-id"], told["event_type"])
    )
    assert event["data"]["webhook_endpoint"]["id"] == endpoint["id"] and "secret" not in request.body.decode()
    receiver.behave = answering(503, b"later")
    failed = (await client.post(path)).json()
    assert (failed["ok"], failed["outcome"], failed["status"], failed["response_body"]) == (False, "http", 503, "later")
    assert (await client.get("/v1/events")).json()["items"] == [] and await deliveries(client, endpoint) == []
    data = (
        await client.post(
            "/graphql",
            json={
                "query": "mutation($id: ID!) { pingWebhookEndpoint(id: $id) { call { ok status outcome } } }",
                "variables": {"id": endpoint["id"]},
            },
        )
    ).json()
    assert data["data"]["pingWebhookEndpoint"]["call"] == {"ok": False, "status": 503, "outcome": "http"}
    assert (await client.post(f"/v1/webhook-endpoints/{NOBODY}/ping")).status_code == 404


async def test_pings_are_bounded(
    client: httpx.AsyncClient, make_client: Callable[..., httpx.AsyncClient], receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver)
    path = f"/v1/webhook-endpoints/{endpoint['id']}/ping"
    answers = [await client.post(path) for _ in range(7)]
    assert [answer.status_code for answer in answers].count(429) >= 1 and answers[0].status_code == 200
    late = next(answer for answer in answers if answer.status_code == 429)
    assert late.json()["code"] == "rate_limited" and int(late.headers["retry-after"]) >= 1
    reader = await make_client("webhooks:read")  # type: ignore[misc]
    assert (await reader.post(path)).status_code == 403


async def test_a_ping_says_why_nothing_answered(client: httpx.AsyncClient) -> None:
    made = await client.post("/v1/webhook-endpoints", json={"url": "http://127.0.0.1:1/", "event_types": ["*"]})
    assert made.status_code in (201, 422)
    if made.status_code == 201:
        told = (await client.post(f"/v1/webhook-endpoints/{made.json()['id']}/ping")).json()
        assert (told["ok"], told["status"]) == (False, None) and told["outcome"] in ("connect", "blocked")


async def test_statistics_by_state_and_time(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, services: Services, clock: SetClock
) -> None:
    endpoint = await subscribe(client, receiver, "account.*")
    path = f"/v1/webhook-endpoints/{endpoint['id']}/stats"
    before = services.database.statements
    empty = (await client.get(path)).json()
    assert services.database.statements - before == 2
    assert (
        empty["pending"] == empty["succeeded"] == 0 and [window["attempts"] for window in empty["windows"]] == [0] * 3
    )
    assert empty["windows"][0]["success_rate"] is None and empty["last_success_at"] is None
    account = await make_account(client)
    await sender.send()
    succeeded = instant_text(clock.now())
    clock.advance(timedelta(hours=3))
    receiver.behave = answering(500)
    await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Steel"})
    await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Energy"})
    await sender.send()
    clock.advance(timedelta(seconds=90))
    before = services.database.statements
    shown = (await client.get(path)).json()
    assert services.database.statements - before == 2
    assert (shown["pending"], shown["succeeded"], shown["dead"], shown["held"]) == (2, 1, 0, 0)
    assert 80 <= shown["oldest_pending_seconds"] <= 90
    assert shown["last_success_at"] == succeeded and shown["last_failure_at"] > succeeded
    hour, day, week = shown["windows"]
    assert (hour["hours"], hour["attempts"], hour["success_rate"]) == (1, 1, 0)
    assert (day["attempts"], day["succeeded"], day["success_rate"]) == (2, 1, 0.5) == (
        week["attempts"], week["succeeded"], week["success_rate"],
    )  # fmt: skip
    assert day["by_outcome"] == [{"outcome": "http", "attempts": 1}, {"outcome": "ok", "attempts": 1}]
    assert 0 <= day["p50_ms"] <= day["p95_ms"] <= day["p99_ms"]
    query = (
        "query($id: ID!) { webhookStats(endpointId: $id) { pending windows { hours attempts byOutcome { outcome } } } }"
    )
    data = (await client.post("/graphql", json={"query": query, "variables": {"id": endpoint["id"]}})).json()["data"]
    assert data["webhookStats"]["pending"] == 2 and data["webhookStats"]["windows"][0]["hours"] == 1
    clock.advance(timedelta(days=8))
    old = (await client.get(path)).json()
    assert (old["succeeded"], old["pending"], old["windows"][2]["attempts"]) == (0, 2, 0)
    assert (await client.get(f"/v1/webhook-endpoints/{NOBODY}/stats")).status_code == 404


@given(st.lists(st.integers(0, 30), min_size=1), st.sampled_from([1, 50, 95, 99, 100]))
def test_a_percentile_is_the_nearest_rank(durations: list[int], share: int) -> None:
    found = percentile(Counter(durations), share)
    assert found in durations
    assert sum(each <= found for each in durations) * 100 >= share * len(durations)
    assert sum(each < found for each in durations) * 100 < share * len(durations)


async def test_deliveries_are_found_by_state_type_account_and_time(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock
) -> None:
    endpoint = await subscribe(client, receiver)
    one, other = await make_account(client), await make_account(client, name="Other")
    await sender.send()
    clock.advance(timedelta(minutes=1))
    middle = instant_text(clock.now())
    clock.advance(timedelta(minutes=1))
    await client.patch(f"/v1/accounts/{one['id']}", json={"industry": "Steel"})
    await sender.send()
    for asked, expected in (
        ({"event_type": "account.updated"}, 1), ({"account_id": one["id"]}, 2), ({"created_after": middle}, 1),
        ({"created_before": middle}, 2), ({"state": "succeeded", "account_id": other["id"]}, 1), ({"state": "dead"}, 0),
    ):  # fmt: skip
        assert len(await deliveries(client, endpoint, **asked)) == expected, asked


async def test_a_canceled_delivery_lets_the_next_of_its_line_go(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, clock: SetClock
) -> None:
    endpoint = await subscribe(client, receiver)
    receiver.behave = answering(500)
    account = await make_account(client)
    await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Steel"})
    await sender.send()
    second, first = await deliveries(client, endpoint)
    assert (first["attempts"], second["attempts"]) == (1, 0)
    answer = await client.post(f"/v1/webhook-deliveries/{first['id']}/cancel")
    assert answer.status_code == 200 and answer.json()["state"] == "canceled" and answer.json()["finished_at"]
    receiver.behave = answering()
    assert await sender.send() == 1
    assert orjson.loads(receiver.requests[-1].body)["type"] == "account.updated"
    again = await client.post(f"/v1/webhook-deliveries/{first['id']}/cancel")
    assert again.status_code == 200 and again.json() == answer.json()
    assert (await client.post(f"/v1/webhook-deliveries/{second['id']}/cancel")).status_code == 409
    assert (await client.post(f"/v1/webhook-deliveries/{NOBODY}/cancel")).status_code == 404
    await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json={"enabled": False})
    await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Energy"})
    await sender.send()
    [held] = await deliveries(client, endpoint, state="held")
    query = "mutation($id: ID!) { cancelDelivery(id: $id) { outcome delivery { state attemptLog { nodes { n } } } } }"
    data = (await client.post("/graphql", json={"query": query, "variables": {"id": held["id"]}})).json()["data"]
    assert data["cancelDelivery"] == {
        "outcome": "canceled",
        "delivery": {"state": "canceled", "attemptLog": {"nodes": []}},
    }


@pytest.mark.parametrize("query", ["event_type=", "account_id=x", "created_after=yesterday", "since=x"])
async def test_bad_filters_are_refused(client: httpx.AsyncClient, receiver: Receiver, query: str) -> None:
    endpoint = await subscribe(client, receiver)
    answer = await client.get(f"/v1/webhook-endpoints/{endpoint['id']}/deliveries?{query}")
    assert answer.status_code == 422 and answer.json()["errors"][0]["parameter"] == query.partition("=")[0]


async def test_an_attempt_shows_its_request_without_secrets(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    more = {"headers": {"X-Tenant": "north-secret"}, "auth": {"kind": "bearer", "token": "open-sesame"}}
    endpoint = await subscribe(client, receiver, **more)
    await make_account(client)
    await sender.send()
    [request] = receiver.requests
    assert request.headers["authorization"] == "Bearer open-sesame" and request.headers["x-tenant"] == "north-secret"
    [delivery] = await deliveries(client, endpoint)
    answer = await client.get(f"/v1/webhook-deliveries/{delivery['id']}/attempts")
    shown = answer.json()["items"][0]["request"]
    hidden = {name.lower(): value for name, value in shown["headers"].items() if value == "***"}
    assert set(hidden) == {"authorization", "x-tenant"} and "sesame" not in answer.text and "north" not in answer.text
    assert shown["headers"]["webhook-signature"] == request.headers["webhook-signature"]
    query = """query($id: ID!) { webhookDelivery(id: $id) { state attemptLog { nodes { n outcome responseBody
      request { method url headers } } } } }"""
    data = (await client.post("/graphql", json={"query": query, "variables": {"id": delivery["id"]}})).json()["data"]
    [attempt] = data["webhookDelivery"]["attemptLog"]["nodes"]
    assert attempt["request"] == shown and attempt["responseBody"] == "ok"


async def test_an_endpoint_turned_on_with_a_replay_sends_each_event_once_more(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    endpoint = await subscribe(client, receiver)
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    for _ in range(2):
        await make_account(client)
    await sender.send()
    first, second = await deliveries(client, endpoint)
    assert (await client.post(f"/v1/webhook-deliveries/{first['id']}/retry")).status_code == 202
    await sender.send()
    assert (await client.post(f"/v1/webhook-deliveries/{second['id']}/retry")).status_code == 202
    assert (await client.post(f"{path}/disable", json={})).status_code == 200
    since = {"held": "replay", "since": endpoint["created_at"]}
    enabled = await client.post(f"{path}/enable", json=since)
    assert enabled.status_code == 200, enabled.text
    await sender.send()
    told = [request.headers["webhook-id"] for request in receiver.requests]
    assert sorted(told.count(each["event_id"]) for each in (first, second)) == [2, 3]
