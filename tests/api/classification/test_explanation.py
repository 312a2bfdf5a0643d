"""The explanation of a classification through HTTP: computed again from the answer, and each move really moves it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import httpx
import pytest

from service.operations.classification.scoring_models import ensure_default_model
from service.records.context import Services

FACTORS = [
    {"key": "a", "name": "A", "weight": 50},
    {"key": "b", "name": "B", "weight": 30},
    {"key": "c", "name": "C", "weight": 20},
]
STRENGTH: list[dict[str, Any]] = [
    {"name": "Service", "weight": 60, "ours": 7, "competitors": {"X": 8, "Y": 5}},
    {"name": "Price", "weight": 40, "ours": 6, "competitors": {"X": 5, "Y": 9}},
]
SCORES = {"a": 8, "b": 5, "c": 4}


@pytest.fixture(autouse=True)
async def model(services: Services, client: httpx.AsyncClient) -> dict[str, Any]:
    """The model of the method's worked example, active."""
    await ensure_default_model(services)
    made = (await client.post("/v1/scoring-models", json={"name": "Book", "factors": FACTORS})).json()
    return dict((await client.post(f"/v1/scoring-models/{made['id']}/activate")).json())


async def account(client: httpx.AsyncClient) -> str:
    made = await client.post("/v1/accounts", json={"name": "Aurelia Robotics"})
    return f"/v1/accounts/{made.json()['id']}"


async def put(
    client: httpx.AsyncClient, path: str, scores: Mapping[str, float], strength: list[dict[str, Any]]
) -> dict[str, Any]:
    """Write both inputs; the classification."""
    listed = [{"factor": key, "score": score, "evidence": "Report"} for key, score in scores.items()]
    answer = await client.put(f"{path}/attractiveness", json={"scores": listed})
    assert answer.status_code == 200, answer.text
    answer = await client.put(f"{path}/business-strength", json={"factors": strength})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def exactly(number: float | int) -> Fraction:
    """A number of the answer as it is written."""
    return Fraction(str(number))


def by_hand(answer: dict[str, Any]) -> tuple[Fraction, Fraction, str]:
    """Method 2.1 to 2.3 with the numbers of the answer and nothing else."""
    appeal, strength, rule = answer["attractiveness"], answer["business_strength"], answer["cut_rule"]
    score = sum(
        exactly(one["weight"]) * exactly(one["total"]) / one["ratings"] / exactly(appeal["weight_used"])
        for one in appeal["contributions"]
    )
    weights = exactly(strength["weight_used"])
    ours = sum(exactly(one["weight"]) * exactly(one["ours"]) for one in strength["factors"]) / weights
    best = max(
        sum(exactly(one["weight"]) * exactly(one["competitors"][name]) for one in strength["factors"]) / weights
        for name in strength["factors"][0]["competitors"]
    )
    high, strong = score >= exactly(rule["attractiveness"]), ours / best >= exactly(rule["relative_strength"])
    boxes = {(True, True): "strategic", (True, False): "star", (False, True): "status", (False, False): "streamline"}
    return score, ours / best, boxes[high, strong]


async def test_the_figure_is_computed_again_from_the_answer_alone(client: httpx.AsyncClient) -> None:
    path = await account(client)
    answer = await put(client, path, SCORES, STRENGTH)
    assert by_hand(answer) == (Fraction("6.3"), Fraction(33, 34), "star") and answer["quadrant"] == "star"
    assert answer["meaning"]["name"] == "Star" and answer["synonyms"][0]["source"] == "Cheverton"
    assert answer["ten_boxes"]["box"] == "high_pre_kam" and answer["ten_boxes"]["label"].startswith("McDonald")
    assert answer["fiocca"]["meanings"][0]["wrong_action"] == "full-service package"
    assert [one["distance"] for one in answer["fiocca"]["limits"]] == [3, -0.4, 3.3, -0.1]
    assert [one["points"] for one in answer["borders"]] == [1.3, -0.2]
    assert [(one["axis"], one["age_days"]) for one in answer["inputs"]] == [("attractiveness", 0)] * 3 + [
        ("business_strength", 0)]  # fmt: skip
    assert [one["code"] for one in answer["warnings"]] == ["borderline", "strength_not_confirmed"]


