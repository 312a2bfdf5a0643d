"""Documents about one account that REST serves under its path: the explained classification, its inputs, the stage.

They are read in the statement of their root field like everything else; the last step, where rules speak, is the same
function that REST's operation uses.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import sqlalchemy as sa

from service.access.policy import Permission
from service.graphql.edges import Document
from service.models.accounts import accounts
from service.models.classification import attractiveness_scores, business_strengths
from service.models.classification_results import AttractivenessRead, BusinessStrengthRead, ClassificationRead
from service.models.forecasts import ForecastPositionRead, forecast_positions
from service.models.scoring_models import scoring_models
from service.models.stages import AccountStageRead, stage_entries
from service.operations.classification_records import result_document
from service.operations.forecasts import forecast_document
from service.operations.scoring_model_records import model_of
from service.operations.stages import stage_document
from service.platform.columns import Json
from service.platform.dialects import JsonDocument, as_json, json_list, json_row
from service.platform.errors import Conflict
from service.queries.classification import LATEST
from service.queries.forecasts import STORED
from service.queries.scoring_models import ACTIVE
from service.queries.stages import LAST_ENTRY
from service.rules.classification import classify

a, m, s, b, e = accounts.c, scoring_models.c, attractiveness_scores.c, business_strengths.c, stage_entries.c
f = forecast_positions.c

OWN = {"account_id": a.id, "version": a.version}

_MODEL = (
    sa.select(
        json_row(
            {name: m[name] for name in ("id", "version", "name", "number", "definition", "range_low", "range_high")}
        )
    )
    .where(ACTIVE)
    .scalar_subquery()
)
_SCORES = (
    sa.select(
        json_row(
            {
                "factor": s.factor,
                "score": s.score,
                "metric": as_json(s.metric),
                "evidence": s.evidence,
                "rater_id": s.rater_id,
                "scored_at": s.scored_at,
            }
        )
    )
    .where(s.account_id == a.id)
    .order_by(s.factor)
    .correlate(accounts)
)
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


_FORECAST = (
    sa.select(json_row({**OWN, **{name: f[name] for name in STORED}, "model": sa.type_coerce(_MODEL, JsonDocument())}))
    .where(f.account_id == a.id, f.superseded_at.is_(None))
    .correlate(accounts)
    .scalar_subquery()
)


def _classification(raw: dict[str, Any]) -> dict[str, Any]:
    """The latest result, or for an account that nobody has scored what the active model says of it."""
    result = raw["result"]
    if result is None:
        stored = raw["model"]
        if stored is None:
            raise Conflict("No scoring model is active")
        model = model_of(stored)
        result = result_document(classify(model.rules, {}, None), model, None)
    return {"account_id": raw["account_id"], "version": raw["version"], **result}


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
            {**OWN, "result": sa.type_coerce(LATEST, Json()), "model": _document(sa.case((LATEST.is_(None), _MODEL)))}
        ),
        Permission.CLASSIFICATION_READ,
        _classification,
        "Where the account stands, and everything that led there",
    ),
    Document(
        "Account",
        "attractivenessScores",
        "Attractiveness",
        AttractivenessRead,
        json_row({**OWN, "scores": json_list(_SCORES)}),
        Permission.CLASSIFICATION_READ,
        description="The stored attractiveness scores",
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
)
