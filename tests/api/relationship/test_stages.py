"""Relationship stages through HTTP, on both databases: movements with their reasons, history, target."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa

from service.framework.database.statements import Statement
from service.models.events.events import events
from service.platform.clock import SetClock
from service.records.context import Services

_EVENTS = Statement(sa.select(events.c.type, events.c.body).order_by(events.c.seq))


async def create(client: httpx.AsyncClient) -> str:
    """Create an account; its path."""
    answer = await client.post("/v1/accounts", json={"name": "Aurelia Robotics"})
    return f"/v1/accounts/{answer.json()['id']}"


async def move(client: httpx.AsyncClient, account: str, to: str, **members: Any) -> httpx.Response:
    """Ask for a movement."""
    return await client.post(f"{account}/stage-transitions", json={"to": to, "reason": "First order", **members})


async def told(services: Services) -> list[tuple[str, dict[str, Any]]]:
    async with services.database.reading() as reader:
        rows = [(row["type"], orjson.loads(row["body"])["data"]) for row in await reader.all(_EVENTS)]
    return [(kind, data) for kind, data in rows if kind != "account.created"]


async def test_the_catalogue_has_both_names(client: httpx.AsyncClient) -> None:
    items = (await client.get("/v1/stages")).json()["items"]
    assert [(item["stage"], item["ordinal"]) for item in items] == [
        ("pre_kam", 1), ("early_kam", 2), ("mid_kam", 3), ("partnership_kam", 4), ("synergistic_kam", 5),
        ("uncoupling_kam", 0)]  # fmt: skip
    assert items[2]["name"] == "Mid KAM" and items[2]["cranfield_name"] == "Cooperative"


async def test_an_account_moves_up_a_step_and_that_is_told(client: httpx.AsyncClient, services: Services) -> None:
    account = await create(client)
    answer = await move(client, account, "early_kam", evidence="Contract 17", effective_on="2026-11-21")
    entry = answer.json()
    assert answer.status_code == 201, answer.text
    assert entry["previous"] == "pre_kam" and entry["stage"] == "early_kam" and entry["stage_cranfield"] == "Basic"
    assert entry["reason"] == "First order" and entry["evidence"] == "Contract 17"
    assert entry["effective_on"] == "2026-11-21" and entry["recorded_at"] == "2026-11-21T12:00:00.000000Z"
    assert (await client.get(answer.headers["location"])).json() == entry
    read = (await client.get(account)).json()
    assert read["stage"] == "early_kam" and read["version"] == 2
    [(kind, data)] = await told(services)
    assert kind == "account.stage_changed" and data["account"]["version"] == 2
    assert data["previous"] == {"stage": "pre_kam", "name": "Pre-KAM", "cranfield_name": "Exploratory"}
    assert data["current"] == {"stage": "early_kam", "name": "Early KAM", "cranfield_name": "Basic"}
    assert (data["reason"], data["evidence"], data["effective_on"]) == ("First order", "Contract 17", "2026-11-21")


async def test_a_forbidden_movement_names_the_allowed_ones(client: httpx.AsyncClient, services: Services) -> None:
    account = await create(client)
    answer = await move(client, account, "mid_kam")
    problem = answer.json()
    assert answer.status_code == 409 and problem["code"] == "stage_transition_not_allowed"
    assert problem["allowed"] == ["early_kam", "uncoupling_kam"] and "skip" in problem["detail"]
    same = await move(client, account, "pre_kam")
    assert same.status_code == 409 and "already" in same.json()["detail"]
    assert await told(services) == []
    skipped = await move(client, account, "mid_kam", skip=True)
    assert skipped.status_code == 201 and skipped.json()["previous"] == "pre_kam"


async def test_a_relationship_falls_back_any_number_of_steps(client: httpx.AsyncClient) -> None:
    account = await create(client)
    await move(client, account, "partnership_kam", skip=True)
    assert (await move(client, account, "early_kam")).status_code == 201


async def test_from_uncoupling_back_to_what_had_been_reached(client: httpx.AsyncClient) -> None:
    account = await create(client)
    await move(client, account, "early_kam")
    await move(client, account, "uncoupling_kam")
    stage = (await client.get(f"{account}/stage")).json()
    assert stage["stage"] == "uncoupling_kam" and stage["ordinal"] == 0 and stage["previous"] == "early_kam"
    assert [(one["to"], one["skip"]) for one in stage["allowed"]] == [
        ("pre_kam", False), ("early_kam", False), ("mid_kam", True), ("partnership_kam", True), ("synergistic_kam", True)]  # fmt: skip
    refused = await move(client, account, "mid_kam")
    assert refused.status_code == 409 and refused.json()["allowed"] == ["pre_kam", "early_kam"]
    assert (await move(client, account, "early_kam")).status_code == 201


async def test_effective_dates_run_forward_and_end_today(client: httpx.AsyncClient, clock: SetClock) -> None:
    account = await create(client)
    future = await move(client, account, "early_kam", effective_on="2026-11-22")
    assert future.status_code == 422 and future.json()["errors"][0]["pointer"] == "/effective_on"
    assert future.json()["errors"][0]["code"] == "in_the_future"
    early = await move(client, account, "early_kam", effective_on="2026-11-20")
    assert early.status_code == 422 and early.json()["errors"][0]["code"] == "before_previous_entry"
    clock.advance(timedelta(days=9))
    assert (await move(client, account, "early_kam", effective_on="2026-11-25")).status_code == 201
    assert (await move(client, account, "mid_kam")).json()["effective_on"] == "2026-11-30"


async def test_the_history_is_newest_first_and_begins_with_the_creation(client: httpx.AsyncClient) -> None:
    account = await create(client)
    for to in ("early_kam", "mid_kam", "pre_kam"):
        await move(client, account, to)
    first = (await client.get(f"{account}/stage-transitions", params={"limit": 3})).json()
    last = (await client.get(f"{account}/stage-transitions", params={"after": first["next_cursor"]})).json()
    stages = [(entry["previous"], entry["stage"]) for entry in [*first["items"], *last["items"]]]
    assert stages == [("mid_kam", "pre_kam"), ("early_kam", "mid_kam"), ("pre_kam", "early_kam"), (None, "pre_kam")]
    assert last["has_more"] is False and last["items"][0]["reason"] == "Taken into the programme"


async def test_a_target_is_set_told_and_taken_away(client: httpx.AsyncClient, services: Services) -> None:
    account = await create(client)
    body = {"target_stage": "mid_kam", "target_stage_on": "2027-12-31", "reason": "Second plant"}
    answer = await client.put(f"{account}/stage/target", json=body)
    assert answer.status_code == 200, answer.text
    stage = answer.json()
    assert (stage["target_stage"], stage["target_stage_on"], stage["target_reason"]) == tuple(body.values())
    assert stage["version"] == 2 and answer.headers["etag"] == '"v2"'
    assert (await client.get(f"{account}/stage")).json() == stage
    again = await client.put(f"{account}/stage/target", json=body)
    assert again.status_code == 200 and again.json() == stage
    [(kind, data)] = await told(services)
    assert kind == "account.target_stage_changed" and data["reason"] == "Second plant"
    assert data["previous"]["target_stage"] is None and data["current"]["target_stage_name"] == "Mid KAM"
    gone = await client.put(f"{account}/stage/target", json={"target_stage": None})
    assert gone.json()["target_stage"] is None and gone.json()["target_stage_on"] is None
    assert (await client.get(account)).json()["target_stage"] is None
    assert len(await told(services)) == 2


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"target_stage": "uncoupling_kam"}, "/target_stage"),
        ({"target_stage": None, "target_stage_on": "2027-01-01"}, "/target_stage_on"),
        ({"target_stage": "integrated"}, "/target_stage"),
        ({}, "/target_stage"),
    ],
)
async def test_senseless_targets_are_refused(client: httpx.AsyncClient, body: dict[str, Any], pointer: str) -> None:
    answer = await client.put(f"{await create(client)}/stage/target", json=body)
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer


async def test_a_reason_is_needed(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{await create(client)}/stage-transitions", json={"to": "early_kam"})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/reason"


async def test_movements_at_once_happen_one_after_the_other(client: httpx.AsyncClient, services: Services) -> None:
    account = await create(client)
    answers = await asyncio.gather(*(move(client, account, "early_kam") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert len(await told(services)) == 1


async def test_versions_retries_and_scopes(client: httpx.AsyncClient, make_client: Callable[..., Any]) -> None:
    account = await create(client)
    path, body = f"{account}/stage-transitions", {"to": "early_kam", "reason": "First order"}
    assert (await client.post(path, json=body, headers={"If-Match": '"v9"'})).status_code == 412
    headers = {"If-Match": '"v1"', "Idempotency-Key": "once"}
    first = await client.post(path, json=body, headers=headers)
    again = await client.post(path, json=body, headers=headers)
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    reader = await make_client("stages:read")
    assert (await reader.get(f"{account}/stage")).status_code == 200
    assert (await reader.post(path, json=body)).json()["required_scope"] == "stages:write"
    nobody = "/v1/accounts/01890000-0000-7000-8000-000000000000"
    assert (await client.get(f"{nobody}/stage")).status_code == 404
    assert (await client.get(f"{nobody}/stage-transitions")).status_code == 404
    assert (await client.post(f"{nobody}/stage-transitions", json=body)).status_code == 404
    assert (await client.get(first.headers["location"])).json() == first.json()
    assert (await client.delete(account)).status_code == 204
    assert (await client.get(first.headers["location"])).status_code == 404


async def test_a_movement_is_few_statements(client: httpx.AsyncClient, services: Services) -> None:
    account = await create(client)
    before = services.database.statements
    await move(client, account, "early_kam")
    assert services.database.statements - before == 6  # begin, lock, standing, account, entry, event
    before = services.database.statements
    await client.get(f"{account}/stage")
    assert services.database.statements - before == 1
