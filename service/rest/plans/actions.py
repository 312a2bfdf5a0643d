"""Actions over HTTP: the routes of a plain record, under their objective, and all of them as the action list."""

from service.operations.plans.actions import ACTION
from service.rest.plain import plain_part

part = plain_part("plans", ACTION)
