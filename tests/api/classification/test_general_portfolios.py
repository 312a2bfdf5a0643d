"""The general portfolio of all accounts through HTTP, on both databases: judged, judged again, taken back, compared."""

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

IMPORTANCE = ("purchase_value", "potential_and_prestige", "market_leadership", "strategic_desirability")
DIFFICULTY = ("customer_competition", "buying_behaviour", "product_characteristics")


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """What the first start does."""
    await ensure_default_model(services)


def judgement(importance: float, difficulty: float, **more: Any) -> dict[str, Any]:
    """Every factor of an axis scored alike."""
    return {
        "strategic_importance": [{"factor": key, "score": importance} for key in IMPORTANCE],
        "difficulty": [{"factor": key, "score": difficulty} for key in DIFFICULTY],
        **more,
    }


async def test_an_account_is_judged(client: httpx.AsyncClient, services: Services) -> None:
    account, person = await make_account(client), await make_person(client)
    path = f"/v1/accounts/{account['id']}/general-portfolio"
    assert account["general_portfolio"] is None and (await client.get(path)).status_code == 404
    body = judgement(5, 4.75, reason="Our largest buyer", author_id=person["id"])
    body["difficulty"][1]["evidence"] = "Three tenders a year"
    answer = await client.put(path, json=body)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert made["cell"] == "key_easy" and answer.headers["etag"] == '"v2"' and made["version"] == 2
    importance, difficulty = made["strategic_importance"], made["difficulty"]
    assert (importance["score"], importance["level"], importance["borderline"]) == (5, "high", True)
    assert (difficulty["score"], difficulty["level"], difficulty["missing"]) == (4.75, "low", [])
    assert [one["weight"] for one in importance["factors"]] == [25] * 4
    assert difficulty["factors"][1] == {
        "factor": "buying_behaviour", "name": "Its buying behaviour", "score": 4.75, "weight": 33.3333,
        "evidence": "Three tenders a year",
    }  # fmt: skip
    assert (made["reason"], made["author_id"]) == ("Our largest buyer", person["id"])
    assert made["recorded_by"] and made["recorded_at"].startswith("2026-11-21T12:00")
    read = await client.get(path)
    assert read.json() == made and read.headers["etag"] == '"v2"'
    now = (await client.get(f"/v1/accounts/{account['id']}")).json()
    assert (now["general_portfolio"], now["version"], now["quadrant"]) == ("key_easy", 2, None)
    event = (await told(services))[-1]
    assert event["type"] == "account.general_portfolio_changed" and event["data"]["account"]["version"] == 2
    assert event["data"]["previous"] is None and event["data"]["reason"] == "Our largest buyer"
    assert event["data"]["current"]["general_portfolio"] == "key_easy"
    assert event["data"]["current"]["difficulty"]["score"] == 4.75
    assert event["data"]["changed"] == ["general_portfolio", "strategic_importance", "difficulty", "author_id"]


async def test_the_same_again_is_silent_and_another_replaces(client: httpx.AsyncClient, services: Services) -> None:
    account = await make_account(client)
    path = f"/v1/accounts/{account['id']}/general-portfolio"
    await client.put(path, json=judgement(8.1, 8.1))
    count = len(await told(services))
    again = await client.put(path, json=judgement(8.1, 8.1))
    assert again.json()["version"] == 2 and len(await told(services)) == count
    changed = (await client.put(path, json=judgement(8.1, 3, reason="One buyer"), headers={"If-Match": '"v2"'})).json()
    assert (changed["cell"], changed["version"]) == ("key_easy", 3)
    event = (await told(services))[-1]
    assert event["data"]["changed"] == ["general_portfolio", "difficulty"]
    assert event["data"]["previous"]["general_portfolio"] == "key_difficult"
    assert await told_types(services, count) == ["account.general_portfolio_changed"]


async def test_what_is_missing_is_missing_and_not_zero(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    body = judgement(9, 9)
    body["strategic_importance"].pop(1)
    body["strategic_importance"][1]["score"] = None
    made = (await client.put(f"/v1/accounts/{account['id']}/general-portfolio", json=body)).json()
    importance = made["strategic_importance"]
    assert made["cell"] is None and (importance["score"], importance["level"]) == (None, None)
    assert importance["missing"] == ["potential_and_prestige", "market_leadership"]
    assert [one["score"] for one in importance["factors"]] == [9, None, None, 9]
    assert made["difficulty"]["level"] == "high"
    assert (await client.get(f"/v1/accounts/{account['id']}")).json()["general_portfolio"] is None


async def test_weights_are_the_caller_s(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    path = f"/v1/accounts/{account['id']}/general-portfolio"
    body = judgement(2, 9)
    body["strategic_importance"] = [
        {"factor": "purchase_value", "score": 8, "weight": 62.5},
        {"factor": "market_leadership", "score": 0, "weight": 37.5},
    ]
    made = (await client.put(path, json=body)).json()
    assert made["cell"] == "key_difficult" and made["strategic_importance"]["score"] == 5
    body["strategic_importance"][0]["weight"] = 62.52
    refused = await client.put(path, json=body)
    assert refused.status_code == 422
    assert pointers(refused) == [("/strategic_importance", "weights_do_not_sum_to_100")]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"difficulty": [{"factor": "growth", "score": 1}]}, ("/difficulty/0/factor", "factor_unknown")),
        ({"difficulty": [{"factor": "buying_behaviour"}] * 2}, ("/difficulty/1/factor", "factor_repeated")),
        ({"difficulty": [{"factor": "buying_behaviour", "score": 11}]}, ("/difficulty/0/score", "less_than_equal")),
        ({"author_id": NOBODY}, ("/author_id", "unknown_reference")),
        ({"cell": "key_easy"}, ("/cell", "extra_forbidden")),
    ],
)
async def test_what_is_refused(client: httpx.AsyncClient, change: dict[str, Any], refusal: tuple[str, str]) -> None:
    account = await make_account(client)
    answer = await client.put(f"/v1/accounts/{account['id']}/general-portfolio", json={**judgement(5, 5), **change})
    assert answer.status_code == 422 and pointers(answer) == [refusal]


