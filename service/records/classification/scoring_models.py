"""The active scoring model as the rules take it, and the lock that keeps it the active one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from service.framework.database.database import Reader, Resource
from service.framework.database.statements import inserting
from service.models.classification.model_periods import model_periods
from service.platform.errors import Conflict, FieldError, Invalid
from service.platform.ids import new_id
from service.platform.kept import Kept
from service.queries.accounts.past import MODEL_PERIOD
from service.queries.classification.scoring_models import ACTIVE_MODEL, DEFINED, MODEL_BY_ID
from service.records.context import Transaction
from service.rules.classification.forecasts import forecast_quadrant
from service.rules.classification.quadrants import PortfolioRange, resolved_cuts
from service.rules.classification.scoring import ScoringModel, validate_model
from service.rules.classification.scoring_documents import model_from_dict
from service.rules.verdicts import Verdict, exact

MODEL_LOCK = "active scoring model"
"""Held shared while an account is classified, alone while a model is activated."""


@dataclass(frozen=True)
class ActiveModel:
    """The active scoring model for the rules: the cuts in `rules` are resolved.

    `version` grows when the portfolio's range is read again, and with it the cut may move.
    """

    id: str
    name: str
    number: int
    rules: ScoringModel
    version: int = 1

    def reference(self) -> dict[str, Any]:
        """Return the members that name the model in classifications and events."""
        return {"id": self.id, "name": self.name, "version": self.number}


_REMEMBER = inserting(model_periods)


EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""The beginning of the first model's period: it also classifies accounts of the time before a model was chosen."""


async def record_model_period(
    tx: Transaction,
    model_id: str,
    low: Decimal | None = None,
    high: Decimal | None = None,
    *,
    since: datetime | None = None,
) -> None:
    """Store the beginning of a model's period, with the range (lowest, highest attractiveness) that its cut rests on.

    A period begins when a model is activated or its range is read again, so that looking back uses the cuts of then.
    """
    row = {"id": new_id(tx.now), "model_id": model_id, "range_low": low, "range_high": high}
    await tx.execute(_REMEMBER, **row, since=since or tx.now)


_MODELS: Kept[tuple[str, int], ActiveModel] = Kept(64)


async def active_model(reader: Reader, identifier: str | None = None, version: int | None = None) -> ActiveModel:
    """Return the active model. A model of known id and version that was read before is not read again: its definition
    never changes, and its version grows when the range does that its cut may rest on.
    """
    known = None if identifier is None or version is None else _MODELS.get((identifier, version))
    if known is not None:
        return known
    row = await reader.one(ACTIVE_MODEL)
    if row is None:
        raise Conflict("No scoring model is active")
    return _kept(row)


async def stored_model(reader: Reader, identifier: str, version: int) -> ActiveModel:
    """Return a model by id, active or not. A model that was read before in this version is not read again."""
    known = _MODELS.get((identifier, version))
    if known is not None:
        return known
    row = await reader.one(MODEL_BY_ID, id=identifier)
    if row is None:
        raise RuntimeError("a classification names a model that is not there")
    return _kept(row)


def _kept(row: Mapping[str, Any]) -> ActiveModel:
    model = model_of(row)
    return _MODELS.put((model.id, model.version), model)


async def model_at(reader: Reader, at: datetime | None) -> ActiveModel:
    """Return the model that was active at an instant, with the range that its cut rested on then.

    Without an instant, and for instants before the first period, return the active model.
    """
    row = None if at is None else await reader.one(MODEL_PERIOD, as_of=at)
    return await active_model(reader) if row is None else model_of(row)


def model_of(row: Mapping[str, Any]) -> ActiveModel:
    """Return a stored model for the rules, from its id, version, name, number, definition, range_low and range_high."""
    rules = model_from_dict({**row["definition"], "name": row["name"]})
    portfolio = None
    if row["range_low"] is not None and row["range_high"] is not None:
        portfolio = PortfolioRange(exact(row["range_low"]), exact(row["range_high"]))
    resolved = replace(rules, cuts=resolved_cuts(rules.cuts, portfolio))
    return ActiveModel(row["id"], row["name"], row["number"], resolved, row["version"])


def forecast_box(forecast: Mapping[str, Any], model: ActiveModel) -> str | None:
    """Return the box of a forecast (attractiveness 0-10, a ratio or our own total) by a model's cuts."""
    numbers = [
        None if forecast[name] is None else Decimal(str(forecast[name]))
        for name in ("attractiveness", "relative_strength", "business_strength")
    ]
    if numbers[0] is None:
        return None
    quadrant = forecast_quadrant(numbers[0], numbers[1], numbers[2], model.rules.cuts)
    return None if quadrant is None else quadrant.value


def judged_model(document: Mapping[str, Any], pointer: str = "") -> ScoringModel:
    """Return the model of a document; raises Invalid with the rules' verdicts, which point below `pointer`."""
    model = model_from_dict(document)
    verdicts = validate_model(model)
    if verdicts:
        raise refused(replace(verdict, pointer=f"{pointer}{verdict.pointer}") for verdict in verdicts)
    return model


def document_of(stored: Resource) -> dict[str, Any]:
    """Return the members of a stored model that the rules read."""
    return {name: stored.data[name] for name in ("name", *DEFINED) if name != "warnings"}


def refused(verdicts: Iterable[Verdict]) -> Invalid:
    """Return the error of verdicts that refuse a request."""
    return Invalid([FieldError(verdict.code, verdict.message, pointer=verdict.pointer) for verdict in verdicts])
