"""Screen accounts by criteria: one statement counts and pages them, another finds the customers that passed."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import Uuid, bind
from service.framework.database.filters import Shaped, clause
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.platform.kept import Kept
from service.queries.accounts.accounts import ACCOUNTS
from service.rules.vocabulary import AccountStatus

_ONE, _ZERO = sa.literal_column("1", sa.BigInteger), sa.literal_column("0", sa.BigInteger)
_STATEMENTS: Kept[Any, Statement] = Kept(200)


@dataclass(frozen=True, slots=True)
class ScreeningShape:
    """The form of a screening, which has a statement of its own: its filters without values, and which criteria are
    required.
    """

    population: Shaped
    criteria: tuple[Shaped, ...]
    required: tuple[bool, ...]


def judging(shape: ScreeningShape, passed: bool | None, after: bool) -> Statement:
    """Return the statement that counts the screened accounts beside a page of them by id.

    Counts: `total`, `passed_total`, `customers`, `held_0` ... Page: `id`, `name`, `status`, `passed`, `h0` ... An empty
    page gives one row of counts and nulls.
    """
    return _STATEMENTS.made((shape, passed, after), lambda: _judging(shape, passed, after))


def passing(shape: ScreeningShape) -> Statement:
    """Return the statement that locks at most `:most` customers that passed, each with its fulfilled criteria (`id`,
    `h0` ...).
    """
    return _STATEMENTS.made((shape, "passing"), lambda: _passing(shape))


def _held(shape: ScreeningShape) -> list[ColumnElement[Any]]:
    """Return 1 or 0 for each criterion. An unknown value does not fulfil it."""
    conditions = [clause(criterion, ACCOUNTS.filters) for criterion in shape.criteria]
    return [_ONE if one is None else sa.case((one, _ONE), else_=_ZERO) for one in conditions]


def _passed(shape: ScreeningShape, held: list[Any]) -> ColumnElement[bool]:
    enough: Any = sum(held[1:], held[0]) >= bind("at_least", sa.BigInteger)
    return sa.and_(enough, *[one == _ONE for one, required in zip(held, shape.required, strict=True) if required])


def _population(shape: ScreeningShape, query: sa.Select[Any]) -> sa.Select[Any]:
    condition = clause(shape.population, ACCOUNTS.filters)
    query = ACCOUNTS.scoped(query)
    return query if condition is None else query.where(condition)


def _judging(shape: ScreeningShape, passed: bool | None, after: bool) -> Statement:
    held = [one.label(f"h{index}") for index, one in enumerate(_held(shape))]
    first = _population(
        shape,
        sa.select(accounts.c.id, accounts.c.name, sa.type_coerce(accounts.c.status, sa.Text()).label("status"), *held),
    )
    judged = first.cte("judged").c
    names = [f"h{index}" for index in range(len(held))]
    verdict = sa.case((_passed(shape, [judged[name] for name in names]), _ONE), else_=_ZERO).label("passed")
    found = sa.select(*judged, verdict).cte("found").c
    customers = sa.case(
        (sa.and_(found.passed == _ONE, found.status == sa.literal_column(f"'{AccountStatus.CUSTOMER.value}'")), _ONE),
        else_=_ZERO,
    )
    sums = {"passed_total": found.passed, "customers": customers, **{f"held_{name[1:]}": found[name] for name in names}}
    counts = sa.select(
        sa.func.count(found.id).label("total"),
        *[
            sa.cast(sa.func.coalesce(sa.func.sum(each), _ZERO), sa.BigInteger).label(name)
            for name, each in sums.items()
        ],
    ).subquery("counts")
    page = sa.select(*found)
    if passed is not None:
        page = page.where(found.passed == (_ONE if passed else _ZERO))
    if after:
        page = page.where(found.id > bind("after", Uuid()))
    shown = page.order_by(found.id).limit(bind("limit", sa.BigInteger)).subquery("page")
    return Statement(
        sa.select(*counts.c, *shown.c).select_from(counts.outerjoin(shown, sa.true())).order_by(shown.c.id)
    )


def _passing(shape: ScreeningShape) -> Statement:
    held = _held(shape)
    query = _population(shape, sa.select(accounts.c.id, *[one.label(f"h{index}") for index, one in enumerate(held)]))
    query = query.where(
        _passed(shape, held), accounts.c.status == sa.literal_column(f"'{AccountStatus.CUSTOMER.value}'")
    )
    most = bind("most", sa.BigInteger)
    return Statement(query.order_by(accounts.c.id).limit(most).with_for_update(of=accounts))