async def test_it_is_taken_back(client: httpx.AsyncClient, services: Services) -> None:
    account = await make_account(client)
    path = f"/v1/accounts/{account['id']}/general-portfolio"
    assert (await client.delete(path)).status_code == 404
    await client.put(path, json=judgement(7, 7))
    assert (await client.delete(path, headers={"If-Match": '"v1"'})).status_code == 412
    assert (await client.delete(path, headers={"If-Match": '"v2"'})).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.get(f"/v1/accounts/{account['id']}")).json()["general_portfolio"] is None
    event = (await told(services))[-1]
    assert event["data"]["current"] is None and event["data"]["previous"]["general_portfolio"] == "key_difficult"
    assert (await client.put(path, json=judgement(7, 7))).json()["version"] == 4


async def test_who_may(client: httpx.AsyncClient, make_client: Callable[..., Any]) -> None:
    account = await make_account(client)
    path = f"/v1/accounts/{account['id']}/general-portfolio"
    assert (await client.put(f"/v1/accounts/{NOBODY}/general-portfolio", json=judgement(1, 1))).status_code == 404
    reader = await make_client("classification:read")
    assert (await reader.put(path, json=judgement(1, 1))).status_code == 403
    key = {"Idempotency-Key": "general-1"}
    first = await client.put(path, json=judgement(1, 1), headers=key)
    replay = await client.put(path, json=judgement(1, 1), headers=key)
    assert replay.json() == first.json() and replay.headers["idempotent-replayed"] == "true"
    assert (await reader.get(path)).json()["cell"] == "non_key_easy"


async def test_the_four_cells_side_by_side(client: httpx.AsyncClient, services: Services) -> None:
    cells = {"key_difficult": (8, 8), "key_easy": (8, 2), "non_key_difficult": (2, 8)}
    ids = {}
    for cell, (importance, difficulty) in cells.items():
        ids[cell] = (await make_account(client, name=cell))["id"]
        await client.put(f"/v1/accounts/{ids[cell]}/general-portfolio", json=judgement(importance, difficulty))
    await make_account(client, name="Not judged")
    before = services.database.statements
    matrix = (await client.get("/v1/portfolio/matrix", params={"view": "general"})).json()
    assert services.database.statements - before == 2
    told_boxes = [
        (box["box"], box["name"], box["attractiveness"], box["strength"], [one["id"] for one in box["accounts"]])
        for box in matrix["boxes"]
    ]
    assert told_boxes == [
        ("key_difficult", "Key, difficult", "high", "high", [ids["key_difficult"]]),
        ("key_easy", "Key, easy", "high", "low", [ids["key_easy"]]),
        ("non_key_difficult", "Non-key, difficult", "low", "high", [ids["non_key_difficult"]]),
        ("non_key_easy", "Non-key, easy", "low", "low", []),
    ]
    assert (matrix["view"], matrix["classified"], matrix["unclassified"]) == ("general", 3, 1)
    picture = await client.get("/v1/portfolio/matrix", params={"view": "general", "format": "svg"})
    assert picture.status_code == 422 and picture.json()["errors"][0]["code"] == "no_picture"
    found = await client.get("/v1/accounts", params={"general_portfolio": "key_easy,non_key_difficult"})
    assert {one["id"] for one in found.json()["items"]} == {ids["key_easy"], ids["non_key_difficult"]}


async def test_the_cell_of_then(client: httpx.AsyncClient, clock: SetClock) -> None:
    account = await make_account(client)
    path = f"/v1/accounts/{account['id']}/general-portfolio"
    clock.advance(timedelta(days=1))
    await client.put(path, json=judgement(8, 8))
    clock.advance(timedelta(days=1))
    await client.put(path, json=judgement(2, 8))
    clock.advance(timedelta(days=1))
    await client.delete(path)
    clock.advance(timedelta(hours=2))

    async def cell(day: str) -> list[str]:
        query = {"view": "general", "as_of": f"2026-11-{day}T13:00:00Z"}
        matrix = (await client.get("/v1/portfolio/matrix", params=query)).json()
        assert matrix["total"] == 1
        return [box["box"] for box in matrix["boxes"] if box["count"]]

    assert [await cell(day) for day in ("21", "22", "23", "24")] == [[], ["key_difficult"], ["non_key_difficult"], []]
