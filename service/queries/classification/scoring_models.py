"""How scoring models are read, the active one above all."""

from __future__ import annotations

import sqlalchemy as sa

from service.framework.database.columns import Json, Uuid, bind
from service.framework.database.filters import enum_field
from service.framework.database.listing import Listing, Sort
from service.framework.database.statements import Statement
from service.models.classification.scoring_models import ModelState, ScoringModelRead, scoring_models

m = scoring_models.c
DEFINED = ("factors", "cuts", "fiocca", "dead_band", "border_width", "warnings")
"""The members of a model that its definition holds."""

SCORING_MODELS = Listing(
    name="scoring_models",
    table=scoring_models,
    members={
        name: sa.type_coerce(m.definition[name], Json()) if name in DEFINED else m[name]
        for name in ScoringModelRead.model_fields
    },
    filters={"state": enum_field(m.state, ModelState)},
    sorts={"number": m.number, "created_at": m.created_at},
    default_sort=(Sort("number", True),),
)

ACTIVE = m.state == sa.literal_column("'active'")
RULES = ("id", "version", "name", "number", "definition", "range_low", "range_high")
"""What of a model decides."""

ACTIVE_MODEL = Statement(sa.select(*[m[name] for name in RULES]).where(ACTIVE))
MODEL_BY_ID = Statement(sa.select(*[m[name] for name in RULES]).where(m.id == bind("id", Uuid())))
