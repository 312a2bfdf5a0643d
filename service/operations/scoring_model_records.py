"""The active scoring model as the rules take it, and the lock that keeps it the active one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from service.platform.database import Reader
from service.platform.errors import Conflict
from service.queries.scoring_models import ACTIVE_MODEL
from service.rules.quadrants import PortfolioRange, resolved_cuts
from service.rules.scoring import ScoringModel
from service.rules.scoring_documents import model_from_dict
from service.rules.verdicts import exact

MODEL_LOCK = "active scoring model"
"""Held shared by whoever classifies, alone by whoever activates a model."""

_KEPT_MODELS = 64


@dataclass(frozen=True)
class ActiveModel:
    """The active scoring model as the rules take it: its cuts are resolved, so `rules` decides as it stands.

    `version` grows when the portfolio's range is read anew, and with it the cut may move.
    """

    id: str
    name: str
    number: int
    rules: ScoringModel
    version: int = 1

    def reference(self) -> dict[str, Any]:
        """How classifications and events name it."""
        return {"id": self.id, "name": self.name, "version": self.number}


_MODELS: dict[tuple[str, int], ActiveModel] = {}


async def active_model(reader: Reader, identifier: str | None = None, version: int | None = None) -> ActiveModel:
    """The active model; one that was read before in this version is not read again.

    A definition never changes, the range its cut may rest on does, and the version with it.
    """
    known = None if identifier is None or version is None else _MODELS.get((identifier, version))
    if known is not None:
        return known
    row = await reader.one(ACTIVE_MODEL)
    if row is None:
        raise Conflict("No scoring model is active")
    model = model_of(row)
    if len(_MODELS) >= _KEPT_MODELS:
        _MODELS.clear()
    _MODELS[model.id, model.version] = model
    return model


def model_of(row: Mapping[str, Any]) -> ActiveModel:
    """A stored model (id, version, name, number, definition, range_low, range_high) as the rules take it."""
    rules = model_from_dict({**row["definition"], "name": row["name"]})
    portfolio = None
    if row["range_low"] is not None and row["range_high"] is not None:
        portfolio = PortfolioRange(exact(row["range_low"]), exact(row["range_high"]))
    resolved = replace(rules, cuts=resolved_cuts(rules.cuts, portfolio))
    return ActiveModel(row["id"], row["name"], row["number"], resolved, row["version"])
