"""How plans, their objectives and the objectives' actions are read."""

from __future__ import annotations

import sqlalchemy as sa

from service.framework.database.columns import bind
from service.framework.database.filters import Filterable, enum_field, filter_model
from service.framework.database.listing import Listing
from service.framework.database.statements import Statement
from service.models.plans.actions import ActionRead, actions
from service.models.plans.objectives import ObjectiveRead, objectives
from service.models.plans.plans import PlanRead, plans
from service.rules.vocabulary import ActionState, ObjectiveState, PlanState

PLANS = Listing(
    name="plans",
    table=plans,
    members={name: plans.c[name] for name in PlanRead.model_fields},
    filters={
        "account_id": Filterable(plans.c.account_id, "id"),
        "owner_id": Filterable(plans.c.owner_id, "id"),
        "state": enum_field(plans.c.state, PlanState),
        "period_start": Filterable(plans.c.period_start, "day"),
        "period_end": Filterable(plans.c.period_end, "day"),
        "updated_at": Filterable(plans.c.updated_at, "instant"),
    },
    sorts={"period_start": plans.c.period_start, "created_at": plans.c.created_at, "updated_at": plans.c.updated_at},
)

OBJECTIVES = Listing(
    name="objectives",
    table=objectives,
    members={name: objectives.c[name] for name in ObjectiveRead.model_fields},
    filters={
        "account_id": Filterable(objectives.c.account_id, "id"),
        "plan_id": Filterable(objectives.c.plan_id, "id"),
        "state": enum_field(objectives.c.state, ObjectiveState),
        "due_on": Filterable(objectives.c.due_on, "day"),
        "updated_at": Filterable(objectives.c.updated_at, "instant"),
    },
    sorts={
        "due_on": objectives.c.due_on,
        "created_at": objectives.c.created_at,
        "updated_at": objectives.c.updated_at,
    },
)

ACTIONS = Listing(
    name="actions",
    table=actions,
    members={name: actions.c[name] for name in ActionRead.model_fields},
    filters={
        "account_id": Filterable(actions.c.account_id, "id"),
        "objective_id": Filterable(actions.c.objective_id, "id"),
        "owner_id": Filterable(actions.c.owner_id, "id"),
        "state": enum_field(actions.c.state, ActionState),
        "due_on": Filterable(actions.c.due_on, "day"),
        "updated_at": Filterable(actions.c.updated_at, "instant"),
    },
    sorts={"due_on": actions.c.due_on, "created_at": actions.c.created_at, "updated_at": actions.c.updated_at},
)

PlanFilter = filter_model("PlanFilter", PLANS.filters)
ObjectiveFilter = filter_model("ObjectiveFilter", OBJECTIVES.filters)
ActionFilter = filter_model("ActionFilter", ACTIONS.filters)

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
