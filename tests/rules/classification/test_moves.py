"""Each smallest change, when applied, moves the account to the box it names; a smaller change does not."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from service.rules.classification.classification import Classification, classify
from service.rules.classification.moves import Comparison, Move, Whose, smallest_moves
from service.rules.classification.quadrants import Axis, Cuts
from service.rules.classification.scoring import Factor, ScoreBand, ScoringModel
from service.rules.classification.strength import SuccessFactor, business_strength
from service.rules.vocabulary import Quadrant

STEP = Decimal("0.0001")
KEYS = ("size", "growth", "image")
SCORES = st.decimals(0, 10, places=2)
MODEL = ScoringModel(
    "Example", tuple(Factor(k, k.title(), Decimal(w)) for k, w in zip(KEYS, (50, 30, 20), strict=True))
)
HAND_SCORES = {"size": Decimal(8), "growth": Decimal(5), "image": Decimal(4)}
HAND_FACTORS = (
    SuccessFactor("quality", Decimal(60), Decimal(7), {"X": Decimal(8), "Y": Decimal(5)}),
    SuccessFactor("price", Decimal(40), Decimal(6), {"X": Decimal(5), "Y": Decimal(9)}),
)


def weights(count: int) -> st.SearchStrategy[list[Decimal]]:
    """Weights with thirds among them, that sum to 100 within 0.01."""
    listed = [
        [Decimal(100)],
        [Decimal(60), Decimal(40)],
        [Decimal("33.33")] * 3,
        [Decimal(50), Decimal(30), Decimal(20)],
    ]
    return st.sampled_from([one for one in listed if len(one) <= count])


@st.composite
def accounts(draw: st.DrawFn) -> tuple[ScoringModel, dict[str, Decimal], list[SuccessFactor], Quadrant | None]:
    """A model, an account's scores and success factors, and where it was."""
    model_weights = draw(weights(3))
    factors = tuple(
        Factor(key, key.title(), weight, required=draw(st.booleans()))
        for key, weight in zip(KEYS, model_weights, strict=False)
    )
    model = ScoringModel(
        "Drawn",
        factors,
        Cuts(draw(st.sampled_from([Decimal(5), Decimal("4.5"), Decimal("6.33333")])), draw(st.sampled_from([Decimal(1), Decimal("0.9")]))),
        dead_band=draw(st.sampled_from([Decimal(0), Decimal("0.5")])),
    )  # fmt: skip
    scores = {f.key: draw(SCORES) for f in factors if f.required or draw(st.booleans())}
    rivals = draw(st.sampled_from([(), ("X",), ("X", "Y")]))
    strength = [
        SuccessFactor(str(index), weight, draw(SCORES), {name: draw(SCORES) for name in rivals})
        for index, weight in enumerate(draw(weights(3)))
    ]
    return model, scores, strength, draw(st.sampled_from([None, *Quadrant]))


def placed(
    model: ScoringModel, scores: dict[str, Decimal], factors: list[SuccessFactor], previous: Quadrant | None
) -> Classification:
    known = any(factor.competitors for factor in factors)
    return classify(model, scores, business_strength(factors, not known), previous)


def applied(
    model: ScoringModel,
    scores: dict[str, Decimal],
    factors: list[SuccessFactor],
    held: Quadrant,
    move: Move,
    to: Decimal,
) -> Quadrant | None:
    """Where the account stands when that one score is another."""
    if move.whose is Whose.ACCOUNT:
        return placed(model, {**scores, move.factor: to}, factors, held).quadrant
    changed = [
        factor
        if factor.name != move.factor
        else replace(factor, ours=to)
        if move.whose is Whose.OURS
        else replace(factor, competitors={**factor.competitors, str(move.competitor): to})
        for factor in factors
    ]
    return placed(model, scores, changed, held).quadrant


@given(accounts())
def test_a_smallest_change_moves_the_account_and_anything_smaller_does_not(
    account: tuple[ScoringModel, dict[str, Decimal], list[SuccessFactor], Quadrant | None],
) -> None:
    model, scores, factors, previous = account
    before = placed(model, scores, factors, previous)
    moves = smallest_moves(model, before, factors)
    if before.quadrant is None:
        assert moves == ()
        return
    for move in moves:
        assert move.quadrant is not before.quadrant and 0 <= move.to <= 10
        assert applied(model, scores, factors, before.quadrant, move, move.to) is move.quadrant
        rising = move.bound.comparison in (Comparison.AT_LEAST, Comparison.ABOVE)
        smaller = move.to + (-STEP if rising else STEP)
        if 0 <= smaller <= 10:
            assert applied(model, scores, factors, before.quadrant, move, smaller) is before.quadrant
        if move.score is not None:
            assert move.change is not None and (move.change > 0) == rising
    known = [abs(move.change) for move in moves if move.change is not None]
    assert known == sorted(known)


