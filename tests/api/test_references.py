"""References to other systems: one rule for every kind of record and every write, in both APIs, on both databases."""

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

KINDS = ("account", "person", "stakeholder", "plan", "objective", "action")


def refs(**ids: str) -> list[dict[str, str]]:
    """References as documents show them: `refs(sf="1")`."""
    return [{"system": system, "external_id": external_id} for system, external_id in sorted(ids.items())]


@dataclass
class Kind:
    """A kind of record: where it is created, its batch, and a body."""

    name: str
    under: str
    plural: str
    body: dict[str, Any]
    parent: dict[str, str]

    async def make(self, client: httpx.AsyncClient, **ids: str) -> str:
        """Create a record with references; its path."""
        answer = await client.post(self.under, json={**self.body, "refs": refs(**ids)})
        assert answer.status_code == 201, answer.text
        return f"/v1/{self.plural}/{answer.json()['id']}"

    @property
    def type_name(self) -> str:
        """Its name in GraphQL."""
        return self.name.title()


@pytest.fixture(params=KINDS)
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
    body = {
        "title": "Visit",
        "due_on": "2027-03-31",
        "expected_result": "Needs",
        "owner_id": person["id"],
    }
    parent = {"objective_id": objective["id"]}
    return Kind(name, f"/v1/objectives/{objective['id']}/actions", "actions", body, parent)


async def test_a_system_that_is_named_is_set_and_others_stay(
    client: httpx.AsyncClient, services: Services, kind: Kind
) -> None:
    path = await kind.make(client, sf="1", hs="2")
    since = len(await told(services))
    patched = await client.patch(path, json={"refs": refs(ns="3")})
    assert patched.status_code == 200 and patched.json()["refs"] == refs(sf="1", hs="2", ns="3")
    assert (await client.delete(f"{path}/refs/hs")).status_code == 204
    assert (await client.get(path)).json()["refs"] == refs(sf="1", ns="3")
    upsert = await client.put(f"{kind.under}/by-ref/sf/1", json=kind.body)
    assert (upsert.status_code, upsert.headers["upsert-result"]) == (200, "unchanged")
    assert upsert.json()["id"] == path.rsplit("/", 1)[1]
    assert await told_types(services, since) == [f"{kind.name}.updated"] * 2
    (first, second) = (event["data"] for event in (await told(services))[since:])
    assert first["changed"] == second["changed"] == ["refs"]
    assert (second["previous"], second["current"]) == (
        {"refs": refs(sf="1", hs="2", ns="3")}, {"refs": refs(sf="1", ns="3")}
    )  # fmt: skip


async def test_no_references_change_nothing(client: httpx.AsyncClient, services: Services, kind: Kind) -> None:
    path = await kind.make(client, sf="1", hs="2")
    since, before = len(await told(services)), (await client.get(path)).json()
    row = {"system": "sf", "external_id": "1", kind.name: {**kind.body, **kind.parent, "refs": []}}
    for answer in (
        await client.patch(path, json={"refs": []}),
        await client.patch(path, json={"refs": refs(hs="2")}),
        await client.put(f"{path}/refs/hs", json={"external_id": "2"}),
        await client.put(f"{kind.under}/by-ref/sf/1", json={**kind.body, "refs": []}),
        await client.post(f"/v1/{kind.plural}/batch", json={"items": [row]}),
    ):
        assert answer.status_code == 200, answer.text
    assert answer.json()["unchanged"] == 1
    assert (await client.get(path)).json() == before and await told_types(services, since) == []


async def test_every_write_sets_the_systems_that_it_names(client: httpx.AsyncClient, kind: Kind) -> None:
    path = await kind.make(client, sf="1")
    await client.patch(path, json={"refs": refs(sf="11", hs="2")})
    assert (await client.get(path)).json()["refs"] == refs(sf="11", hs="2")
    put = await client.put(f"{path}/refs/ns", json={"external_id": "3"})
    assert put.json()["refs"] == refs(sf="11", hs="2", ns="3") and put.headers["etag"] == '"v3"'
    upsert = await client.put(f"{kind.under}/by-ref/sf/11", json={**kind.body, "refs": refs(hs="22", erp="4")})
    assert upsert.json()["refs"] == refs(sf="11", hs="22", ns="3", erp="4")
    row = {"system": "sf", "external_id": "11", kind.name: {**kind.body, **kind.parent, "refs": refs(erp="44")}}
    batch = await client.post(f"/v1/{kind.plural}/batch", json={"items": [row]})
    assert batch.json()["updated"] == 1, batch.text
    assert (await client.get(path)).json()["refs"] == refs(sf="11", hs="22", ns="3", erp="44")
    mutation = f"mutation($id: ID!, $input: Update{kind.type_name}Input!) {{ update{kind.type_name}(id: $id, input: $input) {{ outcome }} }}"
    given = {"id": path.rsplit("/", 1)[1], "input": {"refs": [{"system": "ns", "externalId": "33"}]}}
    answer = await client.post("/graphql", json={"query": mutation, "variables": given})
    assert answer.json()["data"][f"update{kind.type_name}"]["outcome"] == "updated"
    assert (await client.get(path)).json()["refs"] == refs(sf="11", hs="22", ns="33", erp="44")


