"""Attractiveness is an exact weighted mean that explains itself; a model that cannot be compared is refused."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.classification.classification import DEFAULT_MODEL
from service.rules.classification.fiocca import FioccaLimits
from service.rules.classification.quadrants import Cuts
from service.rules.classification.scoring import (
    Factor,
    ScoreBand,
    ScoringModel,
    attractiveness,
    model_warnings,
    score_from_metric,
    score_verdicts,
    validate_model,
)
from service.rules.classification.scoring_documents import model_from_dict, model_to_dict
from service.rules.vocabulary import Direction

SCORES = st.decimals(min_value=0, max_value=10, places=4)


@st.composite
def weight_lists(draw: st.DrawFn) -> list[Decimal]:
    """1 to 8 weights above 0 with two decimals that sum to exactly 100."""
    count = draw(st.integers(1, 8))
    cuts = draw(st.lists(st.integers(1, 9999), min_size=count - 1, max_size=count - 1, unique=True))
    ends = [0, *sorted(cuts), 10000]
    return [Decimal(high - low) / 100 for low, high in pairwise(ends)]


def model_of(*weights: Decimal | int | str, **settings: Any) -> ScoringModel:
    factors = tuple(Factor(f"f{i}", f"Factor {i}", Decimal(weight)) for i, weight in enumerate(weights))
    return replace(ScoringModel("Test", factors), **settings)


def codes(model: ScoringModel) -> set[str]:
    return {verdict.code for verdict in validate_model(model)}


def banded(*bands: tuple[str | None, str | None, int], direction: Direction = Direction.HIGHER_IS_BETTER) -> Factor:
    made = tuple(
        ScoreBand(Decimal(low) if low else None, Decimal(high) if high else None, Decimal(score))
        for low, high, score in bands
    )
    return Factor("growth", "Growth", Decimal(100), direction, bands=made)


GROWTH = banded((None, "5", 2), ("5", "10", 5), ("10", None, 9))


def test_the_worked_example_scores_6_30() -> None:
    result = attractiveness(model_of(50, 30, 20), {"f0": Decimal(8), "f1": Decimal(5), "f2": Decimal(4)})
    assert result.score == Fraction("6.30")
    assert [c.points for c in result.contributions] == [4, Fraction("1.5"), Fraction("0.8")]
    assert (result.missing, result.left_out, result.weight_used) == ((), (), 100)


@given(weight_lists(), st.data())
def test_the_order_of_factors_does_not_matter(weights: list[Decimal], data: st.DataObject) -> None:
    model = model_of(*weights)
    scores = {factor.key: data.draw(SCORES) for factor in model.factors}
    turned = replace(model, factors=tuple(data.draw(st.permutations(model.factors))))
    assert validate_model(model) == validate_model(turned) == []
    assert attractiveness(turned, scores).score == attractiveness(model, scores).score


@given(weight_lists(), st.data())
def test_raising_a_score_raises_attractiveness_and_stays_in_range(weights: list[Decimal], data: st.DataObject) -> None:
    model = model_of(*weights)
    scores = {factor.key: data.draw(SCORES) for factor in model.factors}
    before = attractiveness(model, scores)
    key = data.draw(st.sampled_from(sorted(scores)))
    raised = data.draw(st.decimals(min_value=scores[key], max_value=10, places=4))
    after = attractiveness(model, {**scores, key: raised})
    assert before.score is not None and after.score is not None
    assert (after.score > before.score) if raised > scores[key] else (after.score == before.score)
    assert 0 <= before.score <= 10
    assert sum(c.points for c in before.contributions) == before.score


@given(weight_lists(), SCORES)
def test_equal_scores_give_that_score_whatever_the_weights(weights: list[Decimal], score: Decimal) -> None:
    model = model_of(*weights)
    assert attractiveness(model, {f.key: score for f in model.factors}).score == Fraction(score)


def test_a_rounding_remainder_in_the_weights_moves_no_account_over_a_border() -> None:
    model = model_of("33.33", "33.33", "33.33")
    assert validate_model(model) == []
    assert attractiveness(model, {f.key: Decimal(5) for f in model.factors}).score == 5


@pytest.mark.parametrize(
    ("weights", "accepted"),
    [
        ((50, 30, 20), True),
        (("50.01", "30", "20"), True),
        (("49.99", "30", "20"), True),
        (("50.011", "30", "20"), False),
        ((50, 30, 25), False),
        ((50, 30, 30), False),
        ((60, 40, 20), False),
        ((50, 30), False),
    ],
)
def test_weights_must_sum_to_100_within_a_hundredth(weights: tuple[int | str, ...], accepted: bool) -> None:
    assert ("weights_do_not_sum_to_100" not in codes(model_of(*weights))) is accepted


@pytest.mark.parametrize("weight", ["0", "-10", "100.5", "NaN", "Infinity"])
def test_a_weight_is_above_0_and_at_most_100(weight: str) -> None:
    found = validate_model(model_of(weight, 50, 50))
    assert [(v.pointer, v.code) for v in found] == [("/factors/0/weight", "weight_out_of_range")]


@pytest.mark.parametrize("score", ["-0.0001", "10.0001", "NaN", "Infinity", "-Infinity", "sNaN"])
def test_a_score_outside_0_to_10_is_refused_and_counts_as_missing(score: str) -> None:
    model, scores = model_of(60, 40), {"f0": Decimal(score), "f1": Decimal(5)}
    assert [v.code for v in score_verdicts(model, scores)] == ["score_out_of_range"]
    assert (attractiveness(model, scores).score, attractiveness(model, scores).missing) == (None, ("f0",))


def test_a_missing_required_score_is_missing_and_not_0() -> None:
    result = attractiveness(model_of(60, 40), {"f0": Decimal(9)})
    assert (result.score, result.missing, result.complete) == (None, ("f1",), False)


def test_an_optional_factor_without_a_score_is_left_out_and_the_result_says_so() -> None:
    model = ScoringModel(
        "Test",
        (Factor("a", "A", Decimal(50)), Factor("b", "B", Decimal(30)), Factor("c", "C", Decimal(20), required=False)),
    )
    result = attractiveness(model, {"a": Decimal(8), "b": Decimal(4)})
    assert (result.score, result.left_out, result.weight_used) == (Fraction(520, 80), ("c",), 80)
    only_optional = replace(model, factors=(replace(model.factors[2], weight=Decimal(100)),))
    assert attractiveness(only_optional, {}).missing == ("c",)


def test_factors_are_1_to_8_with_a_warning_outside_3_to_6() -> None:
    assert "factor_count_out_of_range" in codes(ScoringModel("Test", ()))
    assert "factor_count_out_of_range" in codes(model_of(*["11.11"] * 9))
    warned = {count: [w.code for w in model_warnings(model_of(*["10"] * count))] for count in (2, 3, 6, 7)}
    assert warned == {2: ["few_factors"], 3: [], 6: [], 7: ["many_factors"]}


def test_keys_are_unique_well_formed_and_not_reserved() -> None:
    twice = ScoringModel("T", (Factor("a", "A", Decimal(50)), Factor("a", "B", Decimal(50))))
    assert [(v.pointer, v.code) for v in validate_model(twice)] == [("/factors/1/key", "factor_key_repeated")]
    assert "factor_key_invalid" in codes(ScoringModel("T", (Factor("a b", "A", Decimal(100)),)))
    assert "factor_key_reserved" in codes(ScoringModel("T", (Factor("business_strength", "A", Decimal(100)),)))


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"cuts": Cuts(attractiveness=Decimal("10.1"))}, "cut_out_of_range"),
        ({"cuts": Cuts(relative_strength=Decimal(0))}, "cut_out_of_range"),
        ({"fiocca": FioccaLimits(Decimal(7), Decimal(7))}, "limits_not_ascending"),
        ({"fiocca": FioccaLimits(Decimal(-1), Decimal(7))}, "limit_out_of_range"),
        ({"dead_band": Decimal("-0.1")}, "dead_band_out_of_range"),
        ({"dead_band": Decimal("5.1")}, "dead_band_out_of_range"),
    ],
)
def test_cuts_limits_and_dead_band_have_ranges(settings: dict[str, object], code: str) -> None:
    assert codes(model_of(60, 40, **settings)) == {code}


@pytest.mark.parametrize(
    ("factor", "code"),
    [
        (banded(("0", "5", 2), ("6", "10", 5)), "bands_have_a_gap"),
        (banded(("0", "5", 2), ("4", "10", 5)), "bands_overlap"),
        (banded((None, "5", 2), (None, "10", 5)), "bands_overlap"),
        (banded(("0", None, 2), ("5", "10", 5)), "bands_overlap"),
        (banded(("0", "5", 2), ("0", "5", 2)), "bands_overlap"),
        (banded(("5", "5", 2)), "band_not_ascending"),
        (banded(("9", "5", 2)), "band_not_ascending"),
        (banded(("0", "5", 11)), "score_out_of_range"),
        (banded(("0", "5", 7), ("5", "9", 3)), "bands_against_direction"),
        (banded(("0", "5", 3), ("5", "9", 7), direction=Direction.LOWER_IS_BETTER), "bands_against_direction"),
    ],
)
def test_bands_with_gaps_overlaps_or_the_wrong_way_round_are_refused(factor: Factor, code: str) -> None:
    assert code in codes(ScoringModel("Test", (factor,)))


def test_bands_may_come_in_any_order_and_reverse_factors_run_downwards() -> None:
    reverse = banded(("20", None, 1), (None, "10", 9), ("10", "20", 5), direction=Direction.LOWER_IS_BETTER)
    assert codes(ScoringModel("Test", (GROWTH,))) == codes(ScoringModel("Test", (reverse,))) == set()
    assert score_from_metric(reverse, Decimal("9.9")).score == 9


@pytest.mark.parametrize(
    ("metric", "score"), [("-40", 2), ("4.9999", 2), ("5", 5), ("9.9999", 5), ("10", 9), ("1e6", 9)]
)
def test_a_metric_reads_through_half_open_bands(metric: str, score: int) -> None:
    assert score_from_metric(GROWTH, Decimal(metric)).score == score


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000, places=3))
def test_bands_unbounded_at_both_ends_answer_for_every_metric(metric: Decimal) -> None:
    assert score_from_metric(GROWTH, metric).verdict is None


def test_a_metric_outside_the_bands_or_without_bands_has_no_score() -> None:
    closed = banded(("0", "50", 3), ("50", "100", 8))
    assert score_from_metric(closed, Decimal(100)).score == 8
    for factor, metric, code in (
        (closed, "-1", "metric_outside_bands"),
        (closed, "100.1", "metric_outside_bands"),
        (closed, "NaN", "metric_outside_bands"),
        (replace(closed, bands=()), "5", "factor_has_no_bands"),
    ):
        read = score_from_metric(factor, Decimal(metric))
        assert read.score is None and read.verdict is not None and read.verdict.code == code


def test_the_default_model_is_valid_without_warnings_and_survives_its_document() -> None:
    assert validate_model(DEFAULT_MODEL) == model_warnings(DEFAULT_MODEL) == []
    assert model_from_dict(model_to_dict(DEFAULT_MODEL)) == DEFAULT_MODEL
    short = {"name": "Short", "factors": [{"key": "a", "name": "A", "weight": 100}]}
    assert model_from_dict(short) == ScoringModel("Short", (Factor("a", "A", Decimal(100)),))
