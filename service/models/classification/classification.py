"""Our strength with each customer as it is scored, and the history of classifications."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Exact, Instant, Json, Precise, Uuid
from service.framework.database.fields import check_in
from service.platform.types import ExactScore, Flag, Id, Name, Shape, Weight
from service.rules.vocabulary import Quadrant, QuadrantSource


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


class BusinessStrengthRow(SQLModel, table=True):
    """One account's success factors with all scores, and their undivided totals (weight x score summed) for us and for
    the best competitor (null when none is known): exact, so that a database can decide by them.
    """

    __tablename__ = "business_strengths"

    account_id: str = Field(primary_key=True, sa_type=Uuid, foreign_key="accounts.id")
    factors: Any = Field(sa_type=Json)
    no_known_competitor: bool = Field(default=False, sa_type=sa.Boolean)
    confirmed_by_id: str | None = Field(default=None, sa_type=Uuid, foreign_key="stakeholders.id")
    ours_points: Decimal = Field(sa_type=Precise)
    best_points: Decimal | None = Field(default=None, sa_type=Precise)
    weight_sum: Decimal = Field(sa_type=Precise)
    updated_at: datetime = Field(sa_type=Instant)


business_strengths: sa.Table = BusinessStrengthRow.__table__  # type: ignore[attr-defined]


class ClassificationRow(SQLModel, table=True):
    """One entry of an account's classification history: where it stood, and the inputs from which that is computed
    again, by the model that is named.

    `account_version` is the account's version that it belongs to, and the order of the history. `inputs` is `{"scores":
    {factor: {"total": text, "ratings": n}}, "strength": null or {"factors": [...], "no_known_competitor": flag}}`: a
    factor's value is total / ratings, and the total is text because it is exact. The oldest entries have the
    strength's totals, as text too, in place of its factors: ours_points, best_points, weight_sum, best_competitor.

    Neither account nor model is a foreign key: entries are made beside the account's own change and by a model that is
    held, and rows of both are never removed, while the two checks of each entry (the account's also locks the row that
    was just written) are a fifth of the time in which a whole portfolio is classified anew.
    """

    __tablename__ = "classifications"
    __table_args__ = (
        check_in("quadrant", Quadrant, nullable=True),
        check_in("quadrant_source", QuadrantSource, nullable=True),
    )

    id: str = Field(primary_key=True, sa_type=Uuid)
    account_id: str = Field(sa_type=Uuid)
    account_version: int = Field(sa_type=sa.BigInteger)
    model_id: str = Field(sa_type=Uuid)
    classified_at: datetime = Field(sa_type=Instant)
    cause: str = Field(sa_type=sa.Text)
    reason: str | None = Field(default=None, sa_type=sa.Text)
    recorded_by: str | None = Field(default=None, sa_type=sa.Text)
    quadrant: str | None = Field(default=None, sa_type=sa.Text)
    quadrant_source: str | None = Field(default=None, sa_type=sa.Text)
    computed_quadrant: str | None = Field(default=None, sa_type=sa.Text)
    raw_quadrant: str | None = Field(default=None, sa_type=sa.Text)
    attractiveness: Decimal | None = Field(default=None, sa_type=Exact(12, 6))
    business_strength: Decimal | None = Field(default=None, sa_type=Exact(12, 6))
    relative_strength: Decimal | None = Field(default=None, sa_type=Exact(14, 6))
    fiocca_attractiveness: str | None = Field(default=None, sa_type=sa.Text)
    fiocca_position: str | None = Field(default=None, sa_type=sa.Text)
    leading_verb: str | None = Field(default=None, sa_type=sa.Text)
    classification_status: str = Field(sa_type=sa.Text)
    missing: Any = Field(sa_type=Json)
    inputs: Any = Field(sa_type=Json)


classifications: sa.Table = ClassificationRow.__table__  # type: ignore[attr-defined]
sa.Index(
    "uq_classifications_account_version", classifications.c.account_id, classifications.c.account_version, unique=True
)
