"""Jobs: long work as rows, with their progress and their result."""

from typing import Any

import sqlalchemy as sa

from service.framework.database.fields import check_in, table_of
from service.models.shapes import JobFields, JobState
from service.platform.types import Id, InstantText

ENDED = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED)
"""States that a job does not leave."""

_OPEN = "state IN ('queued', 'running')"


class JobRow(JobFields, table=True):
    """The table.

    `cursor` is where the kind of job goes on, written in the transaction of the step before it. `attempts` counts how
    often the next step was started: by a claim, or again after a failure. `next_at` is when a queued job is due,
    `lease_until` how long no other worker takes a running one; each write of its worker checks `lease_token`.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        check_in("state", JobState),
        sa.Index("ix_jobs_open", "next_at", postgresql_where=sa.text(_OPEN), sqlite_where=sa.text(_OPEN)),
        sa.Index("ix_jobs_created", "created_at", "id"),
    )

    cursor: dict[str, Any] | None
    next_at: InstantText
    lease_until: InstantText | None
    lease_token: Id | None


jobs = table_of(JobRow)
