"""How stakeholders are read."""

from __future__ import annotations

import sqlalchemy as sa

from service.framework.database.columns import bind
from service.framework.database.filters import Filterable, filter_model
from service.framework.database.listing import Listing
from service.framework.database.statements import Statement
from service.models.accounts.stakeholders import StakeholderRead, stakeholders
from service.queries.accounts.refs import referenced, refs_of

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
        "stance": Filterable(s.stance, "integer"),
        "reports_to_id": Filterable(s.reports_to_id, "id"),
        "updated_at": Filterable(s.updated_at, "instant"),
        "external_id": Filterable(s.id, "text", condition=lambda bind: referenced(stakeholders, "stakeholder", bind)),
    },
    sorts={"name": s.name, "created_at": s.created_at, "updated_at": s.updated_at},
)

StakeholderFilter = filter_model("StakeholderFilter", STAKEHOLDERS.filters)


def _line_above() -> Statement:
    higher = stakeholders.alias("higher")
    first = sa.select(s.id, s.reports_to_id).where(
        s.id == bind("id", s.id),
        s.account_id == bind("account_id", s.account_id),
        s.deleted_at.is_(None),
    )
    line = first.cte("line", recursive=True)
    line = line.union(sa.select(higher.c.id, higher.c.reports_to_id).where(higher.c.id == line.c.reports_to_id))
    return Statement(sa.select(line.c.id))


LINE_ABOVE = _line_above()
"""The ids of a live stakeholder `:id` of the account `:account_id` and of everybody above; none when there is none."""

BELOW = Statement(
    sa.select(s.id)
    .where(
        s.account_id == bind("account_id", s.account_id),
        s.reports_to_id == bind("id", s.id),
        s.deleted_at.is_(None),
    )
    .order_by(s.id)
)
"""The ids of the live stakeholders who report to `:id`."""
