"""Since when which scoring model classified accounts, and with which range of the portfolio."""

import sqlalchemy as sa
from sqlmodel import Field

from service.framework.database.columns import Exact
from service.framework.database.fields import Fields, table_of
from service.platform.types import Id, InstantText, Score


class ModelPeriod(Fields, table=True):
    """A model was activated, or the range that its cut rests on was read again. Holds until the next row."""

    __tablename__ = "model_periods"

    id: Id = Field(primary_key=True)
    model_id: Id = Field(foreign_key="scoring_models.id")
    since: InstantText = Field()
    range_low: Score | None = Field(sa_type=Exact(6, 4))
    range_high: Score | None = Field(sa_type=Exact(6, 4))


model_periods = table_of(ModelPeriod)
sa.Index("ix_model_periods_since", model_periods.c.since, model_periods.c.id)
