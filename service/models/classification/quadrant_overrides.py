"""Quadrants set by hand, for a time and with a reason."""

import sqlalchemy as sa
from sqlmodel import Field

from service.framework.database.fields import Fields, table_of
from service.platform.types import Id, InstantText, Text
from service.rules.vocabulary import Quadrant


class QuadrantOverrideRow(Fields, table=True):
    """The override of one account; deleted when it is removed or has expired, and from then on only in the history."""

    __tablename__ = "quadrant_overrides"

    account_id: Id = Field(primary_key=True, foreign_key="accounts.id", description="The account")
    quadrant: Quadrant = Field(description="The quadrant that holds instead of the computed one")
    reason: Text = Field(description="Why it was set by hand")
    recorded_by: Text = Field(description="The API key that set it")
    recorded_at: InstantText = Field(description="When it was set")
    expires_at: InstantText = Field(description="When it expires; the worker then reclassifies the account")


quadrant_overrides = table_of(QuadrantOverrideRow)
sa.Index("ix_quadrant_overrides_expiry", quadrant_overrides.c.expires_at, quadrant_overrides.c.account_id)
