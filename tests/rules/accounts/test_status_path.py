"""The path from customer to managed key account: one step at a time, each with its requirements."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.accounts.status_path import REQUIREMENTS, STEPS, Requirement, judge_step
from service.rules.vocabulary import AccountStatus

UP = ["customer", "candidate", "selected", "agreed", "planned", "managed", "deselected", "selected"]
MET = st.sets(st.sampled_from(Requirement))


def test_the_whole_path_can_be_walked_and_walked_again() -> None:
    for here, there in pairwise(UP):
        assert judge_step(AccountStatus(here), AccountStatus(there), set(Requirement)).allowed


@pytest.mark.parametrize(
    ("here", "there", "needs"),
    [
        ("customer", "candidate", []),
        ("candidate", "selected", ["classification_complete"]),
        ("selected", "agreed", ["benefit_to_us", "benefit_to_customer", "agreement"]),
        ("agreed", "planned", ["plan_approved"]),
        ("planned", "managed", ["plan_active", "owner"]),
        ("managed", "deselected", []),
        ("deselected", "selected", ["classification_complete"]),
    ],
)
def test_each_step_names_what_is_missing(here: str, there: str, needs: list[str]) -> None:
    verdict = judge_step(AccountStatus(here), AccountStatus(there), ())
    assert [missing.value for missing in verdict.missing] == needs
    assert verdict.allowed == (not needs) and (verdict.code == "allowed") == (not needs)


@given(st.sampled_from(AccountStatus), st.sampled_from(AccountStatus), MET)
def test_a_step_is_allowed_exactly_when_it_is_open_and_nothing_is_missing(
    here: AccountStatus, there: AccountStatus, met: set[Requirement]
) -> None:
    verdict = judge_step(here, there, met)
    step = next((step for step in STEPS[here] if step.to is there), None)
    assert verdict.allowed == (step is not None and set(step.requires) <= met)
    assert verdict.open_steps == tuple(step.to for step in STEPS[here])
    if here is there:
        assert verdict.code == "status_unchanged"


@given(st.sampled_from(AccountStatus), st.sampled_from(AccountStatus), MET, MET)
def test_more_of_what_is_asked_for_never_closes_a_step(
    here: AccountStatus, there: AccountStatus, met: set[Requirement], more: set[Requirement]
) -> None:
    if judge_step(here, there, met).allowed:
        assert judge_step(here, there, met | more).allowed


def test_nobody_skips_the_customers_agreement_and_a_customer_cannot_be_deselected() -> None:
    order = list(AccountStatus)[:6]
    for index, here in enumerate(order):
        for there in order[index + 2 :]:
            assert judge_step(here, there, set(Requirement)).code == "status_not_reachable"
    assert not judge_step(AccountStatus.CUSTOMER, AccountStatus.DESELECTED, set(Requirement)).allowed
    assert set(REQUIREMENTS) == set(Requirement) and set(STEPS) == set(AccountStatus)
