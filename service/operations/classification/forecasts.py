"""Forecast positions: where an account is expected to stand in some years. They never enter its present position."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from service.events.classification import AccountForecastChanged
from service.framework.database.database import Reader, Row
from service.models.classification.forecasts import ForecastPositionPut, ForecastPositionRead, forecast_positions
from service.queries.classification.forecasts import FORECAST
from service.records.classification.judgements import JudgementKind, Judgements, recorded
from service.records.classification.positions import plain_numbers
from service.records.classification.scoring_models import ActiveModel, active_model, forecast_box
from service.records.context import refuse
from service.records.words import OperationText
from service.rules.classification.forecasts import usual_day, validate_day
from service.rules.verdicts import Verdict
from service.rules.vocabulary import QUADRANTS

_AXES = ("attractiveness", "relative_strength", "business_strength")
_STRATEGIES = {quadrant.value: terms.investment_strategy for quadrant, terms in QUADRANTS.items()}


class ForecastPositions(Judgements):
    """The forecast positions of accounts; the active model's cuts give the box."""

    kind = JudgementKind(
        "forecast position",
        forecast_positions,
        FORECAST,
        (*_AXES, "forecast_on", "reason", "author_id"),
        ForecastPositionPut,
        ForecastPositionRead,
        AccountForecastChanged,
        {
            "get": OperationText(
                "Read an account's forecast position",
                "Reads the account's forecast position, with the box by the active model's cuts; not_found when it has "
                "none.",
            ),
            "put": OperationText(
                "Set an account's forecast position",
                "Sets the position that the account is expected to reach: attractiveness from 0 to 10 and a strength "
                "(relative, or our own total) on a day ahead, by default that of the previous forecast or three years "
                "from today. The previous forecast is kept in the history; the present position stays as it is. Sends "
                "account.forecast_changed when something changed. Refused are a day that is not ahead or more than "
                "ten years ahead, a forecast without any strength, and an unknown author.",
            ),
            "delete": OperationText(
                "Delete an account's forecast position",
                "Deletes the forecast; earlier instants (`as_of`) still show it. Sends account.forecast_changed.",
            ),
        },
    )

    async def model(self, reader: Reader) -> ActiveModel:
        """Return the active model, whose cuts give the box."""
        return await active_model(reader)

    def judged(self, data: ForecastPositionPut, before: Row | None, today: date) -> dict[str, Any]:
        """Return the row of a request. Raises Invalid when no strength is given."""
        if data.relative_strength is None and data.business_strength is None:
            message = "Give the strength that is expected: relative_strength or business_strength"
            raise refuse("/relative_strength", "strength_missing", message)
        kept = before["forecast_on"] if before is not None and before["forecast_on"] > today else None
        return {**data.model_dump(exclude={"on"}), "forecast_on": data.on or kept or usual_day(today)}

    def verdicts(self, row: Row, today: date) -> Sequence[Verdict]:
        """Refuse a day that is not ahead or more than ten years ahead."""
        return validate_day(row["forecast_on"], today)

    def document(self, account_id: str, row: Mapping[str, Any], model: Any = None) -> dict[str, Any]:
        """Return a forecast as it reads, with its box by the model's cuts."""
        quadrant, on = forecast_box(row, model), row["forecast_on"]
        return {
            "account_id": account_id,
            "version": row["version"],
            **{name: plain_numbers(row[name]) for name in _AXES},
            "quadrant": quadrant,
            "investment_strategy": None if quadrant is None else _STRATEGIES[quadrant],
            "on": on if isinstance(on, str) else on.isoformat(),
            **recorded(row),
            "model": model.reference(),
        }

    def payload(self, row: Mapping[str, Any], model: Any) -> dict[str, Any]:
        """Return a forecast as events hold it."""
        document = self.document("", {"version": 0, **row}, model)
        return {name: document[name] for name in (*_AXES, "quadrant", "on", "reason", "author_id")}

    def changed(self, previous: dict[str, Any] | None, current: dict[str, Any] | None) -> list[str]:
        """Return the given members that differ; all of them for a first and a deleted forecast."""
        names = [*_AXES, "on", "reason", "author_id"]
        if previous is None or current is None:
            return names
        return [name for name in names if previous[name] != current[name]]


FORECAST_POSITIONS = ForecastPositions()
