"""Drafts, copies and comparisons of scoring models through HTTP, and the factor library."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from service.operations.classification.scoring_models import ensure_default_model
from service.records.context import Services

FACTORS = [
    {"key": "a", "name": "A", "weight": 50, "group": "hard", "unit": "percent", "source": "Board, March"},
    {"key": "b", "name": "B", "weight": 30},
    {"key": "c", "name": "C", "weight": 20},
]
NOBODY = "/v1/scoring-models/01890000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """What the first start does."""
    await ensure_default_model(services)


async def add(client: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    answer = await client.post("/v1/scoring-models", json={"name": "Growth", "factors": FACTORS, **members})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def codes(answer: httpx.Response) -> tuple[int, list[tuple[str, str]]]:
    return answer.status_code, [(one["pointer"], one["code"]) for one in answer.json().get("errors", [])]


@pytest.mark.parametrize("weights", [(55, 30, 20), (60, 30, 20), (70, 30, 20), (50, 30, 19.98)])
async def test_published_mistakes_in_weights_are_refused_and_never_normalised(
    client: httpx.AsyncClient, weights: tuple[float, ...]
) -> None:
    factors = [{**factor, "weight": weight} for factor, weight in zip(FACTORS, weights, strict=True)]
    answer = await client.post("/v1/scoring-models", json={"name": "Bad", "factors": factors})
    assert codes(answer) == (422, [("/factors", "weights_do_not_sum_to_100")])
    assert str(sum(weights)).removesuffix(".0") in answer.json()["errors"][0]["message"]


async def test_a_draft_changes_member_by_member(client: httpx.AsyncClient) -> None:
    made = await add(client, cuts={"attractiveness": 5.5})
    path = f"/v1/scoring-models/{made['id']}"
    answer = await client.patch(path, json={"cuts": {"relative_strength": 1.1}, "name": "Better", "dead_band": 0.2})
    assert answer.status_code == 200 and answer.headers["etag"] == '"v2"'
    changed = answer.json()
    assert changed["cuts"] == {"attractiveness": 5.5, "relative_strength": 1.1, "attractiveness_rule": "fixed"}
    assert (changed["name"], changed["dead_band"], changed["number"]) == ("Better", 0.2, made["number"])
    assert changed["factors"] == made["factors"] and changed["warnings"] == []
    fewer = [{"key": "a", "name": "A", "weight": 100, "direction": "lower_is_better"}]
    warned = (await client.patch(path, json={"factors": fewer})).json()["warnings"]
    assert [one["code"] for one in warned] == ["few_factors", "reverse_factor_without_bands"]


async def test_changing_nothing_writes_nothing(client: httpx.AsyncClient) -> None:
    made = await add(client)
    path = f"/v1/scoring-models/{made['id']}"
    again = await client.patch(path, json={"factors": FACTORS, "cuts": {"attractiveness": 5}})
    assert again.status_code == 200 and again.json() == made


async def test_a_senseless_change_is_refused_with_its_place_and_nothing_is_written(client: httpx.AsyncClient) -> None:
    made = await add(client)
    path = f"/v1/scoring-models/{made['id']}"
    assert codes(await client.patch(path, json={"factors": FACTORS[:2]})) == (
        422, [("/factors", "weights_do_not_sum_to_100")])  # fmt: skip
    assert codes(await client.patch(path, json={"fiocca": {"low": 6.7}})) == (
        422, [("/fiocca", "limits_not_ascending")])  # fmt: skip
    assert (await client.patch(path, json={"name": None})).status_code == 422
    assert (await client.patch(path, json={"state": "active"})).status_code == 422
    assert (await client.patch(path, json={}, headers={"If-Match": '"v7"'})).status_code == 412
    assert (await client.get(path)).json() == made


async def test_a_model_that_has_been_active_never_changes_and_never_goes(client: httpx.AsyncClient) -> None:
    used, other = await add(client), await add(client)
    path = f"/v1/scoring-models/{used['id']}"
    await client.post(f"{path}/activate")
    for state in ("active", "retired"):
        assert (await client.get(path)).json()["state"] == state
        for answer in (await client.patch(path, json={"name": "Other"}), await client.delete(path)):
            assert (answer.status_code, answer.json()["code"]) == (409, "scoring_model_used")
        await client.post(f"/v1/scoring-models/{other['id']}/activate")


async def test_a_deleted_draft_is_gone_and_its_number_is_not_used_again(client: httpx.AsyncClient) -> None:
    made = await add(client)
    path = f"/v1/scoring-models/{made['id']}"
    assert (await client.delete(path, headers={"If-Match": '"v9"'})).status_code == 412
    assert (await client.delete(path)).status_code == 204
    assert [(await client.get(path)).status_code, (await client.delete(path)).status_code] == [404, 404]
    assert (await client.post(f"{path}/activate")).status_code == 404
    assert made["id"] not in [one["id"] for one in (await client.get("/v1/scoring-models")).json()["items"]]
    assert (await add(client))["number"] == made["number"] + 1


async def test_an_activation_and_a_change_at_once_leave_one_winner(client: httpx.AsyncClient) -> None:
    made = await add(client)
    path = f"/v1/scoring-models/{made['id']}"
    activated, changed = await asyncio.gather(
        client.post(f"{path}/activate"), client.patch(path, json={"dead_band": 0.5})
    )
    assert activated.status_code == 200 and changed.status_code in (200, 409)
    final = (await client.get(path)).json()
    assert (final["state"], final["dead_band"]) == ("active", 0.5 if changed.status_code == 200 else 0)


async def test_a_used_model_is_cloned_to_go_on_from_it(client: httpx.AsyncClient) -> None:
    used = await add(client, border_width={"fiocca": 0.5})
    await client.post(f"/v1/scoring-models/{used['id']}/activate")
    path = f"/v1/scoring-models/{used['id']}/clone"
    answer = await client.post(path, json={})
    assert answer.status_code == 201
    copy = answer.json()
    assert answer.headers["location"] == f"/v1/scoring-models/{copy['id']}"
    assert (copy["name"], copy["state"], copy["number"]) == (
        f"Growth (from version {used['number']})", "draft", used["number"] + 1)  # fmt: skip
    same = ("factors", "cuts", "fiocca", "dead_band", "border_width", "warnings")
    assert {name: copy[name] for name in same} == {name: used[name] for name in same}
    changes = {"cuts": {"attractiveness": 6}, "name": "Ignored for the other"}
    changed = (await client.post(path, json={"name": "Next", "changes": changes})).json()
    assert (changed["name"], changed["cuts"]["attractiveness"]) == ("Next", 6)
    assert codes(await client.post(path, json={"changes": {"factors": FACTORS[:2]}})) == (
        422, [("/changes/factors", "weights_do_not_sum_to_100")])  # fmt: skip
    assert (await client.post(f"{NOBODY}/clone", json={})).status_code == 404


async def test_a_repeated_clone_with_the_same_key_makes_one_copy(client: httpx.AsyncClient) -> None:
    made = await add(client)
    path, headers = f"/v1/scoring-models/{made['id']}/clone", {"Idempotency-Key": "clone-1"}
    first, second = [await client.post(path, json={}, headers=headers) for _ in range(2)]
    assert first.json() == second.json() and second.headers["idempotent-replayed"] == "true"
    assert len((await client.get("/v1/scoring-models")).json()["items"]) == 3


async def test_two_models_side_by_side(client: httpx.AsyncClient, services: Services) -> None:
    before = await add(client)
    bands = [{"to": 5, "score": 2}, {"from": 5, "score": 8}]
    factors = [
        {**FACTORS[0], "weight": 60, "bands": bands},
        {**FACTORS[1], "required": False},
        {"key": "d", "name": "D", "weight": 10},
    ]
    after = await add(client, name="Next", factors=factors, cuts={"attractiveness_rule": "range_middle"}, dead_band=0.5)
    path = f"/v1/scoring-models/{before['id']}/comparison"
    statements = services.database.statements
    told = (await client.get(path, params={"with": after["id"]})).json()
    assert services.database.statements - statements <= 3  # the key, and one for each model
    assert told["before"] == {"id": before["id"], "name": "Growth", "version": before["number"], "state": "draft"}
    assert told["after"]["name"] == "Next" and told["same"] is False
    assert [one["key"] for one in told["added"]] == ["d"] and [one["key"] for one in told["removed"]] == ["c"]
    assert [(one["key"], one["changed"]) for one in told["changed"]] == [
        ("a", ["weight", "bands"]),
        ("b", ["required"]),
    ]
    assert (told["changed"][0]["before"]["weight"], told["changed"][0]["after"]["weight"]) == (50, 60)
    assert told["unchanged"] == []
    assert told["settings"] == [{"setting": "dead_band", "before": 0, "after": 0.5}]
    assert told["attractiveness_rule"] == {"before": "fixed", "after": "range_middle"}
    same = (await client.get(path, params={"with": before["id"]})).json()
    assert same["same"] is True and same["unchanged"] == ["a", "b", "c"] and same["attractiveness_rule"] is None


async def test_comparing_needs_two_models(client: httpx.AsyncClient) -> None:
    made = await add(client)
    path = f"/v1/scoring-models/{made['id']}/comparison"
    answer = await client.get(path, params={"with": NOBODY.rsplit("/", 1)[1]})
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (422, "with")
    assert (await client.get(path)).status_code == 422
    assert (await client.get(f"{NOBODY}/comparison", params={"with": made["id"]})).status_code == 404


async def test_the_factor_library_is_ready_to_pick(client: httpx.AsyncClient) -> None:
    items = (await client.get("/v1/attractiveness-factors")).json()["items"]
    by_key = {one["key"]: one for one in items}
    assert by_key["turnover"]["source_key"] == "introduction" and by_key["turnover"]["axis"] == "attractiveness"
    assert by_key["closeness"]["axis"] == by_key["values_our_offer"]["axis"] == "business_strength"
    assert by_key["growth_potential"]["bands"] == [
        {"from": None, "to": 5, "score": 2}, {"from": 5, "to": 10, "score": 5}, {"from": 10, "to": None, "score": 8}
    ]  # fmt: skip
    assert by_key["cost_to_serve"]["direction"] == "lower_is_better"
    picked = [
        {name: by_key[key][name] for name in ("key", "name", "direction", "unit", "group", "bands", "source")}
        for key in ("spend_available", "growth", "cost_to_serve", "prestige")
    ]
    made = await add(client, factors=[{**factor, "weight": 25} for factor in picked])
    assert made["warnings"] == []
    wrong = await add(client, factors=[{**by, "weight": 25} for by in picked[:3]] + [
        {"key": "closeness", "name": "Closeness", "weight": 25}])  # fmt: skip
    assert [one["code"] for one in wrong["warnings"]] == ["factor_of_another_axis"]
    for axis in ("strategic_importance", "difficulty"):
        listed = (await client.get("/v1/attractiveness-factors", params={"axis": axis})).json()["items"]
        assert listed and {one["axis"] for one in listed} == {axis}
    assert (await client.get("/v1/attractiveness-factors", params={"axis": "luck"})).status_code == 422


async def test_drafts_and_the_library_need_their_scopes(client: httpx.AsyncClient, make_client: Any) -> None:
    made = await add(client)
    path = f"/v1/scoring-models/{made['id']}"
    reader, stranger = await make_client("classification:read"), await make_client("people:read")
    assert (await reader.get("/v1/attractiveness-factors")).status_code == 200
    assert (await stranger.get("/v1/attractiveness-factors")).status_code == 403
    assert (await reader.get(f"{path}/comparison", params={"with": made["id"]})).status_code == 200
    asked = [reader.patch(path, json={}), reader.delete(path), reader.post(f"{path}/clone", json={})]
    assert [(await one).status_code for one in asked] == [403, 403, 403]
