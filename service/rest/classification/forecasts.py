"""Forecast positions over HTTP: the position that an account is expected to reach."""

from service.framework.web.answers import Answer, found, no_content
from service.framework.web.router import Inquiry, Part, PathId
from service.models.classification.forecasts import ForecastPositionPut, ForecastPositionRead
from service.operations.classification import forecasts
from service.rest.dependencies import Caller

part = Part("classification")


@part.put(
    "/accounts/{id}/forecast-position",
    response_model=ForecastPositionRead,
    summary="Set an account's forecast position",
)
async def put_forecast_position(ctx: Caller, id: PathId, data: ForecastPositionPut, info: Inquiry) -> Answer:
    """Sets the position that the account is expected to reach on a day ahead, by default three years from today. The
    active model's cuts give the box; the present position stays as it is. Sends account.forecast_changed when something
    changed.
    """
    return found(await forecasts.put_forecast_position(ctx, id, data, info.expected))


@part.get(
    "/accounts/{id}/forecast-position",
    response_model=ForecastPositionRead,
    summary="Read an account's forecast position",
)
async def read_forecast_position(ctx: Caller, id: PathId) -> Answer:
    """Reads the account's forecast position; 404 when it has none."""
    return found(await forecasts.get_forecast_position(ctx, id))


@part.delete("/accounts/{id}/forecast-position", summary="Delete an account's forecast position")
async def delete_forecast_position(ctx: Caller, id: PathId, info: Inquiry) -> Answer:
    """Deletes the forecast; earlier instants (`as_of`) still show it. Sends account.forecast_changed."""
    return no_content(await forecasts.delete_forecast_position(ctx, id, info.expected))
