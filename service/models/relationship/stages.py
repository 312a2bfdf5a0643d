"""Relationship stages: the history of movements, and the target."""

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field

from service.framework.database.fields import Fields, read_of, table_of
from service.platform.types import Count, DayText, Flag, Id, InstantText, LongText, Shape, Text, Version
from service.rules.vocabulary import Stage

StageName = Annotated[str, StringConstraints(max_length=30)]


class StageTransitionCreate(Shape):
    """A movement to another relationship stage."""

    to: Stage = Member(description="The stage to move to")
    reason: Text = Member(description="Why the account moves")
    evidence: LongText | None = Member(
        default=None, description="The evidence for it, for example a contract or observed contacts"
    )
    effective_on: DayText | None = Member(
        default=None, description="The day from which the stage holds; today when left out, never in the future"
    )
    skip: Flag = Member(default=False, description="True to move up by more than one stage at once")


class TargetStagePut(Shape):
    """The stage to aim at."""

    target_stage: Stage | None = Member(
        description="The stage to reach; may equal the current one; null removes the target"
    )
    target_stage_on: DayText | None = Member(default=None, description="The day to reach it by")
    reason: Text | None = Member(default=None, description="Why this target")


class StageEntry(Fields, table=True):
    """One entry of an account's stage history; the first is pre_kam, from the account's creation.

    `account_version` is the account's version after the movement; the history is ordered by it.
    """

    __tablename__ = "stage_entries"

    id: Id = Field(primary_key=True, description="UUIDv7 of this entry")
    account_id: Id = Field(foreign_key="accounts.id", description="The account")
    account_version: int
    previous: Stage | None = Field(description="The stage before; null for the first entry")
    stage: Stage = Field(description="The stage after the movement (Millman & Wilson)")
    reason: Text | None = Field(description="Why the account moved")
    evidence: LongText | None = Field(description="The evidence for it")
    effective_on: DayText = Field(description="The day from which the stage holds")
    recorded_at: InstantText = Field(description="When the movement was recorded, RFC 3339 in UTC")
    recorded_by: Text | None = Field(description="The API key that recorded it")


stage_entries = table_of(StageEntry)
sa.Index("uq_stage_entries_account_version", stage_entries.c.account_id, stage_entries.c.account_version, unique=True)


@read_of(StageEntry, order="id account_id previous stage stage_cranfield")
class StageEntryRead(Shape):
    """One movement in an account's stage history."""

    stage_cranfield: StageName = Member(description="The Cranfield name of the stage")


class StageTermsRead(Shape):
    """One stage of the catalogue."""

    stage: Stage = Member(description="The stage")
    ordinal: Count = Member(description="1 to 5 up the ladder; 0 is uncoupling")
    name: StageName = Member(description="Its name (Millman & Wilson)")
    cranfield_name: StageName = Member(description="Its Cranfield name")
    definition: Text = Member(description="How to recognise the stage")
    state_of_business: Text = Member(description="The state of business")
    contacts: Text = Member(description="The contacts between the companies")
    aim: Text = Member(description="The aim of the key account manager")
    customer_side: Text = Member(description="The customer's behaviour")


class StageCatalogue(Shape):
    """The six relationship stages, from the first to uncoupling."""

    items: Annotated[list[StageTermsRead], Member(max_length=6)] = Member(description="The stages")


class MovementRead(Shape):
    """A movement that is allowed from the current stage."""

    to: Stage = Member(description="The stage to move to")
    name: StageName = Member(description="Its name (Millman & Wilson)")
    cranfield_name: StageName = Member(description="Its Cranfield name")
    reason: Text = Member(description="Why it is allowed")
    skip: Flag = Member(description="Whether it needs skip: true")


class StageAdvice(Shape):
    """Advice where the target differs from what the method aims at."""

    code: Annotated[str, StringConstraints(max_length=100)] = Member(description="The advice, for programs")
    message: Text = Member(description="The advice in words")


class AccountStageRead(Shape):
    """The stage of an account, its target stage, and the movements that are allowed."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")
    stage: Stage = Member(description="The current stage")
    name: StageName = Member(description="Its name (Millman & Wilson)")
    cranfield_name: StageName = Member(description="Its Cranfield name")
    ordinal: Count = Member(description="1 to 5 up the ladder; 0 is uncoupling")
    previous: Stage | None = Member(description="The stage before; null for the first")
    reason: Text | None = Member(description="Why the account moved to this stage")
    evidence: LongText | None = Member(description="The evidence for it")
    effective_on: DayText | None = Member(description="The day from which the stage holds")
    target_stage: Stage | None = Member(description="The stage aimed at; may equal the current one")
    target_stage_on: DayText | None = Member(description="The day to reach it by")
    target_reason: Text | None = Member(description="Why it is the target")
    allowed: Annotated[list[MovementRead], Member(max_length=6)] = Member(
        description="The movements that are allowed from here"
    )
    advice: Annotated[list[StageAdvice], Member(max_length=5)] = Member(
        description="Where the target is unusual for the quadrant; advice, never a refusal"
    )
