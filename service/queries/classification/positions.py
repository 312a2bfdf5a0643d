"""Compute the positions of whole sets of accounts by a scoring model inside PostgreSQL.

The SQL follows `rules.classification` on the same exact numbers: every comparison is between products, nothing is
divided before a decision, and shown numbers are rounded half up as whole numbers. A property test holds both equal.
SQLite has no exact numbers, so the rules run there in Python, over a stream.

A mean of at most ten ratings is a whole number of 2520ths (the least common multiple of 1 to 10), so points are kept
times 2520. The statements are texts, because their shared parts would be unreadable as SQLAlchemy expressions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from service.framework.database.columns import Exact, Instant, Json, Uuid, bind
from service.framework.database.dialects import one_of
from service.framework.database.statements import Statement
from service.models.accounts.accounts import accounts
from service.models.classification.classification import business_strengths
from service.queries.classification.classification import COLUMNS
from service.rules.classification.fiocca import VERBS
from service.rules.classification.quadrants import ABSOLUTE_STRENGTH_CUT
from service.rules.classification.scoring import ScoringModel

MOST_SHOWN_RATIO = 99_999_999
_MEANS = 2520

_FACTORS = """
factor AS {0} (
  SELECT f.key, f.weight, f.required, f.place, 1 << f.place AS bit,
    to_json(f.key)::text || ': {{"ratings": 1, "total": "' AS head
  FROM jsonb_to_recordset(:factors) AS f(key text, weight numeric, required boolean, place integer)
),
band AS {0} (
  SELECT b.* FROM jsonb_to_recordset(:bands)
    AS b(key text, lower numeric, upper numeric, closed boolean, score numeric, place integer)
)"""

FACTORS = _FACTORS.format("MATERIALIZED")
"""The factors and score bands of the model, read once."""

INLINE_FACTORS = _FACTORS.format("NOT MATERIALIZED")
"""The same for statements that do not look up single accounts: faster by a sixth."""

GIVEN = f"""{INLINE_FACTORS},
given AS MATERIALIZED (
  SELECT g.account_id, g.factor, g.score
  FROM jsonb_to_recordset(:given) AS g(account_id uuid, factor text, score numeric)
)"""
"""The same, with scores to suppose."""


_SCORE = "CASE WHEN r.metric IS NULL OR NOT r.factor = ANY (:banded) THEN r.score ELSE b.score END"


def ratings_of(accounts: str, given: str = "") -> str:
    """Return SQL for the ratings in use of these accounts, with metrics read through the model's bands.

    At most one band holds a value, so the bands are joined, which lets the planner estimate the cost correctly. `given`
    replaces the ratings that it names.
    """
    unless = ""
    if given:
        unless = f" AND NOT EXISTS (SELECT 1 FROM {given} g WHERE g.account_id = r.account_id AND g.factor = r.factor)"
    ratings = f"""
    SELECT r.account_id, r.factor, r.chosen, {_SCORE} AS score
    FROM ratings r LEFT JOIN band b ON b.key = r.factor AND r.metric IS NOT NULL
      AND (b.lower IS NULL OR r.metric::numeric >= b.lower)
      AND (b.upper IS NULL OR r.metric::numeric < b.upper OR (b.closed AND r.metric::numeric = b.upper))
    WHERE r.superseded_at IS NULL AND {accounts}{unless} AND {_SCORE} IS NOT NULL"""
    if not given:
        return ratings
    return f"{ratings} UNION ALL SELECT r.account_id, r.factor, false, r.score FROM {given} r WHERE {accounts}"


def values(rated: str) -> str:
    """Return SQL for each factor's value: the chosen rating, otherwise the sum of all ratings with their number."""
    return f"""
    SELECT account_id, factor,
      CASE WHEN bool_or(chosen) THEN max(score) FILTER (WHERE chosen) ELSE sum(score) END AS total,
      CASE WHEN bool_or(chosen) THEN 1 ELSE count(*) END AS ratings
    FROM ({rated}) rated GROUP BY account_id, factor"""


