"""Mutations of stakeholders."""

from __future__ import annotations

from service.graphql.plain import mutations_of
from service.operations.accounts.stakeholders import STAKEHOLDER

MUTATIONS = mutations_of(STAKEHOLDER)
