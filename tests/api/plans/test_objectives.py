"""Objectives through HTTP, on both databases."""

from __future__ import annotations

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
)


async def test_an_objective_is_measurable_and_dated(client: httpx.AsyncClient, services: Services) -> None:
    account = await make_account(client)
    plan = await make_plan(client, account)
    sent = {
        "title": "Win the second plant", "metric": "share of wallet", "unit": "percent", "baseline": 22.5,
        "target": 40, "due_on": "2027-09-30", "notes": "Tender in May",
    }  # fmt: skip
    before = services.database.statements
    answer = await client.post(f"/v1/plans/{plan['id']}/objectives", json=sent)
    assert services.database.statements - before == 5  # begin, lock, read, row, event
    objective = answer.json()
    assert answer.status_code == 201 and answer.headers["location"] == f"/v1/objectives/{objective['id']}"
    assert {name: objective[name] for name in sent} == sent
    assert objective["plan_id"] == plan["id"] and objective["account_id"] == account["id"]
    assert objective["state"] == "open" and objective["closed_on"] is None
    assert (await client.get(f"/v1/objectives/{objective['id']}")).json() == objective
    event = (await told(services))[-1]
    assert event["type"] == "objective.created" and event["data"]["objective"] == objective
    assert event["data"]["account"]["id"] == account["id"] and event["data"]["account"]["refs"] == []
    missing = await client.post(f"/v1/plans/{plan['id']}/objectives", json={"title": "More", "due_on": "2027-13-01"})
    assert {where for where, _ in pointers(missing)} == {"/metric", "/target", "/due_on"}


async def test_the_objectives_of_a_plan_are_listed_by_date(client: httpx.AsyncClient, services: Services) -> None:
    account = await make_account(client)
    plan, other = await make_plan(client, account), await make_plan(client, account)
    for day in ("2027-06-30", "2027-03-31", "2027-09-30"):
        await make_objective(client, plan, due_on=day)
    await make_objective(client, other)
    path = f"/v1/plans/{plan['id']}/objectives"
    before = services.database.statements
    page = (await client.get(path, params={"sort": "-due_on", "limit": 2})).json()
    assert services.database.statements - before == 2
    assert [item["due_on"] for item in page["items"]] == ["2027-09-30", "2027-06-30"]
    rest = (await client.get(path, params={"sort": "-due_on", "after": page["next_cursor"]})).json()
    assert [item["due_on"] for item in rest["items"]] == ["2027-03-31"]
    assert len((await client.get(path, params={"due_before": "2027-06-30"})).json()["items"]) == 1
    assert pointers(await client.get(path, params={"due_before": "soon"})) == [("due_before", "date_format")]
    assert (await client.get(f"/v1/plans/{NOBODY}/objectives")).status_code == 404


@pytest.mark.parametrize(
    ("state", "more"), [("achieved", ["objective.achieved"]), ("missed", ["objective.missed"]), ("dropped", [])]
)
async def test_an_outcome_is_dated_and_told_and_can_be_corrected(
    client: httpx.AsyncClient, services: Services, state: str, more: list[str]
) -> None:
    objective = await make_objective(client, await make_plan(client, await make_account(client)))
    path, since = f"/v1/objectives/{objective['id']}", len(await told(services))
    before = services.database.statements
    closed = (await client.patch(path, json={"state": state})).json()
    assert services.database.statements - before == 5  # begin, lock, read, row, events
    assert closed["state"] == state and closed["closed_on"] == "2026-11-21"
    assert (await client.patch(path, json={"state": state})).json() == closed
    other = "missed" if state == "achieved" else "achieved"
    refused = await client.patch(path, json={"state": other})
    assert refused.status_code == 409 and refused.json()["code"] == "state_transition_not_allowed"
    assert refused.json()["allowed"] == ["open"] and pointers(refused)[0][0] == "/state"
    opened = (await client.patch(path, json={"state": "open"})).json()
    assert opened["closed_on"] is None
    events = (await told(services))[since:]
    assert [event["type"] for event in events] == ["objective.updated", *more, "objective.updated"]
    assert events[0]["data"]["changed"] == ["state", "closed_on"]


async def test_a_patch_changes_what_is_sent(client: httpx.AsyncClient, services: Services) -> None:
    objective = await make_objective(client, await make_plan(client, await make_account(client)), baseline=1)
    path = f"/v1/objectives/{objective['id']}"
    changed = (await client.patch(path, json={"baseline": None, "target": 45.25})).json()
    assert changed["baseline"] is None and changed["target"] == 45.25 and changed["version"] == 2
    assert (await client.patch(path, json={"target": 45.25})).json() == changed
    assert (await told(services))[-1]["data"]["changed"] == ["baseline", "target"]
    assert pointers(await client.patch(path, json={"target": None, "plan_id": NOBODY})) != []
    assert (await client.patch(path, json={"target": 1}, headers={"If-Match": '"v1"'})).status_code == 412
    assert (await client.patch(f"/v1/objectives/{NOBODY}", json={"target": 1})).status_code == 404


async def test_in_a_closed_plan_only_the_outcome_is_recorded(client: httpx.AsyncClient) -> None:
    plan = await make_plan(client, await make_account(client))
    objective = await make_objective(client, plan)
    await step(client, plan, "closed")
    path = f"/v1/objectives/{objective['id']}"
    refused = await client.patch(path, json={"state": "achieved", "target": 1})
    assert refused.status_code == 409 and pointers(refused) == [("/target", "plan_closed")]
    recorded = await client.patch(path, json={"state": "missed", "notes": "Tender was postponed"})
    assert recorded.status_code == 200 and recorded.json()["state"] == "missed"
    added = await client.post(
        f"/v1/plans/{plan['id']}/objectives",
        json={"title": "Late", "metric": "revenue", "target": 1, "due_on": "2027-01-01"},
    )
    assert added.status_code == 409 and added.json()["code"] == "conflict"
    assert (await client.delete(path)).status_code == 409


async def test_a_deleted_objective_takes_its_actions_along(client: httpx.AsyncClient, services: Services) -> None:
    owner = await make_person(client)
    objective = await make_objective(client, await make_plan(client, await make_account(client)))
    action = await make_action(client, objective, owner)
    assert (await client.delete(f"/v1/objectives/{objective['id']}")).status_code == 204
    assert (await client.get(f"/v1/objectives/{objective['id']}")).status_code == 404
    assert (await client.get(f"/v1/actions/{action['id']}")).status_code == 404
    event = (await told(services))[-1]
    assert event["type"] == "objective.deleted" and event["data"]["deleted_with_it"] == {"actions": 1}
