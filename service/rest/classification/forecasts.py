"""Forecast positions over HTTP: where an account is expected to stand."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from service.framework.web.answers import Answer, found, no_content
from service.framework.web.router import Inquiry, Part, PathId
from service.models.classification.forecasts import ForecastPositionPut, ForecastPositionRead
from service.operations.classification import forecasts
from service.rest.dependencies import Caller

part = Part("classification")


@part.put(
    "/accounts/{id}/forecast-position",
    response_model=ForecastPositionRead,
    summary="State an account's forecast position",
)
async def put_forecast_position(
    ctx: Caller, id: PathId, data: Annotated[ForecastPositionPut, Body()], asked: Inquiry
) -> Answer:
    """States where the account is expected to stand on a day ahead, three years from today unless said otherwise. The
    box follows from the active model's cuts; the present position stays as it is. Sends account.forecast_changed when
    something changed.
    """
    return found(await forecasts.put_forecast_position(ctx, id, data, asked.expected))


@part.get(
    "/accounts/{id}/forecast-position",
    response_model=ForecastPositionRead,
    summary="Read an account's forecast position",
)
async def read_forecast_position(ctx: Caller, id: PathId) -> Answer:
    """Reads where the account is expected to stand; 404 when nobody has said."""
    return found(await forecasts.get_forecast_position(ctx, id))


@part.delete("/accounts/{id}/forecast-position", summary="Take an account's forecast position back")
async def delete_forecast_position(ctx: Caller, id: PathId, asked: Inquiry) -> Answer:
    """Takes the forecast back; looks into the past still show it. Sends account.forecast_changed."""
    return no_content(await forecasts.delete_forecast_position(ctx, id, asked.expected))
