"""Numbers for show are rounded half up, exactly, as the databases round them."""

from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.verdicts import shown


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        ("0.00005", 4, "0.0001"),
        ("0.00015", 4, "0.0002"),
        ("0.00025", 4, "0.0003"),
        ("-0.00005", 4, "-0.0001"),
        ("0.000049999999999999", 4, "0"),
        ("6.3", 4, "6.3"),
        ("2.5", 0, "3"),
        ("0.0000005", 6, "0.000001"),
    ],
)
def test_a_half_is_rounded_up_away_from_0(value: str, places: int, expected: str) -> None:
    assert shown(Decimal(value), places) == Decimal(expected)


def test_thirds_are_rounded_from_the_exact_number() -> None:
    assert (shown(Fraction(1, 3)), shown(Fraction(2, 3)), shown(Fraction(-2, 3))) == (
        Decimal("0.3333"), Decimal("0.6667"), Decimal("-0.6667")
    )  # fmt: skip


@given(st.decimals(-1000, 1000, places=12), st.integers(0, 8))
def test_it_is_the_half_up_of_decimals(value: Decimal, places: int) -> None:
    assert shown(value, places) == value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, Context(prec=40))


@given(st.fractions(-100, 100))
def test_it_is_never_farther_than_half_a_unit_and_keeps_the_order(value: Fraction) -> None:
    assert abs(Fraction(shown(value)) - value) <= Fraction(1, 20000)
    assert shown(value) <= shown(value + Fraction(1, 10**9)) and shown(-value) == -shown(value)
