"""The general portfolio: four cells, exact means, and a missing score stays missing."""

from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.classification.factor_library import FactorAxis
from service.rules.classification.general_portfolio import (
    AXES,
    CELLS,
    FACTORS,
    GeneralCell,
    GeneralLevel,
    GeneralScore,
    axis_mean,
    general_cell,
    validate_axis,
)

SCORE = st.decimals(0, 10, places=4)
AXIS = st.sampled_from(AXES)
WEIGHT = st.integers(1, 1000).map(Decimal)


def scored(axis: FactorAxis, *scores: Decimal | str | None) -> list[GeneralScore]:
    """Every factor of an axis with these scores, in order."""
    pairs = zip(FACTORS[axis], scores, strict=True)
    return [GeneralScore(factor, None if score is None else Decimal(score)) for factor, score in pairs]


@st.composite
def judged(draw: st.DrawFn) -> tuple[FactorAxis, list[GeneralScore]]:
    """All factors of an axis with scores, weighted or not."""
    axis, weighted = draw(AXIS), draw(st.booleans())
    return axis, [GeneralScore(key, draw(SCORE), draw(WEIGHT) if weighted else None) for key in FACTORS[axis]]


def test_the_axes_have_the_factors_of_the_method() -> None:
    assert FACTORS[FactorAxis.STRATEGIC_IMPORTANCE] == (
        "purchase_value", "potential_and_prestige", "market_leadership", "strategic_desirability")  # fmt: skip
    assert FACTORS[FactorAxis.DIFFICULTY] == ("customer_competition", "buying_behaviour", "product_characteristics")
    assert list(CELLS.values()) == list(GeneralCell)


@given(judged(), st.randoms())
def test_the_order_of_the_factors_does_not_matter(case: tuple[FactorAxis, list[GeneralScore]], chance: Random) -> None:
    axis, scores = case
    mixed = list(scores)
    chance.shuffle(mixed)
    one, other = axis_mean(axis, scores), axis_mean(axis, mixed)
    assert (one.score, one.level, one.borderline) == (other.score, other.level, other.borderline)


@given(judged(), st.integers(0, 3), SCORE)
def test_a_better_score_never_lowers_the_mean(
    case: tuple[FactorAxis, list[GeneralScore]], place: int, score: Decimal
) -> None:
    axis, scores = case
    place %= len(scores)
    old = scores[place].score
    assert old is not None
    higher = [*scores]
    higher[place] = GeneralScore(scores[place].factor, max(old, score), scores[place].weight)
    before, after = axis_mean(axis, scores).score, axis_mean(axis, higher).score
    assert before is not None and after is not None and after >= before
    assert (after > before) == (score > old)


@given(AXIS, SCORE, st.booleans(), st.data())
def test_equal_scores_are_their_own_mean(axis: FactorAxis, score: Decimal, weighted: bool, data: st.DataObject) -> None:
    scores = [GeneralScore(key, score, data.draw(WEIGHT) if weighted else None) for key in FACTORS[axis]]
    mean = axis_mean(axis, scores)
    assert mean.score == Fraction(score) and mean.missing == ()
    assert (mean.level is GeneralLevel.HIGH) == (score >= 5)
    assert mean.borderline == (abs(score - 5) < Decimal("0.3"))


@given(judged(), st.integers(0, 3), st.booleans())
def test_what_is_missing_is_not_zero(case: tuple[FactorAxis, list[GeneralScore]], place: int, left_out: bool) -> None:
    axis, scores = case
    gone = scores[place % len(scores)]
    if left_out and gone.weight is None:
        rest = [one for one in scores if one is not gone]
    else:
        rest = [GeneralScore(one.factor, None, one.weight) if one is gone else one for one in scores]
    mean = axis_mean(axis, rest)
    assert (mean.score, mean.level, mean.borderline, mean.missing) == (None, None, False, (gone.factor,))
    assert general_cell(mean, axis_mean(axis, scores)) is None and general_cell(axis_mean(axis, scores), mean) is None


def test_a_third_is_exact() -> None:
    mean = axis_mean(FactorAxis.DIFFICULTY, scored(FactorAxis.DIFFICULTY, "5", "5", "4.9999"))
    assert mean.score == Fraction(149999, 30000) and mean.level is GeneralLevel.LOW and mean.borderline


@pytest.mark.parametrize(
    ("importance", "difficulty", "cell"),
    [("5", "5", "key_difficult"), ("5", "4", "key_easy"), ("4", "5", "non_key_difficult"), ("4", "4", "non_key_easy")],
)
def test_the_cells(importance: str, difficulty: str, cell: str) -> None:
    first = axis_mean(FactorAxis.STRATEGIC_IMPORTANCE, scored(FactorAxis.STRATEGIC_IMPORTANCE, *[importance] * 4))
    second = axis_mean(FactorAxis.DIFFICULTY, scored(FactorAxis.DIFFICULTY, *[difficulty] * 3))
    assert general_cell(first, second) == cell


def test_weights_choose_and_weigh() -> None:
    scores = [
        GeneralScore("purchase_value", Decimal(10), Decimal(70)),
        GeneralScore("market_leadership", Decimal(0), Decimal(30)),
    ]
    mean = axis_mean(FactorAxis.STRATEGIC_IMPORTANCE, scores)
    assert mean.score == 7 and mean.weights == {"purchase_value": 70, "market_leadership": 30}
    assert validate_axis(FactorAxis.STRATEGIC_IMPORTANCE, scores, "/x") == []


@pytest.mark.parametrize(
    ("scores", "found"),
    [
        ([GeneralScore("growth", Decimal(1))], [("/x/0/factor", "factor_unknown")]),
        ([GeneralScore("purchase_value", Decimal(1))], [("/x/0/factor", "factor_unknown")]),
        ([GeneralScore("buying_behaviour", Decimal(1))] * 2, [("/x/1/factor", "factor_repeated")]),
        ([GeneralScore("buying_behaviour", Decimal("10.1"))], [("/x/0/score", "score_out_of_range")]),
        (
            [GeneralScore("buying_behaviour", None, Decimal(100)), GeneralScore("customer_competition", None)],
            [("/x", "weights_incomplete")],
        ),
        ([GeneralScore("buying_behaviour", None, Decimal("99.98"))], [("/x", "weights_do_not_sum_to_100")]),
        ([GeneralScore("buying_behaviour", None, Decimal("99.99"))], []),
        ([], []),
    ],
)
def test_what_is_refused(scores: list[GeneralScore], found: list[tuple[str, str]]) -> None:
    verdicts = validate_axis(FactorAxis.DIFFICULTY, scores, "/x")
    assert [(verdict.pointer, verdict.code) for verdict in verdicts] == found
