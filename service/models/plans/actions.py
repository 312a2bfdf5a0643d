"""Actions of an objective: who does what by when, with which expected result."""

import sqlalchemy as sa
from sqlmodel import Field

from service.framework.database.fields import Fields, patch_of, read_of, table_of
from service.models.shapes import Referenced, Synced, SyncedRead
from service.platform.types import DayText, Id, LongText, Name, Text
from service.rules.vocabulary import ActionState


class ActionFields(Fields):
    """The members of an action that clients write."""

    title: Name = Field(description="What is to be done")
    owner_id: Id = Field(foreign_key="people.id", description="The one person who carries it")
    due_on: DayText = Field(description="By when")
    expected_result: Text = Field(description="What will be there when it is done")
    notes: LongText | None = Field(default=None, description="Background")


class ActionCreate(Referenced, ActionFields):
    """An action to add to an objective."""


class Action(Synced, ActionFields, table=True):
    """The table."""

    __tablename__ = "actions"

    objective_id: Id = Field(foreign_key="objectives.id", description="The objective")
    account_id: Id = Field(foreign_key="accounts.id", description="The account")
    state: ActionState = Field(default=ActionState.OPEN, description="open, in_progress, completed or cancelled")
    completed_on: DayText | None = Field(default=None, description="The day it was completed")


actions = table_of(Action)
sa.Index("ix_actions_objective", actions.c.objective_id, actions.c.id)
sa.Index("ix_actions_account", actions.c.account_id, actions.c.id)
sa.Index("ix_actions_owner", actions.c.owner_id, actions.c.id)
sa.Index("ix_actions_due", actions.c.due_on, actions.c.id)

ActionPatch = patch_of(ActionCreate, "ActionPatch", later={"state": Action})


@read_of(ActionCreate, Action, order="objective_id account_id")
class ActionRead(SyncedRead):
    """An action of an objective."""
