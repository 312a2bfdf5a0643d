"""Candidate screening, the first of two steps of selection: screen customers by simple criteria and make those that
pass candidates.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import sqlalchemy as sa
from pydantic import Field as Member

from service.access.policy import Permission
from service.framework.database.columns import Instant, bind
from service.framework.database.database import Reader, Resource, Row
from service.framework.database.dialects import one_of
from service.framework.database.filters import FilterReader, clause
from service.framework.database.statements import Statement, inserting
from service.models.accounts.accounts import accounts
from service.models.accounts.screenings import ScreeningCursor
from service.models.accounts.statuses import status_entries
from service.platform.errors import StateTransitionNotAllowed
from service.platform.types import Count, Flag, Limit, Name, Shape, Text
from service.queries.accounts.accounts import ACCOUNTS, AccountFilter
from service.queries.accounts.screenings import ScreeningShape, judging, passing
from service.records.accounts.statuses import step_entry, step_event
from service.records.classification.scoring_models import refused
from service.records.context import Context, Transaction, operation, refuse
from service.rules.accounts.screening import MOST_CRITERIA, Criterion, Screened, needed, screen, validate_criteria
from service.rules.accounts.status_path import judge_step
from service.rules.vocabulary import AccountStatus

MOST_MOVED = 1000
_CURSOR = "screening"
_MAKE_CANDIDATES = Statement(
    sa.update(accounts)
    .where(one_of(accounts.c.id, "ids"))
    .values(
        status=sa.literal_column(f"'{AccountStatus.CANDIDATE.value}'"),
        version=accounts.c.version + sa.literal_column("1"),
        updated_at=bind("v_now", Instant()),
    )
)
_ADD_ENTRIES = inserting(status_entries)


class ScreeningCriterion(Shape):
    """A criterion: a filter with a name."""

    name: Name = Member(description="The criterion's name, unique in the screening")
    filter: AccountFilter = Member(  # type: ignore[valid-type]
        description="The conditions, in the grammar of the search; a condition on a member that is null does not hold"
    )
    required: Flag = Member(default=False, description="Whether an account must meet it to pass")


class ScreeningCreate(Shape):
    """The criteria of a screening. All filters together have at most 50 conditions."""

    criteria: Annotated[list[ScreeningCriterion], Member(min_length=1, max_length=MOST_CRITERIA)] = Member(
        description="The criteria"
    )
    at_least: Count | None = Member(
        default=None,
        description="How many criteria must hold; by default the required ones, or all where none is required",
    )
    filter: AccountFilter | None = Member(  # type: ignore[valid-type]
        default=None, description="Which accounts are screened; all when left out"
    )
    passed: Flag | None = Member(
        default=None, description="Show only accounts that passed (true) or did not (false); counts are of all"
    )
    limit: Limit = Member(default=50, description="Accounts per page, 1 to 200")
    after: ScreeningCursor | None = Member(default=None, description="The `next_cursor` of the previous page; opaque")
    move_to_candidate: Flag = Member(
        default=False,
        description="Make the customers that passed candidates, at most 1,000 at once, on whatever page; false "
        "writes nothing",
    )
    reason: Text | None = Member(default=None, description="The reason, kept with each step; needed to make candidates")


class _Screening:
    """A validated screening: its criteria, the statement's shape, and the values to bind."""

    def __init__(self, data: ScreeningCreate) -> None:
        self.criteria = [Criterion(one.name, one.required) for one in data.criteria]
        if verdicts := validate_criteria(self.criteria, data.at_least):
            raise refused(verdicts)
        self.at_least = needed(self.criteria, data.at_least)
        self._filters = FilterReader()
        shapes = []
        for index, one in enumerate(data.criteria):
            shape = self._read(one.filter, f"/criteria/{index}/filter")
            if clause(shape, ACCOUNTS.filters) is None:
                raise refuse(
                    f"/criteria/{index}/filter",
                    "criterion_empty",
                    "Every account meets this filter",
                )
            shapes.append(shape)
        given: Any = data.filter
        population = () if given is None else self._read(given, "/filter")
        self.shape = ScreeningShape(population, tuple(shapes), tuple(one.required for one in self.criteria))
        self.binds = {**self._filters.binds, "at_least": self.at_least}

    def _read(self, given: Any, pointer: str) -> Any:
        tree = given.model_dump(by_alias=True, exclude_unset=True)
        return self._filters.read(tree, ACCOUNTS.filters, pointer)

    def screen(self, row: Mapping[str, Any]) -> tuple[Screened, list[dict[str, Any]]]:
        """Return the verdict on a row of the statement, and each criterion with whether it holds."""
        held = [bool(row[f"h{index}"]) for index in range(len(self.criteria))]
        criteria = [{"name": one.name, "holds": holds} for one, holds in zip(self.criteria, held, strict=True)]
        return screen(self.criteria, held, self.at_least), criteria


