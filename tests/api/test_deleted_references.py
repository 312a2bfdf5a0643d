"""Upserts of records that were deleted: restored, created anew or refused, for every kind, in both APIs and databases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest

from service.platform.clock import SetClock
from service.records.context import Services
from tests.api.records import (
    make,
    make_account,
    make_action,
    make_objective,
    make_person,
    make_plan,
    step,
    told,
    told_types,
)

REFS = [{"system": "crm", "external_id": "1"}, {"system": "erp", "external_id": "2"}]


@dataclass
class Kind:
    """A kind of record: where it is created, its batch, a body, the batch's parent, and the parent's id in GraphQL."""

    name: str
    under: str
    plural: str
    body: dict[str, Any]
    parent: dict[str, str]

    @property
    def by_ref(self) -> str:
        return f"{self.under}/by-ref/crm/1"

    async def deleted(self, client: httpx.AsyncClient) -> dict[str, Any]:
        """Create a record with two references and delete it; the record."""
        answer = await client.post(self.under, json={**self.body, "refs": REFS})
        assert answer.status_code == 201, answer.text
        record = dict(answer.json())
        assert (await client.delete(f"/v1/{self.plural}/{record['id']}")).status_code == 204
        return record

    async def batch(self, client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
        """Upsert the record in a batch; the answer."""
        row = {"system": "crm", "external_id": "1", self.name: {**self.body, **self.parent}}
        answer = await client.post(f"/v1/{self.plural}/batch", json={"items": [row], **more})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture(params=["account", "person", "stakeholder", "plan", "objective", "action"])
async def kind(client: httpx.AsyncClient, request: pytest.FixtureRequest) -> Kind:
    name = request.param
    body: dict[str, Any]
    if name == "account":
        return Kind(name, "/v1/accounts", "accounts", {"name": "Aurelia"}, {})
    person = await make_person(client)
    if name == "person":
        return Kind(name, "/v1/people", "people", {"name": "Ines"}, {})
    account = await make_account(client)
    of_account = {"account_id": account["id"]}
    if name == "stakeholder":
        path = f"/v1/accounts/{account['id']}/stakeholders"
        return Kind(name, path, "stakeholders", {"name": "Bo"}, of_account)
    if name == "plan":
        body = {"title": "Grow", "period_start": "2027-01-01", "period_end": "2027-12-31"}
        return Kind(name, f"/v1/accounts/{account['id']}/plans", "plans", body, of_account)
    plan = await make_plan(client, account)
    if name == "objective":
        body = {"title": "Win", "metric": "share", "target": 40, "due_on": "2027-09-30"}
        return Kind(name, f"/v1/plans/{plan['id']}/objectives", "objectives", body, {"plan_id": plan["id"]})
    objective = await make_objective(client, plan)
    body = {"title": "Visit", "due_on": "2027-03-31", "expected_result": "Needs", "owner_id": person["id"]}
    parent = {"objective_id": objective["id"]}
    return Kind(name, f"/v1/objectives/{objective['id']}/actions", "actions", body, parent)


def changed(kind: Kind) -> dict[str, Any]:
    """The kind's body with another name or title."""
    return {**kind.body, "name" if "name" in kind.body else "title": "Another"}


async def test_an_upsert_restores_a_deleted_record_with_its_id_and_history(
    client: httpx.AsyncClient, services: Services, kind: Kind
) -> None:
    record = await kind.deleted(client)
    since = len(await told(services))
    answer = await client.put(kind.by_ref, json=changed(kind))
    assert (answer.status_code, answer.headers["upsert-result"]) == (200, "restored"), answer.text
    after = answer.json()
    assert (after["id"], after["created_at"], after["refs"]) == (record["id"], record["created_at"], REFS)
    assert after["version"] == 4 and "Another" in after.values()
    assert (await client.get(f"/v1/{kind.plural}/{record['id']}")).json() == after
    assert await told_types(services, since) == [f"{kind.name}.restored", f"{kind.name}.updated"]
    restored = (await told(services))[since]["data"]["current"]
    assert restored["id"] == record["id"] and restored["refs"] == REFS
    again = await client.put(kind.by_ref, json=changed(kind))
    assert again.headers["upsert-result"] == "unchanged"


async def test_an_upsert_without_a_difference_restores_alone(
    client: httpx.AsyncClient, services: Services, kind: Kind
) -> None:
    record = await kind.deleted(client)
    since = len(await told(services))
    answer = await client.put(f"{kind.by_ref}?on_deleted=restore", json=kind.body)
    assert (answer.headers["upsert-result"], answer.json()["version"]) == ("restored", 3)
    assert answer.json()["id"] == record["id"]
    assert await told_types(services, since) == [f"{kind.name}.restored"]


