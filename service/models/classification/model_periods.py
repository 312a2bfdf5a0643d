"""By which scoring model, with which range of the portfolio, accounts were judged since when: a day's yardstick."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Exact, Instant, Uuid


class Yardstick(SQLModel, table=True):
    """A model became the active one, or the range that its cut rests on was read anew. Holds until the next entry."""

    __tablename__ = "yardsticks"

    id: str = Field(primary_key=True, sa_type=Uuid)
    model_id: str = Field(sa_type=Uuid, foreign_key="scoring_models.id")
    since: datetime = Field(sa_type=Instant)
    range_low: Decimal | None = Field(default=None, sa_type=Exact(6, 4))
    range_high: Decimal | None = Field(default=None, sa_type=Exact(6, 4))


yardsticks: sa.Table = Yardstick.__table__  # type: ignore[attr-defined]
sa.Index("ix_yardsticks_since", yardsticks.c.since, yardsticks.c.id)
