"""Accounts through HTTP, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import sqlalchemy as sa

from service.framework.database.statements import Statement
from service.models.events.events import events
from service.records.context import Services

_EVENTS = Statement(sa.select(events.c.type).order_by(events.c.seq))


async def create(client: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    """Create an account; the answer's body."""
    answer = await client.post("/v1/accounts", json={"name": "Aurelia Robotics", **members})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def event_types(services: Services) -> list[str]:
    """The types of all events in the outbox, in order."""
    async with services.database.reading() as reader:
        rows = await reader.all(_EVENTS)
    return [row["type"] for row in rows]


async def test_an_account_starts_in_pre_kam_and_unclassified(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/accounts",
        json={"name": "Aurelia Robotics", "revenue": "1250000.00", "refs": [{"system": "erp", "external_id": "A1"}]},
    )
    account = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/accounts/{account['id']}"
    assert answer.headers["etag"] == '"v1"'
    assert account["stage"] == "pre_kam" and account["stage_cranfield"] == "Exploratory"
    assert account["quadrant"] is None and account["fiocca"] is None
    assert account["classification_status"] == "incomplete" and account["status"] == "customer"
    assert account["revenue"] == "1250000.00" and account["refs"] == [{"system": "erp", "external_id": "A1"}]
    assert (await client.get(f"/v1/accounts/{account['id']}")).json() == account


async def test_reading_one_account_is_one_statement(client: httpx.AsyncClient, services: Services) -> None:
    account = await create(client)
    await client.get(f"/v1/accounts/{account['id']}")
    before = services.database.statements
    answer = await client.get(f"/v1/accounts/{account['id']}")
    assert answer.status_code == 200
    assert services.database.statements - before == 1


async def test_a_list_is_one_statement_whatever_its_size(client: httpx.AsyncClient, services: Services) -> None:
    for number in range(12):
        await create(client, name=f"Account {number}")
    for limit in (1, 10):
        before = services.database.statements
        answer = await client.get("/v1/accounts", params={"limit": limit, "sort": "-revenue", "stage": "pre_kam"})
        assert len(answer.json()["items"]) == limit
        assert services.database.statements - before == 1


async def test_a_patch_reads_then_changes_and_tells_in_one_statement(
    client: httpx.AsyncClient, services: Services
) -> None:
    account = await create(client)
    before = services.database.statements
    answer = await client.patch(
        f"/v1/accounts/{account['id']}", json={"industry": "Robotics"}, headers={"If-Match": '"v1"'}
    )
    assert answer.status_code == 200 and answer.json()["version"] == 2 and answer.headers["etag"] == '"v2"'
    begins = 1 if services.database.kind == "sqlite" else 0
    assert services.database.statements - before == begins + 2
    assert await event_types(services) == ["account.created", "account.updated"]


async def test_a_patch_with_an_idempotency_key_locks_writes_tells_and_stores_its_answer(
    client: httpx.AsyncClient, services: Services
) -> None:
    account = await create(client)
    before = services.database.statements
    headers = {"If-Match": '"v1"', "Idempotency-Key": "once"}
    answer = await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Robotics"}, headers=headers)
    assert answer.status_code == 200 and answer.json()["version"] == 2
    locks = 0 if services.database.kind == "sqlite" else 1
    # begin, look for the key, lock and read, write and read, event, answer
    assert services.database.statements - before == locks + 6
    assert await event_types(services) == ["account.created", "account.updated"]


async def test_writing_what_is_there_already_is_silent(client: httpx.AsyncClient, services: Services) -> None:
    account = await create(client, revenue="10.50", tags=["a"], attributes={"x": 1})
    same = {"name": account["name"], "revenue": "10.5", "tags": ["a"], "attributes": {"x": 1}, "industry": None}
    answer = await client.patch(f"/v1/accounts/{account['id']}", json=same)
    assert answer.json() == account
    assert await event_types(services) == ["account.created"]


async def test_absent_is_not_null_in_a_patch(client: httpx.AsyncClient) -> None:
    account = await create(client, industry="Robotics", country="DE")
    answer = await client.patch(f"/v1/accounts/{account['id']}", json={"industry": None})
    assert answer.json()["industry"] is None and answer.json()["country"] == "DE"
    refused = await client.patch(f"/v1/accounts/{account['id']}", json={"name": None})
    assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "/name"


async def test_a_stale_version_is_refused(client: httpx.AsyncClient) -> None:
    account = await create(client)
    path = f"/v1/accounts/{account['id']}"
    assert (await client.patch(path, json={"industry": "A"}, headers={"If-Match": '"v1"'})).status_code == 200
    stale = await client.patch(path, json={"industry": "B"}, headers={"If-Match": '"v1"'})
    assert stale.status_code == 412 and stale.json()["code"] == "stale_version" and stale.headers["etag"] == '"v2"'
    assert (await client.get(path, headers={"If-None-Match": '"v2"'})).status_code == 304


