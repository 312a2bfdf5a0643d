"""Quadrants that somebody set by hand, for a time and with a reason."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Instant, Uuid
from service.framework.database.fields import check_in
from service.rules.vocabulary import Quadrant


class QuadrantOverrideRow(SQLModel, table=True):
    """The override of one account; gone when it is removed or has expired, and then only in the history."""

    __tablename__ = "quadrant_overrides"
    __table_args__ = (check_in("quadrant", Quadrant),)

    account_id: str = Field(primary_key=True, sa_type=Uuid, foreign_key="accounts.id")
    quadrant: str = Field(sa_type=sa.Text)
    reason: str = Field(sa_type=sa.Text)
    recorded_by: str = Field(sa_type=sa.Text)
    recorded_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)


quadrant_overrides: sa.Table = QuadrantOverrideRow.__table__  # type: ignore[attr-defined]
sa.Index("ix_quadrant_overrides_expiry", quadrant_overrides.c.expires_at, quadrant_overrides.c.account_id)
