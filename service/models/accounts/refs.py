"""References to records in other systems: one table for every kind of record, so that one index keeps them unique."""

import sqlalchemy as sa
from sqlmodel import Field

from service.framework.database.fields import Fields, table_of
from service.platform.types import Id


class Ref(Fields, table=True):
    """One reference: (kind, system, external_id) is unique among live records."""

    __tablename__ = "refs"
    __table_args__ = (
        sa.Index(
            "uq_refs_live", "kind", "system", "external_id", unique=True,
            postgresql_where=sa.text("live"), sqlite_where=sa.text("live"),
        ),
        sa.Index(
            "ix_refs_gone", "kind", "system", "external_id",
            postgresql_where=sa.text("NOT live"), sqlite_where=sa.text("NOT live"),
        ),
    )  # fmt: skip

    entity_id: Id = Field(primary_key=True)
    system: str = Field(primary_key=True)
    external_id: str
    kind: str
    live: bool = True


refs = table_of(Ref)
