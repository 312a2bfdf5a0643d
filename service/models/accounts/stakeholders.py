"""Stakeholders: the customer's people (and outsiders) who take part in its decisions."""

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field

from service.framework.database.columns import Exact
from service.framework.database.fields import Fields, patch_of, read_of, table_of
from service.models.shapes import Referenced, Synced, SyncedRead
from service.platform.patterns import fitting
from service.platform.types import Balance, Email, Id, Name, Score
from service.rules.vocabulary import StakeholderRole

Phone = Annotated[
    str,
    StringConstraints(
        strict=True,
        min_length=3,
        max_length=40,
        pattern=fitting(r"^[0-9+(). /x-]+$", "Must be a phone number: digits, spaces and + ( ) . / x -"),
    ),
]
Roles = Annotated[list[StakeholderRole], Member(max_length=15)]


class StakeholderFields(Fields):
    """The members of a stakeholder that clients write."""

    name: Name = Field(description="The person's name")
    title: Name | None = Field(default=None, description="Job title")
    function: Name | None = Field(default=None, description="Function at the customer, for example purchasing")
    email: Email | None = Field(default=None, description="E-mail address")
    phone: Phone | None = Field(default=None, description="Telephone number")
    roles: Roles = Field(default_factory=list, description="Roles in the buying centre and in the large account")
    influence: Score | None = Field(default=None, sa_type=Exact(8, 4), description="Influence on decisions, 0 to 10")
    stance: Balance | None = Field(
        default=None,
        description="-2 anti-sponsor, -1 critic, 0 neutral, 1 supporter, 2 sponsor; separate from role and influence",
    )
    reports_to_id: Id | None = Field(
        default=None,
        foreign_key="stakeholders.id",
        description="The stakeholder this one reports to, of the same account",
    )


class StakeholderCreate(Referenced, StakeholderFields):
    """A stakeholder to add to an account."""


StakeholderPatch = patch_of(StakeholderCreate, "StakeholderPatch")


class Stakeholder(Synced, StakeholderFields, table=True):
    """The table."""

    __tablename__ = "stakeholders"
    __table_args__ = (sa.CheckConstraint("stance BETWEEN -2 AND 2", name="stance_in_range"),)

    account_id: Id = Field(foreign_key="accounts.id", description="The account")


stakeholders = table_of(Stakeholder)
sa.Index("ix_stakeholders_account", stakeholders.c.account_id, stakeholders.c.id)


@read_of(StakeholderCreate, Stakeholder, order="account_id")
class StakeholderRead(SyncedRead):
    """A stakeholder of an account."""
