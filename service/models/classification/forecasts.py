"""Forecast positions: where an account is expected to stand some years ahead; data of their own beside the present."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as Member
from sqlmodel import Field

from service.framework.database.columns import Day, Exact
from service.models.shapes import Assessed, index_assessments
from service.platform.types import (
    EXACT_DECIMALS,
    Count,
    DayText,
    ExactScore,
    Id,
    InstantText,
    Name,
    Ratio,
    Shape,
    Text,
    Version,
)
from service.rules.vocabulary import Quadrant

Shown = Annotated[float, Member(ge=0)]


class ForecastPositionPut(Shape):
    """Where the account is expected to stand; replaces the forecast that was there."""

    attractiveness: ExactScore = Member(description="The attractiveness expected, 0 to 10")
    relative_strength: Ratio | None = Member(
        default=None, description="Our total divided by the best competitor's, as expected; either this or ours"
    )
    business_strength: ExactScore | None = Member(
        default=None,
        description="Our own total, 0 to 10, as expected: it decides where no competitor is known (5 and above is "
        "high), and places the forecast in Fiocca's cells",
    )
    on: DayText | None = Member(
        default=None, description="For which day: ahead, at most ten years; three years from today when left out"
    )
    reason: Text = Member(description="What the forecast rests on")
    author_id: Id | None = Member(default=None, description="Who forecasts: a person")


class ForecastPosition(Assessed, table=True):
    """One forecast of one account."""

    __tablename__ = "forecast_positions"

    attractiveness: Decimal = Field(sa_type=Exact(19, EXACT_DECIMALS))
    relative_strength: Decimal | None = Field(default=None, sa_type=Exact(19, EXACT_DECIMALS))
    business_strength: Decimal | None = Field(default=None, sa_type=Exact(19, EXACT_DECIMALS))
    forecast_on: date = Field(sa_type=Day)
    reason: str = Field(sa_type=sa.Text)


forecast_positions: sa.Table = ForecastPosition.__table__  # type: ignore[attr-defined]
index_assessments(forecast_positions)


class ForecastModel(Shape):
    """The scoring model whose lines box the forecast."""

    id: Id = Member(description="The model")
    name: Name = Member(description="Its name")
    version: Count = Member(description="Its number")


class ForecastPositionRead(Shape):
    """Where an account is expected to stand."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")
    attractiveness: Shown = Member(description="The attractiveness expected, 0 to 10")
    relative_strength: Shown | None = Member(description="The relative strength expected")
    business_strength: Shown | None = Member(description="Our own total expected, 0 to 10")
    quadrant: Quadrant = Member(description="The box it lies in by the cuts of the active model")
    investment_strategy: Name = Member(description="How much to invest in that box")
    on: DayText = Member(description="For which day")
    reason: Text = Member(description="What the forecast rests on")
    author_id: Id | None = Member(description="Who forecasts")
    recorded_by: Text | None = Member(description="The key that recorded it")
    recorded_at: InstantText = Member(description="When it was recorded")
    model: ForecastModel = Member(description="The active scoring model, whose cuts give the quadrant")
