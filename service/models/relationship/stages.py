"""Relationship stages: the history of movements, and the target."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import StringConstraints
from sqlmodel import Field, SQLModel

from service.framework.database.columns import Day, Instant, Uuid
from service.framework.database.fields import check_in
from service.platform.types import Count, DayText, Flag, Id, InstantText, LongText, Shape, Text, Version
from service.rules.vocabulary import Stage

StageName = Annotated[str, StringConstraints(max_length=30)]


class StageTransitionCreate(Shape):
    """A movement to another relationship stage."""

    to: Stage = Member(description="The stage to move to")
    reason: Text = Member(description="Why the account moves")
    evidence: LongText | None = Member(
        default=None, description="What shows it, for example a contract or observed contacts"
    )
    effective_on: DayText | None = Member(
        default=None, description="Since when it holds; today when left out, never in the future"
    )
    skip: Flag = Member(default=False, description="True to move up by more than one stage at once")


class TargetStagePut(Shape):
    """The stage aimed at."""

    target_stage: Stage | None = Member(
        description="The stage to reach; may equal the present one; null takes the target away"
    )
    target_stage_on: DayText | None = Member(default=None, description="By when")
    reason: Text | None = Member(default=None, description="Why this target")


class StageEntry(SQLModel, table=True):
    """One entry of an account's stage history; the first is pre_kam, from the account's creation.

    `account_version` is the account's version that it belongs to, and the order of the history.
    """

    __tablename__ = "stage_entries"
    __table_args__ = (check_in("stage", Stage), check_in("previous", Stage, nullable=True))

    id: str = Field(primary_key=True, sa_type=Uuid)
    account_id: str = Field(sa_type=Uuid, foreign_key="accounts.id")
    account_version: int = Field(sa_type=sa.BigInteger)
    previous: str | None = Field(default=None, sa_type=sa.Text)
    stage: str = Field(sa_type=sa.Text)
    reason: str | None = Field(default=None, sa_type=sa.Text)
    evidence: str | None = Field(default=None, sa_type=sa.Text)
    effective_on: date = Field(sa_type=Day)
    recorded_at: datetime = Field(sa_type=Instant)
    recorded_by: str | None = Field(default=None, sa_type=sa.Text)


stage_entries: sa.Table = StageEntry.__table__  # type: ignore[attr-defined]
sa.Index("uq_stage_entries_account_version", stage_entries.c.account_id, stage_entries.c.account_version, unique=True)


class StageEntryRead(Shape):
    """One movement in an account's stage history."""

    id: Id = Member(description="UUIDv7 of this entry")
    account_id: Id = Member(description="The account")
    previous: Stage | None = Member(description="The stage before; null for the first entry")
    stage: Stage = Member(description="The stage moved to (Millman & Wilson)")
    stage_cranfield: StageName = Member(description="The Cranfield name of the stage")
    reason: Text | None = Member(description="Why the account moved")
    evidence: LongText | None = Member(description="What shows it")
    effective_on: DayText = Member(description="Since when it holds")
    recorded_at: InstantText = Member(description="When it was recorded")
    recorded_by: Text | None = Member(description="The key that recorded it")


class StageTermsRead(Shape):
    """One stage of the catalogue."""

    stage: Stage = Member(description="The stage")
    ordinal: Count = Member(description="1 to 5 up the ladder; 0 is uncoupling")
    name: StageName = Member(description="Its name (Millman & Wilson)")
    cranfield_name: StageName = Member(description="Its Cranfield name")
    definition: Text = Member(description="How to know it")
    state_of_business: Text = Member(description="The state of business")
    contacts: Text = Member(description="What the contacts are like")
    aim: Text = Member(description="What the key account manager aims at")
    customer_side: Text = Member(description="What the customer does")


class StageCatalogue(Shape):
    """The six relationship stages, from the first to uncoupling."""

    items: Annotated[list[StageTermsRead], Member(max_length=6)] = Member(description="The stages")


class MovementRead(Shape):
    """A movement that is open from the present stage."""

    to: Stage = Member(description="The stage to move to")
    name: StageName = Member(description="Its name (Millman & Wilson)")
    cranfield_name: StageName = Member(description="Its Cranfield name")
    reason: Text = Member(description="Why it is open")
    skip: Flag = Member(description="Whether it is open only with skip: true")


class StageAdvice(Shape):
    """What the method normally aims at, where the target differs."""

    code: Annotated[str, StringConstraints(max_length=100)] = Member(description="For programs")
    message: Text = Member(description="For people")


class AccountStageRead(Shape):
    """Where an account stands on the ladder, where it shall get to, and which movements are open."""

    account_id: Id = Member(description="The account")
    version: Version = Member(description="The account's version; the ETag is made of it")
    stage: Stage = Member(description="The present stage")
    name: StageName = Member(description="Its name (Millman & Wilson)")
    cranfield_name: StageName = Member(description="Its Cranfield name")
    ordinal: Count = Member(description="1 to 5 up the ladder; 0 is uncoupling")
    previous: Stage | None = Member(description="The stage before; null for the first")
    reason: Text | None = Member(description="Why the account moved here")
    evidence: LongText | None = Member(description="What shows it")
    effective_on: DayText | None = Member(description="Since when it holds")
    target_stage: Stage | None = Member(description="The stage aimed at; may equal the present one")
    target_stage_on: DayText | None = Member(description="By when")
    target_reason: Text | None = Member(description="Why this target")
    allowed: Annotated[list[MovementRead], Member(max_length=6)] = Member(description="The movements open from here")
    advice: Annotated[list[StageAdvice], Member(max_length=5)] = Member(
        description="Where the target is unusual for the quadrant; advice, never a refusal"
    )
