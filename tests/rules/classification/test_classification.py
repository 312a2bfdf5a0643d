"""A classification shows everything that led to it, and an account without all scores has no quadrant."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.rules.classification.classification import DEFAULT_MODEL, classify
from service.rules.classification.explanation import Background, explain
from service.rules.classification.scoring import Factor, ScoringModel
from service.rules.classification.strength import BusinessStrength, SuccessFactor, business_strength
from service.rules.vocabulary import ClassificationStatus, Quadrant

MODEL = ScoringModel(
    "Example", tuple(Factor(k, k.title(), Decimal(w)) for k, w in (("size", 50), ("growth", 30), ("image", 20)))
)
SCORES = {"size": Decimal(8), "growth": Decimal(5), "image": Decimal(4)}
STRENGTH = business_strength(
    [
        SuccessFactor("quality", Decimal(60), Decimal(7), {"X": Decimal(8), "Y": Decimal(5)}),
        SuccessFactor("price", Decimal(40), Decimal(6), {"X": Decimal(5), "Y": Decimal(9)}),
    ]
)


def strength_of(ours: str, rival: str | None) -> BusinessStrength:
    rivals = {} if rival is None else {"X": Decimal(rival)}
    return business_strength([SuccessFactor("all", Decimal(100), Decimal(ours), rivals)], rival is None)


def shared(found: Any, expected: Any) -> Any:
    """Return what was found, cut to the members that are expected."""
    if isinstance(expected, dict):
        return {name: shared(found[name], expected[name]) for name in expected}
    if isinstance(expected, list):
        assert len(found) == len(expected)
        return [shared(each, other) for each, other in zip(found, expected, strict=True)]
    return found


def test_the_worked_example_is_a_star_and_explains_itself() -> None:
    expected = {
        "status": "complete",
        "missing": [],
        "reasons": [],
        "attractiveness": {
            "score": Decimal("6.3000"),
            "weight_used": Decimal(100),
            "left_out": [],
            "contributions": [
                {"factor": "size", "weight": Decimal(50), "score": Decimal(8), "points": Decimal(4)},
                {"factor": "growth", "weight": Decimal(30), "score": Decimal(5), "points": Decimal("1.5")},
                {"factor": "image", "weight": Decimal(20), "score": Decimal(4), "points": Decimal("0.8")},
            ],
        },
        "business_strength": {
            "ours": Decimal("6.6"),
            "competitors": [{"name": "X", "total": Decimal("6.8")}, {"name": "Y", "total": Decimal("6.6")}],
            "best_competitor": "X",
            "relative_strength": Decimal("0.970588"),
            "rule": "relative",
            "no_known_competitor": False,
        },
        "quadrant": "star",
        "raw_quadrant": "star",
        "investment_strategy": "selective investment",
        "fiocca": {
            "attractiveness": "medium",
            "position": "average",
            "verbs": ["maintain_selectively"],
            "attractiveness_near_limit": False,
            "position_near_limit": True,
        },
        "borders": [
            {
                "axis": "attractiveness",
                "value": Decimal("6.3"),
                "cut": Decimal(5),
                "distance": Decimal("1.3"),
                "borderline": False,
            },
            {
                "axis": "relative_strength",
                "value": Decimal("0.9706"),
                "cut": Decimal(1),
                "distance": Decimal("-0.0294"),
                "borderline": True,
            },
        ],
    }
    assert shared(explain(MODEL, classify(MODEL, SCORES, STRENGTH), Background()), expected) == expected


def test_an_account_without_all_scores_is_incomplete_and_names_what_is_missing() -> None:
    result = classify(MODEL, {"size": Decimal(8)}, None)
    assert result.status is ClassificationStatus.INCOMPLETE
    assert result.missing == ("growth", "image", "business_strength")
    assert [reason.code for reason in result.reasons] == ["score_missing", "score_missing", "strength_missing"]
    assert (result.quadrant, result.raw_quadrant, result.investment_strategy, result.fiocca) == (None,) * 4
    assert explain(MODEL, result, Background())["attractiveness"]["score"] is None


def test_an_undefined_ratio_leaves_no_quadrant_but_the_cell_stands() -> None:
    result = classify(MODEL, SCORES, strength_of("9", "0"))
    assert (result.quadrant, result.missing) == (None, ("relative_strength",))
    assert result.fiocca is not None and result.fiocca.position == "strong"
    assert [border.axis.value for border in result.borders] == ["attractiveness"]


def test_without_a_known_competitor_our_own_total_of_5_is_high() -> None:
    assert classify(MODEL, SCORES, strength_of("5", None)).quadrant is Quadrant.STRATEGIC
    assert classify(MODEL, SCORES, strength_of("4.9999", None)).quadrant is Quadrant.STAR
    shown = explain(MODEL, classify(MODEL, SCORES, strength_of("5", None)), Background())
    assert shown["business_strength"]["rule"] == "absolute"
    assert shown["borders"][1]["axis"] == "absolute_strength"


def test_the_dead_band_holds_an_account_and_the_raw_quadrant_still_shows() -> None:
    banded = replace(MODEL, dead_band=Decimal("0.5"))
    held = classify(banded, dict.fromkeys(SCORES, Decimal("4.6")), strength_of("8", "4"), Quadrant.STRATEGIC)
    assert (held.quadrant, held.raw_quadrant, held.held_by_dead_band) == (Quadrant.STRATEGIC, Quadrant.STATUS, True)
    gone = classify(banded, dict.fromkeys(SCORES, Decimal("4.4")), strength_of("8", "4"), Quadrant.STRATEGIC)
    assert (gone.quadrant, gone.held_by_dead_band) == (Quadrant.STATUS, False)


def test_a_score_of_0_is_a_score() -> None:
    assert classify(MODEL, dict.fromkeys(SCORES, Decimal(0)), strength_of("0", "5")).quadrant is Quadrant.STREAMLINE


def test_a_score_out_of_range_is_named_with_its_reason() -> None:
    result = classify(MODEL, {**SCORES, "size": Decimal(11)}, STRENGTH)
    assert (result.missing, [reason.code for reason in result.reasons]) == (("size",), ["score_out_of_range"])


def test_the_default_model_needs_its_three_measured_factors_only() -> None:
    scores = {"spend_available": Decimal(7), "growth": Decimal(5), "profit_potential": Decimal(5)}
    result = classify(DEFAULT_MODEL, scores, STRENGTH)
    assert result.quadrant is Quadrant.STAR
    assert result.attractiveness.left_out == ("innovation_partner", "prestige")


@given(
    st.fixed_dictionaries({key: st.none() | st.decimals(0, 10, places=3) for key in SCORES}),
    st.decimals(0, 10, places=3),
    st.none() | st.decimals(0, 10, places=3),
    st.sampled_from([None, *Quadrant]),
    st.decimals(0, 5, places=2),
)
def test_complete_means_a_quadrant_and_nothing_missing(
    given_scores: dict[str, Decimal | None],
    ours: Decimal,
    rival: Decimal | None,
    previous: Quadrant | None,
    band: Decimal,
) -> None:
    scores = {key: score for key, score in given_scores.items() if score is not None}
    strength = strength_of(str(ours), None if rival is None else str(rival))
    result = classify(replace(MODEL, dead_band=band), scores, strength, previous)
    complete = result.status is ClassificationStatus.COMPLETE
    assert complete == (result.quadrant is not None) == (not result.missing) == (not result.reasons)
    assert complete == (len(result.borders) == 2)
    assert (result.quadrant is None) == (result.raw_quadrant is None)
    explain(replace(MODEL, dead_band=band), result, Background())
