"""The inputs of each account's classification, and its history."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field, SQLModel

from service.models.shapes import Key, check_in
from service.platform.columns import Exact, Instant, Json, Uuid
from service.platform.types import (
    EXACT_DECIMALS,
    ExactMeasure,
    ExactScore,
    Flag,
    Id,
    Name,
    Shape,
    Text,
    Weight,
)
from service.rules.vocabulary import Quadrant, QuadrantSource


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