async def test_an_upsert_may_create_or_refuse_instead(
    client: httpx.AsyncClient, services: Services, kind: Kind
) -> None:
    record = await kind.deleted(client)
    since = len(await told(services))
    refused = await client.put(f"{kind.by_ref}?on_deleted=refuse", json=kind.body)
    assert (refused.status_code, refused.json()["code"]) == (409, "record_deleted")
    assert refused.json()["deleted_id"] == record["id"] and await told_types(services, since) == []
    created = await client.put(f"{kind.by_ref}?on_deleted=create", json=kind.body)
    assert (created.status_code, created.headers["upsert-result"]) == (201, "created")
    assert created.json()["id"] != record["id"] and created.json()["refs"] == REFS[:1]
    assert (await client.put(f"{kind.by_ref}?on_deleted=refuse", json=kind.body)).status_code == 200
    wrong = await client.put(f"{kind.by_ref}?on_deleted=x", json=kind.body)
    assert wrong.status_code == 422 and wrong.json()["errors"][0]["parameter"] == "on_deleted"


async def test_conditions_of_an_upsert_see_no_deleted_record(client: httpx.AsyncClient, kind: Kind) -> None:
    record = await kind.deleted(client)
    for value in ('"v2"', "*"):
        assert (await client.put(kind.by_ref, json=kind.body, headers={"If-Match": value})).status_code == 412
    answer = await client.put(kind.by_ref, json=kind.body, headers={"If-None-Match": "*"})
    assert (answer.headers["upsert-result"], answer.json()["id"]) == ("restored", record["id"])


async def test_a_batch_restores_creates_or_refuses(client: httpx.AsyncClient, services: Services, kind: Kind) -> None:
    record = await kind.deleted(client)
    refused = await kind.batch(client, on_deleted="refuse")
    assert refused["failed"] == 1 and refused["items"][0]["error"]["code"] == "record_deleted"
    since = len(await told(services))
    restored = await kind.batch(client)
    assert restored["restored"] == 1 and restored["created"] == 0, restored
    assert restored["items"][0]["outcome"] == "restored" and restored["items"][0]["id"] == record["id"]
    assert await told_types(services, since) == [f"{kind.name}.restored"]
    assert (await kind.batch(client))["unchanged"] == 1
    assert (await client.delete(f"/v1/{kind.plural}/{record['id']}")).status_code == 204
    created = await kind.batch(client, on_deleted="create")
    assert created["created"] == 1 and created["items"][0]["id"] != record["id"]


async def test_graphql_upserts_restore_create_or_refuse(client: httpx.AsyncClient, kind: Kind) -> None:
    record, name = await kind.deleted(client), kind.name.title()
    parent = {"stakeholder": "accountId", "plan": "accountId", "objective": "planId", "action": "objectiveId"}
    place = f"{parent[kind.name]}: $place, " if kind.name in parent else ""
    head = "$place: ID!, " if place else ""
    query = f"""mutation({head}$input: Create{name}Input!, $onDeleted: OnDeleted) {{ upsert{name}(
        {place}system: "crm", externalId: "1", input: $input, onDeleted: $onDeleted) {{ outcome {kind.name} {{ id }} }} }}"""
    given = {"".join(part.title() if at else part for at, part in enumerate(each.split("_"))): value
             for each, value in kind.body.items()}  # fmt: skip

    async def upsert(on_deleted: str | None) -> dict[str, Any]:
        variables = {"input": given, "onDeleted": on_deleted}
        variables |= {"place": next(iter(kind.parent.values()))} if place else {}
        return dict((await client.post("/graphql", json={"query": query, "variables": variables})).json())

    refused = await upsert("refuse")
    assert refused["errors"][0]["extensions"]["code"] == "record_deleted", refused
    restored = (await upsert(None))["data"][f"upsert{name}"]
    assert restored == {"outcome": "restored", kind.name: {"id": record["id"]}}
    await client.delete(f"/v1/{kind.plural}/{record['id']}")
    assert (await upsert("create"))["data"][f"upsert{name}"]["outcome"] == "created"


