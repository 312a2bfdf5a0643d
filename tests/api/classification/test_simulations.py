"""A simulation of another scoring model through HTTP: it lists the accounts that would move, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from service.operations.classification.scoring_models import ensure_default_model
from service.records.context import Services
from tests.api.classification.test_reclassifications import FACTORS, SWAPPED, active, model, scored, told
from tests.api.records import NOBODY, pointers


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """The model that is there from the first start."""
    await ensure_default_model(services)


async def simulate(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    """The answer of a simulation."""
    answer = await client.post("/v1/portfolio/simulations", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def identifiers(client: httpx.AsyncClient) -> list[str]:
    """Five accounts: two that swapped weights move, two that they do not, one without scores."""
    await active(client)
    paths = [
        await scored(client, 8, 2),
        await scored(client, 9, 9),
        await scored(client, 8, 1),
        await scored(client, 1, 1),
    ]
    made = await client.post("/v1/accounts", json={"name": "Nobody scored it"})
    return [*(path.rsplit("/", 1)[1] for path in paths), made.json()["id"]]


@pytest.mark.parametrize("how", ["changes", "definition", "model_id"])
async def test_it_tells_who_would_move(client: httpx.AsyncClient, services: Services, how: str) -> None:
    ids = await identifiers(client)
    before = await told(services), [(await client.get(f"/v1/accounts/{each}")).json() for each in ids]
    given: dict[str, Any] = {
        "changes": {"factors": SWAPPED},
        "definition": {"name": "Other", "factors": SWAPPED},
        "model_id": (await model(client, factors=SWAPPED))["id"],
    }
    found = await simulate(client, **{how: given[how]})
    assert (found["accounts"], found["moved"], found["incomplete_before"], found["incomplete_after"]) == (5, 2, 1, 1)
    assert {(row["from"], row["to"]): row["accounts"] for row in found["migration"]} == {
        ("strategic", "strategic"): 1, ("strategic", "status"): 2, ("status", "status"): 1, ("none", "none"): 1,
    }  # fmt: skip
    assert {row["box"]: (row["before"], row["after"]) for row in found["boxes"]} == {
        "strategic": (3, 1), "star": (0, 0), "status": (1, 3), "streamline": (0, 0), "none": (1, 1),
    }  # fmt: skip
    assert {each["id"] for each in found["moved_accounts"]} == {ids[0], ids[2]}
    first = next(each for each in found["moved_accounts"] if each["id"] == ids[0])
    assert first == {
        "id": ids[0],
        "name": "Account 8 2",
        "before": {"quadrant": "strategic", "attractiveness": 5.6, "business_strength": 8, "relative_strength": 1.6},
        "after": {"quadrant": "status", "attractiveness": 3.2, "business_strength": 8, "relative_strength": 1.6},
    }
    assert found["next_after"] is None
    near = {each["id"]: each for each in found["nearest"]}
    assert set(near) == set(ids[:4])
    assert found["nearest"][0]["id"] == ids[0]
    assert near[ids[0]] == {
        "id": ids[0], "name": "Account 8 2", "quadrant": "status", "attractiveness": -1.8, "relative_strength": 0.6,
        "absolute_strength": None,
    }  # fmt: skip
    assert (found["model"]["cuts"], found["model"]["limits"]) == (
        {"attractiveness": 5, "relative_strength": 1},
        {"low": 3.3, "high": 6.7},
    )
    assert before == (await told(services), [(await client.get(f"/v1/accounts/{each}")).json() for each in ids])


async def test_it_agrees_with_the_activation(client: httpx.AsyncClient) -> None:
    ids = await identifiers(client)
    cuts = {"attractiveness_rule": "range_middle"}
    found = await simulate(client, changes={"cuts": cuts, "factors": SWAPPED})
    assert found["model"]["cuts"]["attractiveness"] == 5
    moved = {each["id"]: each["after"]["quadrant"] for each in found["moved_accounts"]}
    before = {each: (await client.get(f"/v1/accounts/{each}")).json()["quadrant"] for each in ids}
    await active(client, cuts=cuts, factors=SWAPPED)
    after = {each: (await client.get(f"/v1/accounts/{each}")).json()["quadrant"] for each in ids}
    assert {**before, **moved} == after


async def test_scores_can_be_supposed(client: httpx.AsyncClient) -> None:
    ids = await identifiers(client)
    scores = [{"account_id": ids[0], "factor": "a", "score": 2}, {"account_id": ids[4], "factor": "b", "score": 9}]
    found = await simulate(client, scores=scores)
    assert [(each["id"], each["after"]["attractiveness"]) for each in found["moved_accounts"]] == [(ids[0], 2)]
    found = await simulate(client)
    assert (found["moved"], found["accounts"]) == (0, 5)


async def test_moved_accounts_are_paged_and_filtered(client: httpx.AsyncClient) -> None:
    ids = await identifiers(client)
    body: dict[str, Any] = {"changes": {"factors": SWAPPED}, "limit": 1}
    first = await simulate(client, **body)
    second = await simulate(client, **body, after=first["next_after"])
    assert (first["moved"], second["moved"], second["next_after"]) == (2, 2, None)
    assert {each["id"] for each in first["moved_accounts"] + second["moved_accounts"]} == {ids[0], ids[2]}
    found = await simulate(client, **body, filter={"quadrant": {"eq": "strategic"}, "name": {"contains": "8 2"}})
    assert (found["accounts"], found["moved"], found["moved_accounts"][0]["id"]) == (1, 1, ids[0])


async def test_it_refuses_what_creating_a_model_would(client: httpx.AsyncClient) -> None:
    await active(client)
    over = [FACTORS[0], {**FACTORS[1], "weight": 50}]
    bad: list[tuple[dict[str, Any], tuple[str, str]]] = [
        ({"changes": {"factors": over}}, ("/changes/factors", "weights_do_not_sum_to_100")),
        ({"definition": {"name": "x", "factors": over}}, ("/definition/factors", "weights_do_not_sum_to_100")),
        ({"changes": {"fiocca": {"low": 8}}}, ("/changes/fiocca", "limits_not_ascending")),
        ({"model_id": NOBODY}, ("/model_id", "unknown_reference")),
        ({"model_id": NOBODY, "definition": {"name": "x", "factors": FACTORS}}, ("/definition", "one_model_only")),
        ({"scores": [{"account_id": NOBODY, "factor": "z", "score": 1}]}, ("/scores/0/factor", "unknown_factor")),
        ({"scores": [{"account_id": NOBODY, "factor": "a", "score": 1}] * 2}, ("/scores/1", "factor_repeated")),
        ({"scores": [{"account_id": NOBODY, "factor": "a", "score": 11}]}, ("/scores/0/score", "less_than_equal")),
    ]
    for body, expected in bad:
        answer = await client.post("/v1/portfolio/simulations", json=body)
        assert answer.status_code == 422, answer.text
        assert pointers(answer)[0] == expected


async def test_a_few_statements_whatever_the_size(client: httpx.AsyncClient, services: Services) -> None:
    if services.database.kind == "sqlite":
        pytest.skip("the rules decide there, over a stream")
    await identifiers(client)
    counts = []
    for body in ({"changes": {"factors": SWAPPED}}, {"filter": {"quadrant": {"eq": "status"}}}):
        before = services.database.statements
        await simulate(client, **body)
        counts.append(services.database.statements - before)
    assert counts[0] <= 5 and counts[1] <= 6


async def test_permissions(make_client: Callable[..., Any]) -> None:
    for scope, missing in (("portfolio:read", "classification:read"), ("classification:read", "portfolio:read")):
        answer = await (await make_client(scope)).post("/v1/portfolio/simulations", json={})
        assert (answer.status_code, answer.json()["required_scope"]) == (403, missing)


async def test_the_same_in_graphql(client: httpx.AsyncClient) -> None:
    await identifiers(client)
    rest = await simulate(client, changes={"cuts": {"attractiveness": 6}})
    query = """{ portfolioSimulation(input: {changes: {cuts: {attractiveness: 6}}}) {
      accounts moved migration { from to accounts } movedAccounts { id after { quadrant attractiveness } } nearest { id } } }"""
    shown = (await client.post("/graphql", json={"query": query})).json()["data"]["portfolioSimulation"]
    assert (shown["accounts"], shown["moved"], shown["migration"]) == (5, rest["moved"], rest["migration"])
    assert [each["id"] for each in shown["movedAccounts"]] == [each["id"] for each in rest["moved_accounts"]]
    assert [each["id"] for each in shown["nearest"]] == [each["id"] for each in rest["nearest"]]
