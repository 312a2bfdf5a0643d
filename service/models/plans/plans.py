"""Account plans: a period, and the state from draft to closed."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from pydantic import Field as Member
from sqlmodel import Field

from service.framework.database.columns import Day, Uuid
from service.framework.database.fields import Fields, check_in, patch_of
from service.models.shapes import Living, ReadBase
from service.platform.types import DayText, Id, LongText, Name, Shape, Text
from service.rules.vocabulary import PlanState


class PlanFields(Fields):
    """What callers say of a plan."""

    title: Name = Field(sa_type=sa.Text, description="The plan's title")
    period_start: DayText = Field(sa_type=Day, description="First day of the plan's period")
    period_end: DayText = Field(sa_type=Day, description="Last day of the plan's period; after period_start")
    summary: LongText | None = Field(
        default=None, sa_type=sa.Text, description="What the plan is about, in a few sentences"
    )
    owner_id: Id | None = Field(
        default=None, sa_type=Uuid, foreign_key="people.id", description="Who owns the plan: a person"
    )


class PlanCreate(PlanFields):
    """A plan to write for an account."""


PlanPatch = patch_of(PlanCreate, "PlanPatch")


class Plan(Living, PlanFields, table=True):
    """The table."""

    __tablename__ = "plans"
    __table_args__ = (
        check_in("state", PlanState),
        sa.CheckConstraint("period_end > period_start", name="period_in_order"),
    )

    account_id: str = Field(sa_type=Uuid, foreign_key="accounts.id")
    state: str = Field(default="draft", sa_type=sa.Text)
    closed_on: date | None = Field(default=None, sa_type=Day)


plans: sa.Table = Plan.__table__  # type: ignore[attr-defined]
sa.Index("ix_plans_account", plans.c.account_id, plans.c.id)


class PlanTransition(Shape):
    """A step of a plan's life."""

    to: PlanState = Member(description="The state to go to: submitted, approved, active, closed, or draft again")
    reason: Text | None = Member(default=None, description="Why; needed to go back to draft")


class PlanRead(ReadBase):
    """An account plan."""

    account_id: Id = Member(description="The account")
    title: Name = Member(description="The plan's title")
    state: PlanState = Member(description="Where the plan is between draft and closed")
    period_start: DayText = Member(description="First day of the plan's period")
    period_end: DayText = Member(description="Last day of the plan's period")
    summary: LongText | None = Member(description="What the plan is about")
    owner_id: Id | None = Member(description="Who owns the plan")
    closed_on: DayText | None = Member(description="The day it was closed")
