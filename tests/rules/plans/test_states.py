"""Plans, objectives and actions change state by verbs; a refusal says what would be allowed."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import pytest

from service.rules.plans.states import (
    ACTION_TRANSITIONS,
    OBJECTIVE_TRANSITIONS,
    PLAN_TRANSITIONS,
    judge_action,
    judge_objective,
    judge_plan,
)
from service.rules.vocabulary import ActionState, ObjectiveState, PlanState

LIVES: list[tuple[type[StrEnum], Mapping[Any, Any], Callable[[Any, Any], Any], dict[str, str]]] = [
    (
        PlanState,
        PLAN_TRANSITIONS,
        judge_plan,
        {
            "draft": "submitted closed",
            "submitted": "approved draft closed",
            "approved": "active draft closed",
            "active": "closed",
            "closed": "",
        },
    ),
    (
        ObjectiveState,
        OBJECTIVE_TRANSITIONS,
        judge_objective,
        {"open": "achieved missed dropped", "achieved": "open", "missed": "open", "dropped": "open"},
    ),
    (
        ActionState,
        ACTION_TRANSITIONS,
        judge_action,
        {
            "open": "in_progress completed cancelled",
            "in_progress": "completed cancelled open",
            "completed": "open",
            "cancelled": "open",
        },
    ),
]


@pytest.mark.parametrize(("states", "table", "judge", "expected"), LIVES)
def test_each_life_follows_its_table(
    states: type[StrEnum],
    table: Mapping[Any, Any],
    judge: Callable[[Any, Any], Any],
    expected: dict[str, str],
) -> None:
    assert set(table) == set(states)
    for current in states:
        allowed = expected[current.value].split()
        for to in states:
            verdict = judge(current, to)
            assert verdict.allowed is (to.value in allowed)
            assert [state.value for state in verdict.allowed_states] == allowed
            code = "allowed" if verdict.allowed else "state_unchanged" if to is current else "state_not_reachable"
            assert verdict.code == code and verdict.reason


@pytest.mark.parametrize("table", [table for _, table, _, _ in LIVES])
def test_a_verb_leads_to_one_state(table: Mapping[Any, Any]) -> None:
    for transitions in table.values():
        verbs = [transition.verb for transition in transitions]
        assert len(verbs) == len(set(verbs))


def test_a_refusal_names_what_is_possible() -> None:
    assert judge_plan(PlanState.DRAFT, PlanState.ACTIVE).reason == (
        "A plan that is draft can become submitted, closed, not active."
    )
    assert judge_action(ActionState.CANCELLED, ActionState.COMPLETED).reason == (
        "An action that is cancelled can become open, not completed."
    )
