"""Queries of the stages of a relationship."""

from __future__ import annotations

from service.framework.graph.calls import Call, itself, shows
from service.models.relationship.stages import StageTermsRead
from service.operations.relationship import stages

QUERIES = (Call("stages", stages.list_stages, (), shows(list[StageTermsRead], itself)),)
