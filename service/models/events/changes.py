"""The order of changes: one row per record with its place in it, which no write touches."""

import re

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from service.framework.database.fields import Fields, table_of
from service.models.shapes import Synced
from service.platform.types import Id


class RecordChange(Fields, table=True):
    """The place of one record in the order of changes. The sequencer gives a greater `position` to each record whose
    version is above the one written here, after the commit that raised it. Rows are never removed: positions outlive
    the events.
    """

    __tablename__ = "record_changes"

    record_id: Id = Field(primary_key=True)
    kind: str
    version: int
    position: int = Field(unique=True)


class ChangedRange(Fields, table=True):
    """Accounts of which some changed without an event: those from one id to another, both included. The sequencer gives
    positions to those that changed and removes the row.
    """

    __tablename__ = "changed_ranges"

    id: Id = Field(primary_key=True)
    first_id: Id
    last_id: Id


record_changes = table_of(RecordChange)
changed_ranges = table_of(ChangedRange)
sa.Index("ix_record_changes_kind", record_changes.c.kind, record_changes.c.position)


def synced_tables() -> dict[str, sa.Table]:
    """Return the tables of records whose changes have positions, by the kind that events name: `site_visit`."""
    tables = {}
    for model in Synced.__subclasses__():
        table = SQLModel.metadata.tables.get(str(model.__tablename__))
        if table is not None:
            tables[re.sub(r"(?<!^)(?=[A-Z])", "_", model.__name__).lower()] = table
    return tables
