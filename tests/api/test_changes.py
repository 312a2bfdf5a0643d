"""Lists in the order of changes: every write shows, once, deletions too, in both APIs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from service.app import declared, document
from service.events.feed.sequencer import sequence
from service.framework.database.statements import Statement
from service.models.events.changes import record_changes, synced_tables
from service.models.events.events import events
from service.operations.classification.scoring_models import ensure_default_model
from service.records.context import Services
from tests.api.records import make, make_account, make_action, make_objective, make_person, make_plan, pointers
from tests.positions import versions

PATHS = {
    "account": "accounts", "person": "people", "stakeholder": "stakeholders", "plan": "plans",
    "objective": "objectives", "action": "actions",
}  # fmt: skip
FACTORS = ("spend_available", "growth", "profit_potential")
GENERAL = {
    "strategic_importance": ("purchase_value", "potential_and_prestige", "market_leadership", "strategic_desirability"),
    "difficulty": ("customer_competition", "buying_behaviour", "product_characteristics"),
}
STRENGTH = {"factors": [{"name": "Service", "weight": 100, "ours": 7, "competitors": {"X": 6}}]}


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """What the first start does."""
    await ensure_default_model(services)


async def changed(client: httpx.AsyncClient, path: str, after: int = 0, **query: Any) -> list[dict[str, Any]]:
    """Every record of a list that changed after a position, read page by page."""
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"changed_after": after, **query}
    while True:
        answer = await client.get(f"/v1/{path}", params=asked)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if not answer.json()["has_more"]:
            return found
        asked["after"] = answer.json()["next_cursor"]


async def end(client: httpx.AsyncClient) -> int:
    """The greatest position of all lists."""
    return max([0, *[each["changed_position"] for path in PATHS.values() for each in await changed(client, path)]])


async def graph(client: httpx.AsyncClient, query: str, **variables: Any) -> dict[str, Any]:
    answer = await client.post("/graphql", json={"query": query, "variables": variables})
    return dict(answer.json())


# -- every write

KEPT_APART = {
    "search_accounts", "create_scoring_model", "update_scoring_model", "delete_scoring_model", "clone_scoring_model",
    "simulate_portfolio", "cancel_job", "create_api_key", "revoke_api_key",
}  # fmt: skip
"""Writes (and a search) that change no record with a position; those of consumers, endpoints and deliveries beside."""


async def life(client: httpx.AsyncClient) -> AsyncIterator[tuple[str, httpx.Response]]:
    """Every write of the contract that changes a record with a position, once, with its answer."""

    async def call(name: str, method: str, path: str, body: Any = None) -> tuple[str, httpx.Response]:
        return name, await client.request(method, f"/v1/{path}", json=body)

    ada, bo = await make_person(client, name="Ada"), await make_person(client, name="Bo")
    account = await make_account(client, revenue="5.00", currency="EUR", country="DE")
    plan = await make_plan(client, account)
    objective = await make_objective(client, plan)
    action = await make_action(client, objective, ada)
    above = await make(client, f"accounts/{account['id']}/stakeholders", name="Above")
    below = await make(client, f"accounts/{account['id']}/stakeholders", name="Below", reports_to_id=above["id"])
    it = f"accounts/{account['id']}"
    made: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
        "person": ("people", "people", {"name": "Cy"}, bo),
        "account": ("accounts", "accounts", {"name": "Cirrus"}, account),
        "stakeholder": (f"{it}/stakeholders", "stakeholders", {"name": "Dee"}, below),
        "plan": (
            f"{it}/plans", "plans", {"title": "P", "period_start": "2027-01-01", "period_end": "2027-12-31"}, plan
        ),
        "objective": (
            f"plans/{plan['id']}/objectives", "objectives",
            {"title": "O", "metric": "m", "target": 1, "due_on": "2027-09-30"}, objective,
        ),
        "action": (
            f"objectives/{objective['id']}/actions", "actions",
            {"title": "A", "due_on": "2027-03-31", "expected_result": "r", "owner_id": ada["id"]}, action,
        ),
    }  # fmt: skip
    parents = {"stakeholder": account, "plan": account, "objective": plan, "action": objective}
    above_of = {"stakeholder": "account_id", "plan": "account_id", "objective": "plan_id", "action": "objective_id"}
    for kind, (under, path, body, record) in made.items():
        yield await call(f"create_{kind}", "POST", under, body)
        yield await call(f"upsert_{kind}", "PUT", f"{under}/by-ref/erp/{kind}", body)
        row = body if kind not in parents else {**body, above_of[kind]: parents[kind]["id"]}
        batch = {"items": [{"system": "crm", "external_id": f"{n}", kind: row} for n in range(3)]}
        yield await call(f"batch_upsert_{path}", "POST", f"{path}/batch", batch)
        changes = {"title": "Other"} if "title" in record and kind != "person" else {"name": "Other"}
        yield await call(f"update_{kind}", "PATCH", f"{path}/{record['id']}", changes)
        ref = f"{path}/{record['id']}/refs/sf"
        yield await call(f"put_{kind}_ref", "PUT", ref, {"external_id": f"sf-{kind}"})
        yield await call(f"remove_{kind}_ref", "DELETE", ref)
    scores = {"scores": [{"factor": key, "score": 8} for key in FACTORS]}
    yield await call("put_attractiveness", "PUT", f"{it}/attractiveness", scores)
    yield await call("put_business_strength", "PUT", f"{it}/business-strength", STRENGTH)
    sheet = {"scores": [{"factor": "growth", "score": 2}], "rater_id": ada["id"]}
    rated = await call("add_rating_sheet", "POST", f"{it}/attractiveness/ratings", sheet)
    yield rated
    ratings = (await client.get(f"/v1/{it}/attractiveness/ratings")).json()["items"]
    rating = next(each["id"] for each in ratings if each["factor"] == "growth" and each["rater_id"] == ada["id"])
    choice = {"factor": "growth", "rating_id": rating, "reason": "The best informed"}
    yield await call("choose_rating", "PUT", f"{it}/attractiveness/choice", choice)
    back = {"factor": "growth", "rating_id": None, "reason": "All again"}
    yield await call("choose_rating", "PUT", f"{it}/attractiveness/choice", back)
    yield await call("withdraw_rating", "DELETE", f"ratings/{rating}")
    override = {"quadrant": "star", "reason": "A merger", "expires_at": "2027-02-01T00:00:00Z"}
    yield await call("put_quadrant_override", "PUT", f"{it}/quadrant-override", override)
    yield await call("remove_quadrant_override", "DELETE", f"{it}/quadrant-override")
    await client.put(f"/v1/{it}/business-strength", json={"factors": [{**STRENGTH["factors"][0], "ours": 8}]})
    cell = (await client.get(f"/v1/{it}/classification")).json()["fiocca"]
    verb = {"verb": cell["verbs"][-1], "reason": "A rival"}
    yield await call("put_leading_verb", "PUT", f"{it}/leading-verb", verb)
    yield await call("remove_leading_verb", "DELETE", f"{it}/leading-verb")
    held = [{"key": key, "name": key, "weight": weight} for key, weight in zip(FACTORS, (40, 30, 30), strict=True)]
    wide = await make(client, "scoring-models", name="Wide", factors=held, dead_band=0.5)
    await client.post(f"/v1/scoring-models/{wide['id']}/activate")
    for score in (5.2, 4.8):
        level = {"scores": [{"factor": key, "score": score} for key in FACTORS]}
        yield await call("put_attractiveness", "PUT", f"{it}/attractiveness", level)
    yield await call("confirm_quadrant", "POST", f"{it}/classification/confirm", {"reason": "Seen"})
    judgement = {axis: [{"factor": key, "score": 5} for key in keys] for axis, keys in GENERAL.items()}
    yield await call("put_general_portfolio", "PUT", f"{it}/general-portfolio", judgement)
    yield await call("delete_general_portfolio", "DELETE", f"{it}/general-portfolio")
    forecast = {"attractiveness": 7, "relative_strength": 1.1, "reason": "Likely"}
    yield await call("put_forecast_position", "PUT", f"{it}/forecast-position", forecast)
    yield await call("delete_forecast_position", "DELETE", f"{it}/forecast-position")
    yield await call("put_target_stage", "PUT", f"{it}/stage/target", {"target_stage": "mid_kam"})
    yield await call("move_stage", "POST", f"{it}/stage-transitions", {"to": "early_kam", "reason": "Seen"})
    criterion = {"name": "Near", "filter": {"country": {"eq": "DE"}}}
    yield await call(
        "screen_portfolio",
        "POST",
        "portfolio/screenings",
        {"criteria": [criterion], "move_to_candidate": True, "reason": "Near"},
    )
    yield await call("move_status", "POST", f"{it}/status-transitions", {"to": "customer", "reason": "Not yet"})
    weighed = [{"key": key, "name": key, "weight": weight} for key, weight in zip(FACTORS, (80, 10, 10), strict=True)]
    model = await make(client, "scoring-models", name="Spend first", factors=weighed)
    await client.put(f"/v1/{it}/attractiveness", json={"scores": [{"factor": "growth", "score": 1}]})
    yield await call("activate_scoring_model", "POST", f"scoring-models/{model['id']}/activate")
    yield await call("transition_plan", "POST", f"plans/{plan['id']}/transitions", {"to": "submitted"})
    yield await call("delete_stakeholder", "DELETE", f"stakeholders/{above['id']}")
    yield await call("delete_action", "DELETE", f"actions/{action['id']}")
    yield await call("delete_objective", "DELETE", f"objectives/{objective['id']}")
    yield await call("delete_plan", "DELETE", f"plans/{plan['id']}")
    yield await call("delete_account", "DELETE", it)
    yield await call("restore_account", "POST", f"{it}/restore")
    yield await call("delete_person", "DELETE", f"people/{bo['id']}")


async def test_every_write_raises_the_position_of_what_it_changed(
    client: httpx.AsyncClient, services: Services
) -> None:
    before, position, done = await versions(services.database), await end(client), set()
    async for name, answer in life(client):
        assert answer.status_code < 300, (name, answer.text)
        after = await versions(services.database)
        listed: dict[str, tuple[str, dict[str, Any]]] = {}
        for kind, path in PATHS.items():
            listed |= {each["id"]: (kind, each) for each in await changed(client, path, position)}
        raised = {key: kind for key, (kind, version) in after.items() if before.get(key) != (kind, version)}
        assert raised, f"{name} changed nothing"
        assert {key: kind for key, (kind, _) in listed.items()} == raised, name
        assert all(each["version"] == after[key][1] for key, (_, each) in listed.items()), name
        before, position = after, max(each["changed_position"] for _, each in listed.values())
        done.add(name)
    paths = document(declared())["paths"]
    writes = {
        operation["operationId"]
        for path, methods in paths.items()
        for method, operation in methods.items()
        if method in ("post", "put", "patch", "delete") and not path.startswith(("/v1/webhook", "/v1/event-consumers"))
    }
    assert writes - done - KEPT_APART == {"reclassify_portfolio"}, "a job's work: see the test of reclassified accounts"


# -- what lists show


async def test_records_deleted_with_their_account_show_each_with_its_deletion(client: httpx.AsyncClient) -> None:
    account = await make_account(client)
    for name in ("Ines", "Jo"):
        await make(client, f"accounts/{account['id']}/stakeholders", name=name)
    position = await end(client)
    await client.delete(f"/v1/accounts/{account['id']}")
    accounts, stakeholders = [await changed(client, path, position) for path in ("accounts", "stakeholders")]
    assert (len(accounts), len(stakeholders)) == (1, 2)
    assert all(each["deleted_at"] for each in (*accounts, *stakeholders))
    assert len({each["changed_position"] for each in stakeholders}) == 2
    position = await end(client)
    await client.post(f"/v1/accounts/{account['id']}/restore")
    again = await changed(client, "stakeholders", position)
    assert [each["deleted_at"] for each in again] == [None, None] and len(
        await changed(client, "accounts", position)
    ) == 1


@pytest.mark.parametrize("path", PATHS.values())
async def test_zero_gives_every_record_in_pages_and_the_end_gives_none(client: httpx.AsyncClient, path: str) -> None:
    ada, account = await make_person(client), await make_account(client)
    plan = await make_plan(client, account)
    objective = await make_objective(client, plan)
    for number in range(5):
        await make_action(client, objective, ada, title=f"{number}")
        await make_objective(client, plan, title=f"{number}")
        await make_plan(client, account, title=f"{number}")
        await make(client, f"accounts/{account['id']}/stakeholders", name=f"{number}")
        await make_account(client, name=f"{number}")
        await make_person(client, name=f"{number}")
    every = await changed(client, path, limit=2)
    plain = (await client.get(f"/v1/{path}")).json()["items"]
    positions = [each["changed_position"] for each in every]
    assert len(every) in (5, 6) and positions == sorted(set(positions))
    assert {each["id"] for each in every} == {each["id"] for each in plain}
    shown = [{name: value for name, value in each.items() if name not in ("changed_position", "deleted_at")}
             for each in every]  # fmt: skip
    assert sorted(shown, key=lambda each: each["id"]) == sorted(plain, key=lambda each: each["id"])
    assert all(each["deleted_at"] is None for each in every) and not any("deleted_at" in each for each in plain)
    assert await changed(client, path, positions[-1]) == []
    counted = (await client.get(f"/v1/{path}", params={"changed_after": positions[1], "count": "exact"})).json()
    assert counted["count"] == len(every) - 2


@pytest.mark.parametrize("path", PATHS.values())
async def test_what_does_not_go_with_a_position_is_refused(client: httpx.AsyncClient, path: str) -> None:
    ways = {"created_after": "2026-01-01T00:00:00Z", "sort": "created_at"}
    ways |= {"q": "x", "name": "x"} if path in ("accounts", "people", "stakeholders") else {"title": "x"}
    ways |= {"as_of": "2026-01-01"} if path == "accounts" else {}
    ways |= {"account_id": synced_id} if path in ("stakeholders", "plans", "objectives", "actions") else {}
    for name, value in ways.items():
        answer = await client.get(f"/v1/{path}", params={"changed_after": 0, name: value})
        assert (answer.status_code, pointers(answer)) == (422, [(name, "not_with_changed_after")]), answer.text
    beyond = await client.get(f"/v1/{path}", params={"changed_after": 10**6})
    assert (beyond.status_code, beyond.json()["code"], beyond.json()["oldest"]) == (410, "cursor_expired", "0")
    assert pointers(beyond) == [("changed_after", "cursor_expired")]
    for wrong in ("-1", "x", "1.5"):
        assert (await client.get(f"/v1/{path}", params={"changed_after": wrong})).status_code == 422
    foreign = await client.get(f"/v1/{path}", params={"changed_after": 0, "after": "AAAA"})
    assert (foreign.status_code, foreign.json()["code"]) == (400, "cursor_invalid")


synced_id = "01900000-0000-7000-8000-000000000000"


async def test_deleted_records_show_in_plain_lists_that_ask_for_them(client: httpx.AsyncClient) -> None:
    kept, gone = await make_account(client, name="Kept"), await make_account(client, name="Gone")
    await make(client, f"accounts/{gone['id']}/stakeholders", name="Ines")
    left = await make(client, f"accounts/{kept['id']}/stakeholders", name="Jo")
    await client.delete(f"/v1/accounts/{gone['id']}")
    await client.delete(f"/v1/stakeholders/{left['id']}")
    query = {"include_deleted": "true", "sort": "name"}
    shown = (await client.get("/v1/accounts", params=query)).json()["items"]
    assert [(each["name"], each["deleted_at"] is None) for each in shown] == [("Gone", False), ("Kept", True)]
    assert "changed_position" not in shown[0]
    assert [each["name"] for each in (await client.get("/v1/accounts")).json()["items"]] == ["Kept"]
    named = (await client.get("/v1/accounts", params={**query, "name": "Gone"})).json()["items"]
    assert [each["id"] for each in named] == [gone["id"]]
    nested = (await client.get(f"/v1/accounts/{kept['id']}/stakeholders", params={"include_deleted": "true"})).json()
    assert [(each["name"], bool(each["deleted_at"])) for each in nested["items"]] == [("Jo", True)]
    every = (await client.get("/v1/stakeholders", params=query)).json()["items"]
    assert [each["name"] for each in every] == ["Ines", "Jo"]
    of_one = (await client.get("/v1/stakeholders", params={**query, "account_id": gone["id"]})).json()["items"]
    assert [each["name"] for each in of_one] == ["Ines"]
    refused = await client.get("/v1/accounts", params={"include_deleted": "true", "as_of": "2026-01-01"})
    assert pointers(refused) == [("include_deleted", "not_with_as_of")]
    asked = (
        "query($all: Boolean) { accounts(includeDeleted: $all, orderBy: [{field: name}]) { nodes { name deletedAt } } }"
    )
    listed = (await graph(client, asked, all=True))["data"]["accounts"]["nodes"]
    assert listed == [{"name": each["name"], "deletedAt": each["deleted_at"]} for each in shown]
    assert len((await graph(client, asked))["data"]["accounts"]["nodes"]) == 1
    under = "{ accounts { nodes { stakeholders(includeDeleted: true) { nodes { name deletedAt } } } } }"
    (one,) = (await graph(client, under))["data"]["accounts"]["nodes"]
    assert [(each["name"], bool(each["deletedAt"])) for each in one["stakeholders"]["nodes"]] == [("Jo", True)]


async def test_the_graph_lists_the_same_changes(client: httpx.AsyncClient) -> None:
    accounts = [await make_account(client, name=f"{number}") for number in range(5)]
    await client.delete(f"/v1/accounts/{accounts[1]['id']}")
    await client.patch(f"/v1/accounts/{accounts[0]['id']}", json={"name": "Zero"})
    rest = await changed(client, "accounts")
    query = """query($after: BigInt!, $cursor: String) {
      accounts(changedAfter: $after, first: 2, after: $cursor) {
        totalCount pageInfo { hasNextPage endCursor } nodes { id version changedPosition deletedAt } } }"""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = (await graph(client, query, after=0, cursor=cursor))["data"]["accounts"]
        found += page["nodes"]
        assert page["totalCount"] == 5
        if not page["pageInfo"]["hasNextPage"]:
            break
        cursor = page["pageInfo"]["endCursor"]
    names = {"id": "id", "version": "version", "changedPosition": "changed_position", "deletedAt": "deleted_at"}
    assert found == [{name: each[member] for name, member in names.items()} for each in rest]
    after = rest[2]["changed_position"]
    plain = await graph(client, "query($p: BigInt!) { accounts(changedAfter: $p) { nodes { id } } }", p=after)
    assert [each["id"] for each in plain["data"]["accounts"]["nodes"]] == [each["id"] for each in rest[3:]]
    for extra in ('filter: {name: {eq: "x"}}', "orderBy: [{field: name}]", 'asOf: "2026-01-01"'):
        refused = await graph(client, f"{{ accounts(changedAfter: 0, {extra}) {{ nodes {{ id }} }} }}")
        (error,) = refused["errors"]
        assert error["extensions"]["errors"][0]["code"] == "not_with_changed_after"
    for wrong in ("-1", "1.5", '"x"', "true"):
        assert "errors" in await graph(client, f"{{ accounts(changedAfter: {wrong}) {{ nodes {{ id }} }} }}")
    (beyond,) = (await graph(client, "{ accounts(changedAfter: 1000000) { nodes { id } } }"))["errors"]
    assert beyond["extensions"]["code"] == "cursor_expired"


async def test_a_page_is_one_statement(client: httpx.AsyncClient, services: Services) -> None:
    await make_account(client)
    await sequence(services.database, services.clock)
    query = {"query": "{ accounts(changedAfter: 0) { nodes { id changedPosition } } }"}
    cost: dict[str, list[int]] = {"rest": [], "graph": []}
    for _ in range(6):  # the least of them: the service also looks after its keys now and then
        before = services.database.statements
        assert len((await client.get("/v1/accounts", params={"changed_after": 0})).json()["items"]) == 1
        cost["rest"].append(services.database.statements - before)
        before = services.database.statements
        assert len((await client.post("/graphql", json=query)).json()["data"]["accounts"]["nodes"]) == 1
        cost["graph"].append(services.database.statements - before)
    assert {api: min(each) for api, each in cost.items()} == {"rest": 1, "graph": 1}


async def test_positions_outlive_the_events(client: httpx.AsyncClient, services: Services) -> None:
    account = await make_account(client)
    position = await end(client)
    async with services.database.transaction() as writer:
        await writer.execute(Statement(sa.delete(events)))
    assert [each["id"] for each in await changed(client, "accounts")] == [account["id"]]
    await client.patch(f"/v1/accounts/{account['id']}", json={"name": "Other"})
    assert [each["name"] for each in await changed(client, "accounts", position)] == ["Other"]


async def test_a_list_of_changes_takes_the_permission_of_the_list(make_client: Callable[..., Any]) -> None:
    reader = await make_client("accounts:read")
    assert (await reader.get("/v1/accounts", params={"changed_after": 0})).status_code == 200
    for path in set(PATHS.values()) - {"accounts"}:
        assert (await reader.get(f"/v1/{path}", params={"changed_after": 0})).status_code == 403


async def test_every_table_with_positions_has_a_list_of_changes() -> None:
    paths = document(declared())["paths"]
    assert synced_tables().keys() >= PATHS.keys() and record_changes.c.position.unique
    for path in PATHS.values():
        names = {each["name"] for each in paths[f"/v1/{path}"]["get"]["parameters"]}
        assert {"changed_after", "include_deleted"} <= names
