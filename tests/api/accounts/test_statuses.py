"""The path from customer to managed key account through HTTP, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa

from service.framework.database.statements import Statement
from service.models.events.events import events
from service.operations.classification.scoring_models import ensure_default_model
from service.records.context import Services

_EVENTS = Statement(sa.select(events.c.type, events.c.body).order_by(events.c.seq))
AGREEMENT = {"agreed_by": "Head of Purchasing", "agreed_on": "2026-01-15"}


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """What the first start does."""
    await ensure_default_model(services)


async def account(client: httpx.AsyncClient, **members: Any) -> str:
    made = await client.post("/v1/accounts", json={"name": "Aurelia Robotics", **members})
    return f"/v1/accounts/{made.json()['id']}"


async def step(client: httpx.AsyncClient, path: str, to: str, **members: Any) -> httpx.Response:
    return await client.post(f"{path}/status-transitions", json={"to": to, "reason": "It is time", **members})


async def score(client: httpx.AsyncClient, path: str) -> None:
    scores = [{"factor": key, "score": 7} for key in ("spend_available", "growth", "profit_potential")]
    assert (await client.put(f"{path}/attractiveness", json={"scores": scores})).status_code == 200
    factors = [{"name": "Service", "weight": 100, "ours": 7, "competitors": {"X": 6}}]
    assert (await client.put(f"{path}/business-strength", json={"factors": factors})).status_code == 200


def refusal(answer: httpx.Response) -> tuple[int, str, list[str], list[str]]:
    body = answer.json()
    return answer.status_code, body["code"], body["allowed"], [one["code"] for one in body["missing"]]


async def test_the_whole_path_with_what_each_step_asks_for(client: httpx.AsyncClient, services: Services) -> None:
    path = await account(client)
    answer = await step(client, path, "candidate", evidence="Spend of 4 million")
    assert answer.status_code == 201, answer.text
    entry = answer.json()
    assert (entry["previous"], entry["status"], entry["evidence"]) == ("customer", "candidate", "Spend of 4 million")
    assert answer.headers["location"] == f"/v1/status-transitions/{entry['id']}"
    assert (await client.get(answer.headers["location"])).json() == entry
    assert refusal(await step(client, path, "selected")) == (
        409, "state_transition_not_allowed", ["selected", "customer", "deselected"], ["classification_complete"]
    )  # fmt: skip
    await score(client, path)
    assert (await step(client, path, "selected")).status_code == 201
    assert refusal(await step(client, path, "agreed"))[3] == ["benefit_to_us", "benefit_to_customer", "agreement"]
    await client.patch(path, json={"benefit_to_us": "Two more sites", "benefit_to_customer": "Half the downtime"})
    assert refusal(await step(client, path, "agreed"))[3] == ["agreement"]
    agreed = await step(client, path, "agreed", agreement=AGREEMENT)
    assert agreed.status_code == 201 and agreed.json()["agreed_on"] == "2026-01-15"
    assert refusal(await step(client, path, "planned"))[3] == ["plan_approved"]
    plan = {"title": "Plan", "period_start": "2026-01-01", "period_end": "2026-12-31"}
    made = (await client.post(f"{path}/plans", json=plan)).json()
    for state in ("submitted", "approved"):
        moved = await client.post(f"/v1/plans/{made['id']}/transitions", json={"to": state})
        assert moved.status_code in (200, 201), moved.text
    assert (await step(client, path, "planned")).status_code == 201
    assert refusal(await step(client, path, "managed"))[3] == ["plan_active", "owner"]
    person = (await client.post("/v1/people", json={"name": "Kim"})).json()
    await client.patch(path, json={"owner_id": person["id"]})
    await client.post(f"/v1/plans/{made['id']}/transitions", json={"to": "active"})
    assert (await step(client, path, "managed")).status_code == 201
    assert (await step(client, path, "deselected")).status_code == 201
    assert (await step(client, path, "selected")).status_code == 201
    assert (await client.get(path)).json()["status"] == "selected"
    history = (await client.get(f"{path}/status-transitions")).json()["items"]
    assert [one["status"] for one in history] == [
        "selected", "deselected", "managed", "planned", "agreed", "selected", "candidate"
    ]  # fmt: skip
    async with services.database.reading() as reader:
        told = [
            orjson.loads(row["body"])["data"]
            for row in await reader.all(_EVENTS)
            if row["type"].endswith("status_changed")
        ]
    assert [(one["previous"]["status"], one["current"]["status"]) for one in told][:2] == [
        ("customer", "candidate"), ("candidate", "selected")]  # fmt: skip
    assert told[2]["agreement"] == {**AGREEMENT, "stakeholder_id": None} and told[0]["agreement"] is None
    assert len(told) == len(history)


async def test_the_place_on_the_path_says_what_can_follow(client: httpx.AsyncClient, services: Services) -> None:
    path = await account(client, benefit_to_us="More")
    first = (await client.get(f"{path}/status")).json()
    assert (first["status"], first["since"], first["reason"]) == ("customer", None, None)
    assert [(one["to"], one["ready"], one["requires"]) for one in first["steps"]] == [("candidate", True, [])]
    await step(client, path, "candidate")
    await score(client, path)
    await step(client, path, "selected")
    before = services.database.statements
    answer = await client.get(f"{path}/status")
    assert services.database.statements - before <= 2  # the key and the facts
    shown = answer.json()
    agreed = next(one for one in shown["steps"] if one["to"] == "agreed")
    assert [(one["code"], one["met"]) for one in agreed["requires"]] == [
        ("benefit_to_us", True), ("benefit_to_customer", False), ("agreement", False)]  # fmt: skip
    assert agreed["ready"] is False and shown["reason"] == "It is time" and shown["since"] is not None
    assert answer.headers["etag"] == f'"v{(await client.get(path)).json()["version"]}"'


async def test_steps_cannot_be_skipped_and_staying_is_no_step(client: httpx.AsyncClient) -> None:
    path = await account(client)
    assert refusal(await step(client, path, "managed")) == (409, "state_transition_not_allowed", ["candidate"], [])
    assert refusal(await step(client, path, "customer"))[0] == 409
    assert (await step(client, path, "king")).status_code == 422
    assert (await client.post(f"{path}/status-transitions", json={"to": "candidate"})).status_code == 422
    assert (await client.get(f"{path}/status-transitions")).json()["items"] == []


async def test_an_agreement_is_the_customers_and_of_its_own_step(client: httpx.AsyncClient) -> None:
    path, other = await account(client, benefit_to_us="A", benefit_to_customer="B"), await account(client)
    early = await step(client, path, "candidate", agreement=AGREEMENT)
    assert early.json()["errors"][0]["code"] == "agreement_not_expected"
    await step(client, path, "candidate")
    await score(client, path)
    await step(client, path, "selected")
    future = await step(client, path, "agreed", agreement={**AGREEMENT, "agreed_on": "2199-01-01"})
    assert (future.status_code, future.json()["errors"][0]["pointer"]) == (422, "/agreement/agreed_on")
    stranger = (await client.post(f"{other}/stakeholders", json={"name": "Sam"})).json()
    wrong = await step(client, path, "agreed", agreement={**AGREEMENT, "stakeholder_id": stranger["id"]})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/agreement/stakeholder_id")
    own = (await client.post(f"{path}/stakeholders", json={"name": "Ada"})).json()
    right = await step(client, path, "agreed", agreement={**AGREEMENT, "stakeholder_id": own["id"]})
    assert right.status_code == 201 and right.json()["stakeholder_id"] == own["id"]


async def test_steps_need_versions_scopes_and_an_account(
    client: httpx.AsyncClient, make_client: Callable[..., Any]
) -> None:
    path = await account(client)
    body = {"to": "candidate", "reason": "Potential"}
    url = f"{path}/status-transitions"
    assert (await client.post(url, json=body, headers={"If-Match": '"v9"'})).status_code == 412
    reader = await make_client("accounts:read")
    assert (await reader.get(f"{path}/status")).status_code == (await reader.get(url)).status_code == 200
    assert (await reader.post(url, json=body)).status_code == 403
    first, second = [await client.post(url, json=body, headers={"Idempotency-Key": "step-1"}) for _ in range(2)]
    assert first.json() == second.json() and second.headers["idempotent-replayed"] == "true"
    nobody = "/v1/accounts/01890000-0000-7000-8000-000000000000"
    assert (await client.get(f"{nobody}/status")).status_code == 404
    assert (await client.post(f"{nobody}/status-transitions", json=body)).status_code == 404
    assert (await client.get("/v1/status-transitions/01890000-0000-7000-8000-000000000000")).status_code == 404
