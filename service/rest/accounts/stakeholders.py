"""Stakeholders over HTTP: the routes of a plain record, under their account."""

from service.operations.accounts.stakeholders import STAKEHOLDER
from service.rest.plain import plain_part

part = plain_part("stakeholders", STAKEHOLDER)
