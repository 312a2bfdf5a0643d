"""Candidate screening: which accounts fulfil simple criteria, before anything is scored."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.platform.types import BigCount, Count, Flag, Id, Name, Shape, Text
from service.rules.accounts.screening import MOST_CRITERIA
from service.rules.vocabulary import AccountStatus

ScreeningCursor = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[A-Za-z0-9_-]+$")]


class CriterionCount(Shape):
    """A criterion with how many accounts fulfil it."""

    name: Name = Member(description="The criterion")
    required: Flag = Member(description="Whether no account passes without it")
    held: BigCount = Member(description="How many of the judged accounts fulfil it")


class CriterionVerdict(Shape):
    """One criterion of one account."""

    name: Name = Member(description="The criterion")
    holds: Flag = Member(description="Whether the account fulfils it; what is unknown does not")


class ScreenedAccount(Shape):
    """An account with what the screening says of it."""

    id: Id = Member(description="The account")
    name: Name = Member(description="Its name")
    status: AccountStatus = Member(description="Where it stands on the path, after this call")
    passed: Flag = Member(description="Whether it passed")
    held: Count = Member(description="How many criteria hold")
    criteria: Annotated[list[CriterionVerdict], Member(max_length=MOST_CRITERIA)] = Member(description="Each criterion")
    reason: Text = Member(description="Why it passed or not, in words")
    moved: Flag = Member(description="Whether this call made it a candidate")


class ScreeningRead(Shape):
    """What a screening found: counts of all accounts that were judged, and a page of them, the oldest first."""

    criteria: Annotated[list[CriterionCount], Member(max_length=MOST_CRITERIA)] = Member(description="The criteria")
    at_least: Count = Member(description="How many criteria must hold")
    total: BigCount = Member(description="How many accounts were judged")
    passed: BigCount = Member(description="How many of them passed")
    customers: BigCount = Member(description="How many that passed were customers and so can become candidates")
    moved: Count = Member(description="How many this call made candidates")
    left_to_move: BigCount = Member(
        description="Customers that passed and are not candidates yet; call again for those"
    )
    items: Annotated[list[ScreenedAccount], Member(max_length=200)] = Member(description="The accounts of this page")
    next_cursor: ScreeningCursor | None = Member(description="Pass as `after` to go on; null on the last page")
    has_more: Flag = Member(description="Whether there are more accounts")
