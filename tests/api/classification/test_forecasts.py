"""Forecast positions through HTTP, on both databases: stated, replaced, taken back, never mixed with the present."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from service.operations.classification.scoring_models import ensure_default_model
from service.platform.clock import SetClock
from service.records.context import Services
from tests.api.records import NOBODY, make_account, make_person, pointers, told, told_types

FORECAST = {"attractiveness": 8.5, "relative_strength": 1.25, "reason": "A second plant"}


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """What the first start does."""
    await ensure_default_model(services)


async def test_a_forecast_is_stated_for_three_years_ahead(client: httpx.AsyncClient, services: Services) -> None:
    account, person = await make_account(client), await make_person(client)
    path = f"/v1/accounts/{account['id']}/forecast-position"
    assert (await client.get(path)).status_code == 404
    answer = await client.put(path, json={**FORECAST, "author_id": person["id"]})
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert (made["quadrant"], made["investment_strategy"]) == ("strategic", "strategic investment")
    assert made["on"] == "2029-11-21" and made["recorded_at"].startswith("2026-11-21T12:00")
    assert (made["attractiveness"], made["relative_strength"], made["business_strength"]) == (8.5, 1.25, None)
    assert made["author_id"] == person["id"] and made["model"]["name"] == "Default"
    assert answer.headers["etag"] == '"v2"' and made["version"] == 2
    read = await client.get(path)
    assert read.json() == made and read.headers["etag"] == '"v2"'
    present = (await client.get(f"/v1/accounts/{account['id']}")).json()
    assert present["quadrant"] is None and present["attractiveness"] is None
    event = (await told(services))[-1]
    assert event["type"] == "account.forecast_changed" and event["data"]["account"]["version"] == 2
    assert event["data"]["previous"] is None and event["data"]["current"]["quadrant"] == "strategic"
    assert event["data"]["reason"] == "A second plant"


async def test_the_same_again_is_silent_and_another_replaces(
    client: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    account = await make_account(client)
    path = f"/v1/accounts/{account['id']}/forecast-position"
    await client.put(path, json=FORECAST)
    clock.advance(timedelta(days=3))
    count = len(await told(services))
    again = await client.put(path, json=FORECAST)
    assert again.status_code == 200 and again.json()["version"] == 2 and len(await told(services)) == count
    lower = {"attractiveness": 2, "business_strength": 6, "on": "2028-01-31", "reason": "The plant closes"}
    changed = (await client.put(path, json=lower)).json()
    assert (changed["quadrant"], changed["on"], changed["version"]) == ("status", "2028-01-31", 3)
    event = (await told(services))[-1]
    assert event["data"]["previous"]["quadrant"] == "strategic" and event["data"]["current"]["on"] == "2028-01-31"
    assert event["data"]["changed"] == ["attractiveness", "relative_strength", "business_strength", "on", "reason"]
    assert (await told_types(services, count)) == ["account.forecast_changed"]


async def test_a_forecast_is_taken_back(client: httpx.AsyncClient, services: Services) -> None:
    account = await make_account(client)
    path = f"/v1/accounts/{account['id']}/forecast-position"
    assert (await client.delete(path)).status_code == 404
    await client.put(path, json=FORECAST)
    assert (await client.delete(path, headers={"If-Match": '"v1"'})).status_code == 412
    assert (await client.delete(path, headers={"If-Match": '"v2"'})).status_code == 204
    assert (await client.get(path)).status_code == 404
    event = (await told(services))[-1]
    assert event["type"] == "account.forecast_changed" and event["data"]["current"] is None
    assert (await client.put(path, json=FORECAST)).json()["version"] == 4


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"on": "2026-11-21"}, ("/on", "not_ahead")),
        ({"on": "2036-11-22"}, ("/on", "too_far_ahead")),
        ({"relative_strength": None}, ("/relative_strength", "strength_missing")),
        ({"relative_strength": 0}, ("/relative_strength", "greater_than")),
        ({"attractiveness": 10.1}, ("/attractiveness", "less_than_equal")),
        ({"author_id": NOBODY}, ("/author_id", "unknown_reference")),
        ({"quadrant": "star"}, ("/quadrant", "extra_forbidden")),
    ],
)
async def test_what_is_refused(client: httpx.AsyncClient, change: dict[str, Any], refusal: tuple[str, str]) -> None:
    account = await make_account(client)
    answer = await client.put(f"/v1/accounts/{account['id']}/forecast-position", json={**FORECAST, **change})
    assert answer.status_code == 422 and pointers(answer) == [refusal]


async def test_who_may(client: httpx.AsyncClient, make_client: Callable[..., Any]) -> None:
    account = await make_account(client)
    path = f"/v1/accounts/{account['id']}/forecast-position"
    assert (await client.put(f"/v1/accounts/{NOBODY}/forecast-position", json=FORECAST)).status_code == 404
    reader = await make_client("classification:read")
    assert (await reader.put(path, json=FORECAST)).status_code == 403
    stale = await client.put(path, json=FORECAST, headers={"If-Match": '"v7"'})
    assert stale.status_code == 412
    key = {"Idempotency-Key": "forecast-1"}
    first = await client.put(path, json=FORECAST, headers=key)
    replay = await client.put(path, json=FORECAST, headers=key)
    assert replay.json() == first.json() and replay.headers["idempotent-replayed"] == "true"
    assert (await reader.get(path)).status_code == 200


async def test_the_matrix_shows_forecasts_when_asked(client: httpx.AsyncClient, services: Services) -> None:
    account = await make_account(client)
    path = f"/v1/accounts/{account['id']}"
    scores = [{"factor": key, "score": 2} for key in ("spend_available", "growth", "profit_potential")]
    await client.put(f"{path}/attractiveness", json={"scores": scores})
    factors = [{"name": "Service", "weight": 100, "ours": 3, "competitors": {"X": 6}}]
    await client.put(f"{path}/business-strength", json={"factors": factors})
    await client.put(f"{path}/forecast-position", json=FORECAST)

    async def shown(**query: Any) -> Any:
        boxes = (await client.get("/v1/portfolio/matrix", params=query)).json()["boxes"]
        return [(box["box"], each["quadrant"], each["forecast"]) for box in boxes for each in box["accounts"]]

    assert await shown() == [("streamline", "streamline", None)]
    before = services.database.statements
    expected = {"attractiveness": 8.5, "relative_strength": 1.25, "business_strength": None}
    assert await shown(forecast="true") == [
        ("streamline", "streamline", {**expected, "quadrant": "strategic", "on": "2029-11-21"})
    ]
    assert services.database.statements - before == 2
