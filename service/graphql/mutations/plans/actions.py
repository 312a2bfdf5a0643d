"""Mutations of actions."""

from __future__ import annotations

from service.graphql.plain import mutations_of
from service.operations.plans.actions import ACTION

MUTATIONS = mutations_of(ACTION)
