"""Up one step, down any number, to uncoupling always, and back from there."""

import pytest

from service.rules.relationship.stages import (
    LADDER,
    STAGES,
    allowed_movements,
    judge,
    judge_target,
    ordinal,
    target_advice,
)
from service.rules.vocabulary import Quadrant, Stage

PRE, EARLY, MID, PARTNERSHIP, SYNERGISTIC, UNCOUPLING = Stage


@pytest.mark.parametrize(
    ("current", "allowed"),
    [
        (PRE, {EARLY, UNCOUPLING}),
        (EARLY, {PRE, MID, UNCOUPLING}),
        (MID, {PRE, EARLY, PARTNERSHIP, UNCOUPLING}),
        (PARTNERSHIP, {PRE, EARLY, MID, SYNERGISTIC, UNCOUPLING}),
        (SYNERGISTIC, {PRE, EARLY, MID, PARTNERSHIP, UNCOUPLING}),
        (UNCOUPLING, {PRE, EARLY, MID, PARTNERSHIP, SYNERGISTIC}),
    ],
)
def test_the_movements_from_each_stage(current: Stage, allowed: set[Stage]) -> None:
    movements = allowed_movements(current)
    assert {movement.to for movement in movements} == allowed
    assert all(movement.reason for movement in movements)
    for to in Stage:
        verdict = judge(current, to)
        assert verdict.allowed is (to in allowed)
        assert set(verdict.allowed_stages) == allowed and verdict.reason


@pytest.mark.parametrize("current", Stage)
def test_staying_is_not_a_movement_even_with_skip(current: Stage) -> None:
    assert [judge(current, current, skip).code for skip in (False, True)] == ["stage_unchanged"] * 2


def test_a_leap_upwards_needs_skip() -> None:
    assert judge(PRE, MID).code == "stage_skipped"
    assert judge(PRE, MID, True).allowed
    assert judge(PRE, SYNERGISTIC, skip=True).allowed
    assert {m.to for m in allowed_movements(EARLY, skip=True)} == set(Stage) - {EARLY}


def test_uncoupling_returns_no_higher_than_where_it_began_unless_skipped() -> None:
    verdict = judge(UNCOUPLING, PARTNERSHIP, uncoupled_from=MID)
    assert (verdict.allowed, verdict.code, verdict.allowed_stages) == (False, "stage_never_reached", (PRE, EARLY, MID))
    assert judge(UNCOUPLING, MID, uncoupled_from=MID).allowed
    assert judge(UNCOUPLING, PARTNERSHIP, True, uncoupled_from=MID).allowed


def test_the_catalogue_has_both_names_and_ordinals() -> None:
    assert {(s.value, t.ordinal, t.name, t.cranfield_name) for s, t in STAGES.items()} == {
        ("pre_kam", 1, "Pre-KAM", "Exploratory"),
        ("early_kam", 2, "Early KAM", "Basic"),
        ("mid_kam", 3, "Mid KAM", "Cooperative"),
        ("partnership_kam", 4, "Partnership KAM", "Interdependent"),
        ("synergistic_kam", 5, "Synergistic KAM", "Integrated"),
        ("uncoupling_kam", 0, "Uncoupling KAM", "Disintegrating"),
    }
    assert [ordinal(stage) for stage in LADDER] == [1, 2, 3, 4, 5]


def test_a_target_may_hold_develop_or_reduce_but_not_uncouple() -> None:
    assert [judge_target(MID, to).code for to in (MID, SYNERGISTIC, EARLY)] == ["hold", "develop", "reduce"]
    refused = judge_target(MID, UNCOUPLING)
    assert (refused.allowed, refused.code, refused.allowed_stages) == (False, "target_is_uncoupling", LADDER)
    assert judge_target(UNCOUPLING, EARLY).allowed


@pytest.mark.parametrize(
    ("quadrant", "target", "fits"),
    [
        (Quadrant.STRATEGIC, PARTNERSHIP, True),
        (Quadrant.STRATEGIC, MID, False),
        (Quadrant.STAR, MID, True),
        (Quadrant.STAR, SYNERGISTIC, False),
        (Quadrant.STATUS, EARLY, True),
        (Quadrant.STATUS, MID, False),
        (Quadrant.STREAMLINE, MID, True),
        (Quadrant.STREAMLINE, PARTNERSHIP, False),
    ],
)
def test_advice_on_the_target_follows_the_quadrant(quadrant: Quadrant, target: Stage, fits: bool) -> None:
    assert (target_advice(quadrant, EARLY, target) == []) is fits
