"""Read all accounts by box of a matrix, in one statement for any number of accounts."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.framework.database.columns import bind
from service.framework.database.dialects import document, json_row
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.classification.portfolio import MatrixAccount, MatrixView
from service.queries.accounts.accounts import ACCOUNTS, Columns, low
from service.queries.accounts.past import PAST, THEN
from service.queries.classification.forecasts import forecast_of
from service.rules.classification.quadrants import sides_of
from service.rules.vocabulary import Quadrant, Stage


def _ten_box(raw: ColumnElement[Any], stage: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return McDonald's box: the row by the raw quadrant, the column by the stage.

    Uncoupling is a box of its own. An incomplete account is in no box.
    """
    rows = {True: "high_", False: "low_"}
    kinds = [
        (
            raw == sa.literal_column(f"'{quadrant.value}'"),
            sa.literal_column(f"'{rows[sides_of(quadrant)[0]]}'", sa.Text),
        )
        for quadrant in Quadrant
    ]
    apart = sa.literal_column(f"'{Stage.UNCOUPLING_KAM.value}'", sa.Text)
    box = sa.case(*kinds) + sa.type_coerce(stage, sa.Text())
    return sa.case((sa.and_(raw.is_not(None), stage == apart), apart), else_=box)


def _box(view: MatrixView, c: Columns) -> ColumnElement[Any]:
    """Return the box of an account in a view."""
    if view is MatrixView.FOUR_BOX:
        return sa.type_coerce(c["quadrant"], sa.Text())
    if view is MatrixView.TEN_BOXES:
        return _ten_box(c["raw_quadrant"], c["stage"])
    if view is MatrixView.GENERAL:
        return sa.type_coerce(c["general_portfolio"], sa.Text())
    cell = c["fiocca_attractiveness"] + sa.literal_column("'_'", sa.Text) + c["fiocca_position"]
    return cell


def _matrix(view: MatrixView, forecast: bool, past: bool) -> Statement:
    """Return the statement that reads each box with its size and its largest accounts by revenue.

    One row gives the number of accounts that are in no box.
    """
    c = THEN.columns() if past else dict(accounts.c.items())
    source = THEN.join(accounts) if past else accounts
    box = _box(view, c)
    rank = sa.func.row_number().over(partition_by=box, order_by=[low(accounts.c.revenue).desc(), accounts.c.id.asc()])
    size = sa.func.count().over(partition_by=box)
    members = {name: c[name] for name in MatrixAccount.model_fields if name != "forecast"}
    kept = [c[name].label(f"c_{name}") for name in members if past and c[name] is not accounts.c[name]]
    everyone = sa.select(accounts.c.id, box.label("box"), rank.label("rank"), size.label("size"), *kept).select_from(
        source
    )
    ranked = (PAST if past else ACCOUNTS).scoped(everyone).subquery()
    members = {name: ranked.c.get(f"c_{name}", shown) for name, shown in members.items()}
    shown = document(json_row({**members, "forecast": forecast_of(as_of=past)} if forecast else members))
    return Statement(
        sa.select(ranked.c.box, ranked.c.size, shown.label("document"))
        .select_from(ranked.join(accounts, accounts.c.id == ranked.c.id))
        .where(
            ranked.c.rank <= bind("limit", sa.BigInteger),
            sa.or_(ranked.c.box.is_not(None), ranked.c.rank == sa.literal_column("1")),
        )
        .order_by(ranked.c.box, ranked.c.rank)
    )


MATRICES = {
    (view, forecast, past): _matrix(view, forecast, past)
    for view in MatrixView
    for forecast in (False, True)
    for past in (False, True)
}
"""The statements by view, with or without forecasts, of the present or of the past (at `:as_of`)."""
