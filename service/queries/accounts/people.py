"""How people are read."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.framework.database.columns import bind
from service.framework.database.filters import Filterable, filter_model
from service.framework.database.listing import Listing
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.accounts.people import PersonRead, people
from service.models.plans.actions import actions
from service.models.plans.plans import plans
from service.queries.accounts.refs import referenced, refs_of
from service.rules.vocabulary import ActionState, PlanState

p = people.c

PEOPLE = Listing(
    name="people",
    table=people,
    members={name: refs_of(people) if name == "refs" else p[name] for name in PersonRead.model_fields},
    filters={
        "name": Filterable(p.name, "text"),
        "email": Filterable(p.email, "text"),
        "function": Filterable(p.function, "text"),
        "updated_at": Filterable(p.updated_at, "instant"),
        "external_id": Filterable(p.id, "text", condition=lambda bind: referenced(people, "person", bind)),
    },
    sorts={"name": p.name, "created_at": p.created_at, "updated_at": p.updated_at},
)

PersonFilter = filter_model("PersonFilter", PEOPLE.filters)


def _owned(table: sa.Table, *conditions: Any) -> Any:
    """How many live records of a table the person `:id` owns."""
    mine = table.c.owner_id == bind("id", p.id)
    return sa.select(sa.func.count()).select_from(table).where(mine, table.c.deleted_at.is_(None), *conditions)


OWNED = Statement(
    sa.select(
        _owned(accounts).scalar_subquery().label("accounts"),
        _owned(plans, plans.c.state != PlanState.CLOSED.value).scalar_subquery().label("plans"),
        _owned(
            actions, sa.or_(*[actions.c.state == state.value for state in (ActionState.OPEN, ActionState.IN_PROGRESS)])
        )
        .scalar_subquery()
        .label("actions"),
    )
)
"""What a person carries: live accounts, plans that are not closed, actions that are not done."""
