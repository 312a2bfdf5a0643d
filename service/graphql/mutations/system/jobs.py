"""Mutations of jobs."""

from __future__ import annotations

from service.framework.graph.calls import Call, gives, identifier, if_version
from service.operations.system import jobs

MUTATIONS = (Call("cancelJob", jobs.cancel_job, (identifier(), if_version()), gives("job", "Job")),)