def _cell_verbs() -> str:
    """Return whether a chosen verb is still valid in a cell: only one of the two verbs of a compound cell is."""
    cells = [
        f"(fiocca_attractiveness = '{band.value}' AND fiocca_position = '{position.value}' AND was_verb IN "
        f"({', '.join(repr(verb.value) for verb in verbs)}))"
        for (band, position), verbs in VERBS.items()
        if len(verbs) > 1
    ]
    return " OR ".join(cells)


def _shown(numerator: str, denominator: str, places: int) -> str:
    """Return an exact quotient of non-negative numbers, rounded half up."""
    unit = 10**places
    return f"div({2 * unit} * {numerator} + {denominator}, 2 * {denominator}) * 0.{1:0{places}}"


SHOWN = {
    "attractiveness": _shown("points", "scale", 4),
    "business_strength": _shown("ours", "weights", 4),
    "relative_strength": f"CASE WHEN best > 0 THEN least({_shown('ours', 'best', 6)}, {MOST_SHOWN_RATIO}) END",
}
"""The numbers as the columns keep them, computed from the exact values that decide the position."""

_WAS, _IS = (", ".join(f"j.{prefix}{name}" for name in COLUMNS) for prefix in ("was_", ""))
_DIFFERS = f"({_WAS}) IS DISTINCT FROM ({_IS})"
_BOX = "CASE WHEN {0} THEN CASE WHEN {1} THEN 'strategic' ELSE 'star' END WHEN {1} THEN 'status' ELSE 'streamline' END"
_SETTLED = f"""sided AS (
  SELECT *, points >= :cut * scale AS attractive,
    CASE WHEN best IS NULL THEN ours >= {ABSOLUTE_STRENGTH_CUT} * weights
      WHEN best > 0 THEN ours >= :ratio * best END AS strong,
    CASE WHEN :held AND :dead > 0 THEN was_computed_quadrant END AS holding
  FROM measured OFFSET 0
),
settled AS (
  SELECT *, {_BOX.format("attractive", "strong")} AS box,
    CASE WHEN holding IS NULL OR abs(points - :cut * scale) > :dead * scale THEN attractive
      ELSE holding IN ('strategic', 'star') END AS attractive_after,
    CASE WHEN holding IS NULL OR abs(CASE WHEN best IS NULL THEN ours - {ABSOLUTE_STRENGTH_CUT} * weights
      ELSE ours - :ratio * best END) > :dead * weights THEN strong
      ELSE holding IN ('strategic', 'status') END AS strong_after
  FROM sided OFFSET 0
),
placed AS (
  SELECT *, attractive IS NOT NULL AND strong IS NOT NULL AS complete,
    CASE WHEN ours IS NULL OR points IS NULL THEN NULL WHEN points > :high * scale THEN 'high'
      WHEN points < :low * scale THEN 'low' ELSE 'medium' END AS fiocca_attractiveness,
    CASE WHEN ours IS NULL OR points IS NULL THEN NULL WHEN ours > :high * weights THEN 'strong'
      WHEN ours < :low * weights THEN 'weak' ELSE 'average' END AS fiocca_position
  FROM settled OFFSET 0
),
boxed AS (
  SELECT *, CASE WHEN complete THEN box END AS raw_quadrant,
    CASE WHEN complete THEN {_BOX.format("attractive_after", "strong_after")} END AS computed_quadrant,
    {", ".join(f"{number} AS {name}" for name, number in SHOWN.items())},
    CASE WHEN {_cell_verbs()} THEN was_verb END AS leading_verb,
    CASE WHEN complete THEN 'complete' ELSE 'incomplete' END AS classification_status
  FROM placed OFFSET 0
),
judged AS (
  SELECT *, coalesce(by_hand, computed_quadrant) AS quadrant,
    CASE WHEN by_hand IS NOT NULL THEN 'override'
      WHEN computed_quadrant IS NOT NULL THEN 'computed' END AS quadrant_source
  FROM boxed OFFSET 0
)"""
COMPARED = f"compared AS MATERIALIZED (SELECT *, {_DIFFERS} AS differs FROM judged j)"
"""Every column of every account, and whether any of them differs."""


