"""How stakeholders are read."""

from __future__ import annotations

from service.models.stakeholders import StakeholderRead, stakeholders
from service.platform.filters import Filterable, filter_model
from service.queries.listing import Listing
from service.queries.refs import referenced, refs_of

s = stakeholders.c

STAKEHOLDERS = Listing(
    name="stakeholders",
    table=stakeholders,
    members={name: refs_of(stakeholders) if name == "refs" else s[name] for name in StakeholderRead.model_fields},
    filters={
        "account_id": Filterable(s.account_id, "id"),
        "name": Filterable(s.name, "text"),
        "function": Filterable(s.function, "text"),
        "influence": Filterable(s.influence, "number"),
        "stance": Filterable(s.stance, "number"),
        "reports_to_id": Filterable(s.reports_to_id, "id"),
        "updated_at": Filterable(s.updated_at, "instant"),
        "external_id": Filterable(s.id, "text", condition=lambda bind: referenced(stakeholders, "stakeholder", bind)),
    },
    sorts={"name": s.name, "created_at": s.created_at, "updated_at": s.updated_at},
)

StakeholderFilter = filter_model("StakeholderFilter", STAKEHOLDERS.filters)
