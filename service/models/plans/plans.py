"""Account plans: a period, and the state from draft to closed."""

import sqlalchemy as sa
from pydantic import Field as Member
from sqlmodel import Field

from service.framework.database.fields import Fields, patch_of, read_of, table_of
from service.models.shapes import Referenced, Synced, SyncedRead
from service.platform.types import DayText, Id, LongText, Name, Shape, Text
from service.rules.vocabulary import PlanState


class PlanFields(Fields):
    """The members of a plan that clients write."""

    title: Name = Field(description="The plan's title")
    period_start: DayText = Field(description="First day of the plan's period")
    period_end: DayText = Field(description="Last day of the plan's period; after period_start")
    summary: LongText | None = Field(default=None, description="What the plan is about, in a few sentences")
    owner_id: Id | None = Field(default=None, foreign_key="people.id", description="Who owns the plan: a person")


class PlanCreate(Referenced, PlanFields):
    """A plan to write for an account."""


PlanPatch = patch_of(PlanCreate, "PlanPatch")


class Plan(Synced, PlanFields, table=True):
    """The table."""

    __tablename__ = "plans"
    __table_args__ = (sa.CheckConstraint("period_end > period_start", name="period_in_order"),)

    account_id: Id = Field(foreign_key="accounts.id", description="The account")
    state: PlanState = Field(default=PlanState.DRAFT, description="Where the plan is between draft and closed")
    closed_on: DayText | None = Field(default=None, description="The day it was closed")


plans = table_of(Plan)
sa.Index("ix_plans_account", plans.c.account_id, plans.c.id)


class PlanTransition(Shape):
    """A step of a plan's life."""

    to: PlanState = Member(description="The state to go to: submitted, approved, active, closed, or draft again")
    reason: Text | None = Member(default=None, description="Why; needed to go back to draft")


@read_of(PlanCreate, Plan, order="account_id title state")
class PlanRead(SyncedRead):
    """An account plan."""
