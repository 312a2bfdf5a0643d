"""Mutations of objectives."""

from __future__ import annotations

from service.graphql.plain import mutations_of
from service.operations.plans.objectives import OBJECTIVE

MUTATIONS = mutations_of(OBJECTIVE)
