"""References to records in other systems, of every kind of record in one table, so that uniqueness is one index."""

from __future__ import annotations

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Uuid


class Ref(SQLModel, table=True):
    """One reference: (kind, system, external_id) is unique among live records."""

    __tablename__ = "refs"
    __table_args__ = (
        sa.Index(
            "uq_refs_live", "kind", "system", "external_id", unique=True,
            postgresql_where=sa.text("live"), sqlite_where=sa.text("live"),
        ),
    )  # fmt: skip

    entity_id: str = Field(primary_key=True, sa_type=Uuid)
    system: str = Field(primary_key=True, sa_type=sa.Text)
    external_id: str = Field(sa_type=sa.Text)
    kind: str = Field(sa_type=sa.Text)
    live: bool = Field(default=True, sa_type=sa.Boolean)


refs: sa.Table = Ref.__table__  # type: ignore[attr-defined]
