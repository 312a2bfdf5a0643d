"""Scoring models: their shapes, their table, comparisons and the factor library."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field

from service.framework.database.columns import Exact
from service.framework.database.fields import check_in, patch_of, read_of, table_of
from service.models.shapes import Key, Living, ReadBase
from service.platform.patterns import any_of
from service.platform.types import (
    BandWidth,
    Count,
    ExactMeasure,
    ExactScore,
    Flag,
    Id,
    InstantText,
    Name,
    Ratio,
    Score,
    Shape,
    Text,
    Weight,
)
from service.rules.classification.factor_library import FactorAxis, FactorSource
from service.rules.classification.quadrants import CutRule
from service.rules.classification.scoring import FactorGroup
from service.rules.vocabulary import Direction


class ModelState(StrEnum):
    """The life of a scoring model; one at a time is active."""

    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"


class Band(Shape):
    """One score band: a raw metric from `from` (inclusive) up to `to` (exclusive) earns `score`; null means
    unbounded.
    """

    from_: ExactMeasure | None = Member(
        default=None, alias="from", description="Lower end, inclusive; null for no lower end"
    )
    to: ExactMeasure | None = Member(default=None, description="Upper end, exclusive; null for no upper end")
    score: ExactScore = Member(description="The score of the band, 0 to 10")


class FactorShape(Shape):
    """One attractiveness factor of a scoring model."""

    key: Key = Member(description="The factor's key, used when scoring", examples=["growth"])
    name: Name = Member(description="The factor's name for people")
    weight: Weight = Member(description="Weight; those of a model sum to 100 within 0.01")
    direction: Direction = Member(
        default=Direction.HIGHER_IS_BETTER, description="Whether a higher metric earns a higher score"
    )
    required: Flag = Member(default=True, description="Whether an account without this score is incomplete")
    bands: list[Band] = Member(
        max_length=20,
        default_factory=list,
        description="Anchored bands that turn a raw metric into a score; without gaps or overlaps",
    )
    unit: Name | None = Member(default=None, description="The unit of the metric", examples=["percent a year"])
    group: FactorGroup | None = Member(
        default=None, description="hard: outcome-based, can be counted; soft: judged. A good set holds both"
    )
    source: Name | None = Member(default=None, description="Where the criterion comes from")


class CutsShape(Shape):
    """Cut lines of the four boxes."""

    attractiveness: ExactScore = Member(default=Decimal("5.0"), description="High attractiveness from this score on")
    relative_strength: Ratio = Member(default=Decimal("1.0"), description="High strength from this ratio on")
    attractiveness_rule: CutRule = Member(
        default=CutRule.FIXED,
        description="fixed: the attractiveness cut is the number above; range_middle: it is the middle between the "
        "portfolio's least and greatest attractiveness, and the number above only until there is one",
    )


class BorderWidthShape(Shape):
    """The distance from a border within which an account is marked as borderline; it decides nothing."""

    attractiveness: BandWidth = Member(
        default=Decimal("0.3"), description="Score points around the attractiveness cut, and around 5 for our own total"
    )
    relative_strength: BandWidth = Member(default=Decimal("0.05"), description="Ratio around the relative-strength cut")
    fiocca: BandWidth = Member(default=Decimal("0.3"), description="Score points around Fiocca's limits")


class LimitsShape(Shape):
    """Limits of Fiocca's nine cells."""

    low: ExactScore = Member(default=Decimal("3.3"), description="Below this is low / weak")
    high: ExactScore = Member(default=Decimal("6.7"), description="Above this is high / strong")


class ScoringModelCreate(Shape):
    """A scoring model to add, inactive until it is activated."""

    name: Name = Member(description="The model's name")
    factors: Annotated[list[FactorShape], Member(min_length=1, max_length=8)] = Member(
        description="The attractiveness factors, the same for all accounts of the portfolio"
    )
    cuts: CutsShape = Member(default_factory=CutsShape, description="Cut lines of the four boxes")
    fiocca: LimitsShape = Member(default_factory=LimitsShape, description="Limits of Fiocca's nine cells")
    dead_band: BandWidth = Member(
        default=Decimal(0),
        description="A quadrant changes only when the border is crossed by more than this, in score points; 0 turns it "
        "off. An account that moves back and forth inside the band sends no event while its Fiocca cell, its status "
        "and its missing inputs stay the same",
    )
    border_width: BorderWidthShape = Member(
        default_factory=BorderWidthShape, description="The distance from a border within which an account is borderline"
    )


ScoringModelPatch = patch_of(ScoringModelCreate, "ScoringModelPatch")
"""Of `cuts`, `fiocca` and `border_width` the members that are sent change; `factors` are replaced as a whole."""


class ScoringModelClone(Shape):
    """A copy of a scoring model to work on: a new draft."""

    name: Name | None = Member(default=None, description="The copy's name; made from the original's when left out")
    changes: ScoringModelPatch | None = Member(  # type: ignore[valid-type]
        default=None, description="Changes to the original, as in a patch"
    )


class ComparisonQuery(Shape):
    """The model to compare with."""

    with_: Id = Member(alias="with", description="The id of the other model")


