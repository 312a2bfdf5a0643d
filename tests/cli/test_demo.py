"""The demo's year as a front-end team finds it after `kam serve --demo`."""

from __future__ import annotations

import httpx

from service.cli import demo
from service.operations.classification.scoring_models import ensure_default_model
from service.records.context import Services


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
    await movements_have_several_causes(client)
    await positions_have_a_history(client)


async def movements_have_several_causes(client: httpx.AsyncClient) -> None:
    """What moved since the first quarter, and why."""
    found = (await client.get("/v1/portfolio/movements", params={"from": "2026-01-15", "limit": 200})).json()
    assert len(found["items"]) >= 5 and found["summary"]["moved"] == len(found["items"])
    causes = {cause["cause"] for cause in found["summary"]["causes"]}
    assert causes >= {"attractiveness", "business_strength", "scoring_model"}
    assert any(item["factors"] for item in found["items"])
    stages = (await client.get("/v1/portfolio/movements", params={"from": "2026-01-15", "changes": "stage"})).json()
    assert len(stages["items"]) >= 15


async def positions_have_a_history(client: httpx.AsyncClient) -> None:
    """The matrix of then stands on the model of then; forecasts, a dead band and raters who disagree are there."""
    then = (await client.get("/v1/portfolio/matrix", params={"as_of": "2026-01-15"})).json()
    now = (await client.get("/v1/portfolio/matrix", params={"forecast": "true"})).json()
    assert (then["model"]["name"], now["model"]["name"]) == ("Default", "Second half")
    today = (await client.get("/v1/portfolio/matrix", params={"as_of": "2026-11-21", "forecast": "true"})).json()
    assert {**today, "as_of": None} == now
    accounts = [account for box in now["boxes"] for account in box["accounts"]]
    expected = [account for account in accounts if account["forecast"]]
    assert len(expected) >= 8 and any(account["forecast"]["quadrant"] != account["quadrant"] for account in expected)
    assert now["dead_band"] == 0.2 and any(account["raw_quadrant"] != account["quadrant"] for account in accounts)
    rated = [
        factor
        for account in accounts
        for factor in (await client.get(f"/v1/accounts/{account['id']}/attractiveness")).json()["factors"]
    ]
    assert {factor["ratings"] for factor in rated} == {1, 2}