async def preview_screening(ctx: Context, data: ScreeningCreate) -> Resource:
    """Screen accounts by criteria without writing: which criteria hold, which accounts pass and why; counts of all
    accounts, and a page of them.
    """
    if data.move_to_candidate:
        raise refuse("/move_to_candidate", "would_write", "This query only reads. Use the mutation to make candidates")
    screening = _Screening(data)
    async with ctx.reading(Permission.PORTFOLIO_READ) as reader:
        return _answer(ctx, data, screening, await _screened_rows(ctx, reader, data, screening), set())


@operation
async def screen_portfolio(ctx: Context, data: ScreeningCreate) -> Resource:
    """Screen accounts by named criteria over their members: which criteria hold, which accounts pass and why, with
    counts of all accounts and a page of them.

    Nothing is written without `move_to_candidate`. With it, customers that passed become candidates in one transaction,
    at most 1,000 at once; `left_to_move` is the number left for another call. Each step is kept with the reason and the
    criteria that held. Raises Invalid for repeated or empty criteria, `at_least` above their number, filters with more
    than 50 conditions in all, and candidates without a reason.
    """
    if not data.move_to_candidate:
        return await preview_screening(ctx, data)
    ctx.require(Permission.PORTFOLIO_READ)
    screening = _Screening(data)
    if data.reason is None:
        raise refuse("/reason", "reason_missing", "Give the reason why these customers become candidates")
    verdict = judge_step(AccountStatus.CUSTOMER, AccountStatus.CANDIDATE, ())
    if not verdict.allowed:
        raise StateTransitionNotAllowed([status.value for status in verdict.open_steps], verdict.reason)
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        rows = await _screened_rows(ctx, tx.reader, data, screening)
        moved = await _make_candidates(tx, screening, data.reason)
        return tx.answer(_answer(ctx, data, screening, rows, moved), "read")


async def _screened_rows(ctx: Context, reader: Reader, data: ScreeningCreate, screening: _Screening) -> list[Row]:
    binds = {**screening.binds, "limit": data.limit + 1}
    if data.after is not None:
        binds["after"] = ctx.cursors.decode(_CURSOR, data.after)[0]
    return list(await reader.all(judging(screening.shape, data.passed, data.after is not None), **binds))


async def _make_candidates(tx: Transaction, screening: _Screening, reason: str) -> set[str]:
    """Make the customers that passed candidates and return their ids."""
    found = await tx.all(passing(screening.shape), most=MOST_MOVED, **screening.binds)
    tx.locked()
    evidence = {}
    for row in found:
        screened, criteria = screening.screen(row)
        holding = ", ".join(one["name"] for one in criteria if one["holds"])
        evidence[row["id"]] = f"Screening: {screened.reason} Holds: {holding}."
    if not evidence:
        return set()
    ids = list(evidence)
    await tx.execute(_MAKE_CANDIDATES, ids=ids, v_now=tx.now)
    after = [Resource(row["version"], row["document"].encode()) for row in await tx.all(ACCOUNTS.by_ids(), ids=ids)]
    before = AccountStatus.CUSTOMER.value
    await tx.many(_ADD_ENTRIES, [step_entry(tx, one, before, reason, evidence[one.id]) for one in after])
    for one in after:
        tx.emit(step_event(one, before, reason, evidence[one.id]))
    return set(ids)


def _answer(ctx: Context, data: ScreeningCreate, screening: _Screening, rows: list[Row], moved: set[str]) -> Resource:
    counts = rows[0]
    listed = [row for row in rows if row["id"] is not None]
    more, listed = len(listed) > data.limit, listed[: data.limit]
    items = []
    for row in listed:
        screened, criteria = screening.screen(row)
        made = row["id"] in moved
        items.append(
            {
                "id": row["id"],
                "name": row["name"],
                "status": AccountStatus.CANDIDATE.value if made else row["status"],
                "passed": screened.passed,
                "held": screened.held,
                "criteria": criteria,
                "reason": screened.reason,
                "moved": made,
            }
        )
    body = {
        "criteria": [
            {"name": one.name, "required": one.required, "held": counts[f"held_{index}"]}
            for index, one in enumerate(screening.criteria)
        ],
        "at_least": screening.at_least,
        "total": counts["total"],
        "passed": counts["passed_total"],
        "customers": counts["customers"],
        "moved": len(moved),
        "left_to_move": max(0, counts["customers"] - len(moved)),
        "items": items,
        "next_cursor": ctx.cursors.encode(_CURSOR, [listed[-1]["id"]]) if more else None,
        "has_more": more,
    }
    return Resource(1, orjson.dumps(body), "read")
