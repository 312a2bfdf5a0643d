"""People over HTTP: the routes of a plain record."""

from service.operations.accounts.people import PERSON
from service.rest.plain import plain_part

part = plain_part("people", PERSON)
