"""Actions through HTTP, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

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


async def planned(client: httpx.AsyncClient) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A plan, its objective, and somebody to carry actions."""
    plan = await make_plan(client, await make_account(client))
    return plan, await make_objective(client, plan), await make_person(client)


async def test_an_action_has_one_owner_a_date_and_an_expected_result(
    client: httpx.AsyncClient, services: Services
) -> None:
    plan, objective, owner = await planned(client)
    sent = {"title": "Visit", "owner_id": owner["id"], "due_on": "2027-03-31", "expected_result": "A list of needs"}
    before = services.database.statements
    answer = await client.post(f"/v1/objectives/{objective['id']}/actions", json=sent)
    assert services.database.statements - before == 7  # begin, lock, read, plan's state, owner, row, event
    action = answer.json()
    assert answer.status_code == 201 and answer.headers["location"] == f"/v1/actions/{action['id']}"
    assert {name: action[name] for name in sent} == sent
    assert action["objective_id"] == objective["id"] and action["account_id"] == plan["account_id"]
    assert action["state"] == "open" and action["completed_on"] is None
    assert (await client.get(f"/v1/actions/{action['id']}")).json() == action
    event = (await told(services))[-1]
    assert event["type"] == "action.created" and event["data"]["action"] == action
    assert event["data"]["account"]["name"] == "Aurelia Robotics"
    unknown = await client.post(f"/v1/objectives/{objective['id']}/actions", json={**sent, "owner_id": NOBODY})
    assert unknown.status_code == 422 and pointers(unknown) == [("/owner_id", "unknown_reference")]
    assert (await client.post(f"/v1/objectives/{NOBODY}/actions", json=sent)).status_code == 404


async def test_the_action_list_is_filtered_by_owner_state_date_and_account(
    client: httpx.AsyncClient, services: Services
) -> None:
    plan, objective, owner = await planned(client)
    _, elsewhere, other = await planned(client)
    early = await make_action(client, objective, owner, due_on="2027-01-31")
    late = await make_action(client, objective, owner, due_on="2027-06-30")
    theirs = await make_action(client, objective, other, due_on="2027-02-28")
    far = await make_action(client, elsewhere, other, due_on="2027-01-15")
    await client.patch(f"/v1/actions/{late['id']}", json={"state": "completed"})

    async def listed(path: str = "/v1/actions", **query: str) -> list[str]:
        answer = await client.get(path, params={"sort": "due_on", **query})
        assert answer.status_code == 200, answer.text
        return [item["id"] for item in answer.json()["items"]]

    before = services.database.statements
    assert await listed() == [far["id"], early["id"], theirs["id"], late["id"]]
    assert services.database.statements - before == 1
    assert await listed(owner_id=owner["id"]) == [early["id"], late["id"]]
    assert await listed(state="completed,cancelled") == [late["id"]]
    assert await listed(due_before="2027-02-28", account_id=plan["account_id"]) == [early["id"]]
    assert await listed(due_after="2027-02-27") == [theirs["id"], late["id"]]
    nested = f"/v1/objectives/{objective['id']}/actions"
    assert await listed(nested, owner_id=other["id"]) == [theirs["id"]]
    assert (await client.get(f"/v1/objectives/{NOBODY}/actions")).status_code == 404
    for wrong in ({"due_before": "2027-02-30"}, {"owner_id": "me"}, {"state": "late"}, {"due": "today"}):
        answer = await client.get("/v1/actions", params=wrong)
        assert answer.status_code == 422 and pointers(answer)[0][0] == next(iter(wrong))


async def test_completing_is_dated_and_told_and_can_be_taken_back(
    client: httpx.AsyncClient, services: Services
) -> None:
    _, objective, owner = await planned(client)
    path = f"/v1/actions/{(await make_action(client, objective, owner))['id']}"
    since = len(await told(services))
    assert (await client.patch(path, json={"state": "in_progress"})).json()["completed_on"] is None
    before = services.database.statements
    done = (await client.patch(path, json={"state": "completed"})).json()
    assert services.database.statements - before == 5  # begin, lock, read, row, events
    assert done["state"] == "completed" and done["completed_on"] == "2026-11-21" and done["version"] == 3
    assert (await client.patch(path, json={"state": "completed"})).json() == done
    refused = await client.patch(path, json={"state": "cancelled"})
    assert refused.status_code == 409 and refused.json()["allowed"] == ["open"]
    assert (await client.patch(path, json={"state": "open"})).json()["completed_on"] is None
    events = (await told(services))[since:]
    assert [event["type"] for event in events] == [
        "action.updated", "action.updated", "action.completed", "action.updated"
    ]  # fmt: skip
    assert events[2]["data"]["current"] == {"state": "completed", "completed_on": "2026-11-21"}