_SHARED = "SELECT account_id FROM summed WHERE bits <> scored"
"""Accounts with several ratings of one factor. Where there are none, the ratings are not read again: EXISTS is
evaluated first, an order that the planner cannot derive from IN.
"""


def judged(accounts: str, rated: str, given: str = "", gathered: str = "") -> str:
    """Return the new columns beside the old ones of these accounts (alias `a`).

    `rated` restricts ratings (alias `r`). `gathered` is what else to keep of each account's ratings (aliases `v`, and
    `f` for the factor).
    """
    several = f"SELECT * FROM ({ratings_of(rated, given)}) every WHERE EXISTS ({_SHARED}) AND account_id IN ({_SHARED})"
    return f"""
strength AS (
  SELECT r.account_id, r.ours_points, r.best_points, r.weight_sum FROM business_strengths r WHERE {rated}
),
summed AS MATERIALIZED (
  SELECT v.account_id, {_MEANS} * sum(f.weight * v.score) AS points, {_MEANS} * sum(f.weight) AS scale,
    count(*) FILTER (WHERE f.required) AS needed, bit_or(f.bit) AS scored, sum(f.bit) AS bits{gathered}
  FROM ({ratings_of(rated, given)}) v JOIN factor f ON f.key = v.factor GROUP BY v.account_id
),
appeal AS (
  SELECT account_id, points, scale, needed, scored FROM summed WHERE bits = scored
  UNION ALL
  SELECT v.account_id, sum(f.weight * v.total * ({_MEANS} / v.ratings)), sum(f.weight) * {_MEANS},
    count(*) FILTER (WHERE f.required), bit_or(f.bit)
  FROM ({values(several)}) v
  JOIN factor f ON f.key = v.factor GROUP BY v.account_id
),
measured AS (
  SELECT a.id, a.version, a.name, {", ".join(f"a.{name} AS was_{name}" for name in COLUMNS)},
    a.leading_verb AS was_verb,
    CASE WHEN p.needed = :needed THEN p.points END AS points, p.scale, coalesce(p.scored, 0) AS scored,
    s.account_id AS strength_of, s.ours_points AS ours, s.best_points AS best, s.weight_sum AS weights,
    CASE WHEN a.quadrant_source = 'override' THEN a.quadrant END AS by_hand
  FROM accounts a LEFT JOIN appeal p ON p.account_id = a.id LEFT JOIN strength s ON s.account_id = a.id
  WHERE a.deleted_at IS NULL AND {accounts} OFFSET 0
),
{_SETTLED}"""


RANGE_OF_ACCOUNTS = "a.id > :after AND a.id <= :upto"
RANGE_OF_RATINGS = "r.account_id > :after AND r.account_id <= :upto"

BINDS: dict[str, Any] = {
    "factors": Json(),
    "bands": Json(),
    "banded": postgresql.ARRAY(sa.Text()),
    "needed": sa.BigInteger(),
    "cut": sa.Numeric(),
    "ratio": sa.Numeric(),
    "low": sa.Numeric(),
    "high": sa.Numeric(),
    "dead": sa.Numeric(),
    "held": sa.Boolean(),
    "now": Instant(),
    "live": sa.Boolean(),
    "after": Uuid(),
    "upto": Uuid(),
    "model_id": Uuid(),
    "why": sa.Text(),
    "reason": sa.Text(),
    "recorded_by": sa.Text(),
    "id_head": sa.Text(),
    "range_id": Uuid(),
    "event_type": sa.Text(),
    "event_version": sa.BigInteger(),
    "event_cause": Json(),
    **{f"fragment_{index}": sa.Text() for index in range(7)},
}


