"""Mutations of jobs."""

from __future__ import annotations

from service.framework.graph.calls import Call, gives, identifier, if_version
from service.models.shapes import JobRead
from service.operations.system import jobs

MUTATIONS = (Call("cancelJob", jobs.cancel_job, (identifier(), if_version()), gives("job", JobRead)),)
