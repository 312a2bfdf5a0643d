"""All tables: the metadata that migrations compare with, and the names of constraints."""

# ruff: noqa: F401 - importing a module of models defines its tables

import sqlalchemy as sa
from sqlmodel import SQLModel

from service.models.access import api_keys
from service.models.accounts import accounts, deletions, people, refs, stakeholders
from service.models.accounts import statuses as account_statuses
from service.models.classification import (
    classification,
    forecasts,
    general_portfolios,
    model_periods,
    quadrant_overrides,
    ratings,
    scoring_models,
)
from service.models.events import changes, events
from service.models.events import consumers as event_consumers
from service.models.plans import actions, objectives, plans
from service.models.relationship import stages
from service.models.system import jobs
from service.models.webhooks import endpoints as webhooks

metadata: sa.MetaData = SQLModel.metadata


def constraint_name(columns: str) -> str | None:
    """Return the name of the unique constraint over `table.column, table.column`, as SQLite words a violation."""
    listed = [part.strip().split(".") for part in columns.split(",")]
    if any(len(part) != 2 for part in listed) or listed[0][0] not in metadata.tables:
        return columns
    table, wanted = metadata.tables[listed[0][0]], {part[1] for part in listed}
    uniques: list[sa.Index | sa.UniqueConstraint] = [index for index in table.indexes if index.unique]
    uniques += [constraint for constraint in table.constraints if isinstance(constraint, sa.UniqueConstraint)]
    for item in uniques:
        if {column.name for column in item.columns} == wanted:
            return str(item.name)
    return columns
