"""The lives of plans, objectives and actions: which state may follow which, and by what verb.

A plan is written, submitted, approved by somebody, put to work and closed; it is never deleted by closing. Outcomes of
objectives and actions can be reopened, because a wrong tick must be correctable without losing the history.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from service.rules.vocabulary import ActionState, ObjectiveState, PlanState

State = TypeVar("State", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Transition(Generic[State]):
    """One allowed change of state: the verb that does it, where it leads, and what it means."""

    verb: str
    to: State
    meaning: str


@dataclass(frozen=True, slots=True)
class StateVerdict(Generic[State]):
    """The verdict on a change of state. Codes: allowed, state_unchanged, state_not_reachable."""

    allowed: bool
    code: str
    reason: str
    allowed_states: tuple[State, ...]


_P, _O, _A = PlanState, ObjectiveState, ActionState

PLAN_TRANSITIONS: Mapping[PlanState, tuple[Transition[PlanState], ...]] = {
    _P.DRAFT: (
        Transition("submit", _P.SUBMITTED, "The plan is handed in for approval."),
        Transition("close", _P.CLOSED, "The draft is abandoned; it stays readable."),
    ),
    _P.SUBMITTED: (
        Transition("approve", _P.APPROVED, "A senior sponsor approves the plan."),
        Transition("return", _P.DRAFT, "The plan goes back to its authors."),
        Transition("close", _P.CLOSED, "The plan is withdrawn."),
    ),
    _P.APPROVED: (
        Transition("activate", _P.ACTIVE, "The plan is put to work."),
        Transition("return", _P.DRAFT, "The plan is changed and must be approved again."),
        Transition("close", _P.CLOSED, "The plan is withdrawn before it began."),
    ),
    _P.ACTIVE: (Transition("close", _P.CLOSED, "The plan has ended."),),
    _P.CLOSED: (),
}

OBJECTIVE_TRANSITIONS: Mapping[ObjectiveState, tuple[Transition[ObjectiveState], ...]] = {
    _O.OPEN: (
        Transition("achieve", _O.ACHIEVED, "The target was reached."),
        Transition("miss", _O.MISSED, "The due date passed without the target."),
        Transition("drop", _O.DROPPED, "The objective is given up on purpose."),
    ),
    _O.ACHIEVED: (Transition("reopen", _O.OPEN, "The outcome was recorded wrongly."),),
    _O.MISSED: (Transition("reopen", _O.OPEN, "The outcome was recorded wrongly, or there is a new date."),),
    _O.DROPPED: (Transition("reopen", _O.OPEN, "The objective is taken up again."),),
}

ACTION_TRANSITIONS: Mapping[ActionState, tuple[Transition[ActionState], ...]] = {
    _A.OPEN: (
        Transition("start", _A.IN_PROGRESS, "Its owner has begun."),
        Transition("complete", _A.COMPLETED, "The action is done."),
        Transition("cancel", _A.CANCELLED, "The action is no longer wanted."),
    ),
    _A.IN_PROGRESS: (
        Transition("complete", _A.COMPLETED, "The action is done."),
        Transition("cancel", _A.CANCELLED, "The action is no longer wanted."),
        Transition("reopen", _A.OPEN, "Work has stopped; the action waits again."),
    ),
    _A.COMPLETED: (Transition("reopen", _A.OPEN, "The action turned out not to be done."),),
    _A.CANCELLED: (Transition("reopen", _A.OPEN, "The action is wanted after all."),),
}


OUTCOME_MEMBERS = frozenset({"state", "closed_on", "completed_on", "notes"})
"""The members of a closed plan's objectives and actions that can still change: they record outcomes."""


def frozen_members(plan: PlanState, changed: Iterable[str]) -> list[str]:
    """Return the changed members of an objective or action that its plan no longer allows to change.

    An open plan allows all. In a closed plan outcomes may be recorded or corrected; targets, dates and owners stay as
    they were agreed.
    """
    return [] if plan is not PlanState.CLOSED else [name for name in changed if name not in OUTCOME_MEMBERS]


def judge_plan(current: PlanState, to: PlanState) -> StateVerdict[PlanState]:
    """Judge a plan's change of state."""
    return _judge("plan", PLAN_TRANSITIONS, current, to)


def judge_objective(current: ObjectiveState, to: ObjectiveState) -> StateVerdict[ObjectiveState]:
    """Judge an objective's change of state."""
    return _judge("objective", OBJECTIVE_TRANSITIONS, current, to)


def judge_action(current: ActionState, to: ActionState) -> StateVerdict[ActionState]:
    """Judge an action's change of state."""
    return _judge("action", ACTION_TRANSITIONS, current, to)


def _judge(
    noun: str, table: Mapping[State, tuple[Transition[State], ...]], current: State, to: State
) -> StateVerdict[State]:
    states = tuple(transition.to for transition in table[current])
    for transition in table[current]:
        if transition.to is to:
            return StateVerdict(True, "allowed", transition.meaning, states)
    if to is current:
        return StateVerdict(False, "state_unchanged", f"The {noun} is {current.value} already.", states)
    choices = ", ".join(state.value for state in states) or "nothing"
    article = "An" if noun[0] in "ao" else "A"
    reason = f"{article} {noun} that is {current.value} can become {choices}, not {to.value}."
    return StateVerdict(False, "state_not_reachable", reason, states)
