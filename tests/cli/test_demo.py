"""The demo's year: what a front-end team finds when it starts with `kam serve --demo`."""

from __future__ import annotations

import httpx

from service.cli import demo
from service.operations.context import Services
from service.operations.scoring_models import ensure_default_model


async def test_the_demo_shows_movement_over_a_year(client: httpx.AsyncClient, services: Services) -> None:
    await ensure_default_model(services)
    assert await demo.load(services) == 30
    assert await demo.load(services) == 0  # once only
    accounts = (await client.get("/v1/accounts?limit=200")).json()["items"]
    assert len(accounts) == 30
    assert {account["quadrant"] for account in accounts} == {"strategic", "star", "status", "streamline"}
    assert len({account["stage"] for account in accounts}) >= 5
    events = (await client.get("/v1/events?limit=200&types=account.quadrant_changed")).json()["items"]
    moved = [event for event in events if event["data"]["previous"]["quadrant"] is not None]
    assert len(moved) >= 10
    assert events[0]["timestamp"] < "2026-01" < events[-1]["timestamp"]
    plans = [(await client.get(f"/v1/accounts/{account['id']}/plans")).json()["items"] for account in accounts]
    assert sum(len(found) for found in plans) >= 10
