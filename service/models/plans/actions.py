"""Actions of an objective: who does what by when, with which expected result."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa
from pydantic import Field as Member
from sqlmodel import Field

from service.framework.database.columns import Day, Uuid
from service.framework.database.fields import Fields, check_in, patch_of
from service.models.shapes import Living, ReadBase
from service.platform.types import DayText, Id, LongText, Name, Text
from service.rules.vocabulary import ActionState


class ActionFields(Fields):
    """What callers say of an action."""

    title: Name = Field(sa_type=sa.Text, description="What is to be done")
    owner_id: Id = Field(sa_type=Uuid, foreign_key="people.id", description="The one person who carries it")
    due_on: DayText = Field(sa_type=Day, description="By when")
    expected_result: Text = Field(sa_type=sa.Text, description="What will be there when it is done")
    notes: LongText | None = Field(default=None, sa_type=sa.Text, description="Background")


class ActionCreate(ActionFields):
    """An action to add to an objective."""


class ActionChange(ActionFields):
    """What of an action may change later."""

    state: ActionState = Field(default=ActionState.OPEN, description="open, in_progress, completed or cancelled")


ActionPatch = patch_of(ActionChange, "ActionPatch")


class Action(Living, ActionFields, table=True):
    """The table."""

    __tablename__ = "actions"
    __table_args__ = (check_in("state", ActionState),)

    objective_id: str = Field(sa_type=Uuid, foreign_key="objectives.id")
    account_id: str = Field(sa_type=Uuid, foreign_key="accounts.id")
    state: str = Field(default="open", sa_type=sa.Text)
    completed_on: date | None = Field(default=None, sa_type=Day)


actions: sa.Table = Action.__table__  # type: ignore[attr-defined]
sa.Index("ix_actions_objective", actions.c.objective_id, actions.c.id)
sa.Index("ix_actions_account", actions.c.account_id, actions.c.id)
sa.Index("ix_actions_owner", actions.c.owner_id, actions.c.id)
sa.Index("ix_actions_due", actions.c.due_on, actions.c.id)


class ActionRead(ReadBase):
    """An action of an objective."""

    objective_id: Id = Member(description="The objective")
    account_id: Id = Member(description="The account")
    title: Name = Member(description="What is to be done")
    owner_id: Id = Member(description="The one person who carries it")
    due_on: DayText = Member(description="By when")
    expected_result: Text = Member(description="What will be there when it is done")
    notes: LongText | None = Member(description="Background")
    state: ActionState = Member(description="open, in_progress, completed or cancelled")
    completed_on: DayText | None = Member(description="The day it was completed")