async def test_graphql_sets_and_removes_one_reference(
    client: httpx.AsyncClient, services: Services, kind: Kind
) -> None:
    path = await kind.make(client, sf="1", hs="2")
    name, identifier = kind.type_name, path.rsplit("/", 1)[1]

    async def run(field: str, **arguments: Any) -> Any:
        given = ", ".join(
            f'{each}: "{value}"' if isinstance(value, str) else f"{each}: {value}" for each, value in arguments.items()
        )
        shown = f"{{ {kind.name} {{ version refs {{ system externalId }} }} outcome }}"
        query = f'mutation {{ {field}(id: "{identifier}", {given}) {shown} }}'
        return (await client.post("/graphql", json={"query": query})).json()

    put = (await run(f"put{name}Ref", system="ns", externalId="3", ifVersion=1))["data"][f"put{name}Ref"]
    assert put["outcome"] == "updated" and put[kind.name]["version"] == 2
    assert [each["system"] for each in put[kind.name]["refs"]] == ["hs", "ns", "sf"]
    removed = (await run(f"remove{name}Ref", system="hs"))["data"][f"remove{name}Ref"]
    assert [each["externalId"] for each in removed[kind.name]["refs"]] == ["3", "1"]
    missing = (await run(f"remove{name}Ref", system="hs"))["errors"][0]["extensions"]
    assert missing["code"] == "not_found"
    stale = (await run(f"put{name}Ref", system="ns", externalId="4", ifVersion=1))["errors"][0]["extensions"]
    assert stale["code"] == "stale_version"


async def test_what_is_refused_of_references(client: httpx.AsyncClient, services: Services, kind: Kind) -> None:
    path, other = await kind.make(client, sf="1"), await kind.make(client, sf="2")
    since = len(await told(services))
    for taken in (
        await client.put(f"{other}/refs/sf", json={"external_id": "1"}),
        await client.patch(other, json={"refs": refs(sf="1")}),
    ):
        assert (taken.status_code, taken.json()["code"]) == (409, "reference_taken"), taken.text
    assert (await client.delete(f"{path}/refs/hs")).status_code == 404
    twice = await client.patch(path, json={"refs": [*refs(sf="1"), *refs(sf="3")]})
    assert twice.status_code == 422 and pointers(twice) == [("/refs", "duplicate_system")]
    bad = await client.put(f"{path}/refs/sf", json={"external_id": ""})
    assert bad.status_code == 422 and pointers(bad)[0][0] == "/external_id"
    many = {f"s{number}": "1" for number in range(19)}
    assert (await client.patch(path, json={"refs": refs(**many)})).status_code == 200
    full = await client.put(f"{path}/refs/one-more", json={"external_id": "1"})
    assert full.status_code == 422 and pointers(full) == [("/external_id", "too_many_references")]
    more = await client.patch(path, json={"refs": refs(t1="1")})
    assert more.status_code == 422 and pointers(more) == [("/refs", "too_many_references")]
    assert (await client.patch(path, json={"refs": refs(s1="2")})).status_code == 200
    assert await told_types(services, since) == [f"{kind.name}.updated"] * 2


async def test_a_reference_that_was_removed_is_free(client: httpx.AsyncClient, kind: Kind) -> None:
    path, other = await kind.make(client, sf="1", hs="1"), await kind.make(client)
    await client.delete(f"{path}/refs/sf")
    assert (await client.get(f"{kind.under}/by-ref/sf/1")).status_code == 404
    moved = await client.put(f"{other}/refs/sf", json={"external_id": "1"})
    assert moved.status_code == 200, moved.text
    assert (await client.get(f"{kind.under}/by-ref/sf/1")).json()["id"] == other.rsplit("/", 1)[1]


async def test_references_of_a_closed_plan_can_change(client: httpx.AsyncClient) -> None:
    plan = await make_plan(client, await make_account(client))
    action = await make_action(client, await make_objective(client, plan), await make_person(client))
    await step(client, plan, "submitted", "approved", "active", "closed")
    for path in (f"/v1/plans/{plan['id']}", f"/v1/actions/{action['id']}"):
        answer = await client.put(f"{path}/refs/sf", json={"external_id": "1"})
        assert answer.status_code == 200 and answer.json()["refs"] == refs(sf="1"), answer.text


async def test_writing_one_reference_takes_as_many_statements_as_one_member(
    client: httpx.AsyncClient, services: Services, kind: Kind
) -> None:
    path = await kind.make(client, sf="1")

    async def statements(method: str, url: str, **options: Any) -> int:
        before = services.database.statements
        answer = await client.request(method, url, **options)
        assert answer.is_success, answer.text
        return services.database.statements - before

    added = await statements("PUT", f"{path}/refs/hs", json={"external_id": "2"})
    changed = await statements("PUT", f"{path}/refs/hs", json={"external_id": "3"})
    removed = await statements("DELETE", f"{path}/refs/hs")
    assert (changed, removed) == (added + 1, added)