async def test_what_was_deleted_with_a_plan_comes_back_with_it(client: httpx.AsyncClient, clock: SetClock) -> None:
    account, owner = await make_account(client), await make_person(client)
    plan = await make_plan(client, account, refs=REFS)
    before = await make_objective(client, plan, title="Deleted before")
    objective = await make_objective(client, plan, refs=REFS)
    action = await make_action(client, objective, owner, refs=REFS)
    await client.delete(f"/v1/objectives/{before['id']}")
    clock.advance(timedelta(seconds=1))
    await client.delete(f"/v1/plans/{plan['id']}")
    body = {"title": plan["title"], "period_start": "2027-01-01", "period_end": "2027-12-31"}
    answer = await client.put(f"/v1/accounts/{account['id']}/plans/by-ref/crm/1", json=body)
    assert answer.headers["upsert-result"] == "restored"
    assert (await client.get(f"/v1/objectives/{objective['id']}")).json()["refs"] == REFS
    assert (await client.get(f"/v1/objectives/{objective['id']}/actions/by-ref/erp/2")).json()["id"] == action["id"]
    assert (await client.get(f"/v1/objectives/{before['id']}")).status_code == 404


async def test_an_account_comes_back_with_its_records(client: httpx.AsyncClient) -> None:
    account = await make_account(client, refs=REFS)
    stakeholder = await make(client, f"accounts/{account['id']}/stakeholders", name="Bo")
    await client.delete(f"/v1/accounts/{account['id']}")
    answer = await client.put("/v1/accounts/by-ref/erp/2", json={"name": "Aurelia Robotics"})
    assert (answer.headers["upsert-result"], answer.json()["id"]) == ("restored", account["id"])
    assert (await client.get(f"/v1/stakeholders/{stakeholder['id']}")).status_code == 200


async def test_a_reference_that_was_given_away_stops_the_restoration_of_one_row(client: httpx.AsyncClient) -> None:
    account = await make_account(client, refs=REFS)
    await client.delete(f"/v1/accounts/{account['id']}")
    other = await make_account(client, refs=REFS[1:])
    refused = await client.put("/v1/accounts/by-ref/crm/1", json={"name": "A"})
    assert (refused.status_code, refused.json()["code"], refused.json()["holder_id"]) == (
        409, "reference_taken", other["id"]
    )  # fmt: skip
    rows = [{"system": "crm", "external_id": number, "account": {"name": number}} for number in ("1", "7")]
    batch = (await client.post("/v1/accounts/batch", json={"items": rows})).json()
    assert (batch["failed"], batch["created"]) == (1, 1)
    assert batch["items"][0]["error"]["code"] == "reference_taken"


async def test_rules_hold_when_a_record_comes_back(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    under = f"accounts/{account['id']}/stakeholders"
    above = await make(client, under, name="Ada")
    stakeholder = await make(client, under, name="Bo", reports_to_id=above["id"], refs=REFS)
    await client.delete(f"/v1/stakeholders/{stakeholder['id']}")
    await client.delete(f"/v1/stakeholders/{above['id']}")
    back = await client.put(f"/v1/{under}/by-ref/crm/1", json={"name": "Bo"})
    assert back.headers["upsert-result"] == "restored" and back.json()["reports_to_id"] is None
    plan = await make_plan(client, account)
    objective = await make_objective(client, plan, refs=REFS)
    await client.delete(f"/v1/objectives/{objective['id']}")
    await step(client, plan, "submitted", "approved", "active", "closed")
    body = {"title": "Win", "metric": "share", "target": 40, "due_on": "2027-09-30"}
    closed = await client.put(f"/v1/plans/{plan['id']}/objectives/by-ref/crm/1", json=body)
    assert (closed.status_code, closed.json()["code"]) == (409, "conflict")


async def test_a_deleted_record_of_another_parent_stays_deleted(client: httpx.AsyncClient) -> None:
    one, other = await make_account(client), await make_account(client)
    gone = await make(client, f"accounts/{one['id']}/stakeholders", name="Bo", refs=REFS)
    await client.delete(f"/v1/stakeholders/{gone['id']}")
    answer = await client.put(f"/v1/accounts/{other['id']}/stakeholders/by-ref/crm/1", json={"name": "Bo"})
    assert (answer.status_code, answer.headers["upsert-result"]) == (201, "created")
    assert answer.json()["id"] != gone["id"]


async def test_finding_deleted_records_takes_no_statement_of_its_own(
    client: httpx.AsyncClient, services: Services
) -> None:
    account = await make_account(client)

    async def statements(url: str) -> list[int]:
        counts = []
        for name in ("A", "B", "B"):
            before = services.database.statements
            assert (await client.put(url, json={"name": name})).is_success
            counts.append(services.database.statements - before)
        return counts

    locks = int(services.database.kind == "postgresql")  # of the reference's name; SQLite has one writer
    created, updated, unchanged = await statements("/v1/accounts/by-ref/crm/1")
    assert (created - locks, updated - locks, unchanged - locks) == (6, 5, 3)  # begin, reference, record ...
    assert await statements(f"/v1/accounts/{account['id']}/stakeholders/by-ref/crm/1") == [7, 7, 5]