async def test_a_patch_changes_what_is_sent(client: httpx.AsyncClient, services: Services) -> None:
    _, objective, owner = await planned(client)
    other = await make_person(client, name="Ben Adler")
    path = f"/v1/actions/{(await make_action(client, objective, owner, notes='Call first'))['id']}"
    changed = (await client.patch(path, json={"owner_id": other["id"], "notes": None})).json()
    assert changed["owner_id"] == other["id"] and changed["notes"] is None
    assert (await told(services))[-1]["data"]["changed"] == ["owner_id", "notes"]
    assert pointers(await client.patch(path, json={"owner_id": NOBODY})) == [("/owner_id", "unknown_reference")]
    assert pointers(await client.patch(path, json={"owner_id": None}))[0][0] == "/owner_id"
    assert (await client.patch(path, json={"title": "X"}, headers={"If-Match": '"v1"'})).status_code == 412


async def test_in_a_closed_plan_only_the_outcome_is_recorded(client: httpx.AsyncClient) -> None:
    plan, objective, owner = await planned(client)
    action = await make_action(client, objective, owner)
    await step(client, plan, "closed")
    path = f"/v1/actions/{action['id']}"
    refused = await client.patch(path, json={"due_on": "2028-01-01", "title": "Later"})
    assert refused.status_code == 409
    assert sorted(pointers(refused)) == [("/due_on", "plan_closed"), ("/title", "plan_closed")]
    assert (await client.patch(path, json={"state": "cancelled", "notes": "Too late"})).status_code == 200
    assert (await client.delete(path)).status_code == 409
    sent = {"title": "Visit", "owner_id": owner["id"], "due_on": "2027-03-31", "expected_result": "Needs"}
    assert (await client.post(f"/v1/objectives/{objective['id']}/actions", json=sent)).status_code == 409


async def test_a_deleted_action_is_gone_and_told(client: httpx.AsyncClient, services: Services) -> None:
    _, objective, owner = await planned(client)
    path = f"/v1/actions/{(await make_action(client, objective, owner))['id']}"
    headers = {"Idempotency-Key": "gone"}
    assert (await client.delete(path, headers=headers)).status_code == 204
    again = await client.delete(path, headers=headers)
    assert again.status_code == 204 and again.headers["idempotent-replayed"] == "true"
    assert (await client.get(path)).status_code == 404 and (await client.delete(path)).status_code == 404
    assert [event["type"] for event in await told(services)].count("action.deleted") == 1


async def test_nobody_gets_an_action_while_being_deleted(client: httpx.AsyncClient) -> None:
    _, objective, owner = await planned(client)
    sent = {"title": "Visit", "owner_id": owner["id"], "due_on": "2027-03-31", "expected_result": "Needs"}
    for _ in range(5):
        added, deleted = await asyncio.gather(
            client.post(f"/v1/objectives/{objective['id']}/actions", json=sent),
            client.delete(f"/v1/people/{owner['id']}"),
        )
        assert (added.status_code, deleted.status_code) in {(201, 409), (422, 204)}
        owner = await make_person(client)
        sent["owner_id"] = owner["id"]


async def test_actions_need_the_scope_of_plans(client: httpx.AsyncClient, make_client: Callable[..., Any]) -> None:
    _, objective, owner = await planned(client)
    action = await make_action(client, objective, owner)
    stranger = await make_client("accounts:write", "people:write")
    for answer in (await stranger.get("/v1/actions"), await stranger.get(f"/v1/actions/{action['id']}")):
        assert answer.status_code == 403 and answer.json()["required_scope"] == "plans:read"
    reader = await make_client("plans:read")
    refused = await reader.patch(f"/v1/actions/{action['id']}", json={"state": "completed"})
    assert refused.status_code == 403 and refused.json()["required_scope"] == "plans:write"
