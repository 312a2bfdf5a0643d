"""Candidate screening: required criteria, how many must hold, and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.accounts.screening import Criterion, needed, screen, validate_criteria

CASE = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=20)
"""For each criterion whether it is required and whether it holds."""


def criteria(case: list[tuple[bool, bool]]) -> list[Criterion]:
    return [Criterion(f"c{index}", required) for index, (required, _) in enumerate(case)]


@given(CASE, st.integers(0, 20), st.integers(0, 19))
def test_one_more_that_holds_never_fails_an_account(case: list[tuple[bool, bool]], at_least: int, place: int) -> None:
    place %= len(case)
    better = [(required, holds or index == place) for index, (required, holds) in enumerate(case)]
    before = screen(criteria(case), [holds for _, holds in case], at_least)
    after = screen(criteria(better), [holds for _, holds in better], at_least)
    assert after.passed >= before.passed and after.held >= before.held


@given(CASE, st.integers(0, 20))
def test_the_order_does_not_matter(case: list[tuple[bool, bool]], at_least: int) -> None:
    one = screen(criteria(case), [holds for _, holds in case], at_least)
    turned = list(reversed(case))
    other = screen(criteria(turned), [holds for _, holds in turned], at_least)
    assert (one.passed, one.held, len(one.failed_required)) == (other.passed, other.held, len(other.failed_required))


@given(CASE)
def test_without_a_number_all_must_hold_or_all_required(case: list[tuple[bool, bool]]) -> None:
    listed = criteria(case)
    required = [holds for wanted, holds in case if wanted]
    screened = screen(listed, [holds for _, holds in case], needed(listed, None))
    assert screened.passed == all(required or [holds for _, holds in case])


def test_the_reason_says_what_is_missing() -> None:
    listed = [Criterion("Large", True), Criterion("Growing"), Criterion("Near", True)]
    screened = screen(listed, [False, True, True], 1)
    assert not screened.passed and screened.failed_required == ("Large",)
    assert screened.reason == "2 of 3 criteria hold, 1 must. Required, and does not hold: Large."


@pytest.mark.parametrize(
    ("names", "at_least", "found"),
    [
        (["a", "b", "a"], None, [("/criteria/2/name", "criterion_repeated")]),
        (["a", "b"], 3, [("/at_least", "more_than_there_are")]),
        (["a", "b"], 2, []),
    ],
)
def test_what_is_refused(names: list[str], at_least: int | None, found: list[tuple[str, str]]) -> None:
    verdicts = validate_criteria([Criterion(name) for name in names], at_least)
    assert [(verdict.pointer, verdict.code) for verdict in verdicts] == found
