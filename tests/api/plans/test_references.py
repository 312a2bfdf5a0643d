"""Plans, objectives and actions by the ids of other systems: by reference and in batches, on both databases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from service.records.context import Services
from tests.api.records import (
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


@dataclass
class Case:
    """A kind of record with two parents that it may stand under, a body, and a change of it."""

    kind: str
    path: str
    parents: tuple[dict[str, Any], dict[str, Any]]
    parent_path: str
    column: str
    body: dict[str, Any]
    changed: dict[str, Any]

    def by_ref(self, external_id: str, parent: int = 0) -> str:
        return f"{self.under(parent)}/by-ref/crm/{external_id}"

    def under(self, parent: int = 0) -> str:
        return f"/v1/{self.parent_path}/{self.parents[parent]['id']}/{self.path}"


@pytest.fixture(params=["plan", "objective", "action"])
async def case(client: httpx.AsyncClient, request: pytest.FixtureRequest) -> Case:
    accounts = await make_account(client), await make_account(client)
    body: dict[str, Any]
    if request.param == "plan":
        body = {"title": "Grow", "period_start": "2027-01-01", "period_end": "2027-12-31"}
        return Case("plan", "plans", accounts, "accounts", "account_id", body, {"title": "Keep"})
    plans = await make_plan(client, accounts[0]), await make_plan(client, accounts[1])
    if request.param == "objective":
        body = {"title": "Win", "metric": "share of wallet", "target": 40, "due_on": "2027-09-30"}
        return Case("objective", "objectives", plans, "plans", "plan_id", body, {"target": 45})
    objectives = await make_objective(client, plans[0]), await make_objective(client, plans[1])
    owner = await make_person(client)
    body = {"title": "Visit", "due_on": "2027-03-31", "expected_result": "Needs", "owner_id": owner["id"]}
    return Case("action", "actions", objectives, "objectives", "objective_id", body, {"due_on": "2027-04-30"})


async def test_an_upsert_by_reference_under_its_parent(
    client: httpx.AsyncClient, services: Services, case: Case
) -> None:
    path, since = case.by_ref("x-1"), len(await told(services))
    assert (await client.get(path)).status_code == 404
    made = await client.put(path, json=case.body)
    assert made.status_code == 201 and made.headers["upsert-result"] == "created"
    assert made.headers["location"] == f"/v1/{case.path}/{made.json()['id']}"
    assert made.json()[case.column] == case.parents[0]["id"]
    assert made.json()["refs"] == [{"system": "crm", "external_id": "x-1"}]
    assert (await client.put(path, json=case.body)).headers["upsert-result"] == "unchanged"
    changed = await client.put(path, json={**case.body, **case.changed})
    assert changed.headers["upsert-result"] == "updated" and changed.headers["etag"] == '"v2"'
    assert (await client.get(path)).json() == changed.json()
    assert await told_types(services, since) == [f"{case.kind}.created", f"{case.kind}.updated"]
    found = await client.get(case.under(), params={"external_id": "x-1"})
    assert [item["id"] for item in found.json()["items"]] == [made.json()["id"]]
    elsewhere = await client.put(case.by_ref("x-1", parent=1), json=case.body)
    assert elsewhere.status_code == 409 and elsewhere.json()["code"] == "reference_taken"
    assert (await client.get(case.by_ref("x-1", parent=1))).status_code == 404


async def test_refs_are_a_member_and_become_free_again(client: httpx.AsyncClient, case: Case) -> None:
    refs = [{"system": "crm", "external_id": "x-1"}, {"system": "erp", "external_id": "7"}]
    made = (await client.post(case.under(), json={**case.body, "refs": refs})).json()
    assert made["refs"] == refs
    path = f"/v1/{case.path}/{made['id']}"
    assert (await client.patch(path, json={"refs": refs[:1]})).json()["refs"] == refs
    taken = await client.post(case.under(1), json={**case.body, "refs": refs[:1]})
    assert taken.status_code == 409 and pointers(taken) == [("/refs", "reference_taken")]
    assert (await client.delete(path)).status_code == 204
    assert (await client.put(case.by_ref("x-1", parent=1), json=case.body)).status_code == 201


async def test_a_batch_names_the_parent_of_each_row(client: httpx.AsyncClient, services: Services, case: Case) -> None:
    def row(external_id: str, parent: int = 0, **members: Any) -> dict[str, Any]:
        body = {**case.body, case.column: case.parents[parent]["id"], **members}
        return {"system": "crm", "external_id": external_id, case.kind: body}

    rows = [row("1"), row("2", 1), row("1", 0, **case.changed), row("3", title=""), row("4", 0, **{case.column: "x"})]
    since = len(await told(services))
    answer = await client.post(f"/v1/{case.path}/batch", json={"items": rows})
    assert answer.status_code == 200, answer.text
    outcomes = [item["outcome"] for item in answer.json()["items"]]
    assert outcomes == ["created", "created", "updated", "failed", "failed"]
    errors = [item["error"]["errors"][0]["pointer"] for item in answer.json()["items"][3:]]
    assert errors == [f"/items/3/{case.kind}/title", f"/items/4/{case.kind}/{case.column}"]
    assert await told_types(services, since) == [f"{case.kind}.{verb}" for verb in ("created", "created", "updated")]
    read = (await client.get(case.by_ref("2", parent=1))).json()
    assert read["id"] == answer.json()["items"][1]["id"] and read[case.column] == case.parents[1]["id"]
    counts = []
    for size in (2, 40):
        before = services.database.statements
        same = {"items": [row("1", 0, **case.changed), row("2", 1)] * (size // 2)}
        assert (await client.post(f"/v1/{case.path}/batch", json=same)).json()["unchanged"] == size
        counts.append(services.database.statements - before)
    assert counts[0] == counts[1] <= 10


async def test_a_batch_of_a_closed_plan_fails_by_row(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    closed, open_plan = await make_plan(client, account), await make_plan(client, account)
    await client.put(f"/v1/plans/{closed['id']}/objectives/by-ref/crm/1", json=OBJECTIVE)
    await step(client, closed, "closed")
    rows = [
        {"system": "crm", "external_id": number, "objective": {**OBJECTIVE, "target": 50, "plan_id": plan["id"]}}
        for number, plan in (("1", closed), ("2", closed), ("3", open_plan))
    ]
    answer = (await client.post("/v1/objectives/batch", json={"items": rows})).json()
    assert [item["outcome"] for item in answer["items"]] == ["failed", "failed", "created"]
    codes = [
        (item["error"]["code"], [error["pointer"] for error in item["error"]["errors"]]) for item in answer["items"][:2]
    ]
    assert codes == [("conflict", ["/items/0/objective/target"]), ("conflict", [])]
    path = f"/v1/plans/{closed['id']}"
    linked = await client.patch(path, json={"refs": [{"system": "crm", "external_id": "p"}]})
    assert linked.status_code == 200 and linked.json()["version"] == 3
    assert (await client.patch(path, json={"title": "Later"})).json()["code"] == "conflict"


OBJECTIVE = {"title": "Win", "metric": "share of wallet", "target": 40, "due_on": "2027-09-30"}


async def test_what_is_deleted_with_a_plan_frees_its_references_and_an_account_brings_them_back(
    client: httpx.AsyncClient,
) -> None:
    account, owner = await make_account(client), await make_person(client)
    plan = await make_plan(client, account, refs=[{"system": "crm", "external_id": "p"}])
    objective = await make_objective(client, plan, refs=[{"system": "crm", "external_id": "o"}])
    await make_action(client, objective, owner, refs=[{"system": "crm", "external_id": "a"}])
    by_ref = f"/v1/objectives/{objective['id']}/actions/by-ref/crm/a"
    assert (await client.delete(f"/v1/accounts/{account['id']}")).status_code == 204
    assert (await client.get(by_ref)).status_code == 404
    assert (await client.post(f"/v1/accounts/{account['id']}/restore")).status_code == 200
    assert (await client.get(by_ref)).status_code == 200
    assert (await client.delete(f"/v1/plans/{plan['id']}")).status_code == 204
    other = await make_plan(client, account, refs=[{"system": "crm", "external_id": "p"}])
    again = await make_objective(client, other, refs=[{"system": "crm", "external_id": "o"}])
    await make_action(client, again, owner, refs=[{"system": "crm", "external_id": "a"}])


async def test_people_and_stakeholders_come_in_batches(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    people = [{"system": "hr", "external_id": str(number), "person": {"name": "Ines"}} for number in (1, 2, 1)]
    answer = (await client.post("/v1/people/batch", json={"items": people})).json()
    assert [item["outcome"] for item in answer["items"]] == ["created", "created", "unchanged"]
    sent = {"name": "Vera", "account_id": account["id"]}
    rows = [{"system": "crm", "external_id": "1", "stakeholder": sent}]
    above = (await client.post("/v1/stakeholders/batch", json={"items": rows})).json()["items"][0]["id"]
    rows = [
        {"system": "crm", "external_id": "1", "stakeholder": {**sent, "reports_to_id": above}},
        {"system": "crm", "external_id": "2", "stakeholder": {**sent, "reports_to_id": above}},
    ]
    answer = (await client.post("/v1/stakeholders/batch", json={"items": rows})).json()
    assert [item["outcome"] for item in answer["items"]] == ["failed", "created"]
    assert answer["items"][0]["error"]["errors"] == [
        {"pointer": "/items/0/stakeholder/reports_to_id", "code": "circular_reporting",
         "message": "Nobody can report to themselves, directly or not"}
    ]  # fmt: skip
