"""The path of an account in the programme: a step, the history of steps, and what is open from here."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as Member
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Day, Instant, Uuid
from service.framework.database.fields import check_in
from service.platform.types import DayText, Flag, Id, InstantText, LongText, Name, Shape, Text, Version
from service.rules.accounts.status_path import Requirement
from service.rules.vocabulary import AccountStatus


class Agreement(Shape):
    """The customer's agreement to be a key account."""

    agreed_by: Name = Member(description="Who at the customer agreed")
    stakeholder_id: Id | None = Member(default=None, description="The same as a stakeholder of the account")
    agreed_on: DayText = Member(description="When; never in the future")


class StatusTransitionCreate(Shape):
    """A step on the path from customer to managed key account."""

    to: AccountStatus = Member(description="The status to go to")
    reason: Text = Member(description="Why")
    evidence: LongText | None = Member(default=None, description="What shows it")
    agreement: Agreement | None = Member(
        default=None, description="Who at the customer agreed, and when: needed for the step to agreed, and only there"
    )


class StatusEntry(SQLModel, table=True):
    """One step of an account on its path; before the first one it is a customer.

    `account_version` is the account's version that came with it, and the order of the history.
    """

    __tablename__ = "status_entries"
    __table_args__ = (check_in("status", AccountStatus), check_in("previous", AccountStatus))

    id: str = Field(primary_key=True, sa_type=Uuid)
    account_id: str = Field(sa_type=Uuid, foreign_key="accounts.id")
    account_version: int = Field(sa_type=sa.BigInteger)
    previous: str = Field(sa_type=sa.Text)
    status: str = Field(sa_type=sa.Text)
    reason: str = Field(sa_type=sa.Text)
    evidence: str | None = Field(default=None, sa_type=sa.Text)
    agreed_by: str | None = Field(default=None, sa_type=sa.Text)
    stakeholder_id: str | None = Field(default=None, sa_type=Uuid, foreign_key="stakeholders.id")
    agreed_on: date | None = Field(default=None, sa_type=Day)
    recorded_at: datetime = Field(sa_type=Instant)
    recorded_by: str | None = Field(default=None, sa_type=sa.Text)


status_entries: sa.Table = StatusEntry.__table__  # type: ignore[attr-defined]
sa.Index(
    "uq_status_entries_account_version", status_entries.c.account_id, status_entries.c.account_version, unique=True
)


class StatusEntryRead(Shape):
    """One step in an account's history on the path."""

    id: Id = Member(description="UUIDv7 of this entry")
    account_id: Id = Member(description="The account")
    previous: AccountStatus = Member(description="The status before")
    status: AccountStatus = Member(description="The status gone to")
    reason: Text = Member(description="Why")
    evidence: LongText | None = Member(description="What shows it")
    agreed_by: Name | None = Member(description="Who at the customer agreed, of the step to agreed")
    stakeholder_id: Id | None = Member(description="The same as a stakeholder")
    agreed_on: DayText | None = Member(description="When the customer agreed")
    recorded_at: InstantText = Member(description="When it was recorded")
    recorded_by: Text | None = Member(description="The key that recorded it")


class RequirementRead(Shape):
    """One thing that a step asks for."""

    code: Requirement = Member(description="For programs")
    message: Text = Member(description="For people")
    met: Flag = Member(
        description="Whether the account fulfils it; an agreement comes with the step itself and is never met before"
    )


class StepRead(Shape):
    """A step that can follow."""

    to: AccountStatus = Member(description="Where it leads")
    meaning: Text = Member(description="What it means")
    requires: Annotated[list[RequirementRead], Member(max_length=7)] = Member(description="What it asks for")
    ready: Flag = Member(description="Whether all of it is there, an agreement aside")


class AccountStatusRead(Shape):
    """Where an account stands on the path, and which steps can follow."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")
    status: AccountStatus = Member(description="Where it stands")
    since: InstantText | None = Member(description="Since when; null for a customer that never took a step")
    reason: Text | None = Member(description="Why it came here")
    steps: Annotated[list[StepRead], Member(max_length=7)] = Member(description="The steps that can follow")
