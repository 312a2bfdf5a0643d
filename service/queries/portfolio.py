"""All accounts by box of a matrix: one statement, however many accounts there are."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from service.models.accounts import accounts
from service.models.portfolio import MatrixAccount, MatrixView
from service.platform.dialects import document, json_row
from service.platform.statements import Statement
from service.queries.accounts import ACCOUNTS, low
from service.queries.forecasts import forecast_of
from service.rules.quadrants import sides_of
from service.rules.vocabulary import Quadrant, Stage

a = accounts.c


def _ten_box(raw: ColumnElement[Any], stage: ColumnElement[Any]) -> ColumnElement[Any]:
    """McDonald's box: the row by the scores' own quadrant, the column by the stage; uncoupling is apart, an incomplete
    account in none.
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


_BOXES = {
    MatrixView.FOUR_BOX: sa.type_coerce(a.quadrant, sa.Text()),
    MatrixView.FIOCCA: a.fiocca_attractiveness + sa.literal_column("'_'", sa.Text) + a.fiocca_position,
    MatrixView.TEN_BOXES: _ten_box(a.raw_quadrant, a.stage),
}


def _matrix(view: MatrixView, forecast: bool) -> Statement:
    """Each box with its size and its largest accounts by revenue; of accounts in no box one row tells the number."""
    box = _BOXES[view]
    rank = sa.func.row_number().over(partition_by=box, order_by=[low(a.revenue).desc(), a.id.asc()])
    size = sa.func.count().over(partition_by=box)
    ranked = ACCOUNTS.scoped(sa.select(a.id, box.label("box"), rank.label("rank"), size.label("size"))).subquery()
    members = {name: a[name] for name in MatrixAccount.model_fields if name != "forecast"}
    shown = document(json_row({**members, "forecast": forecast_of(as_of=False)} if forecast else members))
    return Statement(
        sa.select(ranked.c.box, ranked.c.size, shown.label("document"))
        .select_from(ranked.join(accounts, a.id == ranked.c.id))
        .where(
            ranked.c.rank <= sa.bindparam("limit", type_=sa.BigInteger),
            sa.or_(ranked.c.box.is_not(None), ranked.c.rank == sa.literal_column("1")),
        )
        .order_by(ranked.c.box, ranked.c.rank)
    )


MATRICES = {(view, forecast): _matrix(view, forecast) for view in MatrixView for forecast in (False, True)}
"""By view, and whether forecasts come with it."""
