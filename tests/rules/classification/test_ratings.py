"""Several raters of one factor: the value that counts is exact, and does not depend on who comes first."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from service.rules.classification.classification import classify
from service.rules.classification.factor_library import SUCCESS_FACTORS
from service.rules.classification.ratings import (
    GivenRating,
    Rating,
    ValueRule,
    exact_decimal,
    plain_text,
    read_ratings,
    too_many_raters,
    unsupported,
    values_used,
)
from service.rules.classification.scoring import Factor, ScoreBand, ScoringModel, attractiveness
from service.rules.classification.strength import SuccessFactor, business_strength, strength_points
from service.rules.vocabulary import Quadrant

D = Decimal
SCORES = st.decimals(min_value=0, max_value=10, places=3)
SHEETS = st.lists(st.tuples(st.sampled_from("abc"), SCORES), min_size=1, max_size=20)
BANDS = (ScoreBand(None, D(5), D(2)), ScoreBand(D(5), D(10), D(5)), ScoreBand(D(10), D(100), D(9)))
MODEL = ScoringModel(
    "Three", (Factor("a", "A", D("33.34")), Factor("b", "B", D("33.33")), Factor("c", "C", D("33.33"), required=False))
)


def scored(model: ScoringModel, ratings: list[Rating]) -> Fraction | None:
    used = values_used(model, ratings)
    return attractiveness(model, {factor: value.value for factor, value in used.items()}).score


@given(SHEETS, st.randoms())
def test_the_order_of_factors_and_raters_does_not_matter(sheet: list[tuple[str, D]], random) -> None:
    ratings = [Rating(factor, score) for factor, score in sheet]
    shuffled, factors = list(ratings), list(MODEL.factors)
    random.shuffle(shuffled)
    random.shuffle(factors)
    assert values_used(MODEL, ratings) == values_used(MODEL, shuffled)
    assert scored(MODEL, ratings) == scored(replace(MODEL, factors=tuple(factors)), shuffled)


@given(SHEETS, st.integers(0, 19), SCORES)
def test_raising_a_rating_never_lowers_attractiveness(sheet: list[tuple[str, D]], place: int, raised: D) -> None:
    ratings = [Rating(factor, score) for factor, score in sheet]
    index = place % len(ratings)
    higher = list(ratings)
    higher[index] = replace(ratings[index], score=max(raised, ratings[index].score))
    before, after = scored(MODEL, ratings), scored(MODEL, higher)
    assert (before is None) == (after is None)
    assert before is None or after is None or after >= before


@given(SCORES, st.lists(st.decimals(D("0.01"), D(100), places=2), min_size=1, max_size=8), st.integers(1, 10))
def test_equal_ratings_give_that_score_whatever_the_weights(score: D, weights: list[D], raters: int) -> None:
    model = ScoringModel("T", tuple(Factor(f"f{i}", "F", weight) for i, weight in enumerate(weights)))
    ratings = [Rating(factor.key, score) for factor in model.factors for _ in range(raters)]
    assert scored(model, ratings) == Fraction(score)


def test_a_mean_of_thirds_is_not_rounded_across_a_border() -> None:
    model = ScoringModel("One", (Factor("a", "A", D(100)),))
    strength = business_strength([SuccessFactor("Service", D(100), D(7), {"X": D(7)})])

    def quadrant(*scores: str) -> Quadrant | None:
        used = values_used(model, [Rating("a", D(score)) for score in scores])
        return classify(model, {"a": used["a"].value}, strength).quadrant

    assert quadrant("5", "5", "5") is quadrant("4", "5", "6") is Quadrant.STRATEGIC
    assert quadrant("5", "5", "4.99999999999999999") is Quadrant.STATUS  # 5 - 1/3 of the finest decimal
    assert quadrant("4.6", "5.1", "5.3") is Quadrant.STRATEGIC
    assert values_used(model, [Rating("a", D(score)) for score in ("1", "1", "2")])["a"].value == Fraction(4, 3)


def test_the_only_the_mean_and_the_chosen_rating() -> None:
    one, two = Rating("a", D(4)), Rating("a", D(8))
    single = values_used(MODEL, [replace(one, chosen=True)])["a"]
    assert (single.rule, single.value, single.spread, single.disagreement) == (ValueRule.SINGLE, 4, 0, False)
    mean = values_used(MODEL, [one, two])["a"]
    assert (mean.rule, mean.value, mean.total, mean.ratings) == (ValueRule.MEAN, 6, D(12), 2)
    assert (mean.spread, mean.disagreement) == (4, True)
    chosen = values_used(MODEL, [one, replace(two, chosen=True)])["a"]
    assert (chosen.rule, chosen.value, chosen.ratings, chosen.spread) == (ValueRule.CHOSEN, 8, 1, 4)
    assert values_used(MODEL, [one, Rating("a", D("6.999"))])["a"].disagreement is False
    assert values_used(MODEL, [one, Rating("a", D(7))])["a"].disagreement is True


def test_a_metric_is_read_through_the_models_own_bands() -> None:
    model = ScoringModel("M", (Factor("a", "A", D(100), bands=BANDS),))
    used = values_used(
        model, [Rating("a", D(1), D(7)), Rating("a", D(9)), Rating("a", D(3), D(1000)), Rating("z", D(1))]
    )
    assert set(used) == {"a"} and used["a"].total == D(14) and used["a"].ratings == 2
    assert values_used(replace(model, factors=(Factor("a", "A", D(100)),)), [Rating("a", D(1), D(7))])["a"].value == 1


def test_given_ratings_are_read_with_pointers_to_what_is_wrong() -> None:
    model = ScoringModel("T", (Factor("growth", "G", D(50), bands=BANDS), Factor("prestige", "P", D(50))))
    read = read_ratings(
        model,
        [
            GivenRating("growth", metric=D(12)),
            GivenRating("size", score=D(1)),
            GivenRating("growth", score=D(1)),
            GivenRating("growth", score=D(1), rater="r"),
            GivenRating("prestige", metric=D(1)),
        ],
    )
    assert read.scores == (D(9), None, None, D(1), None)
    assert [(verdict.pointer, verdict.code) for verdict in read.verdicts] == [
        ("/scores/1/factor", "unknown_factor"),
        ("/scores/2/factor", "factor_repeated"),
        ("/scores/4/metric", "factor_has_no_bands"),
    ]
    both = [GivenRating("growth", D(1), D(1)), GivenRating("prestige")]
    assert [verdict.code for verdict in read_ratings(model, both).verdicts] == ["score_or_metric"] * 2
    high = read_ratings(model, [GivenRating("prestige", D(11))])
    assert ([verdict.pointer for verdict in high.verdicts], high.scores) == (["/scores/0/score"], (None,))
    assert too_many_raters({"a": 10, "b": 11}) == ["b"]


def test_a_changed_score_needs_new_evidence() -> None:
    before = {"score": D(5), "metric": None, "evidence": "Report"}
    assert not unsupported(None, {**before, "evidence": None})
    assert not unsupported(before, {**before, "evidence": None})
    assert unsupported(before, {**before, "score": D(6)})
    assert unsupported(before, {**before, "score": D(6), "evidence": None})
    assert not unsupported(before, {**before, "score": D(6), "evidence": "New report"})
    assert unsupported({**before, "metric": "1"}, {**before, "metric": "2"})


@given(st.decimals(min_value=0, max_value=1000, places=17))
def test_exact_text_reads_back_exactly(value: D) -> None:
    assert Fraction(plain_text(value)) == Fraction(value) == Fraction(exact_decimal(Fraction(value)))
    assert not plain_text(value).endswith(".") and "E" not in plain_text(value)


@given(st.lists(st.tuples(SCORES, SCORES, SCORES), min_size=2, max_size=5))
def test_points_decide_as_the_totals_do(scores: list[tuple[D, D, D]]) -> None:
    factors = [SuccessFactor(f"{i}", D(100) / 4, a, {"X": b, "Y": c}) for i, (a, b, c) in enumerate(scores[:4])]
    points = strength_points(factors)
    assert points.best is not None and points.weights == 25 * len(factors)
    totals = [sum((Fraction(s[which]) for s in scores[:4]), Fraction(0)) for which in (0, 1, 2)]
    assert (points.ours >= points.best) == (totals[0] >= max(totals[1:]))
    assert strength_points([SuccessFactor("A", D(100), D(5))]).best is None


def test_the_default_set_of_success_factors_sums_to_100_and_each_names_its_source() -> None:
    assert sum(factor.weight for factor in SUCCESS_FACTORS if factor.weight is not None) == 100
    names = [factor.name for factor in SUCCESS_FACTORS]
    assert len(set(names)) == len(names) and all(factor.description and factor.source for factor in SUCCESS_FACTORS)
