"""The feed of events through HTTP, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import sqlalchemy as sa

from service.framework.database.statements import Statement
from service.models.events.events import events
from service.records.context import Services
from tests.api.records import NOBODY, make_account, make_person

_BODIES = Statement(sa.select(events.c.body).order_by(events.c.seq))


async def feed(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get("/v1/events", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_writer_reads_its_own_event_at_once_in_the_bytes_that_are_stored(
    client: httpx.AsyncClient, services: Services
) -> None:
    account = await make_account(client)
    answer = await client.get("/v1/events")
    [event] = answer.json()["items"]
    assert (event["type"], event["position"]) == ("account.created", 1)
    assert event["data"]["account"] == {name: account[name] for name in ("id", "name", "version", "refs")}
    async with services.database.reading() as reader:
        [body] = await reader.column(_BODIES)
    assert body[:-1].encode() in answer.content
    one = await client.get(f"/v1/events/{event['id']}")
    assert one.json() == event and one.headers["etag"] == '"v1"'
    assert (await client.get(f"/v1/events/{NOBODY}")).status_code == 404


async def test_an_empty_feed_gives_a_cursor_to_begin_from(client: httpx.AsyncClient) -> None:
    first = await client.get("/v1/events")
    assert first.json()["items"] == [] and first.json()["has_more"] is False and "link" not in first.headers
    await make_account(client)
    after = await feed(client, after=first.json()["next_cursor"])
    assert [event["type"] for event in after["items"]] == ["account.created"]


async def test_pages_follow_each_other_to_the_end_and_on(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await make_account(client, name=f"Account {number}")
    page = await client.get("/v1/events?limit=2")
    assert page.json()["has_more"] is True and 'rel="next"' in page.headers["link"]
    positions, cursor = [], None
    while True:
        page = await client.get("/v1/events", params={"limit": 2} | ({"after": cursor} if cursor else {}))
        positions += [event["position"] for event in page.json()["items"]]
        cursor = page.json()["next_cursor"]
        if not page.json()["has_more"]:
            break
    assert positions == [1, 2, 3, 4, 5]
    caught_up = await feed(client, after=cursor)
    assert caught_up == {"items": [], "next_cursor": cursor, "has_more": False}
    await make_account(client)
    [event] = (await feed(client, after=cursor))["items"]
    assert event["position"] == 6
    [last] = (await feed(client, after=(await feed(client))["items"][4]["cursor"]))["items"]
    assert last == event


async def test_filters_skip_and_the_cursor_still_stands_at_the_end(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    other = await make_account(client, name="Other")
    await make_person(client)
    await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Robotics"})
    mine = await feed(client, account_id=account["id"])
    assert [event["type"] for event in mine["items"]] == ["account.created", "account.updated"]
    some = await feed(client, types="person.*,account.updated")
    assert [event["type"] for event in some["items"]] == ["person.created", "account.updated"]
    assert len((await feed(client, types="*"))["items"]) == 4
    none = await feed(client, types="plan.created", account_id=other["id"])
    assert none["items"] == []
    await client.patch(f"/v1/accounts/{other['id']}", json={"industry": "Energy"})
    [event] = (await feed(client, after=none["next_cursor"]))["items"]
    assert event["data"]["changed"] == ["industry"]


async def test_a_page_costs_the_same_number_of_statements_whatever_its_size(
    client: httpx.AsyncClient, services: Services
) -> None:
    for number in range(8):
        await make_account(client, name=f"Account {number}")
    await feed(client)
    for limit in (1, 8):
        before = services.database.statements
        assert len((await feed(client, limit=limit))["items"]) == limit
        assert services.database.statements - before == 3  # anything to number? the end, the page


async def test_bad_questions_are_refused_by_name(client: httpx.AsyncClient) -> None:
    cases = {
        "types=account.exploded": 422, "types=nothing.*": 422, "types=": 422, "types=Account": 422,
        "account_id=x": 422, "limit=0": 422, "limit=201": 422, "kind=x": 422,
        "after=AAAA": 400,
    }  # fmt: skip
    for query, status in cases.items():
        answer = await client.get(f"/v1/events?{query}")
        assert answer.status_code == status, (query, answer.text)
        assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]


async def test_a_cursor_from_beyond_the_end_is_refused(client: httpx.AsyncClient, services: Services) -> None:
    beyond = services.cursors.encode("events", [7])
    answer = await client.get("/v1/events", params={"after": beyond})
    assert answer.status_code == 400 and answer.json()["code"] == "cursor_invalid"


async def test_the_catalogue_is_listed(client: httpx.AsyncClient) -> None:
    types = {item["type"]: item for item in (await client.get("/v1/event-types")).json()["items"]}
    assert types["account.quadrant_changed"]["version"] == 1
    assert types["account.stage_changed"]["description"].startswith("An account moved")
    assert "webhook.test" in types


async def test_reading_events_needs_its_scope(make_client: Callable[..., Any]) -> None:
    reader, other = await make_client("events:read"), await make_client("accounts:*")
    for path in ("/v1/events", f"/v1/events/{NOBODY}", "/v1/event-types"):
        assert (await other.get(path)).status_code == 403
        assert (await reader.get(path)).status_code in (200, 404)
