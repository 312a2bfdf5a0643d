"""Forecasts: the position that an account is expected to have some years ahead, beside its current one."""

from typing import Annotated

from pydantic import Field as Member
from sqlmodel import Field

from service.framework.database.columns import Exact
from service.framework.database.fields import read_of, table_of
from service.models.classification.results import ModelReference
from service.models.shapes import Assessed, index_assessments
from service.platform.types import (
    EXACT_DECIMALS,
    DayText,
    ExactScore,
    Id,
    Name,
    Ratio,
    Shape,
    Text,
    Version,
)
from service.rules.vocabulary import Quadrant

Shown = Annotated[float, Member(ge=0)]


class ForecastPositionPut(Shape):
    """The position that the account is expected to have; replaces the current forecast."""

    attractiveness: ExactScore = Member(description="The expected attractiveness, 0 to 10")
    relative_strength: Ratio | None = Member(
        default=None, description="Our expected total divided by the best competitor's; this or `business_strength`"
    )
    business_strength: ExactScore | None = Member(
        default=None,
        description="Our own expected total, 0 to 10: it decides where no competitor is known (5 and above is high), "
        "and gives the forecast's cell of Fiocca",
    )
    on: DayText | None = Member(
        default=None,
        description="The day of the forecast, at most ten years ahead; in three years when left out",
    )
    reason: Text = Member(description="The grounds of the forecast")
    author_id: Id | None = Member(default=None, description="The person who makes the forecast")


class ForecastPosition(Assessed, table=True):
    """One forecast of one account."""

    __tablename__ = "forecast_positions"

    attractiveness: ExactScore = Field(sa_type=Exact(19, EXACT_DECIMALS))
    relative_strength: Ratio | None = Field(sa_type=Exact(19, EXACT_DECIMALS))
    business_strength: ExactScore | None = Field(sa_type=Exact(19, EXACT_DECIMALS))
    forecast_on: DayText
    reason: Text = Field(description="The grounds of the forecast")


forecast_positions = table_of(ForecastPosition)
index_assessments(forecast_positions)


class ForecastModel(ModelReference):
    """The scoring model whose cuts give the quadrant of the forecast."""


@read_of(
    ForecastPosition,
    order="account_id version attractiveness relative_strength business_strength quadrant investment_strategy "
    "on reason",
)
class ForecastPositionRead(Shape):
    """The expected position of an account."""

    version: Version = Member(description="The account's version; the ETag is made of it")
    attractiveness: Shown = Member(description="The expected attractiveness, 0 to 10")
    relative_strength: Shown | None = Member(description="The expected relative strength")
    business_strength: Shown | None = Member(description="Our own expected total, 0 to 10")
    quadrant: Quadrant = Member(description="The quadrant of the forecast by the cuts of the active model")
    investment_strategy: Name = Member(description="How much to invest in that quadrant")
    on: DayText = Member(description="The day that the forecast is for")
    model: ForecastModel = Member(description="The active scoring model, whose cuts give the quadrant")
