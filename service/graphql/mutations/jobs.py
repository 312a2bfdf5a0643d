"""Mutations of jobs."""

from __future__ import annotations

from service.graphql.calls import Call, gives, identifier, if_version
from service.operations import jobs

MUTATIONS = (Call("cancelJob", jobs.cancel_job, (identifier(), if_version()), gives("job", "Job")),)
