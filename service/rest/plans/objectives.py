"""Objectives over HTTP: the routes of a plain record, under their plan."""

from service.operations.plans.objectives import OBJECTIVE
from service.rest.plain import plain_part

part = plain_part("plans", OBJECTIVE)
