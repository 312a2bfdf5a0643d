"""The general portfolio of all accounts (Fiocca's step 1): strategic importance and difficulty of an account."""

from typing import Annotated, Any

from pydantic import Field as Member
from sqlmodel import Field

from service.framework.database.fields import read_of, table_of
from service.models.shapes import Assessed, Key, index_assessments
from service.platform.types import ExactScore, Flag, Id, LongText, Name, Shape, Text, Version, Weight
from service.rules.classification.general_portfolio import GeneralCell, GeneralLevel

Shown = Annotated[float, Member(ge=0)]


class GeneralFactorPut(Shape):
    """A factor of one axis with its score."""

    factor: Key = Member(description="Its key in the factor library: of axis strategic_importance, or of difficulty")
    score: ExactScore | None = Member(
        default=None, description="0 to 10, 10 for very important or very difficult; null while unknown"
    )
    weight: Weight | None = Member(
        default=None,
        description="Weight: for all factors of the axis or for none; weights sum to 100 within 0.01. Without weights "
        "all factors that the method names have the same weight",
    )
    evidence: LongText | None = Member(default=None, description="The evidence for the score")


class GeneralPortfolioPut(Shape):
    """The importance and difficulty of an account; replaces the current assessment.

    A factor without a score is missing, never 0.
    """

    strategic_importance: list[GeneralFactorPut] = Member(
        max_length=10,
        description="Value of purchases, potential and prestige, market leadership, strategic desirability",
    )
    difficulty: list[GeneralFactorPut] = Member(
        max_length=10, description="Competition for the customer, its buying behaviour, characteristics of the product"
    )
    reason: Text | None = Member(default=None, description="The reason for the assessment")
    author_id: Id | None = Member(default=None, description="The person who makes the assessment")


class GeneralPortfolio(Assessed, table=True):
    """One assessment of one account."""

    __tablename__ = "general_portfolios"

    strategic_importance: list[dict[str, Any]]
    difficulty: list[dict[str, Any]]
    cell: GeneralCell | None = Field(description="The cell; null while a score is missing")
    reason: Text | None = Field(description="The reason for the assessment")


general_portfolios = table_of(GeneralPortfolio)
index_assessments(general_portfolios)


class GeneralFactorRead(Shape):
    """A factor of one axis with its weight."""

    factor: Key = Member(description="Its key in the factor library")
    name: Name = Member(description="The factor's name")
    score: Shown | None = Member(description="0 to 10; null is missing")
    weight: Shown = Member(description="Its weight; the weights of an axis sum to 100")
    evidence: LongText | None = Member(description="The evidence for the score")


class GeneralAxisRead(Shape):
    """One axis of the general portfolio."""

    score: Shown | None = Member(description="The weighted mean of its factors, 0 to 10; null while one is missing")
    level: GeneralLevel | None = Member(description="high from 5.0 on, else low; null while a score is missing")
    borderline: Flag = Member(description="Whether the score lies within 0.3 of the cut")
    missing: list[Key] = Member(max_length=10, description="Factors without a score")
    factors: list[GeneralFactorRead] = Member(max_length=10, description="Its factors")


@read_of(GeneralPortfolio, order="account_id version cell strategic_importance difficulty reason")
class GeneralPortfolioRead(Shape):
    """The cell of an account in the general portfolio of all accounts, with its factors."""

    version: Version = Member(description="The account's version; the ETag is made of it")
    strategic_importance: GeneralAxisRead = Member(description="The account's importance to us")
    difficulty: GeneralAxisRead = Member(description="The difficulty of managing it")
