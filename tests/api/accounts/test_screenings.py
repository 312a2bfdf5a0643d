"""Candidate screening through HTTP, on both databases: judged, counted, paged, and customers made candidates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest

from service.platform.clock import SetClock
from service.records.context import Services
from tests.api.records import make_account, pointers, told

PATH = "/v1/portfolio/screenings"
LARGE = {"name": "Large", "filter": {"revenue": {"gte": "1000.00"}}, "required": True}
NEAR = {"name": "Near", "filter": {"country": {"in": ["DE", "AT"]}}}
ROBOTS = {"name": "Robots", "filter": {"or": [{"industry": {"contains": "robot"}}, {"name": {"contains": "robot"}}]}}
SCREENING = {"criteria": [LARGE, NEAR, ROBOTS], "at_least": 2}


async def market(client: httpx.AsyncClient, clock: SetClock) -> list[str]:
    """Five customers: two pass, one is small, one is only large, one is unknown; their ids, the oldest first."""
    members: list[dict[str, Any]] = [
        {"name": "A", "revenue": "1000.00", "currency": "EUR", "country": "DE"},
        {"name": "B robots", "revenue": "5000.00", "currency": "EUR", "country": "FR"},
        {"name": "C robots", "revenue": "999.99", "currency": "EUR", "country": "DE"},
        {"name": "D", "revenue": "9000.00", "currency": "EUR", "country": "FR"},
        {"name": "E"},
    ]
    ids = []
    for one in members:
        ids.append((await make_account(client, **one))["id"])
        clock.advance(timedelta(seconds=1))
    return ids


async def ask(client: httpx.AsyncClient, **more: Any) -> Any:
    """The screening above."""
    answer = await client.post(PATH, json={**SCREENING, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_criterion_of_every_account(client: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    ids, events = await market(client, clock), len(await told(services))
    before = services.database.statements
    found = await ask(client)
    assert services.database.statements - before == 1
    assert (found["total"], found["passed"], found["customers"], found["moved"], found["left_to_move"]) == (
        5, 2, 2, 0, 2)  # fmt: skip
    assert found["criteria"] == [
        {"name": "Large", "required": True, "held": 3},
        {"name": "Near", "required": False, "held": 2},
        {"name": "Robots", "required": False, "held": 2},
    ]
    assert [(one["id"], one["passed"], one["held"]) for one in found["items"]] == [
        (ids[0], True, 2), (ids[1], True, 2), (ids[2], False, 2), (ids[3], False, 1), (ids[4], False, 0)]  # fmt: skip
    small = found["items"][2]
    assert small["reason"] == "2 of 3 criteria hold, 2 must. Required, and does not hold: Large."
    assert [one["holds"] for one in small["criteria"]] == [False, True, True]
    assert {one["status"] for one in found["items"]} == {"customer"} and len(await told(services)) == events


async def test_pages_and_parts(client: httpx.AsyncClient, clock: SetClock) -> None:
    ids = await market(client, clock)
    first = await ask(client, limit=2)
    rest = await ask(client, limit=3, after=first["next_cursor"])
    assert [one["id"] for one in first["items"] + rest["items"]] == ids
    assert first["has_more"] and not rest["has_more"] and rest["next_cursor"] is None
    assert rest["total"] == first["total"] == 5
    assert [one["id"] for one in (await ask(client, passed=True))["items"]] == ids[:2]
    assert [one["id"] for one in (await ask(client, passed=False))["items"]] == ids[2:]
    part = await ask(client, filter={"country": {"eq": "FR"}})
    assert (part["total"], part["passed"]) == (2, 1)
    none = await ask(client, filter={"country": {"eq": "XX"}})
    assert (none["total"], none["passed"], none["items"], none["criteria"][0]["held"]) == (0, 0, [], 0)
    all_of_them = await client.post(PATH, json={"criteria": [NEAR, ROBOTS]})
    assert [one["passed"] for one in all_of_them.json()["items"]] == [False, False, True, False, False]
    required = await client.post(PATH, json={"criteria": [LARGE, NEAR]})
    assert required.json()["at_least"] == 1 and required.json()["passed"] == 3
    odd = await client.post(PATH, json={**SCREENING, "after": "AAAA"})
    assert odd.status_code == 400 and odd.json()["code"] == "cursor_invalid"


async def test_customers_that_passed_become_candidates(
    client: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    ids = await market(client, clock)
    step = {"to": "candidate", "reason": "By hand"}
    await client.post(f"/v1/accounts/{ids[0]}/status-transitions", json=step)
    extra = (await make_account(client, name="F robots", revenue="2000.00", currency="EUR"))["id"]
    count = len(await told(services))
    before = services.database.statements
    found = await ask(client, move_to_candidate=True, reason="Potential", limit=2)
    cost = services.database.statements - before
    assert (found["passed"], found["customers"], found["moved"], found["left_to_move"]) == (3, 2, 2, 0)
    assert [(one["status"], one["moved"]) for one in found["items"]] == [("candidate", False), ("candidate", True)]
    news = (await told(services))[count:]
    assert {one["data"]["account"]["id"] for one in news} == {ids[1], extra}
    assert {one["type"] for one in news} == {"account.status_changed"}
    assert news[0]["data"]["previous"] == {"status": "customer"} and news[0]["data"]["reason"] == "Potential"
    entry = (await client.get(f"/v1/accounts/{ids[1]}/status-transitions")).json()["items"][0]
    assert (entry["previous"], entry["status"]) == ("customer", "candidate")
    assert entry["evidence"] == "Screening: 2 of 3 criteria hold, 2 must. Holds: Large, Robots."
    account = (await client.get(f"/v1/accounts/{ids[1]}")).json()
    assert (account["status"], account["version"]) == ("candidate", 2)
    assert (await client.get(f"/v1/accounts/{ids[2]}")).json()["status"] == "customer"
    again = await ask(client, move_to_candidate=True, reason="Potential")
    assert (again["customers"], again["moved"]) == (0, 0) and len(await told(services)) == count + 2
    more = [(await make_account(client, name=f"{n} robots", revenue="2000.00", currency="EUR"))["id"] for n in "GHIJ"]
    before = services.database.statements
    assert (await ask(client, move_to_candidate=True, reason="Potential"))["moved"] == len(more)
    assert services.database.statements - before == cost


async def test_a_retry_answers_as_before(client: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await market(client, clock)
    body, key = {**SCREENING, "move_to_candidate": True, "reason": "Potential"}, {"Idempotency-Key": "screen-1"}
    first = await client.post(PATH, json=body, headers=key)
    count = len(await told(services))
    replay = await client.post(PATH, json=body, headers=key)
    assert replay.headers["idempotent-replayed"] == "true"
    assert replay.json() == first.json() and replay.json()["moved"] == 2 and len(await told(services)) == count


async def test_at_most_so_many_at_once(
    client: httpx.AsyncClient, services: Services, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.operations.accounts.screenings.MOST_MOVED", 1)
    await market(client, clock)
    one = await ask(client, move_to_candidate=True, reason="Potential")
    assert (one["moved"], one["left_to_move"]) == (1, 1)
    two = await ask(client, move_to_candidate=True, reason="Potential")
    assert (two["moved"], two["left_to_move"]) == (1, 0)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"criteria": [LARGE, LARGE], "at_least": 1}, ("/criteria/1/name", "criterion_repeated")),
        ({"at_least": 4}, ("/at_least", "more_than_there_are")),
        ({"criteria": [{"name": "All", "filter": {}}], "at_least": 1}, ("/criteria/0/filter", "criterion_empty")),
        ({"criteria": []}, ("/criteria", "too_short")),
        ({"move_to_candidate": True}, ("/reason", "reason_missing")),
        (
            {"criteria": [{"name": str(n), "filter": {"name": {"eq": "a"}}} for n in range(20)],
             "filter": {"and": [{"name": {"is_null": True}}] * 30}},
            ("/filter/and/29/name/is_null", "filter_too_large"),
        ),
        (
            {"criteria": [{"name": str(n), "filter": {"name": {"contains": "a"}}} for n in range(11)]},
            ("/criteria/10/filter/name/contains", "filter_too_large"),
        ),
    ],
)  # fmt: skip
async def test_what_is_refused(client: httpx.AsyncClient, change: dict[str, Any], refusal: tuple[str, str]) -> None:
    answer = await client.post(PATH, json={**SCREENING, **change})
    assert answer.status_code == 422 and pointers(answer) == [refusal], answer.text


async def test_who_may(client: httpx.AsyncClient, make_client: Callable[..., Any], clock: SetClock) -> None:
    await market(client, clock)
    writer = await make_client("accounts:write")
    assert (await writer.post(PATH, json=SCREENING)).status_code == 403
    reader = await make_client("portfolio:read")
    assert (await reader.post(PATH, json=SCREENING)).json()["passed"] == 2
    body = {**SCREENING, "move_to_candidate": True, "reason": "Potential"}
    assert (await reader.post(PATH, json=body)).status_code == 403
    both = await make_client("portfolio:read", "accounts:write")
    assert (await both.post(PATH, json=body)).json()["moved"] == 2


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_the_statement_judges_as_the_rules_do(client: httpx.AsyncClient, seed: int) -> None:
    chance = Random(seed)
    for number in range(12):
        members = {
            "industry": chance.choice([None, "Robotics", "Food"]),
            "country": chance.choice([None, "DE", "FR"]),
            "revenue": chance.choice([None, "10.00", "1000.00"]),
            "currency": "EUR",
        }
        await make_account(client, name=f"Account {number}", **members)
    filters = [
        {"country": {"eq": "DE"}},
        {"not": {"industry": {"eq": "Food"}}},
        {"revenue": {"gt": "10.00"}},
        {"industry": {"is_null": True}},
    ]
    for _ in range(6):
        listed = chance.sample(filters, chance.randint(1, 4))
        criteria = [{"name": str(n), "filter": one, "required": chance.random() < 0.4} for n, one in enumerate(listed)]
        body = {"criteria": criteria, "at_least": chance.randint(0, len(criteria))}
        found = (await client.post(PATH, json=body)).json()
        passed = [one["id"] for one in found["items"] if one["passed"]]
        shown = (await client.post(PATH, json={**body, "passed": True})).json()
        assert [one["id"] for one in shown["items"]] == passed and found["passed"] == len(passed)
        assert found["total"] == len(found["items"]) == 12
