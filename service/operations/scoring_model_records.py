"""The active scoring model as the rules take it, and the lock that keeps it the active one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from service.platform.database import Reader
from service.platform.errors import Conflict
from service.queries.scoring_models import ACTIVE_MODEL
from service.rules.scoring import ScoringModel
from service.rules.scoring_documents import model_from_dict

MODEL_LOCK = "active scoring model"
"""Held shared by whoever classifies, alone by whoever activates a model."""

_KEPT_MODELS = 64


@dataclass(frozen=True)
class ActiveModel:
    """The active scoring model as the rules take it."""

    id: str
    name: str
    number: int
    rules: ScoringModel

    def reference(self) -> dict[str, Any]:
        """How classifications and events name it."""
        return {"id": self.id, "name": self.name, "version": self.number}


_MODELS: dict[str, ActiveModel] = {}


async def active_model(reader: Reader, identifier: str | None = None) -> ActiveModel:
    """The active model; definitions never change, so one that was read before (`identifier`) is not read again."""
    known = None if identifier is None else _MODELS.get(identifier)
    if known is not None:
        return known
    row = await reader.one(ACTIVE_MODEL)
    if row is None:
        raise Conflict("No scoring model is active")
    rules = model_from_dict({**row["definition"], "name": row["name"]})
    model = ActiveModel(row["id"], row["name"], row["number"], rules)
    if len(_MODELS) >= _KEPT_MODELS:
        _MODELS.clear()
    _MODELS[model.id] = model
    return model
