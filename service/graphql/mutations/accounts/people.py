"""Mutations of our own people."""

from __future__ import annotations

from service.graphql.plain import mutations_of
from service.operations.accounts.people import PERSON

MUTATIONS = mutations_of(PERSON)
