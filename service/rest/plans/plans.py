"""Account plans over HTTP: the routes of a plain record, under their account, and their transitions."""

from service.models.plans.plans import PlanRead
from service.operations.plans.plans import PLAN, transition_plan
from service.platform.errors import Conflict, StaleVersion, StateTransitionNotAllowed
from service.rest.operations import declare
from service.rest.plain import plain_part

part = plain_part("plans", PLAN)

declare(
    part, "post", "/plans/{id}/transitions", transition_plan, "Submit, approve, activate or close a plan",
    response_model=PlanRead, errors=[StaleVersion, StateTransitionNotAllowed, Conflict],
)  # fmt: skip
