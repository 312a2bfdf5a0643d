"""The path of an account in the programme: from customer to managed key account, and what each step asks for.

A customer becomes a key account only when it agrees itself, so both benefits are written before that; and it is managed
only by a plan. Nothing is deleted: a deselected account keeps its history and can be selected again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from service.rules.vocabulary import AccountStatus


class Requirement(StrEnum):
    """A requirement of a step of the programme status."""

    CLASSIFICATION_COMPLETE = "classification_complete"
    BENEFIT_TO_US = "benefit_to_us"
    BENEFIT_TO_CUSTOMER = "benefit_to_customer"
    AGREEMENT = "agreement"
    PLAN_APPROVED = "plan_approved"
    PLAN_ACTIVE = "plan_active"
    OWNER = "owner"


REQUIREMENTS: dict[Requirement, str] = {
    Requirement.CLASSIFICATION_COMPLETE: "Attractiveness and our strength are scored, so that there is a quadrant.",
    Requirement.BENEFIT_TO_US: "The benefit to us is written down (benefit_to_us of the account).",
    Requirement.BENEFIT_TO_CUSTOMER: "The customer's benefit is written down (benefit_to_customer of the account).",
    Requirement.AGREEMENT: "The customer's agreement is recorded: who at the customer agreed, and when.",
    Requirement.PLAN_APPROVED: "There is an account plan that is approved or active.",
    Requirement.PLAN_ACTIVE: "There is an active account plan.",
    Requirement.OWNER: "A key account manager owns the account.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is open from a status: where it leads, what it means, and what it asks for."""

    to: AccountStatus
    meaning: str
    requires: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True)
class StepVerdict:
    """The verdict on a step. Codes: allowed, status_unchanged, status_not_reachable, requirements_missing.

    `missing` lists the requirements that are not met, `open_steps` the statuses that can be reached.
    """

    allowed: bool
    code: str
    reason: str
    open_steps: tuple[AccountStatus, ...]
    missing: tuple[Requirement, ...] = ()


_S, _R = AccountStatus, Requirement
_CANDIDATE = Step(_S.CANDIDATE, "Its potential makes it a candidate (segmentation, before any scoring).")
_SELECTED = Step(_S.SELECTED, "We choose it, by its scores.", (_R.CLASSIFICATION_COMPLETE,))
_DESELECTED = Step(_S.DESELECTED, "It leaves the programme and keeps its history.")

STEPS: Mapping[AccountStatus, tuple[Step, ...]] = {
    _S.CUSTOMER: (_CANDIDATE,),
    _S.CANDIDATE: (_SELECTED, Step(_S.CUSTOMER, "It is no candidate any more."), _DESELECTED),
    _S.SELECTED: (
        Step(
            _S.AGREED,
            "The customer agrees; only now it is a key account.",
            (_R.BENEFIT_TO_US, _R.BENEFIT_TO_CUSTOMER, _R.AGREEMENT),
        ),
        Step(_S.CANDIDATE, "It goes back among the candidates."),
        _DESELECTED,
    ),
    _S.AGREED: (
        Step(_S.PLANNED, "Its plan is agreed inside.", (_R.PLAN_APPROVED,)),
        Step(_S.SELECTED, "The customer took its agreement back."),
        _DESELECTED,
    ),
    _S.PLANNED: (
        Step(_S.MANAGED, "The plan is put to work.", (_R.PLAN_ACTIVE, _R.OWNER)),
        Step(_S.AGREED, "The plan was withdrawn."),
        _DESELECTED,
    ),
    _S.MANAGED: (Step(_S.PLANNED, "It is planned again."), _DESELECTED),
    _S.DESELECTED: (
        Step(_S.SELECTED, "It is selected again, by its scores of today.", (_R.CLASSIFICATION_COMPLETE,)),
        _CANDIDATE,
    ),
}


def judge_step(current: AccountStatus, to: AccountStatus, met: Collection[Requirement]) -> StepVerdict:
    """Judge a step on the path: one at a time upward, out at any point after customer, and back in.

    `met` are the requirements that the account fulfils. A step that is open but asks for more names what is missing.
    """
    steps = STEPS[current]
    reachable = tuple(step.to for step in steps)
    for step in steps:
        if step.to is to:
            missing = tuple(requirement for requirement in step.requires if requirement not in met)
            if missing:
                reason = " ".join(["Still missing:", *(REQUIREMENTS[requirement] for requirement in missing)])
                return StepVerdict(False, "requirements_missing", reason, reachable, missing)
            return StepVerdict(True, "allowed", step.meaning, reachable)
    if to is current:
        return StepVerdict(False, "status_unchanged", f"The account is {current.value} already.", reachable)
    listed = ", ".join(status.value for status in reachable)
    reason = f"From {current.value} an account goes to {listed}, not to {to.value}."
    return StepVerdict(False, "status_not_reachable", reason, reachable)
