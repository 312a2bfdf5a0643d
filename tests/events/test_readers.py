"""Each key receives exactly the types of event that it may read, whichever way the events reach it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa

from service.access.api_keys import new_key
from service.access.policy import RESOURCES, granted
from service.access.principal import Principal
from service.events.catalogue import catalogue
from service.events.event import Event, RecordEvent
from service.events.examples import example
from service.events.feed.sequencer import sequence
from service.framework.database.columns import Uuid, bind
from service.framework.database.statements import Statement
from service.graphql.subscriptions import follow
from service.models.access.api_keys import ApiKeyCreate
from service.models.events.events import events
from service.models.webhooks.endpoints import deliveries, webhook_endpoints
from service.operations.access.api_keys import create_api_key
from service.operations.events.events import get_event, list_events
from service.operations.events.streams import follow_events
from service.platform.errors import Forbidden, NotFound
from service.platform.ids import new_id
from service.queries.events.events import FEED
from service.records.context import Context, Services, system_context
from tests.conftest import NOW

pytestmark = pytest.mark.made_up_events  # examples of every type, about records that do not exist

_CLASSIFICATION = {
    "account.classified", "account.quadrant_changed", "account.forecast_changed", "account.general_portfolio_changed",
    "scoring_model.activated",
}  # fmt: skip
_VERBS = ("created", "updated", "deleted", "restored")
READERS: Mapping[str, set[str]] = {
    "accounts:read": {
        "account.created", "account.updated", "account.deleted", "account.restored", "account.owner_changed",
        "account.status_changed",
    },
    "classification:read": _CLASSIFICATION,
    "stages:read": {"account.stage_changed", "account.target_stage_changed"},
    "stakeholders:read": {f"stakeholder.{verb}" for verb in _VERBS},
    "people:read": {f"person.{verb}" for verb in _VERBS},
    "plans:read": {
        *(f"{kind}.{verb}" for kind in ("plan", "objective", "action") for verb in _VERBS),
        *(f"plan.{verb}" for verb in ("reopened", "submitted", "approved", "activated", "closed")),
        "objective.achieved", "objective.missed", "action.completed",
    },
    "portfolio:read": set(),  # portfolio.reclassified holds the weights of factors, which ask for both
    "classification:read portfolio:read": {*_CLASSIFICATION, "portfolio.reclassified"},
    "events:read": set(),
    "webhooks:read": {
        *(f"webhook_endpoint.{verb}" for verb in ("disabled", "enabled", "failing", "breaker_opened")),
        "webhook_endpoint.breaker_closed", "delivery.exhausted", "delivery.recovered", "webhook.test",
    },
    "jobs:read": {"job.finished"},
    "api_keys:read": set(),
    "*": set(catalogue()),
}  # fmt: skip
"""The types that a key with `events:read` and these scopes receives: those whose data operations show to the scopes."""

_OWN = Statement(
    sa.update(webhook_endpoints)
    .values(created_by=bind("owner", sa.Text()))
    .where(webhook_endpoints.c.id == bind("id", Uuid()))
)
_DELIVERED = Statement(
    sa.select(events.c.type)
    .select_from(deliveries.join(events, events.c.id == deliveries.c.event_id))
    .where(deliveries.c.endpoint_id == bind("id", Uuid()))
)


_ARRIVE = Statement(sa.update(deliveries).values(state="succeeded").where(sa.true()))


def test_the_table_names_every_type_and_every_scope() -> None:
    assert {scope for row in READERS for scope in row.split()} == {*(f"{resource}:read" for resource in RESOURCES), "*"}
    assert set().union(*(READERS[row] for row in READERS if row != "*")) == set(catalogue())
    for row in READERS:
        held = granted(row.split())
        assert {name for name, kind in catalogue().items() if held.issuperset(kind.permissions())} == READERS[row]


def test_a_class_without_a_permission_cannot_be_defined() -> None:
    with pytest.raises(TypeError, match="must declare permission"):
        type("Unreadable", (RecordEvent,), {"type": "unreadable.created"})
    with pytest.raises(TypeError, match="must declare type and permission"):
        type("Nameless", (Event,), {})
    assert "unreadable.created" not in catalogue()


@dataclass(frozen=True)
class Reader:
    """A key with the ways it can read events."""

    services: Services
    client: httpx.AsyncClient
    admin: httpx.AsyncClient
    principal: Principal
    endpoint: str

    @property
    def context(self) -> Context:
        """The key as a caller of operations."""
        return Context(self.services, self.principal, cause={"kind": "user", "origin": None})

    @property
    def start(self) -> str:
        """The cursor before the first event."""
        return self.context.cursors.encode(FEED, [0])


async def feed(reader: Reader) -> list[str]:
    answer = await reader.client.get("/v1/events", params={"limit": 200})
    return [event["type"] for event in answer.json()["items"]]


async def feed_by_type(reader: Reader) -> list[str]:
    found: list[str] = []
    for name in catalogue():
        with suppress(Forbidden):
            page = await list_events(reader.context, types=[name])
            found += [orjson.loads(item)["type"] for item in page.items]
    return found


async def single_event(reader: Reader) -> list[str]:
    found = []
    for event in (await list_events(system_context(reader.services), limit=200)).items:
        with suppress(NotFound):
            found.append((await get_event(reader.context, orjson.loads(event)["id"])).data["type"])
    return found


async def graphql_query(reader: Reader) -> list[str]:
    query = "{ events(first: 200) { nodes { type } } }"
    answer = (await reader.client.post("/graphql", json={"query": query})).json()
    return [event["type"] for event in answer["data"]["events"]["nodes"]]


async def stream(reader: Reader) -> list[str]:
    found: list[str] = []
    empty, expected = 0, len(READERS[reader.principal.scopes[-1]])
    async with aclosing(await follow_events(reader.context, after=reader.start, heartbeat=0.01)) as batches:
        async for batch in batches:
            found += [orjson.loads(item)["type"] for _, item in batch.events]
            empty += not batch.events  # a heartbeat may come before a slow read
            if not batch.events and (len(found) >= expected or empty > 500):
                return found
    return found


async def graphql_subscription(reader: Reader) -> list[str]:
    found: list[str] = []
    followed: AsyncIterator[Any] = await follow(reader.context, reader.start, None, None)
    async with aclosing(followed) as single:  # type: ignore[type-var]
        async for event in single:
            if event is None:
                return found
            found.append(event["type"])
            if len(found) == len(READERS[" ".join(reader.principal.scopes[1:])]):
                return found
    return found


async def consumer(reader: Reader) -> list[str]:
    created = await reader.client.post("/v1/event-consumers", json={"name": reader.principal.id, "begin": "start"})
    assert created.status_code == 201, created.text
    path = f"/v1/event-consumers/{created.json()['id']}/poll"
    return [event["type"] for event in (await reader.client.post(path, json={"limit": 200})).json()["items"]]


async def webhook(reader: Reader) -> list[str]:
    async with reader.services.database.reading(fresh=True) as found:
        return list(await found.column(_DELIVERED, id=reader.endpoint))


async def replay(reader: Reader) -> list[str]:
    span = {"since": (NOW - timedelta(hours=1)).isoformat(), "until": (NOW + timedelta(minutes=1)).isoformat()}
    path = f"/v1/webhook-endpoints/{reader.endpoint}/replay"
    answer = await reader.admin.post(path, json={**span, "dry_run": True})
    assert answer.status_code == 200, answer.text
    return [each["type"] for each in answer.json()["by_type"] for _ in range(each["events"])]


WAYS: tuple[Callable[[Reader], Awaitable[list[str]]], ...] = (
    feed, feed_by_type, single_event, graphql_query, stream, graphql_subscription, consumer, webhook, replay,
)  # fmt: skip


async def test_each_key_receives_exactly_the_types_that_it_may_read(
    services: Services, client: httpx.AsyncClient, make_client: Callable[..., Any], clock: Any
) -> None:
    readers = []
    for row in READERS:
        scopes = ["events:write", *row.split()]  # a consumer is written; writing includes events:read
        value = new_key()
        key = await create_api_key(system_context(services), ApiKeyCreate(name="test", scopes=scopes), value)
        own = await make_client(*scopes)
        own.headers["Authorization"] = f"Bearer {value}"
        url = {"url": "https://127.0.0.1/hook", "event_types": ["*"]}
        made = await client.post("/v1/webhook-endpoints", json=url)
        assert made.status_code == 201, made.text
        async with services.database.transaction() as writer:
            await writer.execute(_OWN, owner=key.id, id=made.json()["id"])
        readers.append(Reader(services, own, client, Principal.of(key.id, "test", scopes), made.json()["id"]))
    ctx = system_context(services)
    async with ctx.opened() as tx:
        for name, kind in catalogue().items():
            tx.emit(kind(new_id(), 1, example(name)["data"]))
    await sequence(services.database, clock)
    async with services.database.transaction() as writer:
        await writer.execute(_ARRIVE)  # what is still on its way is not replayed
    clock.advance(timedelta(minutes=2))
    wrong = {}
    for reader, (row, readable) in zip(readers, READERS.items(), strict=True):
        for way in WAYS:
            expected = readable - {"webhook.test"} if way in (webhook, replay) else readable  # sent to its own endpoint
            if way is graphql_subscription and not expected:
                continue  # without an event it yields nothing before its first heartbeat, 15 seconds later
            found = await way(reader)
            if sorted(found) != sorted(expected):
                wrong[row, way.__name__] = sorted(expected.symmetric_difference(found)) or "duplicates"
    assert not wrong
