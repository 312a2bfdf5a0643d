"""Several raters through HTTP, on both databases: sheets, what counts of them, choices, withdrawals, the history."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from service.operations.classification.scoring_models import ensure_default_model
from service.records.context import Services
from tests.api.classification.test_classification import book_model, create, scores, strength, told


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """What the first start does."""
    await ensure_default_model(services)


async def people(client: httpx.AsyncClient, *names: str) -> list[str]:
    return [(await client.post("/v1/people", json={"name": name})).json()["id"] for name in names]


def sheet(rater: str | None = None, evidence: str | None = None, **given: float) -> dict[str, Any]:
    listed = [{"factor": factor, "score": value, "evidence": evidence} for factor, value in given.items()]
    return {"scores": listed, **({} if rater is None else {"rater_id": rater})}


async def state(client: httpx.AsyncClient, account: str, factor: str) -> dict[str, Any]:
    """What counts of a factor."""
    read = (await client.get(f"{account}/attractiveness")).json()
    (found,) = [each for each in read["factors"] if each["factor"] == factor]
    return dict(found)


async def test_the_mean_of_each_raters_latest_counts(client: httpx.AsyncClient, services: Services) -> None:
    await book_model(client)
    account, (ada, bo, cy) = await create(client), await people(client, "Ada", "Bo", "Cy")
    for rater, value in ((ada, 1), (bo, 5), (cy, 9), (ada, 4)):
        answer = await client.post(f"{account}/attractiveness/ratings", json=sheet(rater, "seen", a=value, b=5, c=5))
        assert answer.status_code == 200, answer.text
    assert answer.json()["attractiveness"]["contributions"][0]["score"] == 6
    read = (await client.get(f"{account}/attractiveness")).json()
    assert {(one["rater_id"], one["score"]) for one in read["scores"] if one["factor"] == "a"} == {
        (ada, 4), (bo, 5), (cy, 9)
    }  # fmt: skip
    assert read["factors"][0] == {
        "factor": "a", "name": "A", "required": True, "value": 6, "rule": "mean", "ratings": 3, "spread": 5,
        "disagreement": True,
    }  # fmt: skip
    assert read["missing"] == [] and {warning["code"] for warning in read["warnings"]} == {
        "changed_without_evidence", "raters_disagree"
    }  # fmt: skip
    account_read = (await client.get(account)).json()
    assert account_read["attractiveness"] == 5.5 and len(await told(services, "account.classified")) == 4
    (last, *_) = (await client.get(f"{account}/classification/history")).json()["items"]
    assert last["inputs"]["scores"]["a"] == {"total": "18", "ratings": 3}


async def test_thirds_on_the_border_are_on_it_on_every_database(client: httpx.AsyncClient) -> None:
    await book_model(client)
    account, raters = await create(client), await people(client, "Ada", "Bo", "Cy")
    await client.put(f"{account}/business-strength", json=strength(7, 7))
    for rater, value in zip(raters, (4.4, 5.3, 5.3), strict=True):
        answer = await client.post(f"{account}/attractiveness/ratings", json=sheet(rater, a=value, b=value, c=value))
    assert answer.json()["quadrant"] == "strategic"
    lower = await client.post(f"{account}/attractiveness/ratings", json=sheet(raters[0], c=4.3999999999999995))
    assert lower.json()["quadrant"] == "status" and lower.json()["attractiveness"]["score"] == 5
    assert (await client.get(f"{account}/classification")).json()["quadrant"] == "status"


async def test_a_chosen_rating_counts_until_the_mean_is_asked_for_again(client: httpx.AsyncClient) -> None:
    await book_model(client)
    account, (ada, bo) = await create(client), await people(client, "Ada", "Bo")
    for rater, value in ((ada, 2), (bo, 8)):
        await client.post(f"{account}/attractiveness/ratings", json=sheet(rater, a=value, b=5, c=5))
    read = (await client.get(f"{account}/attractiveness")).json()["scores"]
    (of_bo,) = [one["id"] for one in read if one["factor"] == "a" and one["rater_id"] == bo]
    body = {"factor": "a", "rating_id": of_bo, "reason": "Bo knows them"}
    chosen = await client.put(f"{account}/attractiveness/choice", json=body)
    assert chosen.status_code == 200 and chosen.json()["attractiveness"]["contributions"][0]["score"] == 8
    shown = await state(client, account, "a")
    assert (shown["rule"], shown["value"], shown["spread"]) == ("chosen", 8, 6)
    assert (await client.get(f"/v1/ratings/{of_bo}")).json()["chosen"] is True
    same = await client.put(f"{account}/attractiveness/choice", json=body)
    assert same.json() == chosen.json() and same.headers["etag"] == chosen.headers["etag"]
    again = await client.post(f"{account}/attractiveness/ratings", json=sheet(bo, a=9))
    assert again.json()["attractiveness"]["contributions"][0]["score"] == 9  # the choice is handed on
    back = await client.put(f"{account}/attractiveness/choice", json={"factor": "a", "rating_id": None})
    assert back.json()["attractiveness"]["contributions"][0]["score"] == 5.5
    for wrong, pointer in (
        ({"factor": "b", "rating_id": of_bo}, "/rating_id"),
        ({"factor": "z", "rating_id": None}, "/factor"),
    ):
        refused = await client.put(f"{account}/attractiveness/choice", json=wrong)
        assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == pointer


async def test_a_withdrawn_rating_counts_no_more_and_stays_in_the_list(client: httpx.AsyncClient) -> None:
    await book_model(client)
    account, (ada, bo) = await create(client), await people(client, "Ada", "Bo")
    for rater, value in ((ada, 2), (bo, 8)):
        await client.post(f"{account}/attractiveness/ratings", json=sheet(rater, a=value))
    read = (await client.get(f"{account}/attractiveness")).json()["scores"]
    (of_ada,) = [one["id"] for one in read if one["rater_id"] == ada]
    assert (await client.delete(f"/v1/ratings/{of_ada}")).status_code == 204
    assert (await client.delete(f"/v1/ratings/{of_ada}")).status_code == 404
    shown = await state(client, account, "a")
    assert (shown["rule"], shown["value"], shown["ratings"]) == ("single", 8, 1)
    assert (await client.get(f"/v1/ratings/{of_ada}")).json()["superseded_at"] == "2026-11-21T12:00:00.000000Z"
    listed = (await client.get(f"{account}/attractiveness/ratings", params={"limit": 1})).json()
    rest = (await client.get(f"{account}/attractiveness/ratings", params={"after": listed["next_cursor"]})).json()
    assert {one["rater_id"] for one in [*listed["items"], *rest["items"]]} == {ada, bo} and not rest["has_more"]
    left = (await client.get(f"{account}/attractiveness")).json()
    assert left["missing"] == ["b", "c"] and left["factors"][1]["value"] is None
    assert (await client.get(f"{account}/classification")).json()["status"] == "incomplete"


async def test_a_put_replaces_every_current_rating(client: httpx.AsyncClient, services: Services) -> None:
    await book_model(client)
    account, (ada, bo) = await create(client), await people(client, "Ada", "Bo")
    body = {
        "scores": [
            {"factor": "a", "score": 4, "rater_id": ada, "scored_on": "2026-11-01"},
            {"factor": "a", "score": 6, "rater_id": bo},
            {"factor": "a", "score": 8},
        ]
    }
    assert (await client.put(f"{account}/attractiveness", json=body)).status_code == 200
    events = len(await told(services))
    again = await client.put(f"{account}/attractiveness", json=body)
    assert again.headers["etag"] == '"v2"' and len(await told(services)) == events
    read = (await client.get(f"{account}/attractiveness")).json()["scores"]
    assert {one["rater_id"]: one["scored_at"][:10] for one in read} == {
        None: "2026-11-21", ada: "2026-11-01", bo: "2026-11-21"
    }  # fmt: skip
    await client.put(f"{account}/attractiveness", json=scores(a=8))
    assert (await state(client, account, "a"))["ratings"] == 1
    history = (await client.get(f"{account}/attractiveness/ratings")).json()["items"]
    assert len(history) == 3 and sum(one["superseded_at"] is None for one in history) == 1


async def test_bad_sheets_are_refused_by_name(client: httpx.AsyncClient) -> None:
    await book_model(client)
    account = await create(client)
    nobody = "01890000-0000-7000-8000-000000000000"
    twice = [{"factor": "a", "score": 1}, {"factor": "a", "score": 2}]
    for body, pointer, code in (
        (sheet(nobody, a=1, b=2), "/rater_id", "unknown_reference"),
        ({"scores": twice}, "/scores/1/factor", "factor_repeated"),
        ({"scores": [{"factor": "a", "score": 1, "scored_on": "2026-11-22"}]}, "/scores/0/scored_on", "in_the_future"),
        ({"scores": []}, "/scores", "too_short"),
    ):
        answer = await client.post(f"{account}/attractiveness/ratings", json=body)
        assert answer.status_code == 422, answer.text
        assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, code)]
    raters = await people(client, *(f"P{number}" for number in range(11)))
    crowd = {"scores": [{"factor": "a", "score": 5, "rater_id": rater} for rater in raters]}
    answer = await client.put(f"{account}/attractiveness", json=crowd)
    assert answer.status_code == 422 and answer.json()["errors"][0]["code"] == "too_many_raters"
    crowd["scores"].pop()
    assert (await client.put(f"{account}/attractiveness", json=crowd)).status_code == 200
    answer = await client.post(f"{account}/attractiveness/ratings", json=sheet(raters[10], a=1))
    assert answer.status_code == 422 and answer.json()["errors"][0]["code"] == "too_many_raters"


async def test_ratings_cost_few_statements_and_have_their_scopes(
    client: httpx.AsyncClient, services: Services, make_client: Any
) -> None:
    await book_model(client)
    account, (ada,) = await create(client), await people(client, "Ada")
    await client.post(f"{account}/attractiveness/ratings", json=sheet(ada, a=1, b=2, c=3))
    before = services.database.statements
    await client.get(f"{account}/attractiveness")
    assert services.database.statements - before == 1
    before = services.database.statements
    await client.post(f"{account}/attractiveness/ratings", json=sheet(ada, a=4, b=5, c=6))
    assert services.database.statements - before == (11 if services.database.kind == "postgresql" else 10)
    reader = await make_client("classification:read")
    assert (await reader.get(f"{account}/attractiveness/ratings")).status_code == 200
    assert (await reader.post(f"{account}/attractiveness/ratings", json=sheet(a=1))).status_code == 403
    assert (await client.get("/v1/ratings/01890000-0000-7000-8000-000000000000")).status_code == 404