def sql(text: str, binds: Mapping[str, Any], *columns: sa.ColumnElement[Any]) -> Statement:
    """Return a statement of PostgreSQL's own SQL with typed parameters and results."""
    clause = sa.text(text)
    named = [bind(name, kind) for name, kind in binds.items() if name in clause._bindparams]
    return Statement(clause.bindparams(*named).columns(*columns))


RANGE = sql(
    f"""
WITH {FACTORS},
{judged(RANGE_OF_ACCOUNTS, RANGE_OF_RATINGS)}
SELECT min(attractiveness) AS low, max(attractiveness) AS high FROM judged WHERE complete
""",
    BINDS,
    sa.column("low", Exact(14, 6)),
    sa.column("high", Exact(14, 6)),
)
"""The lowest and highest attractiveness, as shown, of the complete accounts of a range of ids."""


_live = accounts.c.deleted_at.is_(None)
_after = accounts.c.id > bind("after", Uuid())
_limit = bind("limit", sa.BigInteger())
NEXT_LIVE = Statement(sa.select(accounts.c.id).where(_live, _after).order_by(accounts.c.id).limit(_limit))
"""The next accounts in the order of their ids."""


def _batch_end() -> Statement:
    batch = sa.select(accounts.c.id).where(_live, _after).order_by(accounts.c.id).limit(_limit).subquery()
    query = sa.select(batch.c.id, sa.func.count().over().label("number")).order_by(batch.c.id.desc())
    return Statement(query.limit(sa.literal_column("1")))


STORED = Statement(
    sa.select(
        accounts.c.id,
        accounts.c.version,
        accounts.c.name,
        *[accounts.c[name] for name in COLUMNS],
        business_strengths.c.factors,
        business_strengths.c.no_known_competitor,
    )
    .select_from(accounts.outerjoin(business_strengths, business_strengths.c.account_id == accounts.c.id))
    .where(one_of(accounts.c.id, "ids"), _live)
)
"""Accounts with their positions and success factors, for the rules."""

BATCH_END = _batch_end()
"""The last of the next accounts, and their number."""

COUNT_LIVE = Statement(
    sa.select(sa.func.count()).select_from(sa.select(accounts.c.id).where(_live).limit(_limit).subquery())
)
"""The number of accounts, counted up to `:limit`."""

SET_BASED = sql(
    "SELECT set_config('work_mem', '64MB', true) || set_config('plan_cache_mode', 'force_custom_plan', true) AS done",
    {},
    sa.column("done", sa.Text()),
)
"""For the rest of the transaction: sort a batch in memory, and plan each batch for its own range."""


def model_binds(model: ScoringModel, *, held: bool) -> dict[str, Any]:
    """Return a model as bind parameters. With `held`, a dead band holds accounts in their present quadrant."""
    return {
        "factors": [
            {"key": factor.key, "weight": f"{factor.weight:f}", "required": factor.required, "place": place}
            for place, factor in enumerate(model.factors)
        ],
        "bands": [band for factor in model.factors for band in _bands(factor)],
        "banded": [factor.key for factor in model.factors if factor.bands],
        "needed": sum(factor.required for factor in model.factors),
        "cut": model.cuts.attractiveness,
        "ratio": model.cuts.relative_strength,
        "low": model.fiocca.low,
        "high": model.fiocca.high,
        "dead": model.dead_band,
        "held": held,
    }


def _bands(factor: Any) -> Sequence[dict[str, Any]]:
    def text(value: Any) -> str | None:
        return None if value is None else f"{value:f}"

    lowest = [(band.lower is not None, band.lower or 0) for band in factor.bands]
    return [
        {
            "key": factor.key,
            "lower": text(band.lower),
            "upper": text(band.upper),
            "closed": lowest[place] == max(lowest),
            "score": text(band.score),
            "place": place,
        }
        for place, band in enumerate(factor.bands)
    ]
