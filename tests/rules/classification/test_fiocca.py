"""The nine cells carry the source's verbs, and their limits belong to the middle band."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.classification.fiocca import VERB_MEANINGS, VERBS, FioccaLimits, FioccaVerb, cell
from service.rules.vocabulary import FioccaAttractiveness, FioccaPosition

LIMITS = FioccaLimits()
SCORES = st.decimals(min_value=0, max_value=10, places=4)


@pytest.mark.parametrize(
    ("attractiveness", "ours", "band", "position", "verbs"),
    [
        ("9", "9", "high", "strong", ["develop", "defend"]),
        ("9", "5", "high", "average", ["develop"]),
        ("9", "1", "high", "weak", ["develop"]),
        ("5", "9", "medium", "strong", ["defend", "maintain"]),
        ("5", "5", "medium", "average", ["maintain_selectively"]),
        ("5", "1", "medium", "weak", ["maintain_minimally"]),
        ("1", "9", "low", "strong", ["defend_selectively"]),
        ("1", "5", "low", "average", ["maintain_minimally"]),
        ("1", "1", "low", "weak", ["withdraw"]),
        ("6.7", "3.3", "medium", "average", ["maintain_selectively"]),
        ("6.7001", "3.2999", "high", "weak", ["develop"]),
        ("3.2999", "6.7001", "low", "strong", ["defend_selectively"]),
    ],
)
def test_each_cell_has_its_verbs(attractiveness: str, ours: str, band: str, position: str, verbs: list[str]) -> None:
    placed = cell(Decimal(attractiveness), Decimal(ours), LIMITS)
    assert (placed.attractiveness, placed.position, list(placed.verbs)) == (band, position, verbs)


@pytest.mark.parametrize(
    ("score", "near"),
    [("2.9999", False), ("3", True), ("3.6", True), ("3.6001", False), ("6.3999", False), ("6.4", True), ("7.0", True)],
)
def test_a_score_within_0_3_of_a_limit_is_flagged(score: str, near: bool) -> None:
    placed = cell(Decimal(score), Decimal(5), LIMITS)
    assert (placed.attractiveness_near_limit, placed.position_near_limit) == (near, False)


def test_the_table_is_whole_and_every_verb_is_used_and_explained() -> None:
    assert set(VERBS) == {(a, p) for a in FioccaAttractiveness for p in FioccaPosition}
    assert {verb for verbs in VERBS.values() for verb in verbs} == set(FioccaVerb) == set(VERB_MEANINGS)


@given(SCORES, SCORES, SCORES)
def test_more_attractive_is_never_a_lower_band(ours: Decimal, low: Decimal, high: Decimal) -> None:
    order = [FioccaAttractiveness.LOW, FioccaAttractiveness.MEDIUM, FioccaAttractiveness.HIGH]
    low, high = sorted((low, high))
    lower, higher = cell(low, ours, LIMITS), cell(high, ours, LIMITS)
    assert order.index(lower.attractiveness) <= order.index(higher.attractiveness)
    assert lower.position is higher.position
