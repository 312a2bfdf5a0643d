"""Objectives of a plan: measurable and dated."""

import sqlalchemy as sa
from sqlmodel import Field

from service.framework.database.columns import Exact
from service.framework.database.fields import Fields, patch_of, read_of, table_of
from service.models.shapes import Referenced, Synced, SyncedRead
from service.platform.types import DayText, Id, LongText, Measure, Name
from service.rules.vocabulary import ObjectiveState


class ObjectiveFields(Fields):
    """The members of an objective that clients write."""

    title: Name = Field(description="What is to be reached")
    metric: Name = Field(description="What is measured, for example share of wallet")
    unit: Name | None = Field(default=None, description="Unit of the metric, for example percent or EUR")
    baseline: Measure | None = Field(default=None, sa_type=Exact(20, 4), description="The metric's value at the start")
    target: Measure = Field(sa_type=Exact(20, 4), description="The metric's value to reach")
    due_on: DayText = Field(description="By when")
    notes: LongText | None = Field(default=None, description="Background")


class ObjectiveCreate(Referenced, ObjectiveFields):
    """An objective to add to a plan."""


class Objective(Synced, ObjectiveFields, table=True):
    """The table."""

    __tablename__ = "objectives"

    plan_id: Id = Field(foreign_key="plans.id", description="The plan")
    account_id: Id = Field(foreign_key="accounts.id", description="The account")
    state: ObjectiveState = Field(default=ObjectiveState.OPEN, description="open, achieved, missed or dropped")
    closed_on: DayText | None = Field(default=None, description="The day it was achieved, missed or dropped")


objectives = table_of(Objective)
sa.Index("ix_objectives_plan", objectives.c.plan_id, objectives.c.id)
sa.Index("ix_objectives_account", objectives.c.account_id, objectives.c.id)

ObjectivePatch = patch_of(ObjectiveCreate, "ObjectivePatch", later={"state": Objective})


@read_of(ObjectiveCreate, Objective, order="plan_id account_id")
class ObjectiveRead(SyncedRead):
    """An objective of a plan."""
