"""Read scoring models, above all the active one."""

import sqlalchemy as sa

from service.framework.database.columns import Json, Uuid, bind
from service.framework.database.filters import enum_field
from service.framework.database.listing import Listing, Sort
from service.framework.database.statements import Statement
from service.models.classification.scoring_models import ModelState, ScoringModelRead, scoring_models

c = scoring_models.c
DEFINED = ("factors", "cuts", "fiocca", "dead_band", "border_width", "warnings")
"""The members of a model that its definition holds."""

SCORING_MODELS = Listing(
    name="scoring_models",
    table=scoring_models,
    members={
        name: sa.type_coerce(c.definition[name], Json()) if name in DEFINED else c[name]
        for name in ScoringModelRead.model_fields
    },
    filters={"state": enum_field(c.state, ModelState)},
    sorts={"number": c.number, "created_at": c.created_at},
    default_sort=(Sort("number", True),),
)

ACTIVE = c.state == sa.literal_column("'active'")
RULES = ("id", "version", "name", "number", "definition", "range_low", "range_high")
"""The columns of a model that classification needs."""

ACTIVE_MODEL = Statement(sa.select(*[c[name] for name in RULES]).where(ACTIVE))
MODEL_BY_ID = Statement(sa.select(*[c[name] for name in RULES]).where(c.id == bind("id", Uuid())))
