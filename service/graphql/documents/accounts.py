"""Documents about one account that REST serves under its path: the explained classification, its inputs, the stage.

They are read in the statement of their root field like everything else; the last step, where rules speak, is the same
function that REST's operation uses.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.framework.database.dialects import JsonDocument, json_row
from service.framework.graph.edges import Document
from service.models.accounts.accounts import accounts
from service.models.accounts.statuses import AccountStatusRead
from service.models.classification.classification import business_strengths
from service.models.classification.forecasts import ForecastPositionRead, forecast_positions
from service.models.classification.general_portfolios import GeneralPortfolioRead, general_portfolios
from service.models.classification.results import AttractivenessRead, BusinessStrengthRead, ClassificationRead
from service.models.classification.scoring_models import scoring_models
from service.models.relationship.stages import AccountStageRead, stage_entries
from service.operations.accounts.statuses import status_document
from service.operations.classification.forecasts import forecast_document
from service.operations.classification.general_portfolios import general_document
from service.operations.classification.ratings import rated_document
from service.operations.relationship.stages import stage_document
from service.platform.errors import Conflict
from service.queries.accounts.past import PAST_INPUTS, THEN
from service.queries.accounts.statuses import FACTS
from service.queries.classification.classification import LATEST_MODEL, LIVE
from service.queries.classification.forecasts import STORED
from service.queries.classification.general_portfolios import STORED as JUDGED
from service.queries.classification.judgements import held_at, holds
from service.queries.classification.ratings import CURRENT_RATINGS
from service.queries.classification.scoring_models import ACTIVE, RULES
from service.queries.relationship.stages import LAST_ENTRY
from service.records.classification.positions import live, live_document, past_document, rests_on_another_model
from service.records.classification.scoring_models import ActiveModel, model_of

a, m, b, e = accounts.c, scoring_models.c, business_strengths.c, stage_entries.c
f, g = forecast_positions.c, general_portfolios.c

OWN = {"account_id": a.id, "version": a.version}

_ACTIVE = sa.select(json_row({name: m[name] for name in RULES})).where(ACTIVE).scalar_subquery()
_EARLIER = (
    sa.select(json_row({name: m[name] for name in RULES}))
    .where(m.id == LATEST_MODEL, m.state != sa.literal_column("'active'"))
    .correlate(accounts)
    .scalar_subquery()
)
"""The model of the latest entry when it is no longer the active one."""

_STRENGTH = (
    sa.select(
        json_row(
            {
                "factors": b.factors,
                "no_known_competitor": b.no_known_competitor,
                "confirmed_by_id": b.confirmed_by_id,
                "updated_at": b.updated_at,
            }
        )
    )
    .where(b.account_id == a.id)
    .correlate(accounts)
    .scalar_subquery()
)
_ENTRY = (
    sa.select(
        json_row({"previous": e.previous, "reason": e.reason, "evidence": e.evidence, "effective_on": e.effective_on})
    )
    .where(e.account_id == a.id, e.account_version == LAST_ENTRY)
    .correlate(accounts)
    .scalar_subquery()
)


def _forecast_row(chosen: Any, model: Any) -> Any:
    """The forecast that is chosen, with the model that boxes it; null when there is none."""
    members = {**OWN, **{name: f[name] for name in STORED}, "model": sa.type_coerce(model, JsonDocument())}
    return sa.select(json_row(members)).where(f.account_id == a.id, chosen).correlate(accounts).scalar_subquery()


_FORECAST = _forecast_row(holds(forecast_positions), _ACTIVE)

_GENERAL = (
    sa.select(json_row({**OWN, **{name: g[name] for name in JUDGED}}))
    .where(g.account_id == a.id, holds(general_portfolios))
    .correlate(accounts)
    .scalar_subquery()
)


def _model(raw: dict[str, Any] | None) -> ActiveModel:
    if raw is None:
        raise Conflict("No scoring model is active")
    return model_of(raw)


def _classification(raw: dict[str, Any], now: datetime) -> dict[str, Any]:
    """The classification by the active model, or by the one it rests on while a job is still on its way to it; a look
    back by the model of then.
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


def _stage(raw: dict[str, Any]) -> Any:
    entry = raw["entry"] or dict.fromkeys(("previous", "reason", "evidence", "effective_on"))
    standing = {**raw, **entry}
    for name in ("effective_on", "target_stage_on"):
        standing[name] = None if standing[name] is None else date.fromisoformat(standing[name])
    return orjson.loads(stage_document(raw["account_id"], standing).body)


def _forecast(raw: dict[str, Any]) -> Any:
    """The forecast with its box; a row without one is null in the statement already."""
    if raw["model"] is None:
        raise Conflict("No scoring model is active")
    return forecast_document(raw["account_id"], raw, model_of(raw["model"]))


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
        "Where the account stands, and everything that led there",
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
        "The current ratings of its attractiveness, and what counts of them",
    ),
    Document(
        "Account",
        "businessStrengthFactors",
        "BusinessStrength",
        BusinessStrengthRead,
        json_row({**OWN, "strength": _document(_STRENGTH)}),
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
        "Where the account is expected to stand some years ahead; null when nobody has said",
        past=_document(_forecast_row(held_at(forecast_positions, THEN.at), _document(PAST_INPUTS["model_period"]))),
    ),
    Document(
        "Account",
        "generalPortfolioDetail",
        "GeneralPortfolio",
        GeneralPortfolioRead,
        _document(_GENERAL),
        Permission.CLASSIFICATION_READ,
        general_document,
        "How important and how difficult it is, and its cell in the general portfolio; null when nobody has judged",
    ),
    Document(
        "Account",
        "stageDetail",
        "AccountStage",
        AccountStageRead,
        json_row(
            {
                **OWN,
                "stage": a.stage,
                "quadrant": a.quadrant,
                "target_stage": a.target_stage,
                "target_stage_on": a.target_stage_on,
                "target_stage_reason": a.target_stage_reason,
                "entry": _document(_ENTRY),
            }
        ),
        Permission.STAGE_READ,
        _stage,
        "The stage with its target, the movements open from it, and advice",
    ),
    Document(
        "Account",
        "statusDetail",
        "AccountStatusDetail",
        AccountStatusRead,
        json_row(FACTS),
        Permission.ACCOUNT_READ,
        status_document,
        "Its place on the path from customer to managed key account, and the steps that can follow",
    ),
)
