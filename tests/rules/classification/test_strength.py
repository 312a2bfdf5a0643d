"""Our strength is our total beside the best competitor's, on the customer's own success factors."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.classification.strength import (
    StrengthRule,
    SuccessFactor,
    business_strength,
    validate_strength,
)

SCORES = st.decimals(min_value=0, max_value=10, places=2)


def factor(name: str, weight: int | str, ours: int | str, **competitors: int | str) -> SuccessFactor:
    rivals = {rival: Decimal(score) for rival, score in competitors.items()}
    return SuccessFactor(name, Decimal(weight), Decimal(ours), rivals)


EXAMPLE = [factor("quality", 60, 7, X=8, Y=5), factor("price", 40, 6, X=5, Y=9)]


def test_the_worked_example_is_0_97_of_the_best_competitor() -> None:
    result = business_strength(EXAMPLE)
    assert result.ours == Fraction("6.60")
    assert {c.name: c.total for c in result.competitors} == {"X": Fraction("6.80"), "Y": Fraction("6.60")}
    assert result.best_competitor is not None and result.best_competitor.name == "X"
    assert result.relative_strength == Fraction(660, 680)
    assert result.relative_strength_shown == Decimal("0.970588")
    assert result.complete and result.rule is StrengthRule.RELATIVE


@given(st.lists(st.tuples(SCORES, SCORES, SCORES), min_size=4, max_size=4), st.permutations(range(4)))
def test_the_order_of_success_factors_does_not_matter(scores: list[tuple[Decimal, ...]], order: list[int]) -> None:
    factors = [factor(f"f{i}", 25, str(a), X=str(b), Y=str(c)) for i, (a, b, c) in enumerate(scores)]
    one, two = business_strength(factors), business_strength([factors[i] for i in order])
    assert (one.ours, one.competitors, one.relative_strength) == (two.ours, two.competitors, two.relative_strength)


@given(SCORES.filter(bool), SCORES, SCORES)
def test_raising_our_score_never_lowers_relative_strength(rival: Decimal, low: Decimal, high: Decimal) -> None:
    low, high = sorted((low, high))
    before = business_strength([factor("quality", 100, str(low), X=str(rival))]).relative_strength
    after = business_strength([factor("quality", 100, str(high), X=str(rival))]).relative_strength
    assert before is not None and after is not None and after >= before
    assert (after >= 1) == (high >= rival)


def test_a_tie_between_competitors_is_told_by_name() -> None:
    result = business_strength([factor("quality", 100, 5, Zeta=7, Alpha=7)])
    assert result.best_competitor is not None and result.best_competitor.name == "Alpha"


def test_a_best_competitor_at_0_leaves_relative_strength_undefined() -> None:
    result = business_strength([factor("quality", 100, 5, X=0)])
    assert (result.relative_strength, result.relative_strength_shown, result.complete) == (None, None, False)
    assert [reason.code for reason in result.reasons] == ["relative_strength_undefined"]
    assert result.ours == 5


def test_with_no_known_competitor_the_absolute_rule_decides() -> None:
    result = business_strength([factor("quality", 100, 5)], no_known_competitor=True)
    assert (result.rule, result.relative_strength, result.complete) == (StrengthRule.ABSOLUTE, None, True)


@pytest.mark.parametrize(
    ("factors", "none_known", "pointer", "code"),
    [
        ([], False, "/factors", "factor_count_out_of_range"),
        ([factor("q", 100, 5)], False, "/factors", "competitor_needed"),
        ([factor("q", 100, 5, X=5)], True, "/no_known_competitor", "competitors_contradict"),
        ([factor("q", 60, 5, X=5), factor("p", 40, 5)], False, "/factors/1/competitors/X", "competitor_score_missing"),
        ([factor("q", 60, 5, X=5), factor("p", 45, 5, X=5)], False, "/factors", "weights_do_not_sum_to_100"),
        ([factor("q", 100, "10.1", X=5)], False, "/factors/0/ours", "score_out_of_range"),
        ([factor("q", 100, 5, X="-1")], False, "/factors/0/competitors/X", "score_out_of_range"),
        ([factor("q", 50, 5, X=5), factor("q", 50, 5, X=5)], False, "/factors/1/name", "factor_name_repeated"),
        ([factor(" ", 100, 5, X=5)], False, "/factors/0/name", "factor_name_empty"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    factors: list[SuccessFactor], none_known: bool, pointer: str, code: str
) -> None:
    assert [(v.pointer, v.code) for v in validate_strength(factors, none_known)] == [(pointer, code)]
    refused = business_strength(factors, none_known)
    assert (refused.complete, refused.ours, [v.code for v in refused.reasons]) == (False, None, [code])


def test_a_competitor_name_is_escaped_in_its_pointer() -> None:
    one = replace(EXAMPLE[0], weight=Decimal(100), competitors={"a/b~c": Decimal(11)})
    assert [v.pointer for v in validate_strength([one])] == ["/factors/0/competitors/a~1b~0c"]
