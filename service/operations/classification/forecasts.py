"""Forecast positions: where an account is expected to stand in some years. They never enter its present position."""

from collections.abc import Mapping
from typing import Any

import orjson

from service.access.policy import Permission
from service.events.classification import AccountForecastChanged
from service.framework.database.database import Resource
from service.models.classification.forecasts import ForecastPositionPut, forecast_positions
from service.platform.clock import instant_text
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.classification.forecasts import FORECAST
from service.records.classification.judgements import KIND, Judgements
from service.records.classification.positions import plain_numbers
from service.records.classification.scoring_models import ActiveModel, active_model, forecast_box, refused
from service.records.context import Context, operation, refuse
from service.records.rows import Expected, change, lock, require_person
from service.rules.classification.forecasts import usual_day, validate_day
from service.rules.vocabulary import QUADRANTS

_GIVEN = ("attractiveness", "relative_strength", "business_strength", "forecast_on", "reason", "author_id")
_FORECASTS = Judgements(forecast_positions, FORECAST, "forecast position")


async def get_forecast_position(ctx: Context, identifier: str) -> Resource:
    """Read an account's forecast position, with the box by the active model's cuts. Raises NotFound for an unknown
    account and for one without a forecast.
    """
    async with ctx.reading(Permission.CLASSIFICATION_READ) as reader:
        row = await _FORECASTS.standing(reader, identifier)
        return _resource(identifier, row, await active_model(reader))


@operation
async def put_forecast_position(
    ctx: Context, identifier: str, data: ForecastPositionPut, expected: Expected = None
) -> Resource:
    """Set an account's forecast position with a reason: attractiveness from 0 to 10 and a strength (relative, or our
    own total) on a day ahead. The day is by default that of the previous forecast, or three years from today.

    The previous forecast is kept in the history; the present position stays as it is. Writing what is stored already
    writes and sends nothing. Raises NotFound, StaleVersion, and Invalid for a day that is not ahead or more than ten
    years ahead, without any strength, and for an unknown author.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        wanted = data.model_dump(exclude={"on"})
        if data.relative_strength is None and data.business_strength is None:
            message = "Give the strength that is expected: relative_strength or business_strength"
            raise refuse("/relative_strength", "strength_missing", message)
        before = await _FORECASTS.stored(tx.reader, identifier)
        present = before["judgement_id"] is not None
        kept = before["forecast_on"] if present and before["forecast_on"] > tx.today else None
        wanted["forecast_on"] = data.on or kept or usual_day(tx.today)
        model = await active_model(tx.reader)
        if present and all(before[name] == wanted[name] for name in _GIVEN):
            return tx.answer(_resource(identifier, before, model), "unchanged")
        if verdicts := validate_day(wanted["forecast_on"], tx.today):
            raise refused(verdicts)
        await require_person(tx, data.author_id, "/author_id")
        row = {**wanted, "recorded_by": ctx.principal.id, "recorded_at": tx.now}
        await _FORECASTS.state(tx, identifier, before, row)
        after = await change(tx, ACCOUNTS, account.id, {})
        forecast = _resource(identifier, {**row, "version": after.version}, model)
        tx.emit(
            AccountForecastChanged.of(
                after.data,
                previous=_payload(before, model) if present else None,
                current=_payload(row, model),
                changed=["on" if name == "forecast_on" else name for name in _GIVEN
                         if not present or before[name] != row[name]],
                reason=data.reason,
                model=model.reference(),
            )
        )  # fmt: skip
        return tx.answer(forecast, "updated" if present else "created")


@operation
async def delete_forecast_position(ctx: Context, identifier: str, expected: Expected = None) -> Resource:
    """Delete an account's forecast position and return it; it is kept in the history. Raises NotFound, also when there
    is none, and StaleVersion.
    """
    async with ctx.transaction(Permission.CLASSIFICATION_WRITE) as tx:
        account = await lock(tx, ACCOUNTS, identifier, expected, KIND)
        before = await _FORECASTS.standing(tx.reader, identifier)
        model = await active_model(tx.reader)
        await _FORECASTS.take_back(tx, identifier)
        after = await change(tx, ACCOUNTS, account.id, {})
        changed = ["on" if name == "forecast_on" else name for name in _GIVEN]
        tx.emit(
            AccountForecastChanged.of(
                after.data,
                previous=_payload(before, model),
                current=None,
                changed=changed,
                reason=None,
                model=model.reference(),
            )
        )
        return tx.answer(_resource(identifier, {**before, "version": after.version}, model), "deleted")


def forecast_document(identifier: str, row: Mapping[str, Any], model: ActiveModel) -> dict[str, Any]:
    """Return the document of a stored forecast; its version is the account's."""
    quadrant = forecast_box(row, model)
    terms = {each.value: each_terms for each, each_terms in QUADRANTS.items()}
    at, on = row["recorded_at"], row["forecast_on"]
    return {
        "account_id": identifier,
        "version": row["version"],
        "attractiveness": plain_numbers(row["attractiveness"]),
        "relative_strength": plain_numbers(row["relative_strength"]),
        "business_strength": plain_numbers(row["business_strength"]),
        "quadrant": quadrant,
        "investment_strategy": None if quadrant is None else terms[quadrant].investment_strategy,
        "on": on if isinstance(on, str) else on.isoformat(),
        "reason": row["reason"],
        "author_id": row["author_id"],
        "recorded_by": row["recorded_by"],
        "recorded_at": at if isinstance(at, str) else instant_text(at),
        "model": model.reference(),
    }


def _resource(identifier: str, row: Mapping[str, Any], model: ActiveModel) -> Resource:
    return Resource(row["version"], orjson.dumps(forecast_document(identifier, row, model)))


def _payload(row: Mapping[str, Any], model: ActiveModel) -> dict[str, Any]:
    """Return a forecast as events hold it."""
    document = forecast_document("", {"version": 0, **row}, model)
    return {name: document[name] for name in ("attractiveness", "relative_strength", "business_strength", "quadrant",
                                              "on", "reason", "author_id")}  # fmt: skip
