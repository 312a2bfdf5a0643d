"""Conditions of writes hold wherever the contract declares them: every operation, in both APIs, on both databases."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from graphql import GraphQLObjectType

from service.app import document
from service.framework.database.statements import Statement
from service.framework.graph.schema import schema_of
from service.graphql.graph import GRAPH
from service.models.tables import metadata
from service.operations.classification.scoring_models import ensure_default_model
from service.records.context import Services
from tests.api.records import NOBODY, make, make_account, make_action, make_objective, make_person, make_plan, pointers

STALE = {"If-Match": '"v999999"'}
_UNWATCHED = {"api_keys", "idempotency_keys"}
"""Tables that a request may change beside its operation: when a key was last used, and stored answers."""
_ROWS = [
    Statement(sa.select(*[sa.cast(column, sa.Text).label(column.name) for column in table.c]))
    for table in metadata.sorted_tables
    if table.name not in _UNWATCHED
]
_BODIES: Mapping[str, Any] = {
    "PUT /v1/accounts/{id}/business-strength": {
        "factors": [{"name": "Service", "weight": 100, "ours": 7, "competitors": {"X": 6}}]
    },
    "PUT /v1/accounts/{id}/forecast-position": {"attractiveness": 8.5, "relative_strength": 1.25, "reason": "A plant"},
    "PUT /v1/accounts/{id}/general-portfolio": {
        "strategic_importance": [{"factor": "sales_volume", "score": 5}],
        "difficulty": [{"factor": "buyer_behaviour", "score": 5}],
    },
    "PUT /v1/accounts/{id}/attractiveness": {"scores": [{"factor": "growth", "score": 7}]},
    "POST /v1/accounts/{id}/attractiveness/ratings": {"scores": [{"factor": "growth", "score": 6}]},
    "PUT /v1/accounts/{id}/attractiveness/choice": {"factor": "growth", "rating_id": None},
    "PUT /v1/accounts/{id}/quadrant-override": {
        "quadrant": "star",
        "reason": "A bet",
        "expires_at": "2027-01-01T00:00:00Z",
    },
    "PUT /v1/accounts/{id}/leading-verb": {"verb": "defend", "reason": "A rival"},
    "POST /v1/accounts/{id}/classification/confirm": {"reason": "They said so"},
    "PUT /v1/accounts/{id}/stage/target": {"target_stage": "mid_kam"},
    "POST /v1/accounts/{id}/stage-transitions": {"to": "early_kam", "reason": "A first meeting"},
    "POST /v1/accounts/{id}/status-transitions": {"to": "candidate", "reason": "Large enough"},
    "POST /v1/plans/{id}/transitions": {"to": "submitted"},
    "POST /v1/event-consumers/{id}/seek": {"to": "start"},
    "POST /v1/webhook-endpoints/{id}/enable": {},
    "POST /v1/webhook-endpoints/{id}/disable": {"reason": "Maintenance"},
    "PATCH /v1/scoring-models/{id}": {"name": "Another"},
    "PATCH /v1/webhook-endpoints/{id}": {"description": "Another"},
    "PATCH /v1/plans/{id}": {"title": "Another"},
    "PATCH /v1/objectives/{id}": {"title": "Another"},
    "PATCH /v1/actions/{id}": {"title": "Another"},
}
"""A body that the operation takes; `{"name": "Another"}` for those left out."""
_NO_BODY = {
    "POST /v1/accounts/{id}/restore", "POST /v1/jobs/{id}/cancel", "POST /v1/scoring-models/{id}/activate",
    "POST /v1/webhook-endpoints/{id}/secret/rotate",
}  # fmt: skip


@functools.cache
def contract() -> dict[str, Any]:
    """The OpenAPI document."""
    return dict(document())


def conditional_operations() -> list[str]:
    """The operations that declare If-Match, as `PUT /v1/...`."""
    found = []
    for path, operations in contract()["paths"].items():
        for method, operation in operations.items():
            parameters = operation.get("parameters", ()) if isinstance(operation, dict) else ()
            if any(each.get("$ref", "").endswith("/If-Match") for each in parameters):
                found.append(f"{method.upper()} {path}")
    return sorted(found)


@pytest.fixture
async def ids(client: httpx.AsyncClient, services: Services) -> dict[str, str]:
    """A record of each kind that a path names, by the first segment of the path."""
    await ensure_default_model(services)
    refs = [{"system": "erp", "external_id": "1"}]
    person, account = await make_person(client, refs=refs), await make_account(client, refs=refs)
    stakeholder = await make(client, f"accounts/{account['id']}/stakeholders", name="Bo", refs=refs)
    plan = await make_plan(client, account, refs=refs)
    objective = await make_objective(client, plan, refs=refs)
    action = await make_action(client, objective, person, refs=refs)
    rated = await client.put(
        f"/v1/accounts/{account['id']}/attractiveness", json=_BODIES["PUT /v1/accounts/{id}/attractiveness"]
    )
    assert rated.status_code == 200, rated.text
    (rating,) = (await client.get(f"/v1/accounts/{account['id']}/attractiveness/ratings")).json()["items"]
    factors = [{"key": "a", "name": "A", "weight": 100}]
    job = await client.post("/v1/portfolio/reclassifications", json={})
    assert job.status_code == 202, job.text
    return {
        "accounts": account["id"],
        "people": person["id"],
        "stakeholders": stakeholder["id"],
        "plans": plan["id"],
        "objectives": objective["id"],
        "actions": action["id"],
        "ratings": rating["id"],
        "scoring-models": (await make(client, "scoring-models", name="Book", factors=factors))["id"],
        "event-consumers": (await make(client, "event-consumers", name="crm", begin="start"))["id"],
        "webhook-endpoints": (
            await make(client, "webhook-endpoints", url="http://127.0.0.1:65000/hook", event_types=["*"])
        )["id"],
        "api-keys": (await make(client, "api-keys", name="crm", scopes=["accounts:read"]))["id"],
        "jobs": job.json()["id"],
    }


def called(operation: str, ids: Mapping[str, str], system: str = "erp", external_id: str = "1") -> dict[str, Any]:
    """The request of an operation: method, url and body."""
    method, path = operation.split(" ")
    url = path.replace("{id}", ids[path.split("/")[2]]) if "{id}" in path else path
    url = url.replace("{system}", system).replace("{external_id}", external_id)
    body = None if method == "DELETE" or operation in _NO_BODY else _body(operation)
    return {"method": method, "url": url, **({} if body is None else {"json": body})}


def _body(operation: str) -> Any:
    if operation.endswith("/refs/{system}"):
        return {"external_id": "2"}
    if "by-ref" not in operation:
        return _BODIES.get(operation, {"name": "Another"})
    kind = operation.split("/")[-4]
    return {
        "plans": {"title": "Another", "period_start": "2027-01-01", "period_end": "2027-12-31"},
        "objectives": {"title": "Another", "due_on": "2027-09-30", "metric": "share", "target": 1},
        "actions": {"title": "Another", "due_on": "2027-09-30", "expected_result": "x", "owner_id": NOBODY},
    }.get(kind, {"name": "Another"})


async def stored(services: Services) -> list[Any]:
    """Every row of every table, the events among them."""
    async with services.database.reading(fresh=True) as reader:
        return [sorted(str(dict(row)) for row in await reader.all(statement)) for statement in _ROWS]


async def test_another_version_than_the_expected_one_is_refused_everywhere(
    client: httpx.AsyncClient, services: Services, ids: dict[str, str]
) -> None:
    before = await stored(services)
    operations = conditional_operations()
    assert len(operations) >= 45
    for operation in operations:
        answer = await client.request(**called(operation, ids), headers=STALE)
        assert (answer.status_code, answer.json()["code"]) == (412, "stale_version"), (operation, answer.text)
        assert await stored(services) == before, operation
    key = (await client.get(f"/v1/api-keys/{ids['api-keys']}")).json()
    assert key["revoked"] is False and key["version"] == 1


async def test_weak_tags_and_texts_without_quotes_are_refused_everywhere(
    client: httpx.AsyncClient, services: Services, ids: dict[str, str]
) -> None:
    before = await stored(services)
    for operation in conditional_operations():
        weak = await client.request(**called(operation, ids), headers={"If-Match": 'W/"v1"'})
        assert weak.status_code == 412 and pointers(weak) == [("If-Match", "weak_tag")], (operation, weak.text)
        bare = await client.request(**called(operation, ids), headers={"If-Match": "v1"})
        assert (bare.status_code, bare.json()["code"]) == (400, "malformed_request"), (operation, bare.text)
    assert await stored(services) == before


@functools.cache
def mutations() -> Mapping[str, Mapping[str, str]]:
    """The mutations that take `ifVersion`, with the types of their arguments."""
    root = schema_of(GRAPH)._schema.mutation_type
    assert isinstance(root, GraphQLObjectType)
    return {
        name: {argument: str(each.type) for argument, each in field.args.items()}
        for name, field in root.fields.items()
        if "ifVersion" in field.args
    }


async def test_another_version_than_ifversion_is_refused_by_every_mutation(
    client: httpx.AsyncClient, services: Services, ids: dict[str, str]
) -> None:
    names = {
        operation["operationId"]: f"{method.upper()} {path}"
        for path, operations in contract()["paths"].items()
        for method, operation in operations.items()
        if isinstance(operation, dict) and "operationId" in operation
    }
    before = await stored(services)
    conditional = set(conditional_operations())
    for name, arguments in mutations().items():
        operation = names[re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()]
        conditional.discard(operation)
        request = called(operation, ids)
        given: dict[str, Any] = {"ifVersion": 999999, "system": "erp", "externalId": "1", "input": request.get("json")}
        given |= {each: ids.get(operation.split("/")[2]) for each, kind in arguments.items() if kind == "ID!"}
        given = {each: _camel(given[each]) for each in arguments if given.get(each) is not None}
        head = ", ".join(f"${each}: {kind}" for each, kind in arguments.items())
        passed = ", ".join(f"{each}: ${each}" for each in arguments)
        query = f"mutation({head}) {{ {name}({passed}) {{ __typename }} }}"
        answer = (await client.post("/graphql", json={"query": query, "variables": given})).json()
        assert [each["extensions"]["code"] for each in answer.get("errors", ())] == ["stale_version"], (name, answer)
        assert await stored(services) == before, name
    assert not conditional, "these hold a version in REST and not in GraphQL"


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {re.sub(r"_([a-z])", lambda found: found[1].upper(), name): _camel(each) for name, each in value.items()}


UPSERTS = [each for each in conditional_operations() if "by-ref" in each]


@pytest.mark.parametrize("operation", UPSERTS)
async def test_an_upsert_creates_or_changes_as_its_conditions_say(
    client: httpx.AsyncClient, services: Services, ids: dict[str, str], operation: str
) -> None:
    existing, new = called(operation, ids), called(operation, ids, external_id="2")
    for request in (existing, new):
        if "owner_id" in request["json"]:
            request["json"] = {**request["json"], "owner_id": ids["people"]}
    before, tag = await stored(services), (await client.get(existing["url"])).headers["etag"]
    for headers in ({"If-None-Match": "*"}, {"If-None-Match": "*", "If-Match": tag}, STALE):
        answer = await client.request(**existing, headers=headers)
        assert (answer.status_code, answer.headers["etag"]) == (412, tag), (headers, answer.text)
    for value in ('"v1"', "*"):
        missing = await client.request(**new, headers={"If-Match": value})
        assert (missing.status_code, missing.json()["code"]) == (412, "stale_version"), missing.text
    other = await client.request(**new, headers={"If-None-Match": '"v1"'})
    assert other.status_code == 422 and pointers(other) == [("If-None-Match", "not_a_star")]
    assert await stored(services) == before
    created = await client.request(**new, headers={"If-None-Match": "*"})
    assert (created.status_code, created.headers["upsert-result"]) == (201, "created"), created.text
    again = await client.request(**new, headers={"If-None-Match": "*"})
    assert again.status_code == 412
    changed = await client.request(**existing, headers={"If-Match": tag})
    assert (changed.status_code, changed.headers["upsert-result"]) == (200, "updated"), changed.text
    some = await client.request(**existing, headers={"If-Match": "*"})
    assert (some.status_code, some.headers["upsert-result"]) == (200, "unchanged")


@pytest.mark.parametrize("operation", UPSERTS)
async def test_a_graphql_upsert_with_version_0_only_creates(
    client: httpx.AsyncClient, services: Services, ids: dict[str, str], operation: str
) -> None:
    kind = {"accounts": "Account", "people": "Person", "stakeholders": "Stakeholder"}.get(operation.split("/")[-4])
    kind = kind or operation.split("/")[-4].title().removesuffix("s")
    arguments = mutations()[f"upsert{kind}"]
    request = called(operation, ids)
    body = {**request["json"], **({"owner_id": ids["people"]} if "owner_id" in request["json"] else {})}
    head = ", ".join(f"${each}: {of}" for each, of in arguments.items())
    passed = ", ".join(f"{each}: ${each}" for each in arguments)
    query = f"mutation({head}) {{ upsert{kind}({passed}) {{ outcome }} }}"

    async def upsert(external_id: str, version: int) -> dict[str, Any]:
        given = {"system": "erp", "externalId": external_id, "ifVersion": version, "input": _camel(body)}
        given |= {each: ids[operation.split("/")[2]] for each, of in arguments.items() if of == "ID!"}
        answer = await client.post("/graphql", json={"query": query, "variables": given})
        return dict(answer.json())

    before, version_now = await stored(services), (await client.get(request["url"])).json()["version"]
    for external_id, version in (("1", 0), ("1", 999999), ("2", 1)):
        answer = await upsert(external_id, version)
        assert answer["errors"][0]["extensions"]["code"] == "stale_version", answer
    assert await stored(services) == before
    assert (await upsert("2", 0))["data"][f"upsert{kind}"]["outcome"] == "created"
    assert (await upsert("1", version_now))["data"][f"upsert{kind}"]["outcome"] == "updated"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ('"v1"', 200), ('"v7", "v1"', 200), ('W/"v1", "v1"', 200), ("*", 200), ('"x","v1"', 200),
        ('"v2"', 412), ('"v01"', 412), ('"x"', 412), ('W/"v1"', 412), ('W/"v1", W/"v2"', 412),
        ("", 400), ("v1", 400), ('"v1', 400), ('"v1" "v2"', 400), ('w/"v1"', 400), ('*, "v1"', 400), ("1", 400),
    ],
)  # fmt: skip
async def test_what_if_match_may_hold(client: httpx.AsyncClient, sent: str, status: int) -> None:
    account = await make_account(client)
    answer = await client.patch(f"/v1/accounts/{account['id']}", json={"name": "B"}, headers={"If-Match": sent})
    assert answer.status_code == status, answer.text
