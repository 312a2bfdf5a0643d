"""A plain record, declared here in one file, has all that a plain record has: both APIs, both databases, the documents."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import asyncpg
import httpx
import pytest
import sqlalchemy as sa
from graphql import build_schema
from sqlmodel import Field, SQLModel

from service.access.api_keys import new_key
from service.access.policy import Permission
from service.app import PARTS, create_app, declared, document
from service.events.catalogue import catalogue
from service.events.event import DECLARED, record_events
from service.events.schemas import definitions, schema
from service.framework.database.fields import Fields, patch_of, read_of, table_of
from service.framework.database.statements import DIALECTS
from service.framework.graph.edges import Graph
from service.framework.graph.schema import sdl
from service.framework.web.router import Part
from service.graphql.graph import EDGES, MUTATIONS, PAGES, PLAIN, QUERIES, TYPES, VOCABULARIES
from service.graphql.plain import edges_of, mutations_of, page_of, query_by_ref, type_of
from service.graphql.subscriptions import SUBSCRIPTIONS
from service.models.access.api_keys import ApiKeyCreate
from service.models.shapes import Referenced, Synced, SyncedRead
from service.operations.access.api_keys import create_api_key
from service.platform.errors import Conflict
from service.platform.settings import Settings
from service.platform.types import Count, DayText, Id, Money, Name
from service.queries.listings import listing_of
from service.records.context import Services, system_context
from service.records.kinds import ACCOUNT, Rule
from service.records.plain import PlainRecord
from service.rest.plain import plain_part
from tests.api.records import NOBODY, make_account, make_person, pointers, told, told_types

# -- the record


class Purpose(StrEnum):
    """Why somebody visits a site."""

    AUDIT = "audit"
    WORKSHOP = "workshop"


class SiteVisitFields(Fields):
    """What callers say of a site visit."""

    name: Name = Field(description="What the visit is called")
    visited_on: DayText | None = Field(default=None, description="The day of the visit")
    purpose: Purpose = Field(description="Why we visit")
    cost: Money | None = Field(default=None, description="What it costs")
    guests: Count = Field(default=0, description="How many guests come")
    host_id: Id | None = Field(default=None, foreign_key="people.id", description="Who receives them")


class SiteVisitCreate(Referenced, SiteVisitFields):
    """A site visit to add to an account."""


SiteVisitPatch = patch_of(SiteVisitCreate, "SiteVisitPatch")


async def refuse_crowds(tx: Any, before: Any, changes: Any) -> None:
    if changes.get("guests", 0) > 100:
        raise Conflict("A site takes a hundred guests")


@dataclass
class Declared:
    record: PlainRecord
    table: sa.Table
    part: Part
    graph: Graph


def declare() -> Declared:
    """Declare what every floor says of a site visit. In a function, because tables and events are known to all."""

    class SiteVisit(Synced, SiteVisitFields, table=True):
        __tablename__ = "site_visits"

        account_id: Id = Field(foreign_key="accounts.id", description="The account")

    table = table_of(SiteVisit)

    @read_of(SiteVisitCreate, SiteVisit, order="account_id")
    class SiteVisitRead(SyncedRead):
        """A visit to a site of an account."""

    record = PlainRecord(
        "site visit",
        "site visits",
        listing_of(table, SiteVisitRead, "site_visit"),
        create=SiteVisitCreate,
        patch=SiteVisitPatch,
        read=SiteVisitRead,
        reads=Permission.ACCOUNT_READ,
        writes=Permission.ACCOUNT_WRITE,
        events=record_events("site_visit", SiteVisitRead, Permission.ACCOUNT_READ),
        parent=ACCOUNT,
        changing=Rule(refuse_crowds, says="At most a hundred guests come.", errors=(Conflict,)),
    )
    graph = Graph(
        (*TYPES, type_of(record)),
        (*EDGES, *edges_of(record, TYPES)),
        (*PAGES, page_of(record)),
        (*QUERIES, *map(query_by_ref, (*PLAIN, record))),
        (*MUTATIONS, *mutations_of(record)),
        SUBSCRIPTIONS,
        VOCABULARIES,
    )
    return Declared(record, table, plain_part("accounts", record), graph)


# -- its tests


@pytest.fixture(scope="module")
def site_visits() -> Iterator[Declared]:
    """The declaration, for the tests of this file only: the others must not find its table and its events."""
    definitions.cache_clear()
    made = declare()
    yield made
    SQLModel.metadata.remove(made.table)
    for name in [name for name in DECLARED if name.startswith("site_visit.")]:
        del DECLARED[name]
    definitions.cache_clear()


@pytest.fixture
async def services(services: Services, settings: Settings, site_visits: Declared) -> Services:
    """Open services over a database that has the table."""
    ddl = str(sa.schema.CreateTable(site_visits.table).compile(dialect=DIALECTS[services.database.kind]))
    if settings.embedded:
        with closing(sqlite3.connect(settings.sqlite_path)) as connection:
            connection.execute(ddl)
    else:
        connected = await asyncpg.connect(settings.postgres_url)
        await connected.execute(ddl)
        await connected.close()
    return services


@pytest.fixture
async def make_client(services: Services, site_visits: Declared) -> AsyncIterator[Callable[..., Any]]:
    """Make a client of an application that has the record too."""
    app = create_app(services.settings, services=services, parts=(*PARTS, site_visits.part), graph=site_visits.graph)
    async with AsyncExitStack() as stack:

        async def make(*scopes: str) -> httpx.AsyncClient:
            value = new_key()
            await create_api_key(system_context(services), ApiKeyCreate(name="test", scopes=list(scopes)), value)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            headers = {"Authorization": f"Bearer {value}"}
            made = httpx.AsyncClient(transport=transport, base_url="http://kam.test", headers=headers)
            return await stack.enter_async_context(made)

        yield make


SENT = {"name": "Plant 2", "visited_on": "2026-12-01", "purpose": "audit", "cost": "120.50", "guests": 4}


async def visit(client: httpx.AsyncClient, account: dict[str, Any], **members: Any) -> dict[str, Any]:
    answer = await client.post(f"/v1/accounts/{account['id']}/site-visits", json={**SENT, **members})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_it_is_created_read_and_told(client: httpx.AsyncClient, services: Services) -> None:
    account, host = await make_account(client), await make_person(client)
    path = f"/v1/accounts/{account['id']}/site-visits"
    answer = await client.post(path, json={**SENT, "host_id": host["id"]})
    made = answer.json()
    assert answer.status_code == 201 and answer.headers["location"] == f"/v1/site-visits/{made['id']}"
    assert {name: made[name] for name in SENT} == SENT and made["host_id"] == host["id"] and made["refs"] == []
    assert made["account_id"] == account["id"] and made["version"] == 1
    assert (await client.get(f"/v1/site-visits/{made['id']}")).json() == made
    event = (await told(services))[-1]
    assert event["type"] == "site_visit.created" and event["data"]["site_visit"] == made == event["data"]["current"]
    assert event["data"]["account"] == {name: account[name] for name in ("id", "name", "version", "refs")}
    assert pointers(await client.post(path, json={**SENT, "host_id": NOBODY})) == [("/host_id", "unknown_reference")]
    bad = {"name": "", "visited_on": "soon", "purpose": "fun", "cost": 1, "guests": -1, "host_id": "x", "mood": 1}
    assert {where for where, _ in pointers(await client.post(path, json=bad))} == {f"/{name}" for name in bad}
    assert (await client.post(f"/v1/accounts/{NOBODY}/site-visits", json=SENT)).status_code == 404


async def test_it_is_listed_filtered_and_sorted_by_its_typed_columns(client: httpx.AsyncClient) -> None:
    account, host = await make_account(client), await make_person(client)
    path = f"/v1/accounts/{account['id']}/site-visits"
    await visit(client, account, name="A", host_id=host["id"])
    await visit(client, account, name="B", visited_on=None, cost="9.00", guests=9)
    await visit(client, account, name="C", visited_on="2026-01-05", purpose="workshop", cost=None)
    await visit(client, await make_account(client), name="D")

    async def names(**query: Any) -> str:
        answer = await client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return "".join(item["name"] for item in answer.json()["items"])

    assert await names(sort="-name") == "CBA"
    assert await names(sort="visited_on,name") == "BCA" and await names(sort="-cost") == "ABC"
    assert await names(sort="-guests,name") == "BAC"
    assert await names(visited_after="2026-06-01") == "A" and await names(purpose="workshop") == "C"
    assert await names(cost_lte="10") == "B" and await names(guests_gte=5) == "B"
    assert await names(host_id=host["id"]) == "A" and await names(name="B") == "B" and await names(q="c") == "C"
    page = (await client.get(path, params={"sort": "cost", "limit": 2, "count": "exact"})).json()
    assert [item["name"] for item in page["items"]] == ["C", "B"] and page["count"] == 3
    assert await names(sort="cost", after=page["next_cursor"]) == "A"
    assert pointers(await client.get(path, params={"account_id": account["id"]})) == [
        ("account_id", "unknown_parameter")
    ]


async def test_it_is_changed_once_by_its_rule_and_deleted(client: httpx.AsyncClient, services: Services) -> None:
    made = await visit(client, await make_account(client))
    path, since = f"/v1/site-visits/{made['id']}", len(await told(services))
    changed = await client.patch(path, json={"cost": "99.90", "visited_on": None, "refs": []})
    assert changed.status_code == 200 and changed.headers["etag"] == '"v2"'
    assert changed.json() == {**made, "cost": "99.90", "visited_on": None, "version": 2}
    assert (await client.patch(path, json={"cost": "99.90"})).json() == changed.json()
    assert (await client.patch(path, json={"guests": 5}, headers={"If-Match": '"v1"'})).status_code == 412
    assert (await client.get(path, headers={"If-None-Match": '"v2"'})).status_code == 304
    assert (await client.patch(path, json={"guests": 101})).json()["code"] == "conflict"
    assert (await client.delete(path, headers={"If-Match": '"v2"'})).status_code == 204
    assert (await client.get(path)).status_code == (await client.delete(path)).status_code == 404
    events = (await told(services))[since:]
    assert [event["type"] for event in events] == ["site_visit.updated", "site_visit.deleted"]
    assert events[0]["data"]["changed"] == ["visited_on", "cost"]
    assert events[0]["data"]["previous"] == {"visited_on": "2026-12-01", "cost": "120.50"}


async def test_it_is_upserted_by_reference(client: httpx.AsyncClient, services: Services) -> None:
    account, other = await make_account(client), await make_account(client)
    path = f"/v1/accounts/{account['id']}/site-visits/by-ref/crm/v-1"
    assert (await client.get(path)).status_code == 404
    since = len(await told(services))
    answers = [await client.put(path, json=body) for body in (SENT, {**SENT, "guests": 4}, {**SENT, "guests": 6})]
    assert [answer.headers["upsert-result"] for answer in answers] == ["created", "unchanged", "updated"]
    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert (await client.get(path)).json() == answers[-1].json()
    assert await told_types(services, since) == ["site_visit.created", "site_visit.updated"]
    found = await client.get(f"/v1/accounts/{account['id']}/site-visits", params={"external_id": "v-1"})
    assert [item["refs"] for item in found.json()["items"]] == [[{"system": "crm", "external_id": "v-1"}]]
    taken = await client.put(path.replace(account["id"], other["id"]), json=SENT)
    assert taken.json()["code"] == "reference_taken" and taken.json()["holder_id"] == answers[0].json()["id"]


async def test_a_batch_has_a_result_per_row(client: httpx.AsyncClient, services: Services) -> None:
    account, other = await make_account(client), await make_account(client)

    def row(external_id: str, **members: Any) -> dict[str, Any]:
        body = {**SENT, "account_id": account["id"], **members}
        return {"system": "crm", "external_id": external_id, "site_visit": body}

    rows = [row("1"), row("2", account_id=other["id"]), row("3", guests=-1), row("4", account_id=NOBODY),
            row("1", name="Plant 3"), row("2"), row("5", host_id=NOBODY)]  # fmt: skip
    since = len(await told(services))
    answer = (await client.post("/v1/site-visits/batch", json={"items": rows})).json()
    outcomes = [item["outcome"] for item in answer["items"]]
    assert outcomes == ["created", "created", "failed", "failed", "updated", "failed", "failed"]
    assert (answer["created"], answer["updated"], answer["unchanged"], answer["failed"]) == (2, 1, 0, 4)
    errors = [item["error"] for item in answer["items"] if item["error"]]
    assert [(error["code"], error["errors"][0]["pointer"]) for error in errors] == [
        ("invalid_request", "/items/2/site_visit/guests"), ("invalid_request", "/items/3/site_visit/account_id"),
        ("reference_taken", "/items/5/site_visit"), ("invalid_request", "/items/6/site_visit/host_id"),
    ]  # fmt: skip
    assert await told_types(services, since) == ["site_visit.created"] * 2 + ["site_visit.updated"]
    before = services.database.statements
    again = (await client.post("/v1/site-visits/batch", json={"items": [row("1", name="Plant 3")] * 50})).json()
    assert again["unchanged"] == 50 and services.database.statements - before <= 8


async def test_a_retry_with_the_same_key_gets_the_stored_answer(client: httpx.AsyncClient, services: Services) -> None:
    path = f"/v1/accounts/{(await make_account(client))['id']}/site-visits"
    first, again = [await client.post(path, json=SENT, headers={"Idempotency-Key": "once"}) for _ in range(2)]
    assert again.json() == first.json() and again.headers["idempotent-replayed"] == "true"
    assert (await told_types(services)).count("site_visit.created") == 1


async def test_its_permissions_are_those_declared(client: httpx.AsyncClient, make_client: Callable[..., Any]) -> None:
    account = await make_account(client)
    made = await visit(client, account)
    reader, stranger = await make_client("accounts:read"), await make_client("plans:*")
    assert (await reader.get(f"/v1/site-visits/{made['id']}")).status_code == 200
    refused = await reader.patch(f"/v1/site-visits/{made['id']}", json={"guests": 1})
    assert refused.status_code == 403 and refused.json()["required_scope"] == "accounts:write"
    assert (await stranger.get(f"/v1/accounts/{account['id']}/site-visits")).status_code == 403


async def test_it_goes_and_comes_back_with_its_account(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    made = await visit(client, account, refs=[{"system": "crm", "external_id": "v-1"}])
    assert (await client.delete(f"/v1/accounts/{account['id']}")).status_code == 204
    assert (await client.get(f"/v1/site-visits/{made['id']}")).status_code == 404
    assert (await client.post(f"/v1/accounts/{account['id']}/restore")).status_code == 200
    assert (await client.get(f"/v1/accounts/{account['id']}/site-visits/by-ref/crm/v-1")).json()["id"] == made["id"]


async def test_graphql_mirrors_it(client: httpx.AsyncClient) -> None:
    account, host = await make_account(client), await make_person(client)

    async def ask(query: str, **variables: Any) -> Any:
        answer = (await client.post("/graphql", json={"query": query, "variables": variables})).json()
        assert "errors" not in answer, answer
        return answer["data"]

    sent = {"name": "Plant 2", "visitedOn": "2026-12-01", "purpose": "audit", "cost": "120.50", "hostId": host["id"]}
    made = await ask(
        """mutation($a: ID!, $v: CreateSiteVisitInput!) {
          createSiteVisit(accountId: $a, input: $v) { outcome siteVisit { id purpose host { name } account { id } } }
          upsertSiteVisit(accountId: $a, system: "crm", externalId: "1", input: $v) { outcome siteVisit { id } } }""",
        a=account["id"], v=sent,
    )  # fmt: skip
    shown = made["createSiteVisit"]["siteVisit"]
    assert made["createSiteVisit"]["outcome"] == made["upsertSiteVisit"]["outcome"] == "created"
    assert shown["purpose"] == "audit" and shown["host"]["name"] == host["name"]
    assert shown["account"] == {"id": account["id"]}
    rows = [{"system": "crm", "externalId": "1", "siteVisit": {**sent, "guests": 7, "accountId": account["id"]}}]
    changed = await ask(
        """mutation($id: ID!, $rows: BatchUpsertSiteVisitsInput!) {
          updateSiteVisit(id: $id, ifVersion: 1, input: {guests: 2}) { siteVisit { guests version } }
          batchUpsertSiteVisits(input: $rows) { result { updated items { outcome } } } }""",
        id=shown["id"], rows={"items": rows},
    )  # fmt: skip
    assert changed["updateSiteVisit"]["siteVisit"] == {"guests": 2, "version": 2}
    assert changed["batchUpsertSiteVisits"]["result"] == {"updated": 1, "items": [{"outcome": "updated"}]}
    read = await ask(
        """query($a: ID!) {
          siteVisitByRef(accountId: $a, system: "crm", externalId: "1") { guests }
          siteVisits(filter: {guests: {gte: 5}}) { totalCount }
          account(id: $a) { siteVisits(orderBy: [{field: guests, direction: desc}]) { nodes { guests cost } } } }""",
        a=account["id"],
    )
    assert read["siteVisitByRef"] == {"guests": 7} and read["siteVisits"] == {"totalCount": 1}
    assert [node["guests"] for node in read["account"]["siteVisits"]["nodes"]] == [7, 2]
    gone = await ask("mutation($id: ID!) { deleteSiteVisit(id: $id) { outcome } }", id=shown["id"])
    assert gone["deleteSiteVisit"] == {"outcome": "deleted"}


def test_the_documents_have_it(site_visits: Declared) -> None:
    made = document(declared(parts=(*PARTS, site_visits.part)))
    under, single = "/v1/accounts/{id}/site-visits", "/v1/site-visits/{id}"
    operations = {
        (under, "post"): "create_site_visit", (under, "get"): "list_site_visits",
        (f"{under}/by-ref/{{system}}/{{external_id}}", "get"): "read_site_visit_by_ref",
        (f"{under}/by-ref/{{system}}/{{external_id}}", "put"): "upsert_site_visit",
        ("/v1/site-visits/batch", "post"): "batch_upsert_site_visits", (single, "get"): "read_site_visit",
        (single, "patch"): "update_site_visit", (single, "delete"): "delete_site_visit",
        (f"{single}/refs/{{system}}", "put"): "put_site_visit_ref",
        (f"{single}/refs/{{system}}", "delete"): "remove_site_visit_ref",
    }  # fmt: skip
    for (path, method), name in operations.items():
        assert made["paths"][path][method]["operationId"] == name and made["paths"][path][method]["summary"]
    assert made["paths"][single]["patch"]["description"] == (
        "Changes the members that are sent; null clears. Sets each system that `refs` names; others stay. "
        "At most a hundred guests come. Sends site_visit.updated when "
        "something changed."
    )
    assert set(made["components"]["schemas"]["SiteVisitRead"]["properties"]) >= {*SENT, "host_id", "refs", "version"}
    types: dict[str, Any] = dict(build_schema(sdl(site_visits.graph)).type_map)
    assert set(types["Mutation"].fields) >= {
        "createSiteVisit", "updateSiteVisit", "upsertSiteVisit", "deleteSiteVisit", "batchUpsertSiteVisits",
        "putSiteVisitRef", "removeSiteVisitRef",
    }  # fmt: skip
    assert set(types["SiteVisitFilter"].fields) >= {"visitedOn", "purpose", "cost", "guests", "hostId", "externalId"}
    for verb in ("created", "updated", "deleted"):
        kind = catalogue()[f"site_visit.{verb}"]
        assert schema(kind)["properties"]["data"]["properties"]["site_visit"] == {"$ref": "#/$defs/SiteVisitRead"}
