"""Candidate screening: the accounts that fulfil simple criteria, before any scoring."""

from typing import Annotated

from pydantic import Field as Member
from pydantic import StringConstraints

from service.platform.types import CURSOR, BigCount, Count, Flag, Id, Name, Shape, Text
from service.rules.accounts.screening import MOST_CRITERIA
from service.rules.vocabulary import AccountStatus

ScreeningCursor = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=CURSOR)]


class CriterionCount(Shape):
    """A criterion, and the number of accounts that fulfil it."""

    name: Name = Member(description="The criterion")
    required: Flag = Member(description="Whether no account passes without it")
    held: BigCount = Member(description="The number of screened accounts that fulfil it")


class CriterionVerdict(Shape):
    """One criterion of one account."""

    name: Name = Member(description="The criterion")
    holds: Flag = Member(description="Whether the account fulfils it; an unknown value does not")


class ScreenedAccount(Shape):
    """An account and its result."""

    id: Id = Member(description="The account")
    name: Name = Member(description="Its name")
    status: AccountStatus = Member(description="Its status after this call")
    passed: Flag = Member(description="Whether it passed")
    held: Count = Member(description="The number of criteria it fulfils")
    criteria: Annotated[list[CriterionVerdict], Member(max_length=MOST_CRITERIA)] = Member(description="Each criterion")
    reason: Text = Member(description="Why it passed or failed, in words")
    moved: Flag = Member(description="Whether this call made it a candidate")


class ScreeningRead(Shape):
    """The result of a screening: counts over all screened accounts, and a page of them, the oldest first."""

    criteria: Annotated[list[CriterionCount], Member(max_length=MOST_CRITERIA)] = Member(
        description="The criteria of the screening"
    )
    at_least: Count = Member(description="The number of criteria that an account must fulfil")
    total: BigCount = Member(description="The number of screened accounts")
    passed: BigCount = Member(description="The number that passed")
    customers: BigCount = Member(description="The number that passed as customers, which can become candidates")
    moved: Count = Member(description="The number that this call made candidates")
    left_to_move: BigCount = Member(
        description="Customers that passed and are no candidates yet; repeat the call to move them"
    )
    items: Annotated[list[ScreenedAccount], Member(max_length=200)] = Member(description="The accounts of this page")
    next_cursor: ScreeningCursor | None = Member(description="Pass as `after` for the next page; null on the last page")
    has_more: Flag = Member(description="Whether there are more accounts")
