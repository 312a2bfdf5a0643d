"""The whole portfolio on another scoring model: in the request, as a job, again, and beside writers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa

from service.framework.database.statements import Statement
from service.jobs.reclassify import Reclassify
from service.jobs.runner import Runner
from service.models.events.events import events
from service.operations.classification import reclassifications
from service.operations.classification.scoring_models import ensure_default_model
from service.records.classification import reclassifications as reclassification_records
from service.records.context import Services
from tests.api.records import NOBODY

_TOLD = Statement(sa.select(events.c.type, events.c.body).order_by(events.c.seq))
FACTORS = [{"key": "a", "name": "A", "weight": 60}, {"key": "b", "name": "B", "weight": 40}]
SWAPPED = [{**FACTORS[0], "weight": 20}, {**FACTORS[1], "weight": 80}]


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """The model that is there from the first start."""
    await ensure_default_model(services)


@pytest.fixture
def as_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every portfolio counts as a large one, and a batch is two accounts."""
    monkeypatch.setattr(reclassifications, "AT_ONCE", -1)
    monkeypatch.setattr(reclassification_records, "BATCH", {"postgresql": 2, "sqlite": 2})


async def told(services: Services) -> list[tuple[str, dict[str, Any]]]:
    """Type and data of every event, in the order they were written."""
    async with services.database.reading() as reader:
        return [(row["type"], orjson.loads(row["body"])["data"]) for row in await reader.all(_TOLD)]


async def scored(client: httpx.AsyncClient, a: float, b: float, ours: float = 8, rival: float = 5) -> str:
    """The path of an account with these scores."""
    made = await client.post("/v1/accounts", json={"name": f"Account {a} {b}"})
    path = f"/v1/accounts/{made.json()['id']}"
    scores = [{"factor": "a", "score": a}, {"factor": "b", "score": b}]
    assert (await client.put(f"{path}/attractiveness", json={"scores": scores})).status_code == 200
    factor = {"name": "Price", "weight": 100, "ours": ours, "competitors": {"Rival": rival}}
    assert (await client.put(f"{path}/business-strength", json={"factors": [factor]})).status_code == 200
    return path


