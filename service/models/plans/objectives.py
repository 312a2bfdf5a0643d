"""Objectives of a plan: measurable and dated."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from pydantic import Field as Member
from sqlmodel import Field

from service.framework.database.columns import Day, Exact, Uuid
from service.framework.database.fields import Fields, check_in, patch_of
from service.models.shapes import Living, ReadBase
from service.platform.types import DayText, Id, LongText, Measure, Name
from service.rules.vocabulary import ObjectiveState


class ObjectiveFields(Fields):
    """What callers say of an objective."""

    title: Name = Field(sa_type=sa.Text, description="What is to be reached")
    metric: Name = Field(sa_type=sa.Text, description="What is measured, for example share of wallet")
    unit: Name | None = Field(
        default=None, sa_type=sa.Text, description="Unit of the metric, for example percent or EUR"
    )
    baseline: Measure | None = Field(default=None, sa_type=Exact(20, 4), description="The metric's value at the start")
    target: Measure = Field(sa_type=Exact(20, 4), description="The metric's value to reach")
    due_on: DayText = Field(sa_type=Day, description="By when")
    notes: LongText | None = Field(default=None, sa_type=sa.Text, description="Background")


class ObjectiveCreate(ObjectiveFields):
    """An objective to add to a plan."""


class ObjectiveChange(ObjectiveFields):
    """What of an objective may change later."""

    state: ObjectiveState = Field(default=ObjectiveState.OPEN, description="open, achieved, missed or dropped")


ObjectivePatch = patch_of(ObjectiveChange, "ObjectivePatch")


class Objective(Living, ObjectiveFields, table=True):
    """The table."""

    __tablename__ = "objectives"
    __table_args__ = (check_in("state", ObjectiveState),)

    plan_id: str = Field(sa_type=Uuid, foreign_key="plans.id")
    account_id: str = Field(sa_type=Uuid, foreign_key="accounts.id")
    state: str = Field(default="open", sa_type=sa.Text)
    closed_on: date | None = Field(default=None, sa_type=Day)


objectives: sa.Table = Objective.__table__  # type: ignore[attr-defined]
sa.Index("ix_objectives_plan", objectives.c.plan_id, objectives.c.id)
sa.Index("ix_objectives_account", objectives.c.account_id, objectives.c.id)


class ObjectiveRead(ReadBase):
    """An objective of a plan."""

    plan_id: Id = Member(description="The plan")
    account_id: Id = Member(description="The account")
    title: Name = Member(description="What is to be reached")
    metric: Name = Member(description="What is measured")
    unit: Name | None = Member(description="Unit of the metric")
    baseline: Measure | None = Member(description="The metric's value at the start")
    target: Measure = Member(description="The metric's value to reach")
    due_on: DayText = Member(description="By when")
    notes: LongText | None = Member(description="Background")
    state: ObjectiveState = Member(description="open, achieved, missed or dropped")
    closed_on: DayText | None = Member(description="The day it was achieved, missed or dropped")
