"""Scoring models, the inputs of each account, and the history of classifications."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field, SQLModel

from service.models.shapes import Living, ReadBase, check_in
from service.platform.columns import Exact, Instant, Json, Uuid
from service.platform.types import (
    EXACT_DECIMALS,
    BandWidth,
    Count,
    ExactMeasure,
    ExactScore,
    Flag,
    Id,
    InstantText,
    Name,
    Ratio,
    Shape,
    Text,
    Weight,
)
from service.rules.vocabulary import Direction, Quadrant, QuadrantSource

Key = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]


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
    bands: Annotated[list[Band], Member(max_length=20)] = Member(
        default_factory=list, description="Anchored bands that turn a raw metric into a score; without gaps or overlaps"
    )


class CutsShape(Shape):
    """Cut lines of the four boxes."""

    attractiveness: ExactScore = Member(default=Decimal("5.0"), description="High attractiveness from this score on")
    relative_strength: Ratio = Member(default=Decimal("1.0"), description="High strength from this ratio on")


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
        description="A quadrant changes only when the border is crossed by more than this; 0 turns it off",
    )


class ScoringModelRow(Living, SQLModel, table=True):
    """The table. The definition never changes once written; only `state` does."""

    __tablename__ = "scoring_models"
    __table_args__ = (
        sa.CheckConstraint("state IN ('draft', 'active', 'retired')", name="known_state"),
        sa.Index(
            "uq_scoring_models_active",
            "state",
            unique=True,
            postgresql_where=sa.text("state = 'active'"),
            sqlite_where=sa.text("state = 'active'"),
        ),
    )

    name: str = Field(sa_type=sa.Text)
    number: int = Field(sa_type=sa.BigInteger)
    state: str = Field(default="draft", sa_type=sa.Text)
    definition: Any = Field(sa_type=Json)
    activated_at: datetime | None = Field(default=None, sa_type=Instant)


scoring_models: sa.Table = ScoringModelRow.__table__  # type: ignore[attr-defined]


class Warned(Shape):
    """One thing that is allowed but unwise."""

    pointer: Annotated[str, StringConstraints(max_length=500)] = Member(description="JSON pointer to what is meant")
    code: Annotated[str, StringConstraints(max_length=100)] = Member(description="For programs")
    message: Text = Member(description="For people")


class ScoringModelRead(ReadBase):
    """A scoring model."""

    name: Name = Member(description="The model's name")
    number: Count = Member(description="Grows with each model: the model version that classifications name")
    state: Annotated[str, StringConstraints(pattern="^(draft|active|retired)$")] = Member(
        description="draft, active (one at a time) or retired"
    )
    factors: Annotated[list[FactorShape], Member(max_length=8)] = Member(description="The attractiveness factors")
    cuts: CutsShape = Member(description="Cut lines of the four boxes")
    fiocca: LimitsShape = Member(description="Limits of Fiocca's nine cells")
    dead_band: BandWidth = Member(description="Width of the dead band in score points; 0 is off")
    warnings: Annotated[list[Warned], Member(max_length=20)] = Member(
        description="What is allowed but unwise in this model"
    )
    activated_at: InstantText | None = Member(description="When it became active")


class ScoreInput(Shape):
    """The score of one factor: either a score or a raw metric that the model's bands turn into one."""

    factor: Key = Member(description="The factor's key in the active model")
    score: ExactScore | None = Member(default=None, description="The score, 0 to 10; either this or metric")
    metric: ExactMeasure | None = Member(
        default=None, description="A raw metric for the factor's bands; either this or score"
    )
    evidence: Text | None = Member(default=None, description="What the score rests on")
    rater_id: Id | None = Member(default=None, description="Who scored: a person")


class AttractivenessPut(Shape):
    """The account's scores on the active model; replaces those that were there."""

    scores: Annotated[list[ScoreInput], Member(max_length=8)] = Member(description="One entry per factor")


class SuccessFactorShape(Shape):
    """One critical success factor of this customer, with our score and each named competitor's."""

    name: Name = Member(description="What a supplier must do well to win this customer")
    weight: Weight = Member(description="Weight; those of an account sum to 100 within 0.01")
    ours: ExactScore = Member(description="Our score, 0 to 10")
    competitors: Annotated[
        dict[Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\u0000]*$")], ExactScore],
        Member(max_length=10),
    ] = Member(
        default_factory=dict,
        description="Score of each competitor by name, 0 to 10; the same competitors on every factor",
    )


class BusinessStrengthPut(Shape):
    """Business strength on this customer's own success factors; replaces what was there."""

    factors: Annotated[list[SuccessFactorShape], Member(min_length=1, max_length=20)] = Member(
        description="The customer's success factors"
    )
    no_known_competitor: Flag = Member(
        default=False,
        description="True says outright that no competitor is known; our own total of at least 5 then is high",
    )
    confirmed_by_id: Id | None = Member(default=None, description="The stakeholder who confirmed factors and weights")


class AttractivenessScore(SQLModel, table=True):
    """One factor's score of one account; `metric` is the exact text of the number that the bands turned into it."""

    __tablename__ = "attractiveness_scores"

    account_id: str = Field(primary_key=True, sa_type=Uuid, foreign_key="accounts.id")
    factor: str = Field(primary_key=True, sa_type=sa.Text)
    rater_id: str | None = Field(default=None, sa_type=Uuid, foreign_key="people.id")
    score: Decimal = Field(sa_type=Exact(19, EXACT_DECIMALS))
    metric: str | None = Field(default=None, sa_type=sa.Text)
    evidence: str | None = Field(default=None, sa_type=sa.Text)
    scored_at: datetime = Field(sa_type=Instant)


attractiveness_scores: sa.Table = AttractivenessScore.__table__  # type: ignore[attr-defined]


class BusinessStrengthRow(SQLModel, table=True):
    """One account's success factors with all scores."""

    __tablename__ = "business_strengths"

    account_id: str = Field(primary_key=True, sa_type=Uuid, foreign_key="accounts.id")
    factors: Any = Field(sa_type=Json)
    no_known_competitor: bool = Field(default=False, sa_type=sa.Boolean)
    confirmed_by_id: str | None = Field(default=None, sa_type=Uuid, foreign_key="stakeholders.id")
    updated_at: datetime = Field(sa_type=Instant)


business_strengths: sa.Table = BusinessStrengthRow.__table__  # type: ignore[attr-defined]


class ClassificationRow(SQLModel, table=True):
    """One entry of an account's classification history: the whole explained result as it was told.

    `account_version` is the account's version that it belongs to, and the order of the history.
    """

    __tablename__ = "classifications"
    __table_args__ = (
        check_in("quadrant", Quadrant, nullable=True),
        check_in("quadrant_source", QuadrantSource, nullable=True),
    )

    id: str = Field(primary_key=True, sa_type=Uuid)
    account_id: str = Field(sa_type=Uuid, foreign_key="accounts.id")
    account_version: int = Field(sa_type=sa.BigInteger)
    model_id: str = Field(sa_type=Uuid, foreign_key="scoring_models.id")
    classified_at: datetime = Field(sa_type=Instant)
    cause: str = Field(sa_type=sa.Text)
    quadrant: str | None = Field(default=None, sa_type=sa.Text)
    quadrant_source: str | None = Field(default=None, sa_type=sa.Text)
    result: Any = Field(sa_type=Json)


classifications: sa.Table = ClassificationRow.__table__  # type: ignore[attr-defined]
sa.Index(
    "uq_classifications_account_version", classifications.c.account_id, classifications.c.account_version, unique=True
)