class LibraryQuery(Shape):
    """A selection of criteria."""

    axis: FactorAxis | None = Member(default=None, description="Only criteria of this axis")


class ScoringModelRow(Living, table=True):
    """The table. The definition never changes after the activation; the state and the portfolio's range do.

    The range is the least and the greatest attractiveness of the complete accounts at `range_at`, when the model last
    classified the whole portfolio; a cut in the middle of the range is taken from it.
    """

    __tablename__ = "scoring_models"
    __table_args__ = (
        check_in("state", ModelState),
        sa.Index(
            "uq_scoring_models_active",
            "state",
            unique=True,
            postgresql_where=sa.text("state = 'active'"),
            sqlite_where=sa.text("state = 'active'"),
        ),
    )

    name: Name
    number: Count = Field(description="Grows with each model: the model version in classifications")
    state: Annotated[str, StringConstraints(pattern=any_of(ModelState))] = Field(
        default="draft", description="draft, active (one at a time) or retired"
    )
    definition: dict[str, Any]
    activated_at: InstantText | None = Field(description="When it became active")
    range_low: Score | None = Field(
        sa_type=Exact(6, 4),
        description="The least attractiveness of the portfolio when this model last classified all of it",
    )
    range_high: Score | None = Field(sa_type=Exact(6, 4), description="The greatest attractiveness at that time")
    range_at: InstantText | None = Field(description="When it last classified the whole portfolio; null if never")


scoring_models = table_of(ScoringModelRow)


class Warned(Shape):
    """A warning about a model that is allowed but unwise."""

    pointer: Annotated[str, StringConstraints(max_length=500)] = Member(description="JSON pointer to the member")
    code: Annotated[str, StringConstraints(max_length=100)] = Member(description="The warning, for programs")
    message: Text = Member(description="The warning in words")


@read_of(
    ScoringModelCreate,
    ScoringModelRow,
    order="name number state factors cuts fiocca dead_band border_width warnings",
)
class ScoringModelRead(ReadBase):
    """A scoring model."""

    factors: Annotated[list[FactorShape], Member(max_length=8)] = Member(description="The attractiveness factors")
    warnings: Annotated[list[Warned], Member(max_length=20)] = Member(
        description="Warnings about settings that are allowed but unwise"
    )


class ComparedModel(Shape):
    """One of the two compared models."""

    id: Id = Member(description="The model")
    name: Name = Member(description="Its name")
    version: Count = Member(description="Its number")
    state: ModelState = Member(description="draft, active or retired")


class ChangedFactor(Shape):
    """A factor that both models have and that differs."""

    key: Key = Member(description="The factor's key")
    changed: list[Name] = Member(
        max_length=10,
        description="The members that differ: name, weight, direction, required, bands, unit, group, source",
    )
    before: FactorShape = Member(description="As it is in this model")
    after: FactorShape = Member(description="As it is in the other model")


class ChangedSetting(Shape):
    """A line or width that differs."""

    setting: Name = Member(description="Its name", examples=["cuts.attractiveness"])
    before: ExactMeasure = Member(description="In this model")
    after: ExactMeasure = Member(description="In the other model")


class ChangedRule(Shape):
    """The rule of the attractiveness cut, when it differs."""

    before: CutRule = Member(description="In this model")
    after: CutRule = Member(description="In the other model")


class ScoringModelComparison(Shape):
    """The differences between two models."""

    before: ComparedModel = Member(description="This model")
    after: ComparedModel = Member(description="The other model")
    same: Flag = Member(description="Whether only the names of the models differ")
    added: list[FactorShape] = Member(max_length=8, description="Factors that only the other model has")
    removed: list[FactorShape] = Member(max_length=8, description="Factors that only this model has")
    changed: list[ChangedFactor] = Member(max_length=8, description="Factors that both have and that differ")
    unchanged: list[Key] = Member(max_length=8, description="Keys of the factors that do not differ")
    settings: list[ChangedSetting] = Member(
        max_length=8, description="Cut lines, limits, dead band and border widths that differ"
    )
    attractiveness_rule: ChangedRule | None = Member(description="The rule of the attractiveness cut, when it differs")


class LibraryFactorRead(Shape):
    """A criterion of the factor library, ready to pick: a factor without a weight."""

    key: Key = Member(description="A key for the factor")
    name: Name = Member(description="Its name for people")
    description: Text = Member(description="The criterion's meaning")
    axis: FactorAxis = Member(
        description="attractiveness; business_strength for criteria of the other axis; strategic_importance and "
        "difficulty for Fiocca's general portfolio of all accounts"
    )
    group: FactorGroup = Member(description="hard: outcome-based, can be counted; soft: judged")
    direction: Direction = Member(description="Whether a higher metric is better")
    unit: Name | None = Member(description="The unit of its metric, if it has one")
    bands: list[Band] = Member(
        max_length=20, description="Bands to start from, where the method gives some; adapt their thresholds"
    )
    source: Name = Member(description="The publication that names the criterion")
    source_key: FactorSource = Member(description="The publication, for programs")


class FactorLibrary(Shape):
    """The criteria that the sources name."""

    items: list[LibraryFactorRead] = Member(max_length=100, description="The criteria")
