"""The general portfolio of all accounts (Fiocca's step 1): how important and how difficult an account is."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as Member
from sqlmodel import Field

from service.framework.database.columns import Json
from service.framework.database.fields import check_in
from service.models.shapes import Judged, Key, judged_once
from service.platform.types import ExactScore, Flag, Id, InstantText, LongText, Name, Shape, Text, Version, Weight
from service.rules.classification.general_portfolio import GeneralCell, GeneralLevel

Shown = Annotated[float, Member(ge=0)]


class GeneralFactorPut(Shape):
    """A factor of one axis with its score."""

    factor: Key = Member(description="Its key in the factor library: of axis strategic_importance, or of difficulty")
    score: ExactScore | None = Member(
        default=None, description="0 to 10, 10 for very important or very difficult; null while nobody knows"
    )
    weight: Weight | None = Member(
        default=None,
        description="Weight: for all factors of the axis or for none; they sum to 100 within 0.01. Without weights all "
        "factors that the method names count alike",
    )
    evidence: LongText | None = Member(default=None, description="What the score rests on")


class GeneralPortfolioPut(Shape):
    """How important and how difficult an account is; replaces what was there. A factor that is not scored is missing,
    never 0.
    """

    strategic_importance: Annotated[list[GeneralFactorPut], Member(max_length=10)] = Member(
        description="Value of purchases, potential and prestige, market leadership, strategic desirability"
    )
    difficulty: Annotated[list[GeneralFactorPut], Member(max_length=10)] = Member(
        description="Competition for the customer, its buying behaviour, characteristics of the product"
    )
    reason: Text | None = Member(default=None, description="Why it is judged so, or anew")
    author_id: Id | None = Member(default=None, description="Who judges: a person")


class GeneralPortfolio(Judged, table=True):
    """One judgement of one account."""

    __tablename__ = "general_portfolios"
    __table_args__ = (check_in("cell", GeneralCell, nullable=True),)

    strategic_importance: Any = Field(sa_type=Json, nullable=False)
    difficulty: Any = Field(sa_type=Json, nullable=False)
    cell: str | None = Field(default=None, sa_type=sa.Text)
    reason: str | None = Field(default=None, sa_type=sa.Text)


general_portfolios: sa.Table = GeneralPortfolio.__table__  # type: ignore[attr-defined]
judged_once(general_portfolios)


class GeneralFactorRead(Shape):
    """A factor of one axis as it counts."""

    factor: Key = Member(description="Its key in the factor library")
    name: Name = Member(description="Its name")
    score: Shown | None = Member(description="0 to 10; null is missing")
    weight: Shown = Member(description="Its weight, of 100")
    evidence: LongText | None = Member(description="What the score rests on")


class GeneralAxisRead(Shape):
    """One axis of the general portfolio."""

    score: Shown | None = Member(description="The weighted mean of its factors, 0 to 10; null while one is missing")
    level: GeneralLevel | None = Member(description="high from 5.0 on, else low; null while a score is missing")
    borderline: Flag = Member(description="Whether it lies within 0.3 of the cut")
    missing: Annotated[list[Key], Member(max_length=10)] = Member(description="Factors without a score")
    factors: Annotated[list[GeneralFactorRead], Member(max_length=10)] = Member(description="Its factors")


class GeneralPortfolioRead(Shape):
    """Where an account stands in the general portfolio of all accounts, and why."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")
    cell: GeneralCell | None = Member(description="The cell; null while a score is missing")
    strategic_importance: GeneralAxisRead = Member(description="How important the account is to us")
    difficulty: GeneralAxisRead = Member(description="How difficult it is to manage")
    reason: Text | None = Member(description="Why it is judged so")
    author_id: Id | None = Member(description="Who judged")
    recorded_by: Text | None = Member(description="The key that recorded it")
    recorded_at: InstantText = Member(description="When it was recorded")
