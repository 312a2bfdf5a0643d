"""Two models side by side, and the factor library, as rules."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from service.rules.classification.factor_library import LIBRARY, SOURCES, FactorAxis, FactorSource, other_axis_warnings
from service.rules.classification.fiocca import FioccaLimits
from service.rules.classification.model_comparison import FACTOR_MEMBERS, compare, settings_of
from service.rules.classification.quadrants import CutRule, Cuts
from service.rules.classification.scoring import (
    Factor,
    FactorGroup,
    ScoringModel,
    model_warnings,
    validate_bands,
    validate_model,
)
from service.rules.classification.scoring_documents import model_from_dict, model_to_dict, with_changes
from service.rules.vocabulary import Direction

FACTORS = st.lists(
    st.builds(
        Factor,
        st.sampled_from("abcdef"),
        st.sampled_from(["A", "B"]),
        st.sampled_from([Decimal(10), Decimal(20)]),
        st.sampled_from(Direction),
        st.booleans(),
        group=st.none() | st.sampled_from(FactorGroup),
    ),
    max_size=6,
    unique_by=lambda factor: factor.key,
)
MODELS = st.builds(
    ScoringModel,
    st.just("M"),
    FACTORS.map(tuple),
    st.builds(Cuts, st.sampled_from([Decimal(5), Decimal(6)]), st.just(Decimal(1)), st.sampled_from(CutRule)),
    st.builds(FioccaLimits, st.sampled_from([Decimal(3), Decimal("3.3")])),
    st.sampled_from([Decimal(0), Decimal("0.5")]),
)


@given(MODELS, MODELS)
def test_every_factor_stands_in_one_place_and_looking_back_swaps_added_and_removed(
    before: ScoringModel, after: ScoringModel
) -> None:
    there, back = compare(before, after), compare(after, before)
    old, new = {f.key for f in before.factors}, {f.key for f in after.factors}
    assert {f.key for f in there.added} == new - old and {f.key for f in there.removed} == old - new
    assert sorted([*there.unchanged, *(c.before.key for c in there.changed)]) == sorted(old & new)
    assert there.added == back.removed and there.same == back.same
    assert [(s.setting, s.before, s.after) for s in there.settings] == [
        (s.setting, s.after, s.before) for s in back.settings
    ]
    keyed = {f.key: f for f in before.factors}, {f.key: f for f in after.factors}
    assert there.same == (keyed[0] == keyed[1] and replace(before, factors=()) == replace(after, factors=()))
    for change in there.changed:
        assert change.changed == tuple(
            name for name in FACTOR_MEMBERS if getattr(change.before, name) != getattr(change.after, name)
        )


@given(MODELS)
def test_the_order_of_factors_is_no_difference(model: ScoringModel) -> None:
    assert compare(model, replace(model, factors=model.factors[::-1])).same


@given(MODELS)
def test_a_model_survives_its_document(model: ScoringModel) -> None:
    document = model_to_dict(model)
    assert model_from_dict(document) == model
    assert with_changes(document, {}) == document
    changed = model_from_dict(with_changes(document, {"cuts": {"attractiveness": 7}, "factors": []}))
    assert changed.cuts == replace(model.cuts, attractiveness=Decimal(7)) and changed.factors == ()
    assert settings_of(changed)["fiocca.low"] == model.fiocca.low


def test_the_library_holds_what_the_sources_name_on_the_axis_it_belongs_to() -> None:
    keys = [factor.key for factor in LIBRARY]
    assert len(keys) == len(set(keys)) and set(SOURCES) == set(FactorSource)
    by_axis = {axis: [f.key for f in LIBRARY if f.axis is axis] for axis in FactorAxis}
    assert len(by_axis[FactorAxis.DIFFICULTY]) == 3 and len(by_axis[FactorAxis.STRATEGIC_IMPORTANCE]) == 4
    assert {"closeness", "values_our_offer"} <= set(by_axis[FactorAxis.BUSINESS_STRENGTH])
    assert {
        "turnover", "contribution_margin", "image", "growth", "market_position", "innovation_partner", "early_adopter",
        "prestige", "competitors_account", "profit_contribution", "size", "growth_potential", "financial_stability",
        "consistent_revenue", "sales_opportunities", "loyal_partner", "opinion_leader",
    } <= set(by_axis[FactorAxis.ATTRACTIVENESS])  # fmt: skip


def test_every_library_factor_makes_a_sound_model_as_it_is() -> None:
    for one in LIBRARY:
        factor = Factor(one.key, one.name, Decimal(100), one.direction, bands=one.bands, unit=one.unit, group=one.group)
        assert validate_bands(factor) == [] and validate_model(ScoringModel("M", (factor,))) == []
        other = other_axis_warnings(ScoringModel("M", (factor,)))
        assert bool(other) == (one.axis is not FactorAxis.ATTRACTIVENESS)


def test_unwise_models_are_warned_of() -> None:
    soft = [Factor(key, key, Decimal(25), group=FactorGroup.SOFT) for key in "abcd"]
    assert [one.code for one in model_warnings(ScoringModel("M", tuple(soft)))] == ["no_hard_factor"]
    hard = replace(soft[0], group=FactorGroup.HARD, direction=Direction.LOWER_IS_BETTER)
    warned = model_warnings(ScoringModel("M", (hard, *soft[1:])))
    assert [(one.pointer, one.code) for one in warned] == [("/factors/0/bands", "reverse_factor_without_bands")]
