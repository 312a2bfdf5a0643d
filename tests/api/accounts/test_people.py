"""People through HTTP, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import sqlalchemy as sa

from service.framework.database.statements import Statement
from service.models.accounts.people import people
from service.models.accounts.refs import refs
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


async def test_a_person_is_added_and_reads_back(client: httpx.AsyncClient, services: Services) -> None:
    reference = {"system": "crm", "external_id": "u-7"}
    answer = await client.post(
        "/v1/people", json={"name": "Ines Kaya", "email": "ines@kam.example", "refs": [reference]}
    )
    person = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/people/{person['id']}"
    assert answer.headers["etag"] == '"v1"'
    assert person["active"] is True and person["title"] is None and person["refs"] == [reference]
    assert (await client.get(f"/v1/people/{person['id']}")).json() == person
    assert (await client.get("/v1/people/by-ref/crm/u-7")).json() == person
    (event,) = await told(services)
    assert event["type"] == "person.created" and event["data"]["current"] == person


async def test_people_are_listed_by_name_and_text(client: httpx.AsyncClient) -> None:
    for name in ("Ines Kaya", "Ben Adler", "Ana Inesta"):
        await make_person(client, name=name)
    page = (await client.get("/v1/people", params={"sort": "name", "limit": 2, "count": "exact"})).json()
    assert [person["name"] for person in page["items"]] == ["Ana Inesta", "Ben Adler"] and page["count"] == 3
    rest = (await client.get("/v1/people", params={"sort": "name", "after": page["next_cursor"]})).json()
    assert [person["name"] for person in rest["items"]] == ["Ines Kaya"] and not rest["has_more"]
    found = (await client.get("/v1/people", params={"q": "INES"})).json()
    assert {person["name"] for person in found["items"]} == {"Ines Kaya", "Ana Inesta"}


async def test_a_patch_changes_what_is_sent_and_nothing_is_silent(
    client: httpx.AsyncClient, services: Services
) -> None:
    person = await make_person(client, title="Key account manager", email="ines@kam.example")
    path = f"/v1/people/{person['id']}"
    changed = (await client.patch(path, json={"title": None, "active": False})).json()
    assert changed["title"] is None and changed["active"] is False and changed["email"] == "ines@kam.example"
    assert changed["version"] == 2
    same = await client.patch(path, json={"active": False, "refs": []})
    assert same.json() == changed and same.headers["etag"] == '"v2"'
    events = await told(services)
    assert [event["type"] for event in events] == ["person.created", "person.updated"]
    assert events[1]["data"]["changed"] == ["title", "active"]
    assert events[1]["data"]["previous"] == {"title": "Key account manager", "active": True}
    assert pointers(await client.patch(path, json={"name": None}))[0][0] == "/name"
    stale = await client.patch(path, json={"name": "I. Kaya"}, headers={"If-Match": '"v1"'})
    assert stale.status_code == 412 and stale.json()["code"] == "stale_version"


async def test_an_upsert_creates_updates_and_then_is_silent(client: httpx.AsyncClient, services: Services) -> None:
    path = "/v1/people/by-ref/northwind/7"
    made = await client.put(path, json={"name": "Robert King", "title": "Sales"})
    assert made.status_code == 201 and made.headers["upsert-result"] == "created"
    assert made.headers["location"] == f"/v1/people/{made.json()['id']}"
    changed = await client.put(path, json={"name": "R. King", "refs": [{"system": "hr", "external_id": "k1"}]})
    assert changed.status_code == 200 and changed.headers["upsert-result"] == "updated"
    assert changed.json()["title"] == "Sales" and changed.json()["version"] == 2
    assert [ref["system"] for ref in changed.json()["refs"]] == ["hr", "northwind"]
    same = await client.put(path, json={"name": "R. King"})
    assert same.headers["upsert-result"] == "unchanged" and same.json() == changed.json()
    assert await told_types(services) == ["person.created", "person.updated"]
    other = {"name": "R. King", "refs": [{"system": "northwind", "external_id": "8"}]}
    assert pointers(await client.put(path, json=other)) == [("/refs", "contradicting_reference")]


async def test_upserts_of_one_reference_at_once_create_one_person(
    client: httpx.AsyncClient, services: Services
) -> None:
    answers = await asyncio.gather(
        *[client.put("/v1/people/by-ref/northwind/3", json={"name": "Janet"}) for _ in range(6)]
    )
    assert sorted(answer.headers["upsert-result"] for answer in answers) == ["created", *["unchanged"] * 5]
    assert await told_types(services) == ["person.created"]


async def test_a_reference_belongs_to_one_live_person(client: httpx.AsyncClient) -> None:
    reference = [{"system": "crm", "external_id": "u-1"}]
    first = await make_person(client, refs=reference)
    taken = await client.post("/v1/people", json={"name": "Other", "refs": reference})
    assert taken.status_code == 409 and taken.json()["code"] == "reference_taken"
    assert (await client.delete(f"/v1/people/{first['id']}")).status_code == 204
    assert (await client.post("/v1/people", json={"name": "Other", "refs": reference})).status_code == 201


async def test_an_owner_is_not_deleted_and_the_refusal_says_what_they_own(
    client: httpx.AsyncClient, services: Services
) -> None:
    owner = await make_person(client)
    account = await make_account(client, owner_id=owner["id"])
    plan = await make_plan(client, account, owner_id=owner["id"])
    objective = await make_objective(client, plan)
    actions = [await make_action(client, objective, owner) for _ in range(2)]
    refused = await client.delete(f"/v1/people/{owner['id']}")
    assert refused.status_code == 409 and refused.json()["code"] == "conflict"
    assert refused.json()["owned"] == {"accounts": 1, "plans": 1, "actions": 2}
    assert "1 account and 1 open plan and 2 actions" in refused.json()["detail"]
    await client.patch(f"/v1/actions/{actions[0]['id']}", json={"state": "completed"})
    await client.delete(f"/v1/actions/{actions[1]['id']}")
    await step(client, plan, "closed")
    assert (await client.delete(f"/v1/people/{owner['id']}")).json()["owned"] == {"accounts": 1}
    await client.patch(f"/v1/accounts/{account['id']}", json={"owner_id": None})
    before = services.database.statements
    assert (await client.delete(f"/v1/people/{owner['id']}")).status_code == 204
    assert services.database.statements - before == 6  # begin, lock, owned, references, mark, event
    assert (await client.get(f"/v1/people/{owner['id']}")).status_code == 404
    assert (await client.delete(f"/v1/people/{owner['id']}")).status_code == 404
    assert (await told_types(services))[-1] == "person.deleted"
    gone = await client.patch(f"/v1/actions/{actions[0]['id']}", json={"state": "open"})
    assert pointers(gone) == [("/owner_id", "unknown_reference")]


async def test_a_write_that_waited_for_another_sees_what_it_did(client: httpx.AsyncClient, services: Services) -> None:
    person = await make_person(client)
    grow = Statement(sa.update(people).values(version=people.c.version + 1))
    refer = Statement(
        sa.insert(refs).values(entity_id=person["id"], system="crm", external_id="u-9", kind="person", live=True)
    )
    async with services.database.transaction() as writer:
        await writer.execute(grow)
        await writer.execute(refer)
        waiting = asyncio.create_task(client.delete(f"/v1/people/{person['id']}/refs/crm"))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    assert (await waiting).status_code == 204
    after = (await client.get(f"/v1/people/{person['id']}")).json()
    assert after["refs"] == [] and after["version"] == 3


async def test_a_retry_with_the_same_key_happens_once(client: httpx.AsyncClient, services: Services) -> None:
    headers = {"Idempotency-Key": "one-person"}
    first = await client.post("/v1/people", json={"name": "Ines"}, headers=headers)
    again = await client.post("/v1/people", json={"name": "Ines"}, headers=headers)
    assert again.status_code == 201 and again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert await told_types(services) == ["person.created"]


async def test_people_need_their_own_scope(client: httpx.AsyncClient, make_client: Callable[..., Any]) -> None:
    person = await make_person(client)
    reader = await make_client("people:read", "accounts:write")
    assert (await reader.get(f"/v1/people/{person['id']}")).status_code == 200
    for answer in (
        await reader.post("/v1/people", json={"name": "X"}),
        await reader.patch(f"/v1/people/{person['id']}", json={"name": "X"}),
        await reader.delete(f"/v1/people/{person['id']}"),
        await reader.put("/v1/people/by-ref/a/b", json={"name": "X"}),
    ):
        assert answer.status_code == 403 and answer.json()["required_scope"] == "people:write"
    assert (await client.get(f"/v1/people/{NOBODY}")).status_code == 404
    assert (await client.get("/v1/people/by-ref/crm/none")).status_code == 404
