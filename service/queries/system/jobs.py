"""Read jobs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.framework.database.filters import Filterable, enum_field, filter_model
from service.framework.database.listing import Listing, Sort
from service.models.shapes import JobRead, JobState
from service.models.system.jobs import jobs

c = jobs.c
_HUNDRED: sa.ColumnElement[int] = sa.literal_column("100", sa.BigInteger)
_PERCENT: sa.ColumnElement[Any] = sa.case(
    (c.total == sa.literal_column("0"), _HUNDRED), (c.done >= c.total, _HUNDRED), else_=c.done * _HUNDRED // c.total
)

JOBS = Listing(
    name="jobs",
    table=jobs,
    members={name: _PERCENT if name == "percent" else c[name] for name in JobRead.model_fields},
    filters={
        "kind": Filterable(c.kind, "text"),
        "state": enum_field(c.state, JobState),
        "created_at": Filterable(c.created_at, "instant"),
    },
    sorts={"created_at": c.created_at},
    default_sort=(Sort("created_at", True),),
)

JobFilter = filter_model("JobFilter", JOBS.filters)
