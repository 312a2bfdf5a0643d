"""Account plans through HTTP, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.records.context import Services
from tests.api.records import (
    NOBODY,
    make_account,
    make_action,
    make_objective,
    make_person,
    make_plan,
    pointers,
    step,
    told,
    told_types,
)

PERIOD = {"period_start": "2027-01-01", "period_end": "2027-12-31"}


async def test_a_plan_begins_as_a_draft(client: httpx.AsyncClient, services: Services) -> None:
    account, owner = await make_account(client), await make_person(client)
    before = services.database.statements
    answer = await client.post(
        f"/v1/accounts/{account['id']}/plans", json={"title": "Grow", **PERIOD, "owner_id": owner["id"]}
    )
    assert services.database.statements - before == 6  # begin, lock, summary, owner, row, event
    plan = answer.json()
    assert answer.status_code == 201 and answer.headers["location"] == f"/v1/plans/{plan['id']}"
    assert plan["state"] == "draft" and plan["closed_on"] is None and plan["summary"] is None
    assert {name: plan[name] for name in PERIOD} == PERIOD and plan["owner_id"] == owner["id"]
    assert (await client.get(f"/v1/plans/{plan['id']}")).json() == plan
    event = (await told(services))[-1]
    assert event["type"] == "plan.created" and event["data"]["plan"] == plan
    assert event["data"]["account"]["name"] == account["name"]


async def test_the_plans_of_an_account_are_listed_by_state(client: httpx.AsyncClient, services: Services) -> None:
    account, other = await make_account(client), await make_account(client)
    first, second = await make_plan(client, account, title="One"), await make_plan(client, account, title="Two")
    await make_plan(client, other)
    await step(client, second, "submitted")
    path = f"/v1/accounts/{account['id']}/plans"
    before = services.database.statements
    assert {plan["title"] for plan in (await client.get(path)).json()["items"]} == {"One", "Two"}
    assert services.database.statements - before == 2
    drafts = (await client.get(path, params={"state": "draft,closed"})).json()["items"]
    assert [plan["id"] for plan in drafts] == [first["id"]]
    assert (await client.get(path, params={"period_start_after": "2027-06-30"})).json()["items"] == []
    assert (await client.get(f"/v1/accounts/{NOBODY}/plans")).status_code == 404


async def test_a_period_ends_after_it_starts_also_when_one_day_changes(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    bad = {"title": "Grow", "period_start": "2027-01-01", "period_end": "2027-01-01"}
    refused = await client.post(f"/v1/accounts/{account['id']}/plans", json=bad)
    assert refused.status_code == 422 and pointers(refused) == [("/period_end", "not_after_start")]
    path = f"/v1/plans/{(await make_plan(client, account))['id']}"
    for patch in ({"period_end": "2026-12-31"}, {"period_start": "2028-01-01"}):
        assert pointers(await client.patch(path, json=patch)) == [("/period_end", "not_after_start")]
    moved = await client.patch(path, json={"period_start": "2028-01-01", "period_end": "2028-12-31"})
    assert moved.status_code == 200 and moved.json()["period_start"] == "2028-01-01"


async def test_a_patch_is_told_once_and_the_state_is_no_member_of_it(
    client: httpx.AsyncClient, services: Services
) -> None:
    plan = await make_plan(client, await make_account(client), summary="Short")
    path = f"/v1/plans/{plan['id']}"
    changed = (await client.patch(path, json={"summary": None, "title": "Grow together"})).json()
    assert changed["summary"] is None and changed["version"] == 2
    assert (await client.patch(path, json={"period_end": "2027-12-31"})).json() == changed
    events = await told(services)
    assert [event["type"] for event in events[1:]] == ["plan.created", "plan.updated"]
    assert events[-1]["data"]["changed"] == ["summary"]
    assert pointers(await client.patch(path, json={"state": "active"}))[0][0] == "/state"
    assert pointers(await client.patch(path, json={"owner_id": NOBODY})) == [("/owner_id", "unknown_reference")]
    assert (await client.patch(path, json={"title": "X"}, headers={"If-Match": '"v1"'})).status_code == 412


async def test_the_life_of_a_plan_is_told_step_by_step(client: httpx.AsyncClient, services: Services) -> None:
    plan = await make_plan(client, await make_account(client))
    path = f"/v1/plans/{plan['id']}/transitions"
    since = len(await told(services))
    before = services.database.statements
    submitted = await client.post(path, json={"to": "submitted", "reason": "Ready"})
    assert services.database.statements - before == 5  # begin, lock, read, row, event
    assert submitted.status_code == 200 and submitted.headers["etag"] == '"v2"'
    assert submitted.json()["state"] == "submitted"
    assert pointers(await client.post(path, json={"to": "draft"})) == [("/reason", "reason_required")]
    assert (await client.post(path, json={"to": "draft", "reason": "Figures are missing"})).status_code == 200
    closed = await step(client, plan, "submitted", "approved", "active", "closed")
    assert closed["closed_on"] == "2026-11-21"
    events = (await told(services))[since:]
    assert [event["type"].partition(".")[2] for event in events] == [
        "submitted", "reopened", "submitted", "approved", "activated", "closed",
    ]  # fmt: skip
    assert events[1]["data"]["reason"] == "Figures are missing"
    assert events[-1]["data"]["previous"] == {"state": "active", "closed_on": None}
    assert events[-1]["data"]["current"] == {"state": "closed", "closed_on": "2026-11-21"}


@pytest.mark.parametrize(
    ("states", "to", "allowed"),
    [
        ([], "active", ["submitted", "closed"]),
        ([], "draft", ["submitted", "closed"]),
        (["submitted"], "submitted", ["approved", "draft", "closed"]),
        (["closed"], "draft", []),
    ],
)
async def test_a_step_that_is_not_allowed_says_which_are(
    client: httpx.AsyncClient, states: list[str], to: str, allowed: list[str]
) -> None:
    plan = await step(client, await make_plan(client, await make_account(client)), *states)
    refused = await client.post(f"/v1/plans/{plan['id']}/transitions", json={"to": to, "reason": "Because"})
    assert refused.status_code == 409 and refused.json()["code"] == "state_transition_not_allowed"
    assert refused.json()["allowed"] == allowed and pointers(refused) == [("/to", "state_transition_not_allowed")]
    assert (await client.get(f"/v1/plans/{plan['id']}")).json() == plan


async def test_an_account_has_one_active_plan(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    plans = [await step(client, await make_plan(client, account), "submitted", "approved") for _ in range(2)]
    answers = await asyncio.gather(
        *[client.post(f"/v1/plans/{plan['id']}/transitions", json={"to": "active"}) for plan in plans]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    first, second = (plans[0], plans[1]) if answers[0].status_code == 200 else (plans[1], plans[0])
    refused = next(answer for answer in answers if answer.status_code == 409).json()
    assert refused["code"] == "conflict" and refused["active_plan_id"] == first["id"]
    await step(client, first, "closed")
    assert (await step(client, second, "active"))["state"] == "active"


async def test_a_closed_plan_stays_as_it_is(client: httpx.AsyncClient) -> None:
    plan = await step(client, await make_plan(client, await make_account(client)), "closed")
    path = f"/v1/plans/{plan['id']}"
    refused = await client.patch(path, json={"title": "Other"})
    assert refused.status_code == 409 and refused.json()["code"] == "conflict"
    assert (await client.patch(path, json={"title": plan["title"]})).json() == plan


async def test_a_deleted_plan_takes_its_objectives_and_actions_along(
    client: httpx.AsyncClient, services: Services
) -> None:
    owner = await make_person(client)
    plan = await make_plan(client, await make_account(client))
    objective = await make_objective(client, plan)
    action = await make_action(client, objective, owner)
    other = await make_objective(client, plan)
    await client.delete(f"/v1/objectives/{other['id']}")
    since = len(await told(services))
    assert (await client.delete(f"/v1/plans/{plan['id']}", headers={"If-Match": '"v9"'})).status_code == 412
    deleted = await client.delete(f"/v1/plans/{plan['id']}", headers={"If-Match": '"v1"'})
    assert deleted.status_code == 204 and deleted.content == b""
    for gone in (f"plans/{plan['id']}", f"objectives/{objective['id']}", f"actions/{action['id']}"):
        assert (await client.get(f"/v1/{gone}")).status_code == 404
    (event,) = (await told(services))[since:]
    assert event["type"] == "plan.deleted" and event["data"]["previous"] == plan
    assert event["data"]["deleted_with_it"] == {"objectives": 1, "actions": 1}
    assert (await client.get("/v1/actions")).json()["items"] == []


async def test_the_events_of_an_account_are_numbered_in_the_order_of_its_changes(
    client: httpx.AsyncClient, services: Services
) -> None:
    account = await make_account(client)
    plan = await make_plan(client, account)
    await asyncio.gather(
        *[client.patch(f"/v1/plans/{plan['id']}", json={"summary": f"Number {number}"}) for number in range(8)]
    )
    versions = [event["data"]["plan"]["version"] for event in (await told(services))[1:]]
    assert versions == list(range(1, 10))


async def test_a_retried_step_happens_once(client: httpx.AsyncClient, services: Services) -> None:
    plan = await make_plan(client, await make_account(client))
    path, headers = f"/v1/plans/{plan['id']}/transitions", {"Idempotency-Key": "step-1"}
    first = await client.post(path, json={"to": "submitted"}, headers=headers)
    again = await client.post(path, json={"to": "submitted"}, headers=headers)
    assert again.status_code == 200 and again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert (await told_types(services)).count("plan.submitted") == 1


async def test_plans_need_their_own_scope(client: httpx.AsyncClient, make_client: Callable[..., Any]) -> None:
    account = await make_account(client)
    plan = await make_plan(client, account)
    reader = await make_client("plans:read", "accounts:write")
    assert (await reader.get(f"/v1/plans/{plan['id']}")).status_code == 200
    for answer in (
        await reader.post(f"/v1/accounts/{account['id']}/plans", json={"title": "X", **PERIOD}),
        await reader.post(f"/v1/plans/{plan['id']}/transitions", json={"to": "closed"}),
        await reader.delete(f"/v1/plans/{plan['id']}"),
    ):
        assert answer.status_code == 403 and answer.json()["required_scope"] == "plans:write"
