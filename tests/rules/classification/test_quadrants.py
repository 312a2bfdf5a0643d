"""The four boxes are exact at their borders, warn near them, and do not flap."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.classification.quadrants import (
    Border,
    BorderWidth,
    CutRule,
    Cuts,
    PortfolioRange,
    absolute_strength_border,
    attractiveness_border,
    four_box,
    raw_quadrant,
    relative_strength_border,
    resolved_cuts,
    settle,
    validate_border_width,
)
from service.rules.vocabulary import QUADRANTS, Quadrant

CUTS = Cuts()
SCORES = st.decimals(min_value=0, max_value=10, places=4)
BANDS = st.decimals(min_value=Decimal("0.01"), max_value=5, places=2)


def strength_at(ratio: str) -> Border:
    return relative_strength_border(Decimal(ratio) * 5, Decimal(5), CUTS)


@pytest.mark.parametrize(
    ("score", "ratio", "quadrant"),
    [
        ("5.0", "1.0", "strategic"),
        ("5.0", "0.999999", "star"),
        ("4.9999", "1.0", "status"),
        ("4.9999", "0.999999", "streamline"),
        ("10", "3", "strategic"),
        ("0", "0", "streamline"),
    ],
)
def test_a_value_on_the_cut_is_high(score: str, ratio: str, quadrant: str) -> None:
    assert four_box(Decimal(score), Decimal(ratio), CUTS) == quadrant
    assert raw_quadrant(attractiveness_border(Decimal(score), CUTS), strength_at(ratio)) == quadrant


def test_thirds_are_exact_on_the_border() -> None:
    third = Fraction(1, 3)
    assert relative_strength_border(third * 3, Decimal(1), CUTS).distance == 0
    assert four_box(third * 15, third + third + third, CUTS) is Quadrant.STRATEGIC


@pytest.mark.parametrize(
    ("score", "borderline"), [("4.7", False), ("4.7001", True), ("5", True), ("5.2999", True), ("5.3", False)]
)
def test_attractiveness_nearer_than_0_3_is_borderline(score: str, borderline: bool) -> None:
    assert attractiveness_border(Decimal(score), CUTS).borderline is borderline
    assert absolute_strength_border(Decimal(score)).borderline is borderline


@pytest.mark.parametrize(
    ("ratio", "borderline"), [("0.95", False), ("0.9501", True), ("1", True), ("1.0499", True), ("1.05", False)]
)
def test_a_ratio_nearer_than_0_05_is_borderline(ratio: str, borderline: bool) -> None:
    assert strength_at(ratio).borderline is borderline


def test_a_border_tells_its_signed_distance_and_the_same_in_score_points() -> None:
    border = relative_strength_border(Decimal("6.6"), Decimal("6.8"), CUTS)
    assert (border.distance, border.points) == (Fraction(-1, 34), Fraction("-0.2"))


@given(BANDS, st.sampled_from(Quadrant), st.lists(st.tuples(st.integers(-100, 100), st.integers(-100, 100))))
def test_oscillation_inside_the_band_never_changes_the_quadrant(
    band: Decimal, start: Quadrant, swings: list[tuple[int, int]]
) -> None:
    quadrant = start
    for up, across in swings:
        vertical = attractiveness_border(Decimal(5) + band * up / 100, CUTS)
        horizontal = relative_strength_border(Decimal(5) + band * across / 100, Decimal(5), CUTS)
        quadrant = settle(quadrant, vertical, horizontal, band)
        assert quadrant is start


@given(BANDS, st.sampled_from(Quadrant), SCORES, SCORES)
def test_beyond_the_band_the_raw_position_wins(band: Decimal, start: Quadrant, score: Decimal, ours: Decimal) -> None:
    vertical, horizontal = attractiveness_border(score, CUTS), relative_strength_border(ours, Decimal(5), CUTS)
    settled = settle(start, vertical, horizontal, band)
    if abs(vertical.points) > band and abs(horizontal.points) > band:
        assert settled is raw_quadrant(vertical, horizontal)
    assert settle(settled, vertical, horizontal, band) is settled


@given(st.sampled_from([None, *Quadrant]), SCORES, SCORES)
def test_a_band_of_0_or_a_first_quadrant_is_the_raw_one(start: Quadrant | None, score: Decimal, ours: Decimal) -> None:
    vertical, horizontal = attractiveness_border(score, CUTS), absolute_strength_border(ours)
    raw = raw_quadrant(vertical, horizontal)
    assert settle(start, vertical, horizontal, Decimal(0)) is raw
    assert settle(None, vertical, horizontal, Decimal(3)) is raw


def test_each_axis_is_settled_by_itself() -> None:
    vertical, horizontal = attractiveness_border(Decimal("4.9"), CUTS), strength_at("2")
    assert raw_quadrant(vertical, horizontal) is Quadrant.STATUS
    assert settle(Quadrant.STAR, vertical, horizontal, Decimal("0.2")) is Quadrant.STRATEGIC


def test_each_quadrant_has_its_investment_strategy() -> None:
    assert {q.value: (t.attractiveness, t.strength, t.investment_strategy) for q, t in QUADRANTS.items()} == {
        "strategic": ("high", "high", "strategic investment"),
        "star": ("high", "low", "selective investment"),
        "status": ("low", "high", "proactive maintenance"),
        "streamline": ("low", "low", "management for cash"),
    }


def test_the_cut_can_be_the_middle_of_the_portfolios_own_range() -> None:
    portfolio = PortfolioRange(Decimal("2.1"), Decimal("8.4001"))
    middle = resolved_cuts(Cuts(attractiveness_rule=CutRule.RANGE_MIDDLE), portfolio)
    assert (middle.attractiveness, middle.range) == (Decimal("5.25005"), portfolio)
    assert resolved_cuts(Cuts(), portfolio) == Cuts()
    own = Cuts(Decimal(6), attractiveness_rule=CutRule.RANGE_MIDDLE)
    assert resolved_cuts(own, None) == own


@given(SCORES, SCORES)
def test_the_ends_of_a_range_lie_on_both_sides_of_its_middle(one: Decimal, other: Decimal) -> None:
    portfolio = PortfolioRange(min(one, other), max(one, other))
    cuts = resolved_cuts(Cuts(attractiveness_rule=CutRule.RANGE_MIDDLE), portfolio)
    assert attractiveness_border(portfolio.high, cuts).high
    assert attractiveness_border(portfolio.low, cuts).high is (one == other)


@pytest.mark.parametrize(
    ("member", "value"), [("attractiveness", "5.1"), ("relative_strength", "-1"), ("fiocca", "NaN")]
)
def test_a_border_width_out_of_range_is_refused_with_its_place(member: str, value: str) -> None:
    (verdict,) = validate_border_width(BorderWidth(**{member: Decimal(value)}))
    assert (verdict.pointer, verdict.code) == (f"/border_width/{member}", "border_width_out_of_range")


def test_the_border_width_says_what_is_borderline() -> None:
    assert not attractiveness_border(Decimal("5.1"), CUTS, Decimal(0)).borderline
    assert relative_strength_border(Decimal(6), Decimal(5), CUTS, Decimal("0.21")).borderline
    assert absolute_strength_border(Decimal(6), Decimal("1.1")).borderline
