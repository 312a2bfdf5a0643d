"""The path of an account in the programme: a step, the history of steps, and the steps that can follow."""

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as Member
from sqlmodel import Field

from service.framework.database.fields import Fields, read_of, table_of
from service.platform.types import DayText, Flag, Id, InstantText, LongText, Name, Shape, Text, Version
from service.rules.accounts.status_path import Requirement
from service.rules.vocabulary import AccountStatus


class Agreement(Shape):
    """The customer's agreement to be a key account."""

    agreed_by: Name = Member(description="The name of the person who agreed")
    stakeholder_id: Id | None = Member(default=None, description="The same person as a stakeholder of the account")
    agreed_on: DayText = Member(description="The day of the agreement; never in the future")


class StatusTransitionCreate(Shape):
    """A step on the path from customer to managed key account."""

    to: AccountStatus = Member(description="The status to go to")
    reason: Text = Member(description="Why the account takes the step")
    evidence: LongText | None = Member(default=None, description="The evidence for it")
    agreement: Agreement | None = Member(
        default=None, description="The customer's agreement: required for the step to agreed, refused for any other"
    )


class StatusEntry(Fields, table=True):
    """One step of an account on its path; before the first one it is a customer.

    `account_version` is the account's version after the step; the history is ordered by it.
    """

    __tablename__ = "status_entries"

    id: Id = Field(primary_key=True, description="UUIDv7 of this entry")
    account_id: Id = Field(foreign_key="accounts.id", description="The account")
    account_version: int
    previous: AccountStatus = Field(description="The status before the step")
    status: AccountStatus = Field(description="The status after the step")
    reason: Text = Field(description="Why the account took the step")
    evidence: LongText | None = Field(description="The evidence for it")
    agreed_by: Name | None = Field(description="Who at the customer agreed; null but for the step to agreed")
    stakeholder_id: Id | None = Field(foreign_key="stakeholders.id", description="The same person as a stakeholder")
    agreed_on: DayText | None = Field(description="The day on which the customer agreed")
    recorded_at: InstantText = Field(description="When the step was recorded, RFC 3339 in UTC")
    recorded_by: Text | None = Field(description="The API key that recorded it")


status_entries = table_of(StatusEntry)
sa.Index(
    "uq_status_entries_account_version", status_entries.c.account_id, status_entries.c.account_version, unique=True
)


@read_of(StatusEntry)
class StatusEntryRead(Shape):
    """One step in an account's history on the path."""


class RequirementRead(Shape):
    """One requirement of a step."""

    code: Requirement = Member(description="The requirement, for programs")
    message: Text = Member(description="The requirement in words")
    met: Flag = Member(
        description="Whether the account fulfils it; an agreement comes with the step itself and is never met before"
    )


class StepRead(Shape):
    """A step that can follow."""

    to: AccountStatus = Member(description="The status after the step")
    meaning: Text = Member(description="What that status means")
    requires: Annotated[list[RequirementRead], Member(max_length=7)] = Member(description="Its requirements")
    ready: Flag = Member(description="Whether all requirements are met, an agreement aside")


class AccountStatusRead(Shape):
    """The status of an account, and the steps that can follow."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")
    status: AccountStatus = Member(description="The status now")
    since: InstantText | None = Member(description="Since when; null for a customer that never took a step")
    reason: Text | None = Member(description="Why the account took its latest step")
    steps: Annotated[list[StepRead], Member(max_length=7)] = Member(description="The steps that can follow")