async def model(client: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    """A draft."""
    answer = await client.post("/v1/scoring-models", json={"name": "Growth", "factors": FACTORS, **members})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def active(client: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    """A model that has been activated in the request."""
    made = await model(client, **members)
    answer = await client.post(f"/v1/scoring-models/{made['id']}/activate")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def run(services: Services) -> None:
    """Run all jobs."""
    await Runner(services, [Reclassify()]).run_due()


async def job_at(client: httpx.AsyncClient, answer: httpx.Response) -> dict[str, Any]:
    """The job of a 202."""
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/jobs/{answer.json()['id']}")
    assert "etag" not in answer.headers
    return dict((await client.get(answer.headers["location"])).json())


async def test_a_large_portfolio_is_activated_by_a_job(
    client: httpx.AsyncClient, services: Services, request: pytest.FixtureRequest
) -> None:
    first = await active(client)
    paths = [
        await scored(client, 8, 2),
        await scored(client, 9, 9),
        await scored(client, 8, 1),
        await scored(client, 1, 1),
    ]
    empty = (await client.post("/v1/accounts", json={"name": "Nobody scored it"})).json()
    request.getfixturevalue("as_jobs")
    second = await model(client, factors=SWAPPED)
    before = len(await told(services))
    path = f"/v1/scoring-models/{second['id']}/activate"
    answer = await client.post(path, json={"reason": "Profit first"}, headers={"Idempotency-Key": "once"})
    queued = await job_at(client, answer)
    assert (queued["kind"], queued["state"], queued["total"], queued["percent"]) == ("reclassify", "queued", 5, 0)
    assert queued["params"] == {"model_id": second["id"], "activate": True, "reason": "Profit first"}
    again = await client.post(path, json={"reason": "Profit first"}, headers={"Idempotency-Key": "once"})
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (queued["id"], "true")
    assert (await client.get(f"/v1/scoring-models/{second['id']}")).json()["state"] == "draft"
    await run(services)
    done = await job_at(client, answer)
    assert (done["state"], done["done"], done["percent"]) == ("succeeded", 5, 100)
    result = done["result"]
    assert {name: result[name] for name in ("accounts", "written", "moved", "reason", "cause", "superseded_by")} == {
        "accounts": 5, "written": 2, "moved": 2, "reason": "Profit first", "cause": "scoring_model", "superseded_by": None,
    }  # fmt: skip
    assert result["model"] == {"id": second["id"], "name": "Growth", "version": second["number"]}
    assert result["previous_model"] == {"id": first["id"], "name": "Growth", "version": first["number"]}
    assert {(row["from"], row["to"]): row["accounts"] for row in result["migration"]} == {
        ("strategic", "strategic"): 1, ("strategic", "status"): 2, ("status", "status"): 1, ("none", "none"): 1,
    }  # fmt: skip
    counted = {row["box"]: (row["before"], row["after"]) for row in result["boxes"]}
    assert counted == {"strategic": (3, 1), "star": (0, 0), "status": (1, 3), "streamline": (0, 0), "none": (1, 1)}
    new = (await told(services))[before:]
    assert [kind for kind, _ in new] == [
        "scoring_model.activated", "account.quadrant_changed", "account.quadrant_changed", "portfolio.reclassified",
        "job.finished",
    ]  # fmt: skip
    for _, data in new[1:3]:
        assert (data["previous"]["quadrant"], data["current"]["quadrant"]) == ("strategic", "status")
        assert (data["cause"], data["reason"], data["model"]) == ("scoring_model", "Profit first", result["model"])
        assert (data["changed"], data["account"]["version"]) == (["quadrant", "attractiveness"], 4)
        assert data["factors"] == [
            {"axis": "attractiveness", "factor": "a", "previous": {"weight": 60}, "current": {"weight": 20}},
            {"axis": "attractiveness", "factor": "b", "previous": {"weight": 40}, "current": {"weight": 80}},
        ]
    assert new[3][1] == {**result, "factors": new[1][1]["factors"]}
    entry = (await client.get(f"{paths[0]}/classification/history")).json()["items"][0]
    assert (entry["cause"], entry["quadrant"], entry["model_id"]) == ("scoring_model", "status", second["id"])
    assert (await client.get(f"/v1/accounts/{empty['id']}")).json()["version"] == 1
    assert (await client.get(f"/v1/scoring-models/{second['id']}")).json()["state"] == "active"
    assert (await client.get(f"/v1/scoring-models/{first['id']}")).json()["state"] == "retired"


async def test_classifying_again_changes_nothing_that_is_as_it_should_be(
    client: httpx.AsyncClient, services: Services, as_jobs: None
) -> None:
    await run_activation(client, services, dead_band=1)
    account = await scored(client, 5, 5)
    scores = [{"factor": "a", "score": 4.5}, {"factor": "b", "score": 4.5}]
    held = await client.put(f"{account}/attractiveness", json={"scores": scores})
    assert (held.json()["quadrant"], held.json()["raw_quadrant"]) == ("strategic", "status")
    before = (await client.get(account)).json()
    number = len(await told(services))
    done = await reclassified(client, services, reason="To be sure")
    assert (done["result"]["written"], done["result"]["moved"], done["result"]["cause"]) == (0, 0, "reclassification")
    assert (await client.get(account)).json() == before
    assert [kind for kind, _ in (await told(services))[number:]] == ["portfolio.reclassified", "job.finished"]


async def run_activation(client: httpx.AsyncClient, services: Services, **members: Any) -> dict[str, Any]:
    """A model that a job has activated."""
    made = await model(client, **members)
    await job_at(client, await client.post(f"/v1/scoring-models/{made['id']}/activate"))
    await run(services)
    return dict((await client.get(f"/v1/scoring-models/{made['id']}")).json())


async def reclassified(client: httpx.AsyncClient, services: Services, **body: Any) -> dict[str, Any]:
    """The job after it has classified the portfolio anew."""
    answer = await client.post("/v1/portfolio/reclassifications", json=body)
    await run(services)
    done = await job_at(client, answer)
    assert done["state"] == "succeeded", done
    return done


async def test_the_middle_of_the_range_is_read_first_and_again(
    client: httpx.AsyncClient, services: Services, request: pytest.FixtureRequest
) -> None:
    await active(client)
    paths = [await scored(client, score, score) for score in (2, 4, 8)]
    request.getfixturevalue("as_jobs")
    made = await run_activation(client, services, cuts={"attractiveness_rule": "range_middle"})
    assert (made["range_low"], made["range_high"], made["state"]) == (2, 8, "active")
    assert [(await client.get(path)).json()["quadrant"] for path in paths] == ["status", "status", "strategic"]
    await scored(client, 0, 0)
    assert (await client.get(f"{paths[1]}/classification")).json()["borders"][0]["cut"] == 5
    done = await reclassified(client, services)
    assert (done["result"]["attractiveness_cut"], done["result"]["moved"]) == (4, 1)
    assert (await client.get(paths[1])).json()["quadrant"] == "strategic"
    read = (await client.get(f"/v1/scoring-models/{made['id']}")).json()
    assert (read["range_low"], read["range_high"]) == (0, 8)


async def test_a_portfolio_without_a_complete_account_keeps_the_models_own_cut(
    client: httpx.AsyncClient, services: Services
) -> None:
    made = await active(client, cuts={"attractiveness_rule": "range_middle"})
    assert (made["range_low"], made["range_high"]) == (None, None)
    assert (await reclassified(client, services))["result"]["attractiveness_cut"] == 5


async def test_a_job_whose_model_is_no_longer_the_active_one_ends_and_says_so(
    client: httpx.AsyncClient, services: Services, request: pytest.FixtureRequest
) -> None:
    await active(client)
    await scored(client, 8, 2)
    answer = await client.post("/v1/portfolio/reclassifications", json={})
    other = await active(client, factors=SWAPPED)
    await run(services)
    done = await job_at(client, answer)
    assert (done["state"], done["result"]["superseded_by"], done["result"]["written"]) == ("succeeded", other["id"], 0)


async def test_writers_beside_a_job_end_on_its_model_and_their_events_in_order(
    client: httpx.AsyncClient, services: Services, request: pytest.FixtureRequest
) -> None:
    await active(client)
    paths = [await scored(client, 8, 2) for _ in range(12)]
    request.getfixturevalue("as_jobs")
    second = await model(client, factors=SWAPPED)
    assert (await client.post(f"/v1/scoring-models/{second['id']}/activate")).status_code == 202

    async def write(path: str, number: int) -> None:
        for turn in range(3):
            scores = [{"factor": "a", "score": 8 - turn}, {"factor": "b", "score": 2 + 3 * turn + number % 2}]
            answer = await client.put(f"{path}/attractiveness", json={"scores": scores})
            assert answer.status_code == 200, answer.text
            assert (await client.patch(path, json={"name": f"Renamed {turn}"})).status_code == 200

    await asyncio.gather(run(services), *[write(path, number) for number, path in enumerate(paths)])
    for path in paths:
        account, result = (await client.get(path)).json(), (await client.get(f"{path}/classification")).json()
        assert (account["quadrant"], account["attractiveness"]) == (
            result["quadrant"],
            result["attractiveness"]["score"],
        )
        assert result["model"]["id"] == second["id"]
    last: dict[str, dict[str, Any]] = {}
    for kind, data in await told(services):
        if kind == "account.quadrant_changed":
            before = last.get(data["account"]["id"])
            if before is not None:
                assert data["account"]["version"] > before["account"]["version"]
                assert data["previous"]["quadrant"] == before["current"]["quadrant"]
            last[data["account"]["id"]] = data
    for path in paths:
        account = (await client.get(path)).json()
        assert last[account["id"]]["current"]["quadrant"] == account["quadrant"]


async def test_a_batch_is_a_few_statements_on_postgresql(
    client: httpx.AsyncClient, services: Services, request: pytest.FixtureRequest
) -> None:
    if services.database.kind == "sqlite":
        pytest.skip("the rules decide there")
    await active(client)
    for _ in range(5):
        await scored(client, 8, 2)
    second = await model(client, factors=SWAPPED)
    counts = []
    for number in (0, 20):
        for _ in range(number):
            await scored(client, 8, 2)
        before = services.database.statements
        target = second if number == 0 else await model(client)
        before = services.database.statements
        assert (await client.post(f"/v1/scoring-models/{target['id']}/activate")).status_code == 200
        counts.append(services.database.statements - before)
    assert counts[0] == counts[1] <= 25


async def test_permissions_and_errors(client: httpx.AsyncClient, make_client: Callable[..., Any]) -> None:
    reader = await make_client("classification:read")
    made = await model(client)
    for path in ("/v1/portfolio/reclassifications", f"/v1/scoring-models/{made['id']}/activate"):
        answer = await reader.post(path, json={})
        assert (answer.status_code, answer.json()["required_scope"]) == (403, "classification:write")
        answer = await client.post(path, json={"reasons": "x"})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/reasons")
    assert (await client.post(f"/v1/scoring-models/{NOBODY}/activate")).status_code == 404
    stale = await client.post(f"/v1/scoring-models/{made['id']}/activate", headers={"If-Match": '"v9"'})
    assert stale.status_code == 412


async def test_whoever_asked_may_follow_the_job(
    services: Services, make_client: Callable[..., Any], client: httpx.AsyncClient
) -> None:
    writer = await make_client("classification:write")
    answer = await writer.post("/v1/portfolio/reclassifications", json={})
    assert (await writer.get(answer.headers["location"])).status_code == 200
    assert (await writer.post(f"{answer.headers['location']}/cancel")).json()["state"] == "canceled"


async def test_the_same_in_graphql(client: httpx.AsyncClient, services: Services, as_jobs: None) -> None:
    made = await model(client)
    query = """mutation($id: ID!) { activateScoringModel(id: $id, input: {reason: "r"}) {
      outcome scoringModel { id state } job { id kind state params } } }"""
    data = orjson.loads((await client.post("/graphql", json={"query": query, "variables": {"id": made["id"]}})).content)
    found = data["data"]["activateScoringModel"]
    assert (found["outcome"], found["scoringModel"]) == ("accepted", {"id": made["id"], "state": "draft"})
    assert found["job"]["params"] == {"model_id": made["id"], "activate": True, "reason": "r"}
    await run(services)
    data = (await client.post("/graphql", json={"query": query, "variables": {"id": made["id"]}})).json()["data"]
    assert data["activateScoringModel"] == {
        "outcome": "unchanged", "scoringModel": {"id": made["id"], "state": "active"}, "job": None,
    }  # fmt: skip
    query = "mutation { reclassifyPortfolio(input: {}) { outcome job { kind state } } }"
    data = (await client.post("/graphql", json={"query": query})).json()["data"]
    assert data == {"reclassifyPortfolio": {"outcome": "accepted", "job": {"kind": "reclassify", "state": "queued"}}}


async def test_an_order_that_another_model_overtook_leaves_the_model_periods_of_the_past_alone(
    client: httpx.AsyncClient, services: Services
) -> None:
    first = await active(client, cuts={"attractiveness_rule": "range_middle"})
    account = await scored(client, 8, 2)
    queued = await client.post("/v1/portfolio/reclassifications", json={"reason": "The range of today"})
    services.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    second = await active(client, factors=SWAPPED)
    before = (await client.get(f"/v1/scoring-models/{first['id']}")).json()
    services.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    await run(services)
    assert (await job_at(client, queued))["result"]["superseded_by"] == second["id"]
    assert (await client.get(f"/v1/scoring-models/{first['id']}")).json() == before
    services.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    past = {"as_of": (services.clock.now() - timedelta(seconds=1)).isoformat()}
    for path in ("/v1/portfolio/matrix", f"{account}/classification"):
        answer = await client.get(path, params=past)
        assert answer.status_code == 200 and answer.json()["model"]["id"] == second["id"], answer.text