@pytest.mark.parametrize("thirds", [8.333, 2.71828])
async def test_each_move_of_the_answer_really_moves_the_account(client: httpx.AsyncClient, thirds: float) -> None:
    scores = {**SCORES, "b": thirds}
    path = await account(client)
    before = await put(client, path, scores, STRENGTH)
    assert len(before["moves"]) >= 4
    for move in before["moves"]:
        rising = move["comparison"] in ("at_least", "above")
        for to, box in ((move["to"], move["quadrant"]), (move["to"] - (0.0001 if rising else -0.0001), "star")):
            changed, strength = dict(scores), [dict(one) for one in STRENGTH]
            if move["whose"] == "account":
                changed[move["factor"]] = round(to, 4)
            for one in strength:
                if one["name"] == move["factor"] and move["whose"] == "ours":
                    one["ours"] = round(to, 4)
                if one["name"] == move["factor"] and move["whose"] == "competitor":
                    one["competitors"] = {**one["competitors"], move["competitor"]: round(to, 4)}
            assert (await put(client, path, changed, strength))["quadrant"] == box, move
    assert (await put(client, path, scores, STRENGTH))["moves"] == before["moves"]


async def test_the_mean_of_several_raters_can_be_computed_again_too(client: httpx.AsyncClient) -> None:
    path = await account(client)
    people = [(await client.post("/v1/people", json={"name": name})).json()["id"] for name in ("Kim", "Sam", "Lea")]
    listed = [
        {"factor": key, "score": score + step, "rater_id": person}
        for key, score in SCORES.items()
        for step, person in zip((0, 0, 1), people, strict=True)
    ]
    await client.put(f"{path}/attractiveness", json={"scores": listed})
    answer = (await client.put(f"{path}/business-strength", json={"factors": STRENGTH})).json()
    assert answer["attractiveness"]["contributions"][0]["total"] == 25
    assert answer["attractiveness"]["contributions"][0]["ratings"] == 3
    assert by_hand(answer)[0] == Fraction("6.3") + Fraction(1, 3)
    assert len(answer["inputs"]) == 10 and {one["rater_id"] for one in answer["inputs"]} == {*people, None}
    assert "evidence_missing" in [one["code"] for one in answer["warnings"]]


async def test_old_inputs_are_flagged_with_their_age(client: httpx.AsyncClient, services: Services) -> None:
    path = await account(client)
    await put(client, path, SCORES, STRENGTH)
    past = (services.clock.now().astimezone(UTC) - timedelta(days=400)).date()
    listed = [{"factor": key, "score": score, "scored_on": past.isoformat()} for key, score in SCORES.items()]
    answer = await client.put(f"{path}/attractiveness", json={"scores": listed})
    assert answer.status_code == 200, answer.text
    read = (await client.get(f"{path}/classification")).json()
    assert {(one["factor"], one["age_days"] >= 399, one["old"]) for one in read["inputs"] if one["factor"]} == {
        (key, True, True) for key in SCORES
    }
    assert "inputs_old" in [one["code"] for one in read["warnings"]]
    assert read["explained_on"] == datetime.fromisoformat(services.clock.now().isoformat()).date().isoformat()


async def test_the_stage_moves_the_account_in_the_ten_boxes_only(client: httpx.AsyncClient) -> None:
    path = await account(client)
    before = await put(client, path, SCORES, STRENGTH)
    await client.post(f"{path}/stage-transitions", json={"to": "early_kam", "reason": "First orders"})
    after = (await client.get(f"{path}/classification")).json()
    assert (before["ten_boxes"]["box"], after["ten_boxes"]["box"]) == ("high_pre_kam", "high_early_kam")
    assert after["quadrant"] == before["quadrant"] and after["moves"] == before["moves"]
    await client.post(f"{path}/stage-transitions", json={"to": "uncoupling_kam", "reason": "A breach of trust"})
    apart = (await client.get(f"{path}/classification")).json()["ten_boxes"]
    assert apart["box"] is None and apart["uncoupling"] is True


async def test_reading_the_explanation_is_one_statement(client: httpx.AsyncClient, services: Services) -> None:
    path = await account(client)
    await put(client, path, SCORES, STRENGTH)
    await client.get(f"{path}/classification")
    before = services.database.statements
    await client.get(f"{path}/classification")
    assert services.database.statements - before <= 2  # the key, and all that it is explained from
