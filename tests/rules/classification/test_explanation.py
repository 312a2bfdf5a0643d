"""The answer alone is enough to compute the classification again by hand, and it warns where it should."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given

from service.rules.classification.classification import classify
from service.rules.classification.explanation import Background, Input, explain
from service.rules.classification.fiocca import FioccaVerb
from service.rules.classification.quadrants import CutRule, Cuts, PortfolioRange, resolved_cuts
from service.rules.classification.scoring import ScoringModel
from service.rules.classification.strength import SuccessFactor, business_strength
from service.rules.vocabulary import Quadrant, Stage
from tests.rules.classification.test_moves import HAND_FACTORS, HAND_SCORES, MODEL, accounts, placed

AT = "2026-11-12T09:00:00.000000Z"
BACKGROUND = Background(
    Stage.MID_KAM,
    {key: (score, 1) for key, score in HAND_SCORES.items()},
    [*(Input(key, AT, 10) for key in HAND_SCORES), Input(None, AT, 3)],
    HAND_FACTORS,
)


def told(background: Background = BACKGROUND, model: ScoringModel = MODEL) -> dict[str, Any]:
    return explain(model, classify(model, HAND_SCORES, business_strength(HAND_FACTORS)), background)


def by_hand(answer: dict[str, Any]) -> tuple[Fraction | None, Fraction | None, str | None]:
    """Attractiveness, strength and box from the numbers of the answer alone: method 2.1 to 2.3."""
    used = answer["attractiveness"]
    score = Fraction(0)
    for one in used["contributions"]:
        score += Fraction(one["weight"]) * Fraction(one["total"]) / one["ratings"] / Fraction(used["weight_used"])
    strength = answer["business_strength"]
    weight = Fraction(strength["weight_used"])
    totals = {
        name: sum(Fraction(f["weight"]) * Fraction(f["competitors"][name]) for f in strength["factors"]) / weight
        for name in strength["factors"][0]["competitors"]
    }
    ours = sum(Fraction(f["weight"]) * Fraction(f["ours"]) for f in strength["factors"]) / weight
    if totals and not max(totals.values()):
        return score, None, None
    rule = answer["cut_rule"]
    high = score >= Fraction(rule["attractiveness"])
    ratio = ours / max(totals.values()) if totals else ours
    strong = ratio >= (Fraction(rule["relative_strength"]) if totals else 5)
    box = {(True, True): "strategic", (True, False): "star", (False, True): "status", (False, False): "streamline"}
    return score, ratio, box[high, strong]


def test_the_worked_example_of_the_method_is_a_star_with_everything_that_led_there() -> None:
    answer = told()
    assert (answer["attractiveness"]["score"], answer["business_strength"]["relative_strength"]) == (
        Decimal("6.3"), Decimal("0.970588"))  # fmt: skip
    assert by_hand(answer) == (Fraction("6.3"), Fraction(33, 34), "star")
    assert answer["quadrant"] == answer["raw_quadrant"] == "star"
    assert answer["investment_strategy"] == "selective investment"
    assert answer["meaning"]["what_to_do"].startswith("Invest step by step against proof")
    assert answer["synonyms"] == [{"name": "key development account", "source": "Cheverton"}]
    assert [(c["factor"], c["name"], c["points"], c["share"]) for c in answer["attractiveness"]["contributions"]] == [
        ("size", "Size", Decimal(4), Decimal("0.6349")),
        ("growth", "Growth", Decimal("1.5"), Decimal("0.2381")),
        ("image", "Image", Decimal("0.8"), Decimal("0.1270")),
    ]
    strength = answer["business_strength"]
    assert (strength["ours"], strength["best_competitor"]) == (Decimal("6.6"), "X")
    assert [(f["name"], f["points"], f["lead"]) for f in strength["factors"]] == [
        ("quality", Decimal("4.2"), Decimal("-0.6")), ("price", Decimal("2.4"), Decimal("0.4"))]  # fmt: skip
    assert [(b["axis"], b["distance"], b["points"], b["width"], b["borderline"]) for b in answer["borders"]] == [
        ("attractiveness", Decimal("1.3"), Decimal("1.3"), Decimal("0.3"), False),
        ("relative_strength", Decimal("-0.0294"), Decimal("-0.2"), Decimal("0.05"), True),
    ]
    assert answer["fiocca"]["verbs"] == ["maintain_selectively"]
    assert answer["fiocca"]["meanings"] == [
        {"verb": "maintain_selectively", "resources": "same on profitable lines, less elsewhere",
         "typical_action": "keep what pays", "wrong_action": "full-service package"}]  # fmt: skip
    assert [(one["axis"], one["limit"], one["distance"], one["near"]) for one in answer["fiocca"]["limits"]] == [
        ("attractiveness", "low", Decimal("3.0"), False),
        ("attractiveness", "high", Decimal("-0.4"), False),
        ("position", "low", Decimal("3.3"), False),
        ("position", "high", Decimal("-0.1"), True),
    ]
    assert (answer["ten_boxes"]["box"], answer["ten_boxes"]["column"]) == ("high_mid_kam", 3)
    assert "McDonald" in answer["ten_boxes"]["label"]
    assert answer["moves"][0] == {
        "axis": "relative_strength", "whose": "ours", "factor": "quality", "competitor": None, "score": Decimal(7),
        "comparison": "at_least", "threshold": Decimal("7.3333"), "to": Decimal("7.3334"),
        "change": Decimal("0.3334"), "quadrant": "strategic", "band": None,
    }  # fmt: skip
    assert [(one["axis"], one["factor"], one["age_days"], one["old"]) for one in answer["inputs"]] == [
        ("attractiveness", "size", 10, False), ("attractiveness", "growth", 10, False),
        ("attractiveness", "image", 10, False), ("business_strength", None, 3, False),
    ]  # fmt: skip
    assert [one["code"] for one in answer["warnings"]] == ["borderline"]


@given(accounts())
def test_the_whole_figure_can_be_computed_again_from_the_answer_alone(account: Any) -> None:
    model, scores, factors, _ = account
    outcome = placed(model, scores, factors, None)
    answer = explain(model, outcome, replace(BACKGROUND, used={}, factors=factors))
    if outcome.attractiveness.score is None:
        return
    score, ratio, box = by_hand(answer)
    assert score == outcome.attractiveness.score and box == answer["raw_quadrant"] == answer["quadrant"]
    strength = outcome.business_strength
    assert strength is not None and ratio == (strength.relative_strength if strength.competitors else strength.ours)
    if score:
        shares = [one["share"] for one in answer["attractiveness"]["contributions"]]
        assert abs(sum(shares) - 1) <= Decimal("0.0005")
    if strength.best_competitor is not None and strength.ours is not None:
        lead = sum(Fraction(one["lead"]) for one in answer["business_strength"]["factors"])
        assert abs(lead - (strength.ours - strength.best_competitor.total)) <= Fraction(1, 1000)


def test_a_mean_of_several_ratings_stands_as_total_and_number() -> None:
    answer = told(replace(BACKGROUND, used={"size": (Decimal(24), 3)}))
    size = answer["attractiveness"]["contributions"][0]
    assert (size["score"], size["total"], size["ratings"]) == (Decimal(8), Decimal(24), 3)
    assert by_hand(answer)[0] == Fraction("6.3")


def codes(answer: dict[str, Any]) -> set[str]:
    return {one["code"] for one in answer["warnings"]}


def test_inputs_older_than_a_year_are_flagged_by_name() -> None:
    answer = told(replace(BACKGROUND, inputs=[Input("size", AT, 366), Input(None, AT, 365)]))
    assert [(one["age_days"], one["old"]) for one in answer["inputs"]] == [(366, True), (365, False)]
    (warning,) = [one for one in answer["warnings"] if one["code"] == "inputs_old"]
    assert "size" in warning["message"] and "business_strength" not in warning["message"]


def test_what_a_reader_should_know_is_warned_of() -> None:
    bare = [Input("size", AT, 1, supported=False), Input(None, AT, 1, supported=False)]
    answer = told(replace(BACKGROUND, inputs=bare, model_number=3, active_number=4))
    assert codes(answer) == {"borderline", "evidence_missing", "strength_not_confirmed", "model_version_differs"}
    assert codes(told(replace(BACKGROUND, model_number=4, active_number=4))) == {"borderline"}


def test_an_account_held_by_the_dead_band_says_so() -> None:
    model = replace(MODEL, dead_band=Decimal("0.5"))
    outcome = classify(model, HAND_SCORES, business_strength(HAND_FACTORS), Quadrant.STRATEGIC)
    answer = explain(model, outcome, BACKGROUND)
    assert (answer["quadrant"], answer["raw_quadrant"], answer["held_by_dead_band"]) == ("strategic", "star", True)
    assert "held_by_dead_band" in codes(answer) and answer["dead_band"] == Decimal("0.5")


def test_a_quadrant_set_by_hand_brings_its_own_terms_and_the_scores_stay() -> None:
    answer = told(replace(BACKGROUND, override=Quadrant.STATUS))
    assert (answer["quadrant"], answer["raw_quadrant"]) == ("status", "star")
    assert answer["investment_strategy"] == "proactive maintenance" and answer["meaning"]["name"] == "Status"


def test_uncoupling_stands_apart_from_the_ten_boxes() -> None:
    ten = told(replace(BACKGROUND, stage=Stage.UNCOUPLING_KAM))["ten_boxes"]
    assert (ten["box"], ten["column"], ten["uncoupling"]) == (None, None, True)


def test_an_incomplete_account_explains_what_it_has() -> None:
    outcome = classify(MODEL, {"size": Decimal(8)}, None)
    answer = explain(MODEL, outcome, Background(Stage.PRE_KAM))
    assert (answer["quadrant"], answer["meaning"], answer["synonyms"], answer["moves"]) == (None, None, [], [])
    assert answer["missing"] == ["growth", "image", "business_strength"] and answer["ten_boxes"]["box"] is None
    assert answer["attractiveness"]["contributions"][0]["share"] is None


def test_the_totals_of_a_past_run_alone_are_enough_for_the_axes() -> None:
    """Without the success factors the totals stand; what would move our strength cannot be told."""
    answer = told(replace(BACKGROUND, factors=()))
    assert answer["business_strength"]["ours"] == Decimal("6.6") and answer["business_strength"]["factors"] == []
    assert {one["whose"] for one in answer["moves"]} == {"account"}


def test_the_cut_from_the_portfolios_range_is_told_with_its_ends() -> None:
    assert told()["cut_rule"] == {
        "rule": "fixed", "attractiveness": Decimal(5), "relative_strength": Decimal(1), "range_low": None,
        "range_high": None,
    }  # fmt: skip
    own = Cuts(attractiveness_rule=CutRule.RANGE_MIDDLE)
    model = replace(MODEL, cuts=resolved_cuts(own, PortfolioRange(Decimal("4.2"), Decimal("8.6001"))))
    answer = told(model=model)
    assert answer["cut_rule"] == {
        "rule": "range_middle", "attractiveness": Decimal("6.40005"), "relative_strength": Decimal(1),
        "range_low": Decimal("4.2"), "range_high": Decimal("8.6001"),
    }  # fmt: skip
    assert answer["borders"][0]["cut"] == Decimal("6.40005") and answer["quadrant"] == "streamline"


@pytest.mark.parametrize("verb", FioccaVerb)
def test_every_verb_says_what_it_means(verb: FioccaVerb) -> None:
    at = {
        "develop": (9, 5), "defend": (9, 9), "maintain": (5, 9), "maintain_selectively": (5, 5),
        "maintain_minimally": (5, 1), "defend_selectively": (1, 9), "withdraw": (1, 1),
    }[verb.value]  # fmt: skip
    factors = [SuccessFactor("all", Decimal(100), Decimal(at[1]), {"X": Decimal(5)})]
    scores = dict.fromkeys(HAND_SCORES, Decimal(at[0]))
    answer = explain(MODEL, classify(MODEL, scores, business_strength(factors)), replace(BACKGROUND, factors=factors))
    meanings = {one["verb"]: one for one in answer["fiocca"]["meanings"]}
    assert set(meanings[verb.value]) == {"verb", "resources", "typical_action", "wrong_action"}
