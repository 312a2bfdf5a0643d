"""Scoring models through GraphQL: drafts, copies, comparisons and the factor library, as in REST."""

from __future__ import annotations

from typing import Any

FACTORS = '[{key: "a", name: "A", weight: 60, group: hard, bands: [{to: 5, score: 2}, {from: 5, score: 8}]}, {key: "b", name: "B", weight: 40}]'


async def test_a_draft_is_changed_cloned_compared_and_deleted(ask: Any) -> None:
    made = await ask.data(
        f'mutation {{ createScoringModel(input: {{name: "Growth", factors: {FACTORS}}}) {{ scoringModel {{ id number }} }} }}'
    )
    model = made["createScoringModel"]["scoringModel"]
    changed = await ask.data(
        """mutation($id: ID!) {
          updateScoringModel(id: $id, input: {cuts: {attractiveness: 6}}, ifVersion: 1) {
            outcome scoringModel { cuts { attractiveness relativeStrength attractivenessRule } borderWidth { fiocca } } }
          cloneScoringModel(id: $id, input: {name: "Next", changes: {deadBand: 0.5}}) { scoringModel { id name state deadBand } } }""",
        {"id": model["id"]},
    )
    assert changed["updateScoringModel"] == {
        "outcome": "updated",
        "scoringModel": {
            "cuts": {"attractiveness": 6, "relativeStrength": 1, "attractivenessRule": "fixed"},
            "borderWidth": {"fiocca": 0.3},
        },
    }
    copy = changed["cloneScoringModel"]["scoringModel"]
    assert (copy["name"], copy["state"], copy["deadBand"]) == ("Next", "draft", 0.5)
    told = await ask.data(
        """query($id: ID!, $with: ID!) { scoringModelComparison(id: $id, with: $with) {
          same unchanged settings { setting before after } after { name state } } }""",
        {"id": model["id"], "with": copy["id"]},
    )
    assert told["scoringModelComparison"] == {
        "same": False,
        "unchanged": ["a", "b"],
        "settings": [{"setting": "dead_band", "before": 0, "after": 0.5}],
        "after": {"name": "Next", "state": "draft"},
    }
    gone = await ask.data("mutation($id: ID!) { deleteScoringModel(id: $id) { outcome } }", {"id": copy["id"]})
    assert gone["deleteScoringModel"]["outcome"] == "deleted"


async def test_a_used_model_refuses_with_its_code(ask: Any) -> None:
    active = (await ask.data("{ scoringModels(first: 1) { nodes { id } } }"))["scoringModels"]["nodes"][0]
    query = 'mutation($id: ID!) { updateScoringModel(id: $id, input: {name: "Other"}) { outcome } }'
    answer = await ask(query, {"id": active["id"]})
    assert answer["errors"][0]["extensions"]["code"] == "scoring_model_used"


async def test_the_factor_library(ask: Any) -> None:
    data = await ask.data(
        "{ attractivenessFactors(axis: difficulty) { key axis sourceKey bands { from to score } } all: attractivenessFactors { key } }"
    )
    assert [one["key"] for one in data["attractivenessFactors"]] == [
        "customer_competition", "buying_behaviour", "product_characteristics"
    ]  # fmt: skip
    assert {one["axis"] for one in data["attractivenessFactors"]} == {"difficulty"} and len(data["all"]) > 30
