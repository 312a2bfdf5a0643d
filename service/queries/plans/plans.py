"""How plans, their objectives and the objectives' actions are read."""

import sqlalchemy as sa

from service.framework.database.columns import bind
from service.framework.database.statements import Statement
from service.models.plans.actions import ActionRead, actions
from service.models.plans.objectives import ObjectiveRead, objectives
from service.models.plans.plans import PlanRead, plans
from service.queries.listings import listing_of
from service.rules.vocabulary import PlanState

PLANS = listing_of(plans, PlanRead, "plan")
OBJECTIVES = listing_of(objectives, ObjectiveRead, "objective", without=("unit", "baseline", "target"))
ACTIONS = listing_of(actions, ActionRead, "action")

PLAN_STATE = Statement(sa.select(plans.c.state).where(plans.c.id == bind("id", plans.c.id)))
"""The state of the plan `:id`."""

PLAN_STATE_OF_OBJECTIVE = Statement(
    sa.select(plans.c.state)
    .join(objectives, objectives.c.plan_id == plans.c.id)
    .where(objectives.c.id == bind("id", objectives.c.id))
)
"""The state of the plan that the objective `:id` belongs to."""

ACTIVE_PLAN = Statement(
    sa.select(plans.c.id).where(
        plans.c.account_id == bind("account_id", plans.c.account_id),
        plans.c.state == PlanState.ACTIVE.value,
        plans.c.deleted_at.is_(None),
    )
)
"""The id of the active plan of the account `:account_id`; an account has at most one."""
