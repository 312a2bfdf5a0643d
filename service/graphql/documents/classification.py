"""Documents of the classification of an account: explained, its inputs, the forecast, the general portfolio.

The statement of the root field reads them; the rules then make the document with the function that REST uses too.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.access.policy import Permission
from service.framework.database.dialects import JsonDocument, json_row
from service.framework.graph.edges import Document
from service.models.accounts.accounts import accounts
from service.models.classification.forecasts import ForecastPositionRead, forecast_positions
from service.models.classification.general_portfolios import GeneralPortfolioRead, general_portfolios
from service.models.classification.results import AttractivenessRead, BusinessStrengthRead, ClassificationRead
from service.models.classification.scoring_models import scoring_models
from service.operations.classification.forecasts import FORECAST_POSITIONS
from service.operations.classification.general_portfolios import GENERAL_PORTFOLIOS
from service.operations.classification.ratings import rated_document
from service.platform.errors import Conflict
from service.queries.accounts.past import PAST_INPUTS, THEN
from service.queries.classification.classification import LATEST_MODEL, LIVE, strength_document
from service.queries.classification.forecasts import STORED
from service.queries.classification.general_portfolios import STORED as JUDGED
from service.queries.classification.judgements import held_at, holds
from service.queries.classification.ratings import CURRENT_RATINGS
from service.queries.classification.scoring_models import ACTIVE, RULES
from service.records.classification.positions import live, live_document, past_document, rests_on_another_model
from service.records.classification.scoring_models import ActiveModel, model_of

OWN = {"account_id": accounts.c.id, "version": accounts.c.version}

_ACTIVE = sa.select(json_row({name: scoring_models.c[name] for name in RULES})).where(ACTIVE).scalar_subquery()
_EARLIER = (
    sa.select(json_row({name: scoring_models.c[name] for name in RULES}))
    .where(scoring_models.c.id == LATEST_MODEL, scoring_models.c.state != sa.literal_column("'active'"))
    .correlate(accounts)
    .scalar_subquery()
)
"""The model of the latest entry when it is no longer the active one."""


def _forecast_row(chosen: Any, model: Any) -> Any:
    """Return the chosen forecast with the model that boxes it; null when there is none."""
    members = {
        **OWN,
        **{name: forecast_positions.c[name] for name in STORED},
        "model": sa.type_coerce(model, JsonDocument()),
    }
    return (
        sa.select(json_row(members))
        .where(forecast_positions.c.account_id == accounts.c.id, chosen)
        .correlate(accounts)
        .scalar_subquery()
    )


_FORECAST = _forecast_row(holds(forecast_positions), _ACTIVE)

_GENERAL = (
    sa.select(json_row({**OWN, **{name: general_portfolios.c[name] for name in JUDGED}}))
    .where(general_portfolios.c.account_id == accounts.c.id, holds(general_portfolios))
    .correlate(accounts)
    .scalar_subquery()
)


def _model(raw: dict[str, Any] | None) -> ActiveModel:
    if raw is None:
        raise Conflict("No scoring model is active")
    return model_of(raw)


def _classification(raw: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the classification by the active model, or by the earlier one that it rests on until a job has reached the
    account; a look back takes the model of that instant.
    """
    if "then" in raw:
        return {**past_document(raw["then"], raw["as_of"]), "as_of": raw["as_of"]}
    stored, active = raw["standing"], _model(raw["model"])
    model = active
    position = live(stored, model)
    if rests_on_another_model(stored, position, model) is not None:
        model = _model(raw["earlier"])
        position = live(stored, model)
    return live_document(stored, position, model, active, now)


def _rated(raw: dict[str, Any]) -> dict[str, Any]:
    return rated_document(raw["rated"], _model(raw["model"]))


def _strength(raw: dict[str, Any]) -> dict[str, Any]:
    stored = raw.pop("strength") or {
        "factors": [], "no_known_competitor": False, "confirmed_by_id": None, "updated_at": None
    }  # fmt: skip
    return {**raw, **stored}


def _forecast(raw: dict[str, Any]) -> Any:
    """Return the forecast with its box; an account without a forecast is null in the statement already."""
    return FORECAST_POSITIONS.document(raw["account_id"], raw, _model(raw["model"]))


def _document(expression: Any) -> Any:
    return sa.type_coerce(expression, JsonDocument())


DOCUMENTS = (
    Document(
        "Account",
        "classification",
        "Classification",
        ClassificationRead,
        json_row(
            {
                "standing": _document(json_row(LIVE)),
                "model": _document(_ACTIVE),
                "earlier": _document(_EARLIER),
            }
        ),
        Permission.CLASSIFICATION_READ,
        _classification,
        "The position of the account, and everything that led to it",
        dated=True,
        past=json_row({"then": _document(json_row(PAST_INPUTS)), "as_of": THEN.at}),
    ),
    Document(
        "Account",
        "attractivenessScores",
        "Attractiveness",
        AttractivenessRead,
        json_row({"rated": _document(json_row(CURRENT_RATINGS)), "model": _document(_ACTIVE)}),
        Permission.CLASSIFICATION_READ,
        _rated,
        "The current ratings of its attractiveness, and the values used",
    ),
    Document(
        "Account",
        "businessStrengthFactors",
        "BusinessStrength",
        BusinessStrengthRead,
        json_row({**OWN, "strength": _document(strength_document("updated_at"))}),
        Permission.CLASSIFICATION_READ,
        _strength,
        "The stored success factors of the customer",
    ),
    Document(
        "Account",
        "forecastPosition",
        "ForecastPosition",
        ForecastPositionRead,
        _document(_FORECAST),
        Permission.CLASSIFICATION_READ,
        _forecast,
        "The position that the account is expected to reach; null without a forecast",
        past=_document(_forecast_row(held_at(forecast_positions, THEN.at), _document(PAST_INPUTS["model_period"]))),
    ),
    Document(
        "Account",
        "generalPortfolioDetail",
        "GeneralPortfolio",
        GeneralPortfolioRead,
        _document(_GENERAL),
        Permission.CLASSIFICATION_READ,
        lambda raw: GENERAL_PORTFOLIOS.document(raw["account_id"], raw),
        "Its strategic importance and difficulty, and its cell in the general portfolio; null without scores",
    ),
)