async def test_concurrent_patches_with_the_same_version_let_one_through(client: httpx.AsyncClient) -> None:
    account = await create(client)
    path = f"/v1/accounts/{account['id']}"
    answers = await asyncio.gather(
        *(client.patch(path, json={"industry": f"I{n}"}, headers={"If-Match": '"v1"'}) for n in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412]


async def test_references_are_unique_among_live_accounts(client: httpx.AsyncClient) -> None:
    refs = [{"system": "erp", "external_id": "A1"}]
    first = await create(client, refs=refs)
    taken = await client.post("/v1/accounts", json={"name": "Other", "refs": refs})
    assert taken.status_code == 409 and taken.json()["code"] == "reference_taken"
    assert (await client.delete(f"/v1/accounts/{first['id']}")).status_code == 204
    second = await create(client, name="Other", refs=refs)
    back = await client.post(f"/v1/accounts/{first['id']}/restore")
    assert back.status_code == 409 and back.json()["code"] == "reference_taken"
    assert (await client.get("/v1/accounts/by-ref/erp/A1")).json()["id"] == second["id"]


async def test_an_upsert_creates_updates_or_leaves_alone(client: httpx.AsyncClient, services: Services) -> None:
    path = "/v1/accounts/by-ref/erp/A%2F1"
    created = await client.put(path, json={"name": "Aurelia", "industry": "Robotics"})
    assert created.status_code == 201 and created.headers["upsert-result"] == "created"
    assert created.json()["refs"] == [{"system": "erp", "external_id": "A/1"}]
    unchanged = await client.put(path, json={"name": "Aurelia"})
    assert unchanged.status_code == 200 and unchanged.headers["upsert-result"] == "unchanged"
    assert unchanged.json() == created.json()
    updated = await client.put(path, json={"name": "Aurelia Robotics"})
    assert updated.headers["upsert-result"] == "updated" and updated.json()["industry"] == "Robotics"
    assert await event_types(services) == ["account.created", "account.updated"]


async def test_concurrent_upserts_of_one_reference_create_one_account(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(client.put("/v1/accounts/by-ref/erp/Z9", json={"name": "Aurelia"}) for _ in range(6))
    )
    assert sorted(answer.headers["upsert-result"] for answer in answers) == ["created"] + ["unchanged"] * 5
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_batch_has_a_result_per_row(client: httpx.AsyncClient, services: Services) -> None:
    rows: list[Any] = [
        {"system": "erp", "external_id": "1", "account": {"name": "One"}},
        {"system": "erp", "external_id": "2", "account": {"name": ""}},
        {"system": "erp", "external_id": "1", "account": {"name": "One again"}},
        {
            "system": "erp",
            "external_id": "3",
            "account": {"name": "Three", "owner_id": "01a2002a-530b-7daf-80a4-505a25295224"},
        },
        {
            "system": "erp",
            "external_id": "4",
            "account": {"name": "Four", "refs": [{"system": "erp", "external_id": "1"}]},
        },
        {"surprise": 1},
    ]
    answer = await client.post("/v1/accounts/batch", json={"items": rows})
    body = answer.json()
    assert answer.status_code == 200
    assert [item["outcome"] for item in body["items"]] == ["created", "failed", "updated", "failed", "failed", "failed"]
    assert (body["created"], body["updated"], body["failed"]) == (1, 1, 4)
    assert body["items"][1]["error"]["errors"][0]["pointer"] == "/items/1/account/name"
    assert body["items"][3]["error"]["errors"][0]["pointer"] == "/items/3/account/owner_id"
    again = (await client.post("/v1/accounts/batch", json={"items": [rows[2]]})).json()
    assert again["unchanged"] == 1
    assert (await event_types(services)) == ["account.created", "account.updated"]


async def test_an_unchanged_batch_costs_a_constant_number_of_statements(
    client: httpx.AsyncClient, services: Services
) -> None:
    rows = [{"system": "erp", "external_id": str(n), "account": {"name": f"N{n}"}} for n in range(40)]
    assert (await client.post("/v1/accounts/batch", json={"items": rows})).json()["created"] == 40
    counts = []
    for size in (2, 40):
        before = services.database.statements
        assert (await client.post("/v1/accounts/batch", json={"items": rows[:size]})).json()["unchanged"] == size
        counts.append(services.database.statements - before)
    assert counts[0] == counts[1] <= 5


async def test_an_account_cannot_be_above_itself(client: httpx.AsyncClient) -> None:
    top = await create(client, name="Top")
    middle = await create(client, name="Middle", parent_id=top["id"])
    bottom = await create(client, name="Bottom", parent_id=middle["id"])
    for child in (top, bottom):
        answer = await client.patch(f"/v1/accounts/{top['id']}", json={"parent_id": child["id"]})
        assert answer.status_code == 422 and answer.json()["errors"][0]["code"] == "circular_hierarchy"
    below = (await client.get(f"/v1/accounts/{top['id']}/hierarchy")).json()
    assert [item["id"] for item in below["items"]] == [middle["id"]]


async def test_every_sort_pages_through_every_account_once(client: httpx.AsyncClient) -> None:
    for number in range(11):
        await create(client, name=f"N{number % 3}", **({"revenue": f"{number}.00"} if number % 4 else {}))
    for sort in (None, "name", "-name", "revenue", "-revenue", "-revenue,name", "name,-revenue", "-updated_at"):
        seen: list[dict[str, Any]] = []
        url: str | None = "/v1/accounts?limit=4" + (f"&sort={sort}" if sort else "")
        while url:
            answer = await client.get(url)
            seen += answer.json()["items"]
            url = answer.links["next"]["url"] if "next" in answer.links else None
        assert len(seen) == len({item["id"] for item in seen}) == 11, sort
        if sort == "-revenue":
            known = [float(item["revenue"]) for item in seen if item["revenue"]]
            assert known == sorted(known, reverse=True) and all(item["revenue"] is None for item in seen[len(known) :])


async def test_a_cursor_of_another_list_or_altered_is_refused(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await create(client, name=f"N{number}")
    cursor = (await client.get("/v1/accounts?limit=1&sort=name")).json()["next_cursor"]
    for bad in (f"/v1/accounts?limit=1&after={cursor}", f"/v1/accounts?sort=name&after={cursor[:-2]}AA"):
        answer = await client.get(bad)
        assert answer.status_code == 400 and answer.json()["code"] == "cursor_invalid"


async def test_filters_flat_and_nested_agree(client: httpx.AsyncClient) -> None:
    await create(client, name="Alpha 100%", industry="Robotics", revenue="5.00")
    await create(client, name="Beta", industry="Energy", revenue="15.00")
    await create(client, name="Gamma", revenue="25.00", refs=[{"system": "erp", "external_id": "G"}])

    async def names(query: str) -> list[str]:
        answer = await client.get(f"/v1/accounts?sort=name&{query}")
        assert answer.status_code == 200, answer.text
        return [item["name"] for item in answer.json()["items"]]

    async def searched(tree: dict[str, Any]) -> list[str]:
        answer = await client.post("/v1/accounts/search", json={"filter": tree, "sort": ["name"]})
        assert answer.status_code == 200, answer.text
        return [item["name"] for item in answer.json()["items"]]

    assert await names("revenue_gte=10") == await searched({"revenue": {"gte": "10"}}) == ["Beta", "Gamma"]
    assert await names("q=0%25") == await searched({"name": {"contains": "0%"}}) == ["Alpha 100%"]
    assert await names("external_id=G") == ["Gamma"]
    assert await names("industry=Energy") == ["Beta"]
    assert await searched({"not": {"industry": {"eq": "Energy"}}}) == ["Alpha 100%", "Gamma"]
    assert await searched({"or": [{"industry": {"is_null": True}}, {"revenue": {"lt": "6"}}]}) == [
        "Alpha 100%",
        "Gamma",
    ]
    assert await names("updated_after=2030-01-01T00:00:00Z") == []
    counted = await client.get("/v1/accounts?count=exact&limit=1")
    assert counted.json()["count"] == 3


async def test_deleting_and_restoring(client: httpx.AsyncClient, services: Services) -> None:
    account = await create(client)
    path = f"/v1/accounts/{account['id']}"
    assert (await client.delete(path, headers={"If-Match": '"v7"'})).status_code == 412
    assert (await client.delete(path)).status_code == 204
    gone = await client.get(path)
    assert gone.status_code == 404 and gone.json()["code"] == "not_found"
    assert (await client.get("/v1/accounts")).json()["items"] == []
    back = await client.post(f"{path}/restore")
    assert back.status_code == 200 and back.json()["name"] == account["name"] and back.json()["version"] == 3
    assert (await client.post(f"{path}/restore")).json()["version"] == 3
    assert await event_types(services) == ["account.created", "account.deleted", "account.restored"]


async def test_a_retry_with_the_same_key_gets_the_same_answer(client: httpx.AsyncClient, services: Services) -> None:
    send = {"json": {"name": "Aurelia"}, "headers": {"Idempotency-Key": "k-1"}}
    first = await client.post("/v1/accounts", **send)  # type: ignore[arg-type]
    second = await client.post("/v1/accounts", **send)  # type: ignore[arg-type]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content and second.headers["idempotent-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"] and second.headers["etag"] == first.headers["etag"]
    other = await client.post("/v1/accounts", json={"name": "Other"}, headers={"Idempotency-Key": "k-1"})
    assert other.status_code == 422 and other.json()["code"] == "idempotency_key_reused"
    assert await event_types(services) == ["account.created"]


async def test_concurrent_retries_create_one_account(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(client.post("/v1/accounts", json={"name": "A"}, headers={"Idempotency-Key": "k-2"}) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert (await client.get("/v1/accounts?count=exact")).json()["count"] == 1


async def test_a_failed_write_is_not_remembered(client: httpx.AsyncClient) -> None:
    missing = {
        "json": {"name": "A", "owner_id": "01a2002a-530b-7daf-80a4-505a25295224"},
        "headers": {"Idempotency-Key": "k-3"},
    }
    for _ in range(2):
        answer = await client.post("/v1/accounts", **missing)  # type: ignore[arg-type]
        assert answer.status_code == 422 and answer.json()["errors"][0]["code"] == "unknown_reference"


async def test_who_may_do_what(make_client: Callable[..., Any]) -> None:
    nobody, reader, writer = await make_client(), await make_client("accounts:read"), await make_client("accounts:*")
    assert (await nobody.get("/v1/accounts")).status_code == 401
    assert (await nobody.get("/v1/accounts", headers={"Authorization": "Bearer kam_wrong"})).status_code == 401
    account = await create(writer)
    assert (await reader.get(f"/v1/accounts/{account['id']}")).status_code == 200
    refused = await reader.post("/v1/accounts", json={"name": "A"})
    assert refused.status_code == 403
    assert refused.json()["code"] == "insufficient_scope" and refused.json()["required_scope"] == "accounts:write"
    assert (await writer.get("/v1/api-keys")).status_code == 403


async def test_bad_input_is_named_and_nothing_is_written(client: httpx.AsyncClient, services: Services) -> None:
    cases: list[tuple[Any, int, str | None]] = [
        (b"{", 400, None),
        (b'{"name": "A", "name": "B"}', 422, "/name"),
        (b'{"name": "A\\u0000"}', 422, "/name"),
        (b'{"name": "\\ud800"}', 422, "/name"),
        (b'{"name": "A", "colour": 1}', 422, "/colour"),
        (b'{"name": 5}', 422, "/name"),
        (b'{"name": "A", "revenue": 5}', 422, "/revenue"),
        (b'{"name": "A", "revenue": "1e5"}', 422, "/revenue"),
        (b'{"name": "A", "attributes": {"x": NaN}}', 400, None),
        (b'{"name": "A", "country": "Germany"}', 422, "/country"),
        (b'{"name": "A", "parent_id": "x"}', 422, "/parent_id"),
        (b"[]", 422, ""),
    ]
    for body, status, pointer in cases:
        answer = await client.post("/v1/accounts", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, (body, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")
        if pointer is not None:
            assert answer.json()["errors"][0]["pointer"] == pointer, (body, answer.text)
    assert (
        await client.post("/v1/accounts", content=b"name=A", headers={"Content-Type": "text/plain"})
    ).status_code == 415
    assert (await client.get("/v1/accounts?colour=red")).json()["errors"][0]["parameter"] == "colour"
    assert (await client.get("/v1/accounts?limit=201")).status_code == 422
    assert (await client.get("/v1/accounts/not-an-id")).status_code == 404
    assert await event_types(services) == []


async def test_numbers_beyond_every_column_are_refused_or_find_nothing(client: httpx.AsyncClient) -> None:
    account = await create(client)
    for query in ("attractiveness_gte=881591958503", "relative_strength_lte=-99999", "revenue_gte=99999999999999"):
        assert (await client.get(f"/v1/accounts?{query}")).status_code == 422, query
    for query in ("attractiveness_gte=9999", "relative_strength_lte=-9999", "revenue_gte=9999999999999.99"):
        answer = await client.get(f"/v1/accounts?{query}")
        assert answer.status_code == 200 and answer.json()["items"] == [], query
    people = f"/v1/accounts/{account['id']}/stakeholders"
    assert (await client.get(f"{people}?stance_gte=-1&influence_lte=9999")).status_code == 200
    assert (await client.get(f"{people}?stance_gte=0.5")).status_code == 422
    big = b'{"items": [{"system": "erp", "external_id": "1", "account": {"name": 123456789012345678901234567890}}]}'
    batch = await client.post("/v1/accounts/batch", content=big, headers={"Content-Type": "application/json"})
    assert batch.status_code == 200 and batch.json()["failed"] == 1
    several = {"filter": {"external_id": {"in": ["a", "b"]}}}
    assert (await client.post("/v1/accounts/search", json=several)).status_code == 422
