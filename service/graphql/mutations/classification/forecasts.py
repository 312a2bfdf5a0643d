"""Mutations of forecast positions."""

from service.framework.graph.calls import Call, Gives, RecordId, body, gives, identifier, if_version
from service.models.accounts.accounts import AccountRead
from service.models.classification.forecasts import ForecastPositionPut, ForecastPositionRead
from service.operations.classification import forecasts

ID = identifier("accountId", "The account")
ACCOUNT = Gives(
    "account", AccountRead | None, lambda result: RecordId(result.data["account_id"]), "The account as it is now"
)
INPUT = body(ForecastPositionPut, "PutForecastPositionInput")
GIVES = (*gives("forecastPosition", ForecastPositionRead), ACCOUNT)

MUTATIONS = (
    Call("putForecastPosition", forecasts.put_forecast_position, (ID, INPUT, if_version()), GIVES),
    Call("deleteForecastPosition", forecasts.delete_forecast_position, (ID, if_version()), GIVES),
)
