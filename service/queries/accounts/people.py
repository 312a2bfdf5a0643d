"""How people are read."""

from typing import Any

import sqlalchemy as sa

from service.framework.database.columns import bind
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.accounts.people import PersonRead, people
from service.models.plans.actions import actions
from service.models.plans.plans import plans
from service.queries.listings import listing_of
from service.rules.vocabulary import ActionState, PlanState

PEOPLE = listing_of(people, PersonRead, "person")


def _owned(table: sa.Table, *conditions: Any) -> Any:
    """How many live records of a table the person `:id` owns."""
    mine = table.c.owner_id == bind("id", people.c.id)
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
"""What a person owns: live accounts, plans that are not closed, actions that are not done."""
