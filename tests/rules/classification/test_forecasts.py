"""Forecast positions: the same lines as the present, and days that lie ahead."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.classification.forecasts import forecast_quadrant, usual_day, validate_day
from service.rules.classification.quadrants import Cuts, four_box

SCORE = st.decimals(0, 10, places=3)


@given(SCORE, st.decimals("0.001", 10, places=3), st.none() | SCORE)
def test_a_ratio_decides_as_for_the_present(attractiveness: Decimal, ratio: Decimal, own: Decimal | None) -> None:
    cuts = Cuts(Decimal("6.2"), Decimal("1.1"))
    assert forecast_quadrant(attractiveness, ratio, own, cuts) == four_box(attractiveness, ratio, cuts)


@pytest.mark.parametrize(
    ("attractiveness", "own", "quadrant"),
    [("5", "5", "strategic"), ("5", "4.999", "star"), ("4.999", "5", "status"), ("4.999", "4.999", "streamline")],
)
def test_without_a_ratio_five_points_of_our_own_are_high(attractiveness: str, own: str, quadrant: str) -> None:
    assert forecast_quadrant(Decimal(attractiveness), None, Decimal(own), Cuts()) == quadrant


def test_without_any_strength_there_is_no_box() -> None:
    assert forecast_quadrant(Decimal(8), None, None, Cuts()) is None


def test_days_ahead() -> None:
    today = date(2028, 2, 29)
    assert usual_day(today) == date(2031, 2, 28)
    assert usual_day(date(2026, 11, 22)) == date(2029, 11, 22)
    assert [verdict.code for verdict in validate_day(today, today)] == ["not_ahead"]
    assert validate_day(date(2028, 3, 1), today) == []
    assert validate_day(date(2038, 2, 28), today) == []
    assert [verdict.code for verdict in validate_day(date(2038, 3, 1), today)] == ["too_far_ahead"]