@given(accounts())
def test_what_is_not_listed_does_not_move_the_account(
    account: tuple[ScoringModel, dict[str, Decimal], list[SuccessFactor], Quadrant | None],
) -> None:
    """The far ends 0 and 10 of every score that no move is given for leave the account where it is."""
    model, scores, factors, previous = account
    before = placed(model, scores, factors, previous)
    if before.quadrant is None:
        return
    listed = {(move.whose, move.factor) for move in smallest_moves(model, before, factors)}
    best = before.business_strength.best_competitor if before.business_strength else None
    for to in (Decimal(0), Decimal(10)):
        for factor in model.factors:
            if (Whose.ACCOUNT, factor.key) not in listed:
                assert placed(model, {**scores, factor.key: to}, factors, before.quadrant).quadrant is before.quadrant
        for index, one in enumerate(factors):
            if (Whose.OURS, one.name) not in listed:
                other = [*factors[:index], replace(one, ours=to), *factors[index + 1 :]]
                assert placed(model, scores, other, before.quadrant).quadrant is before.quadrant
            if best is not None and (Whose.COMPETITOR, one.name) not in listed:
                rival = replace(one, competitors={**one.competitors, best.name: to})
                after = placed(model, scores, [*factors[:index], rival, *factors[index + 1 :]], before.quadrant)
                assert after.quadrant in (before.quadrant, None)


def test_the_worked_example_by_hand() -> None:
    """A = 6.30 falls below 5 only when size falls below 5.4; R = 6.60 / 6.80 reaches 1 at quality 7 1/3 or price 6.5,
    and X's lead is gone at quality 7 2/3 or price 4.5.
    """
    outcome = classify(MODEL, HAND_SCORES, business_strength(HAND_FACTORS))
    told = [
        (m.whose.value, m.factor, m.bound.comparison.value, m.bound.threshold, m.to, m.quadrant.value)
        for m in smallest_moves(MODEL, outcome, HAND_FACTORS)
    ]
    assert told == [
        ("ours", "quality", "at_least", Fraction(22, 3), Decimal("7.3334"), "strategic"),
        ("competitor", "quality", "at_most", Fraction(23, 3), Decimal("7.6666"), "strategic"),
        ("ours", "price", "at_least", Fraction(13, 2), Decimal("6.5"), "strategic"),
        ("competitor", "price", "at_most", Fraction(9, 2), Decimal("4.5"), "strategic"),
        ("account", "size", "below", Fraction(27, 5), Decimal("5.3999"), "streamline"),
        ("account", "growth", "below", Fraction(2, 3), Decimal("0.6666"), "streamline"),
    ]


def test_the_dead_band_must_be_left_too() -> None:
    model = replace(MODEL, dead_band=Decimal("0.5"))
    scores = dict.fromkeys(KEYS, Decimal("4.8"))
    held = classify(model, scores, business_strength(HAND_FACTORS), Quadrant.STAR)
    assert (held.quadrant, held.raw_quadrant) == (Quadrant.STAR, Quadrant.STREAMLINE)
    size = next(m for m in smallest_moves(model, held, HAND_FACTORS) if m.factor == "size")
    assert (size.bound.comparison, size.bound.threshold, size.to) == (
        Comparison.BELOW,
        Fraction("4.2"),
        Decimal("4.1999"),
    )


def test_a_second_strong_competitor_leaves_no_single_change_of_the_best_one() -> None:
    tied = [SuccessFactor("all", Decimal(100), Decimal(6), {"X": Decimal(7), "Y": Decimal(7)})]
    outcome = classify(MODEL, HAND_SCORES, business_strength(tied))
    assert [m.whose for m in smallest_moves(MODEL, outcome, tied) if m.axis is not Axis.ATTRACTIVENESS] == [Whose.OURS]


def test_the_last_competitor_cannot_fall_to_0_because_then_there_is_no_ratio() -> None:
    alone = [SuccessFactor("all", Decimal(100), Decimal(0), {"X": Decimal(7)})]
    outcome = classify(MODEL, HAND_SCORES, business_strength(alone))
    moves = [m for m in smallest_moves(MODEL, outcome, alone) if m.axis is Axis.RELATIVE_STRENGTH]
    assert [(m.whose, m.to) for m in moves] == [(Whose.OURS, Decimal(7))]


def test_a_measured_factor_names_the_nearest_band_that_is_enough() -> None:
    bands = tuple(
        ScoreBand(low if low is None else Decimal(low), high if high is None else Decimal(high), Decimal(score))
        for low, high, score in ((None, 5, 2), (5, 10, 6), (10, None, 9))
    )
    model = ScoringModel("Banded", (Factor("growth", "Growth", Decimal(100), bands=bands),))
    outcome = classify(model, {"growth": Decimal(2)}, business_strength(HAND_FACTORS))
    move = next(m for m in smallest_moves(model, outcome, HAND_FACTORS) if m.whose is Whose.ACCOUNT)
    assert move.to == 5 and move.band == bands[1]


def test_an_optional_factor_without_a_score_can_move_the_account_by_getting_one() -> None:
    model = replace(MODEL, factors=(*MODEL.factors[:2], replace(MODEL.factors[2], required=False)))
    scores = {"size": Decimal("4.5"), "growth": Decimal("5.5")}
    outcome = classify(model, scores, business_strength(HAND_FACTORS))
    move = next(m for m in smallest_moves(model, outcome, HAND_FACTORS) if m.factor == "image")
    assert (move.score, move.change, move.bound.threshold) == (None, None, Fraction(11, 2))
    assert smallest_moves(model, outcome, HAND_FACTORS)[-1] == move
