"""What moved between two instants, through HTTP on both databases: both positions, the causes, the migration table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from service.operations.classification.scoring_models import ensure_default_model
from service.platform.clock import SetClock
from service.records.context import Services
from tests.api.records import make_account, pointers

FACTORS = ("spend_available", "growth", "profit_potential")
PATH = "/v1/portfolio/movements"


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """What the first start does."""
    await ensure_default_model(services)


async def score(client: httpx.AsyncClient, identifier: str, **values: float) -> None:
    scores = [{"factor": key, "score": values.get(key, values.get("all"))} for key in FACTORS]
    answer = await client.put(f"/v1/accounts/{identifier}/attractiveness", json={"scores": scores})
    assert answer.status_code == 200, answer.text


async def compare(client: httpx.AsyncClient, identifier: str, ours: float) -> None:
    factors = [{"name": "Service", "weight": 100, "ours": ours, "competitors": {"X": 6}}]
    answer = await client.put(f"/v1/accounts/{identifier}/business-strength", json={"factors": factors})
    assert answer.status_code == 200, answer.text


async def placed(client: httpx.AsyncClient, name: str, value: float, ours: float, **more: Any) -> str:
    """An account that stands somewhere."""
    account = await make_account(client, name=name, **more)
    await score(client, account["id"], all=value)
    await compare(client, account["id"], ours)
    return str(account["id"])


async def year(client: httpx.AsyncClient, clock: SetClock) -> dict[str, str]:
    """Five accounts on the 21st of November, and what became of them in the ten days after."""
    ids = {
        "riser": await placed(client, "Riser", 3, 8, revenue="50.00", country="DE"),
        "same": await placed(client, "Same", 8, 8, revenue="40.00"),
        "leaver": await placed(client, "Leaver", 8, 3, revenue="30.00"),
        "mover": await placed(client, "Mover", 2, 3, revenue="20.00"),
    }
    clock.advance(timedelta(days=2))
    await score(client, ids["riser"], spend_available=9, growth=9, profit_potential=3)
    clock.advance(timedelta(days=1))
    await compare(client, ids["riser"], 5)
    await client.post(
        f"/v1/accounts/{ids['mover']}/stage-transitions", json={"to": "early_kam", "reason": "First order"}
    )
    clock.advance(timedelta(days=1))
    await client.delete(f"/v1/accounts/{ids['leaver']}")
    ids["comer"] = await placed(client, "Comer", 8, 8, revenue="10.00")
    clock.advance(timedelta(days=6))
    return ids


async def shown(client: httpx.AsyncClient, **query: Any) -> Any:
    answer = await client.get(PATH, params={"from": "2026-11-21", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_who_changed_the_quadrant_and_why(client: httpx.AsyncClient, clock: SetClock) -> None:
    ids = await year(client, clock)
    found = await shown(client)
    assert (found["from"], found["to"]) == ("2026-11-21T23:59:59.999999Z", "2026-12-01T12:00:00.000000Z")
    assert [item["name"] for item in found["items"]] == ["Riser", "Leaver", "Comer"]
    riser = found["items"][0]
    assert riser["account_id"] == ids["riser"] and riser["entered"] is False and riser["left"] is False
    assert (riser["previous"]["quadrant"], riser["current"]["quadrant"]) == ("status", "star")
    assert (riser["previous"]["attractiveness"], riser["previous"]["business_strength"]) == (3, 8)
    assert riser["current"]["model_version"] == riser["previous"]["model_version"] == 1
    causes = [(cause["cause"], cause["previous"], cause["current"]) for cause in riser["causes"]]
    assert causes == [("attractiveness", "status", "strategic"), ("business_strength", "strategic", "star")]
    assert riser["causes"][0]["at"] == "2026-11-23T12:00:00.000000Z" and riser["causes_count"] == 2
    moved = {(factor["axis"], factor["factor"]): (factor["previous"], factor["current"]) for factor in riser["factors"]}
    assert moved == {
        ("attractiveness", "spend_available"): (3, 9), ("attractiveness", "growth"): (3, 9),
        ("business_strength", "Service"): (8, 5),
    }  # fmt: skip
    leaver, comer = found["items"][1:]
    assert leaver["left"] is True and leaver["current"] is None and leaver["previous"]["quadrant"] == "star"
    assert comer["entered"] is True and comer["previous"] is None and comer["current"]["quadrant"] == "strategic"


async def test_the_summary_counts_all_of_them(client: httpx.AsyncClient, clock: SetClock) -> None:
    await year(client, clock)
    summary = (await shown(client))["summary"]
    assert summary["migrations"] == [
        {"previous": "strategic", "current": "strategic", "count": 1},
        {"previous": "star", "current": None, "count": 1},
        {"previous": "status", "current": "star", "count": 1},
        {"previous": "streamline", "current": "streamline", "count": 1},
        {"previous": None, "current": "strategic", "count": 1},
    ]
    assert (summary["accounts"], summary["moved"], summary["stayed"]) == (5, 3, 2)
    assert (summary["entered"], summary["left"]) == (1, 1)
    assert summary["causes"] == [{"cause": "business_strength", "count": 2}, {"cause": "attractiveness", "count": 1}]


async def test_what_is_listed(client: httpx.AsyncClient, clock: SetClock) -> None:
    await year(client, clock)

    async def names(**query: Any) -> list[str]:
        return [item["name"] for item in (await shown(client, **query))["items"]]

    assert await names(changes="stage") == ["Mover"]
    assert await names(changes="any") == ["Riser", "Leaver", "Mover", "Comer"]
    assert await names(changes="all", sort="name") == ["Comer", "Leaver", "Mover", "Riser", "Same"]
    assert await names(previous_quadrant="status") == ["Riser"]
    assert await names(current_quadrant="strategic", changes="all") == ["Same", "Comer"]
    assert await names(country="DE") == ["Riser"]
    assert await names(to="2026-11-23", current_quadrant="strategic") == ["Riser"]
    stage = (await shown(client, changes="stage"))["items"][0]
    assert (stage["previous"]["stage"], stage["current"]["stage"]) == ("pre_kam", "early_kam")
    assert stage["causes"] == [
        {"at": "2026-11-24T12:00:00.000000Z", "cause": "stage", "previous": "pre_kam", "current": "early_kam",
         "model_version": None, "reason": "First order", "recorded_by": stage["causes"][0]["recorded_by"]}
    ]  # fmt: skip


async def test_pages_and_statements(client: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await year(client, clock)
    to = "2026-11-30"
    before = services.database.statements
    first = await shown(client, changes="all", limit=2, to=to)
    assert services.database.statements - before == 5
    assert first["has_more"] and first["summary"]["accounts"] == 5
    before = services.database.statements
    second = await shown(client, changes="all", limit=2, to=to, after=first["next_cursor"])
    assert services.database.statements - before == 3
    assert second["summary"] is None and [item["name"] for item in second["items"]] == ["Leaver", "Mover"]
    third = await shown(client, changes="all", limit=2, to=to, after=second["next_cursor"])
    assert [item["name"] for item in third["items"]] == ["Comer"] and third["next_cursor"] is None
    for other in ({"changes": "any", "to": to}, {"changes": "all", "to": "2026-11-29"}):
        query = {"from": "2026-11-21", "after": first["next_cursor"], **other}
        assert (await client.get(PATH, params=query)).json()["code"] == "cursor_invalid"


async def test_a_new_model_is_a_cause(client: httpx.AsyncClient, clock: SetClock) -> None:
    await placed(client, "Held", 5.5, 8)
    clock.advance(timedelta(days=1))
    factors = [{"key": key, "name": key, "weight": weight} for key, weight in zip(FACTORS, (40, 30, 30), strict=True)]
    made = await client.post(
        "/v1/scoring-models", json={"name": "Stricter", "factors": factors, "cuts": {"attractiveness": 6}}
    )
    await client.post(f"/v1/scoring-models/{made.json()['id']}/activate")
    found = await shown(client)
    item = found["items"][0]
    assert (item["previous"]["quadrant"], item["current"]["quadrant"]) == ("strategic", "status")
    assert (item["previous"]["model_version"], item["current"]["model_version"]) == (1, 2)
    assert item["causes"][0]["cause"] == found["summary"]["causes"][0]["cause"] == "scoring_model"
    assert item["factors"] == []


async def test_nothing_moved(client: httpx.AsyncClient, clock: SetClock) -> None:
    assert (await shown(client, to="2026-11-21T12:00:00Z", **{"from": "2026-11-20"}))["summary"] == {
        "accounts": 0, "moved": 0, "stayed": 0, "entered": 0, "left": 0, "migrations": [], "causes": []
    }  # fmt: skip


async def test_graphql_tells_the_same(client: httpx.AsyncClient, clock: SetClock) -> None:
    await year(client, clock)
    query = """{ portfolioMovements(from: "2026-11-21", to: "2026-11-30", filter: {currentQuadrant: {eq: star}}) {
      from to changes hasMore summary { moved migrations { previous current count } causes { cause count } }
      items { name quadrantChanged previous { quadrant } current { quadrant } causes { cause at } factors { factor previous } } } }"""
    answer = (await client.post("/graphql", json={"query": query})).json()
    assert "errors" not in answer, answer["errors"]
    told = answer["data"]["portfolioMovements"]
    rest = await shown(client, to="2026-11-30", current_quadrant="star")
    assert told["summary"] == {name: rest["summary"][name] for name in ("moved", "migrations", "causes")}
    assert [item["name"] for item in told["items"]] == ["Riser"] == [item["name"] for item in rest["items"]]
    assert [cause["at"] for cause in told["items"][0]["causes"]] == [
        cause["at"] for cause in rest["items"][0]["causes"]
    ]


async def test_who_may_and_what_is_refused(client: httpx.AsyncClient, make_client: Callable[..., Any]) -> None:
    for query, refusal in (
        ({}, ("from", "missing")),
        ({"from": "2026-11-22"}, ("from", "in_the_future")),
        ({"from": "2026-11-20", "to": "2027-01-01"}, ("to", "in_the_future")),
        ({"from": "2026-11-20", "to": "2026-11-20"}, ("to", "not_after_from")),
        ({"from": "2026-11-20", "changes": "colour"}, ("changes", "enum")),
        ({"from": "2026-11-20", "count": "exact"}, ("count", "unknown_parameter")),
    ):
        answer = await client.get(PATH, params=query)
        assert answer.status_code == 422 and pointers(answer) == [refusal], query
    allowed = await make_client("portfolio:read")
    assert (await allowed.get(PATH, params={"from": "2026-11-20"})).status_code == 200
    assert (await (await make_client("accounts:read")).get(PATH, params={"from": "2026-11-20"})).status_code == 403
