"""Stakeholders through HTTP, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from service.records.context import Services
from tests.api.records import NOBODY, make, make_account, pointers, told, told_types


async def make_stakeholder(client: httpx.AsyncClient, account: dict[str, Any], **members: Any) -> dict[str, Any]:
    return await make(client, f"accounts/{account['id']}/stakeholders", **{"name": "Vera Lind", **members})


async def test_a_stakeholder_belongs_to_an_account(client: httpx.AsyncClient, services: Services) -> None:
    account = await make_account(client, refs=[{"system": "erp", "external_id": "A1"}])
    sent = {
        "name": "Vera Lind", "title": "Head of purchasing", "function": "purchasing", "email": "vera@aurelia.example",
        "phone": "+49 30 1234", "roles": ["buyer", "gatekeeper"], "influence": 7.5, "stance": -1,
        "refs": [{"system": "crm", "external_id": "c-1"}],
    }  # fmt: skip
    before = services.database.statements
    answer = await client.post(f"/v1/accounts/{account['id']}/stakeholders", json=sent)
    assert services.database.statements - before == 6  # begin, lock, summary, reference, row, event
    made = answer.json()
    assert answer.status_code == 201 and answer.headers["location"] == f"/v1/stakeholders/{made['id']}"
    assert {name: made[name] for name in sent} == sent
    assert made["account_id"] == account["id"] and made["reports_to_id"] is None
    assert (await client.get(f"/v1/stakeholders/{made['id']}")).json() == made
    event = (await told(services))[-1]
    assert event["type"] == "stakeholder.created"
    assert event["data"]["stakeholder"] == made
    assert event["data"]["account"] == {name: account[name] for name in ("id", "name", "version", "refs")}


async def test_the_list_of_an_account_holds_its_own_and_costs_two_statements(
    client: httpx.AsyncClient, services: Services
) -> None:
    account, other = await make_account(client), await make_account(client)
    for name in ("Vera", "Ole", "Kim"):
        await make_stakeholder(client, account, name=name, influence=3)
    await make_stakeholder(client, other, name="Stranger")
    path = f"/v1/accounts/{account['id']}/stakeholders"
    before = services.database.statements
    page = (await client.get(path, params={"sort": "name"})).json()
    assert services.database.statements - before == 2
    assert [item["name"] for item in page["items"]] == ["Kim", "Ole", "Vera"]
    assert len((await client.get(path, params={"influence_gte": 5})).json()["items"]) == 0
    unknown = await client.get(path, params={"account_id": other["id"]})
    assert pointers(unknown) == [("account_id", "unknown_parameter")]


async def test_a_patch_tells_what_changed_once(client: httpx.AsyncClient, services: Services) -> None:
    stakeholder = await make_stakeholder(client, await make_account(client), influence=4, roles=["user"])
    path = f"/v1/stakeholders/{stakeholder['id']}"
    await client.patch(path, json={"stance": 2})
    before = services.database.statements
    changed = (await client.patch(path, json={"influence": None, "roles": ["sponsor"]})).json()
    opened = services.database.kind == "sqlite"  # BEGIN counts there
    assert services.database.statements - before == 2 + opened  # read, then row with event
    assert changed["influence"] is None and changed["roles"] == ["sponsor"] and changed["stance"] == 2
    assert changed["version"] == 3
    same = await client.patch(path, json={"stance": 2, "influence": None})
    assert same.json() == changed
    events = await told(services)
    assert [event["type"] for event in events[2:]] == ["stakeholder.updated"] * 2
    assert events[-1]["data"]["changed"] == ["roles", "influence"]
    assert events[-1]["data"]["account"]["name"] == "Aurelia Robotics"
    stale = await client.patch(path, json={"stance": 1}, headers={"If-Match": '"v1"'})
    assert stale.status_code == 412


async def test_the_line_of_reporting_stays_inside_the_account_and_makes_no_circle(client: httpx.AsyncClient) -> None:
    account, other = await make_account(client), await make_account(client)
    top = await make_stakeholder(client, account, name="Top")
    middle = await make_stakeholder(client, account, name="Middle", reports_to_id=top["id"])
    low = await make_stakeholder(client, account, name="Low", reports_to_id=middle["id"])
    stranger = await make_stakeholder(client, other, name="Stranger")
    path = f"/v1/stakeholders/{top['id']}"
    for below in (top, low):
        refused = await client.patch(path, json={"reports_to_id": below["id"]})
        assert refused.status_code == 422 and pointers(refused) == [("/reports_to_id", "circular_reporting")]
    for above in (stranger["id"], NOBODY):
        assert pointers(await client.patch(path, json={"reports_to_id": above})) == [
            ("/reports_to_id", "unknown_reference")
        ]
        made = await client.post(
            f"/v1/accounts/{account['id']}/stakeholders", json={"name": "X", "reports_to_id": above}
        )
        assert pointers(made) == [("/reports_to_id", "unknown_reference")]
    moved = await client.patch(f"/v1/stakeholders/{low['id']}", json={"reports_to_id": top["id"]})
    assert moved.json()["reports_to_id"] == top["id"]


async def test_when_one_leaves_those_below_report_to_the_one_above(
    client: httpx.AsyncClient, services: Services
) -> None:
    account = await make_account(client)
    top = await make_stakeholder(client, account, name="Top")
    middle = await make_stakeholder(
        client, account, name="Middle", reports_to_id=top["id"], refs=[{"system": "crm", "external_id": "m"}]
    )
    below = [await make_stakeholder(client, account, name=name, reports_to_id=middle["id"]) for name in ("A", "B")]
    since = len(await told(services))
    assert (await client.delete(f"/v1/stakeholders/{middle['id']}")).status_code == 204
    for one in below:
        now = (await client.get(f"/v1/stakeholders/{one['id']}")).json()
        assert now["reports_to_id"] == top["id"] and now["version"] == 2
    events = (await told(services))[since:]
    assert [event["type"] for event in events] == ["stakeholder.updated"] * 2 + ["stakeholder.deleted"]
    assert events[0]["data"]["previous"] == {"reports_to_id": middle["id"]}
    assert events[0]["data"]["current"] == {"reports_to_id": top["id"]}
    assert (await client.delete(f"/v1/stakeholders/{middle['id']}")).status_code == 404
    await make_stakeholder(client, account, name="Successor", refs=[{"system": "crm", "external_id": "m"}])


async def test_an_upsert_by_reference_inside_an_account(client: httpx.AsyncClient, services: Services) -> None:
    account, other = await make_account(client), await make_account(client)
    path = f"/v1/accounts/{account['id']}/stakeholders/by-ref/northwind/ALFKI"
    assert (await client.get(path)).status_code == 404
    since = len(await told(services))
    made = await client.put(path, json={"name": "Maria Anders", "title": "Sales Representative"})
    assert made.status_code == 201 and made.headers["upsert-result"] == "created"
    same = await client.put(path, json={"name": "Maria Anders"})
    assert same.status_code == 200 and same.headers["upsert-result"] == "unchanged"
    changed = await client.put(path, json={"name": "Maria Anders", "stance": 1})
    assert changed.headers["upsert-result"] == "updated" and changed.json()["title"] == "Sales Representative"
    assert (await client.get(path)).json() == changed.json()
    assert await told_types(services, since) == ["stakeholder.created", "stakeholder.updated"]
    elsewhere = path.replace(account["id"], other["id"])
    taken = await client.put(elsewhere, json={"name": "Maria"})
    assert taken.status_code == 409 and taken.json()["code"] == "reference_taken"
    assert taken.json()["holder_id"] == made.json()["id"]
    assert (await client.get(elsewhere)).status_code == 404


async def test_upserts_at_once_create_one(client: httpx.AsyncClient, services: Services) -> None:
    account = await make_account(client)
    path = f"/v1/accounts/{account['id']}/stakeholders/by-ref/crm/x"
    answers = await asyncio.gather(*[client.put(path, json={"name": "Vera"}) for _ in range(6)])
    assert sorted(answer.headers["upsert-result"] for answer in answers) == ["created", *["unchanged"] * 5]


async def test_without_a_live_account_there_is_nothing(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    stakeholder = await make_stakeholder(client, account)
    assert (await client.delete(f"/v1/accounts/{account['id']}")).status_code == 204
    for gone in (account["id"], NOBODY, "not-a-uuid"):
        path = f"/v1/accounts/{gone}/stakeholders"
        assert (await client.get(path)).status_code == 404
        assert (await client.post(path, json={"name": "X"})).status_code == 404
        assert (await client.put(f"{path}/by-ref/a/b", json={"name": "X"})).status_code == 404
    assert (await client.patch(f"/v1/stakeholders/{stakeholder['id']}", json={"name": "X"})).status_code == 404
    assert (await client.post(f"/v1/accounts/{account['id']}/restore")).status_code == 200
    assert (await client.get(f"/v1/stakeholders/{stakeholder['id']}")).status_code == 200


async def test_bad_members_are_named(client: httpx.AsyncClient) -> None:
    path = f"/v1/accounts/{(await make_account(client))['id']}/stakeholders"
    sent = {"name": " ", "influence": 11, "stance": 3, "roles": ["boss"], "email": "x", "mood": 1}
    answer = await client.post(path, json=sent)
    assert answer.status_code == 422
    assert {where for where, _ in pointers(answer)} == {
        "/name", "/influence", "/stance", "/roles/0", "/email", "/mood"
    }  # fmt: skip


async def test_stakeholders_need_their_own_scope(client: httpx.AsyncClient, make_client: Callable[..., Any]) -> None:
    account = await make_account(client)
    stakeholder = await make_stakeholder(client, account)
    reader = await make_client("stakeholders:read")
    assert (await reader.get(f"/v1/accounts/{account['id']}/stakeholders")).status_code == 200
    for answer in (
        await reader.post(f"/v1/accounts/{account['id']}/stakeholders", json={"name": "X"}),
        await reader.delete(f"/v1/stakeholders/{stakeholder['id']}"),
    ):
        assert answer.status_code == 403 and answer.json()["required_scope"] == "stakeholders:write"
