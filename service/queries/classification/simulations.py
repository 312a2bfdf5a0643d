"""Simulate another scoring model over a portfolio: one statement on PostgreSQL for any number of accounts."""

from typing import Any

import sqlalchemy as sa
from pydantic import Field as Member
from pydantic import create_model
from sqlalchemy.dialects import postgresql

from service.framework.database.columns import Exact, Json, Uuid
from service.framework.database.filters import Condition, clause
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.classification.simulations import SimulationBase
from service.platform.kept import Kept
from service.queries.accounts.accounts import ACCOUNTS, AccountFilter
from service.queries.classification.positions import BINDS, GIVEN, INLINE_FACTORS, SHOWN, judged, sql

_FILTER: Any = (
    AccountFilter | None,
    Member(default=None, description="Only the accounts that this filter finds, by the grammar of a search"),
)
SimulationCreate = create_model(
    "SimulationCreate", __base__=SimulationBase, __doc__=SimulationBase.__doc__, filter=_FILTER
)

NEAREST = 20
_SHOWN = ("quadrant", "attractiveness", "business_strength", "relative_strength")
_BEFORE = f"json_build_object({', '.join(f'{name!r}, a.{name}' for name in _SHOWN)})"
_AFTER = f"json_build_object({', '.join(f'{name!r}, {SHOWN.get(name, name)}' for name in _SHOWN)})"
_BINDS = {
    **BINDS,
    "given": Json(),
    "ids": postgresql.ARRAY(Uuid()),
    "first": Uuid(),
    "limit": sa.BigInteger(),
    "width": sa.Numeric(),
    "ratio_width": sa.Numeric(),
}


def _simulating(accounts: str, rated: str, supposed: bool) -> Statement:
    return sql(
        f"""
WITH {GIVEN if supposed else INLINE_FACTORS},
{judged(accounts, rated, "given" if supposed else "")},
looked AS MATERIALIZED (
  SELECT id, was_quadrant, was_classification_status AS was_status, quadrant, classification_status AS status,
    points, scale, ours, best, weights
  FROM judged
),
page AS (
  SELECT id, quadrant, {_AFTER} AS after FROM (
    SELECT * FROM looked WHERE was_quadrant IS DISTINCT FROM quadrant AND id > :first ORDER BY id LIMIT :limit) listed
),
bordering AS (
  SELECT id, quadrant, points / scale - :cut AS vertical,
    CASE WHEN best > 0 THEN ours / best - :ratio END AS ratio,
    CASE WHEN best IS NULL THEN ours / weights - 5 END AS own
  FROM looked WHERE status = 'complete'
),
near AS (
  SELECT *, least(abs(vertical) / :width, abs(ratio) / :ratio_width, abs(own) / :width) AS nearness
  FROM bordering ORDER BY nearness, id LIMIT {NEAREST}
)
SELECT
  (SELECT json_agg(m) FROM (
    SELECT was_quadrant AS previous, quadrant AS current, count(*) AS accounts,
      count(*) FILTER (WHERE was_status = 'incomplete') AS incomplete_before,
      count(*) FILTER (WHERE status = 'incomplete') AS incomplete_after
    FROM looked GROUP BY was_quadrant, quadrant) m)::text AS moves,
  (SELECT json_agg(m) FROM (
    SELECT p.id, a.name, {_BEFORE} AS before, p.after
    FROM page p JOIN accounts a ON a.id = p.id ORDER BY p.id) m)::text AS moved,
  (SELECT json_agg(m) FROM (
    SELECT n.id, a.name, n.quadrant, trim_scale(round(n.vertical, 4)) AS attractiveness,
      trim_scale(round(n.ratio, 4)) AS relative_strength, trim_scale(round(n.own, 4)) AS absolute_strength
    FROM near n JOIN accounts a ON a.id = n.id ORDER BY n.nearness, n.id) m)::text AS nearest
""",
        _BINDS,
        *(sa.column(name, Json()) for name in ("moves", "moved", "nearest")),
    )


SIMULATE_ALL = {supposed: _simulating("true", "true", supposed) for supposed in (False, True)}
SIMULATE_SOME = {
    supposed: _simulating("a.id IN (SELECT unnest(:ids))", "r.account_id IN (SELECT unnest(:ids))", supposed)
    for supposed in (False, True)
}
"""Counts from box to box, the next accounts that move, and those nearest to a border, of all or of some accounts.

The key says whether scores are supposed, because looking for them takes a tenth of the time.
"""

RANGE_ALL = sql(
    f"""
WITH {GIVEN},
{judged("true", "true", "given")}
SELECT min(attractiveness) AS low, max(attractiveness) AS high FROM judged WHERE complete
""",
    _BINDS,
    sa.column("low", Exact(14, 6)),
    sa.column("high", Exact(14, 6)),
)
"""The range of attractiveness of all accounts by a model, with the supposed scores."""

_STATEMENTS: Kept[Any, Statement] = Kept(200)


def ids_where(condition: Condition) -> Statement:
    """Return the statement that reads the ids of the accounts that a filter finds, in order."""
    return _STATEMENTS.made(condition.shape, lambda: _ids_where(condition.shape))


def _ids_where(shape: Any) -> Statement:
    query = ACCOUNTS.scoped(sa.select(accounts.c.id))
    wanted = clause(shape, ACCOUNTS.filters)
    return Statement((query if wanted is None else query.where(wanted)).order_by(accounts.c.id))
