"""Several raters per factor, overrides, and a history that can be computed again.

Scores become ratings without more ado; of old classifications the columns and the inputs are read out of the result
they were stored as (scores rounded to four places and the strength's totals, as it told them). Going back keeps one
rating per factor and of each classification the members that the columns hold.
"""

import json
from decimal import Decimal
from fractions import Fraction

import sqlalchemy as sa
from alembic import op

from service.framework.database import columns

revision = "202611220920"
down_revision = "202611220910"
branch_labels = None
depends_on = None

QUADRANTS = "('strategic', 'star', 'status', 'streamline')"
SOURCES = "('computed', 'override')"
HISTORY = (
    "id, account_id, account_version, model_id, classified_at, cause, quadrant, quadrant_source, computed_quadrant, "
    "raw_quadrant, attractiveness, business_strength, relative_strength, fiocca_attractiveness, fiocca_position, "
    "classification_status, missing, inputs"
)
RATING = "id, account_id, factor, rater_id, rater_key, score, metric, evidence, scored_at, recorded_at, chosen, without_new_evidence"


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    _create_ratings()
    op.execute(RATINGS_POSTGRESQL if postgresql else RATINGS_SQLITE)
    op.drop_table("attractiveness_scores")
    _set_aside("classifications", ("account_id", "model_id"), "uq_classifications_account_version")
    _create_classifications(
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("recorded_by", sa.Text(), nullable=True),
        sa.Column("quadrant", sa.Text(), nullable=True),
        sa.Column("quadrant_source", sa.Text(), nullable=True),
        sa.Column("computed_quadrant", sa.Text(), nullable=True),
        sa.Column("raw_quadrant", sa.Text(), nullable=True),
        sa.Column("attractiveness", columns.Exact(12, 6), nullable=True),
        sa.Column("business_strength", columns.Exact(12, 6), nullable=True),
        sa.Column("relative_strength", columns.Exact(14, 6), nullable=True),
        sa.Column("fiocca_attractiveness", sa.Text(), nullable=True),
        sa.Column("fiocca_position", sa.Text(), nullable=True),
        sa.Column("leading_verb", sa.Text(), nullable=True),
        sa.Column("classification_status", sa.Text(), nullable=False),
        sa.Column("missing", columns.Json(), nullable=False),
        sa.Column("inputs", columns.Json(), nullable=False),
    )
    op.execute(HISTORY_POSTGRESQL if postgresql else HISTORY_SQLITE)
    op.drop_table("classifications_before")
    for name, kind in (
        ("ours_points", columns.Precise()), ("best_points", columns.Precise()), ("weight_sum", columns.Precise())
    ):  # fmt: skip
        op.add_column("business_strengths", sa.Column(name, kind, nullable=True))
    op.execute(POINTS_POSTGRESQL) if postgresql else _points_on_sqlite()
    with op.batch_alter_table("business_strengths") as table:
        table.alter_column("ours_points", existing_type=columns.Precise(), nullable=False)
        table.alter_column("weight_sum", existing_type=columns.Precise(), nullable=False)
    op.add_column("accounts", sa.Column("computed_quadrant", sa.Text(), nullable=True))
    op.add_column("accounts", sa.Column("leading_verb", sa.Text(), nullable=True))
    op.execute("UPDATE accounts SET computed_quadrant = quadrant WHERE quadrant IS NOT NULL")
    op.create_table(
        "quadrant_overrides",
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("quadrant", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", columns.Instant(), nullable=False),
        sa.Column("expires_at", columns.Instant(), nullable=False),
        sa.CheckConstraint(f"quadrant IN {QUADRANTS}", name=op.f("ck_quadrant_overrides_known_quadrant")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_quadrant_overrides_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_quadrant_overrides")),
    )
    op.create_index("ix_quadrant_overrides_expiry", "quadrant_overrides", ["expires_at", "account_id"], unique=False)


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.drop_table("quadrant_overrides")
    op.execute(
        "UPDATE accounts SET quadrant = computed_quadrant, quadrant_source = 'computed' WHERE quadrant IS NOT NULL"
    )
    op.execute("UPDATE accounts SET quadrant_source = NULL WHERE quadrant IS NULL")
    op.drop_column("accounts", "leading_verb")
    op.drop_column("accounts", "computed_quadrant")
    for name in ("weight_sum", "best_points", "ours_points"):
        op.drop_column("business_strengths", name)
    _set_aside("classifications", ("account_id", "model_id"), "uq_classifications_account_version")
    _create_classifications(
        sa.Column("quadrant", sa.Text(), nullable=True),
        sa.Column("quadrant_source", sa.Text(), nullable=True),
        sa.Column("result", columns.Json(), nullable=False),
    )
    op.execute(RESULTS_POSTGRESQL if postgresql else RESULTS_SQLITE)
    op.drop_table("classifications_before")
    op.create_table(
        "attractiveness_scores",
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("factor", sa.Text(), nullable=False),
        sa.Column("rater_id", columns.Uuid(), nullable=True),
        sa.Column("score", columns.Exact(19, 17), nullable=False),
        sa.Column("metric", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("scored_at", columns.Instant(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_attractiveness_scores_account_id")),
        sa.ForeignKeyConstraint(["rater_id"], ["people.id"], name=op.f("fk_attractiveness_scores_rater_id")),
        sa.PrimaryKeyConstraint("account_id", "factor", name=op.f("pk_attractiveness_scores")),
    )
    op.execute(
        "INSERT INTO attractiveness_scores (account_id, factor, rater_id, score, metric, evidence, scored_at) "
        "SELECT account_id, factor, rater_id, score, metric, evidence, scored_at FROM (SELECT ratings.*, row_number() "
        "OVER (PARTITION BY account_id, factor ORDER BY chosen DESC, recorded_at DESC, id DESC) AS place FROM ratings "
        "WHERE superseded_at IS NULL) latest WHERE place = 1"
    )
    op.drop_table("ratings")


def _create_ratings() -> None:
    op.create_table(
        "ratings",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("factor", sa.Text(), nullable=False),
        sa.Column("rater_id", columns.Uuid(), nullable=True),
        sa.Column("rater_key", sa.Text(), nullable=False),
        sa.Column("score", columns.Exact(19, 17), nullable=False),
        sa.Column("metric", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("scored_at", columns.Instant(), nullable=False),
        sa.Column("recorded_at", columns.Instant(), nullable=False),
        sa.Column("recorded_by", sa.Text(), nullable=True),
        sa.Column("superseded_at", columns.Instant(), nullable=True),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("without_new_evidence", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_ratings_account_id")),
        sa.ForeignKeyConstraint(["rater_id"], ["people.id"], name=op.f("fk_ratings_rater_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ratings")),
    )
    op.create_index(
        "uq_ratings_current",
        "ratings",
        ["account_id", "factor", "rater_key"],
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
        sqlite_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index("ix_ratings_account", "ratings", ["account_id", "recorded_at", "id"], unique=False)


def _create_classifications(*rest: sa.Column[object]) -> None:
    op.create_table(
        "classifications",
        sa.Column("id", columns.Uuid(), nullable=False),
        sa.Column("account_id", columns.Uuid(), nullable=False),
        sa.Column("account_version", sa.BigInteger(), nullable=False),
        sa.Column("model_id", columns.Uuid(), nullable=False),
        sa.Column("classified_at", columns.Instant(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        *rest,
        sa.CheckConstraint(
            f"quadrant IS NULL OR quadrant IN {QUADRANTS}", name=op.f("ck_classifications_known_quadrant")
        ),
        sa.CheckConstraint(
            f"quadrant_source IS NULL OR quadrant_source IN {SOURCES}",
            name=op.f("ck_classifications_known_quadrant_source"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_classifications_account_id")),
        sa.ForeignKeyConstraint(["model_id"], ["scoring_models.id"], name=op.f("fk_classifications_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_classifications")),
    )
    op.create_index(
        "uq_classifications_account_version", "classifications", ["account_id", "account_version"], unique=True
    )


def _set_aside(table: str, references: tuple[str, ...], index: str) -> None:
    """Rename a table and free the names of its index and its primary key, which PostgreSQL takes once per schema."""
    op.drop_index(index, table_name=table)
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(f"pk_{table}", table, type_="primary")
        for column in references:
            op.drop_constraint(f"fk_{table}_{column}", table, type_="foreignkey")
    op.rename_table(table, f"{table}_before")


def _points_on_sqlite() -> None:
    """SQLite has no exact sums: Python makes them, a thousand accounts at a time."""
    connection = op.get_bind()
    read = sa.text("SELECT account_id, factors FROM business_strengths WHERE account_id > :after ORDER BY 1 LIMIT 1000")
    write = sa.text(
        "UPDATE business_strengths SET ours_points = :ours, best_points = :best, weight_sum = :weights "
        "WHERE account_id = :id"
    )
    after = ""
    while rows := connection.execute(read, {"after": after}).fetchall():
        connection.execute(write, [{"id": row[0], **_points(json.loads(row[1], parse_float=Decimal))} for row in rows])
        after = rows[-1][0]


def _points(factors: list[dict[str, object]]) -> dict[str, str | None]:
    ours, weights, theirs = Fraction(0), Fraction(0), dict[str, Fraction]()
    for factor in factors:
        weight = Fraction(factor["weight"])
        weights, ours = weights + weight, ours + weight * Fraction(factor["ours"])
        for name, score in factor["competitors"].items():
            theirs[name] = theirs.get(name, Fraction(0)) + weight * Fraction(score)
    best = max(theirs.values(), default=None)
    return {"ours": _text(ours), "best": None if best is None else _text(best), "weights": _text(weights)}


def _text(value: Fraction) -> str:
    places = 0
    while value.denominator != 1:
        value, places = value * 10, places + 1
    return f"{Decimal((0, tuple(map(int, str(value.numerator))), -places)):f}"


RATINGS_POSTGRESQL = f"""
INSERT INTO ratings ({RATING})
SELECT (lpad(to_hex(floor(extract(epoch FROM scored_at) * 1000)::bigint), 12, '0') || '7' || substr(noise, 1, 3)
        || '8' || substr(noise, 18, 15))::uuid,
       account_id, factor, rater_id, coalesce(rater_id::text, ''), score, metric, evidence, scored_at, scored_at, false, false
FROM (SELECT *, replace(gen_random_uuid()::text, '-', '') AS noise FROM attractiveness_scores) stored
"""
RATINGS_SQLITE = f"""
INSERT INTO ratings ({RATING})
SELECT substr(ms, 1, 8) || '-' || substr(ms, 9, 4) || '-7' || substr(lower(hex(randomblob(2))), 1, 3) || '-8'
       || substr(lower(hex(randomblob(2))), 1, 3) || '-' || lower(hex(randomblob(6))),
       account_id, factor, rater_id, coalesce(rater_id, ''), score, metric, evidence, scored_at, scored_at, 0, 0
FROM (SELECT *, printf('%012x', CAST(round((julianday(scored_at) - 2440587.5) * 86400000) AS INTEGER)) AS ms
      FROM attractiveness_scores) stored
"""
HISTORY_POSTGRESQL = f"""
INSERT INTO classifications ({HISTORY})
SELECT id, account_id, account_version, model_id, classified_at, cause, quadrant, quadrant_source, quadrant,
       result->>'raw_quadrant', (result->'attractiveness'->>'score')::numeric,
       (result->'business_strength'->>'ours')::numeric,
       least((result->'business_strength'->>'relative_strength')::numeric, 99999999),
       result->'fiocca'->>'attractiveness', result->'fiocca'->>'position', result->>'status', result->'missing',
       jsonb_build_object(
         'scores', coalesce((SELECT jsonb_object_agg(c->>'factor', jsonb_build_object('total', c->>'score', 'ratings', 1))
                             FROM jsonb_array_elements(result->'attractiveness'->'contributions') c), '{{}}'),
         'strength', CASE WHEN result->'business_strength'->>'ours' IS NOT NULL THEN jsonb_build_object(
           'ours_points', result->'business_strength'->>'ours', 'weight_sum', '1',
           'best_points', (SELECT max((k->>'total')::numeric)::text
                           FROM jsonb_array_elements(result->'business_strength'->'competitors') k),
           'best_competitor', result->'business_strength'->'best_competitor',
           'no_known_competitor', result->'business_strength'->'no_known_competitor') END)
FROM classifications_before
"""
HISTORY_SQLITE = f"""
INSERT INTO classifications ({HISTORY})
SELECT id, account_id, account_version, model_id, classified_at, cause, quadrant, quadrant_source, quadrant,
       result->>'$.raw_quadrant', CAST(round((result->>'$.attractiveness.score') * 1000000) AS INTEGER),
       CAST(round((result->>'$.business_strength.ours') * 1000000) AS INTEGER),
       CAST(round(min((result->>'$.business_strength.relative_strength'), 99999999) * 1000000) AS INTEGER),
       result->>'$.fiocca.attractiveness', result->>'$.fiocca.position', result->>'$.status', result->'$.missing',
       json_object(
         'scores', json((SELECT json_group_object(c.value->>'$.factor',
                             json_object('total', CAST(c.value->>'$.score' AS TEXT), 'ratings', 1))
                         FROM json_each(result, '$.attractiveness.contributions') c)),
         'strength', json(CASE WHEN result->>'$.business_strength.ours' IS NOT NULL THEN json_object(
           'ours_points', CAST(result->>'$.business_strength.ours' AS TEXT), 'weight_sum', '1',
           'best_points', (SELECT CAST(max(k.value->>'$.total') AS TEXT)
                           FROM json_each(result, '$.business_strength.competitors') k),
           'best_competitor', result->>'$.business_strength.best_competitor',
           'no_known_competitor', json(result->'$.business_strength.no_known_competitor')) END))
FROM classifications_before
"""
POINTS_POSTGRESQL = """
UPDATE business_strengths SET
  ours_points = (SELECT sum((f->>'weight')::numeric * (f->>'ours')::numeric) FROM jsonb_array_elements(factors) f),
  weight_sum = (SELECT sum((f->>'weight')::numeric) FROM jsonb_array_elements(factors) f),
  best_points = (SELECT max(points) FROM (
    SELECT sum((f->>'weight')::numeric * k.value::numeric) AS points
    FROM jsonb_array_elements(factors) f, jsonb_each_text(f->'competitors') k GROUP BY k.key) totals)
"""
_RESULT = """
INSERT INTO classifications (id, account_id, account_version, model_id, classified_at, cause, quadrant, quadrant_source, result)
SELECT id, account_id, account_version, model_id, classified_at, cause, computed_quadrant,
       CASE WHEN computed_quadrant IS NOT NULL THEN 'computed' END, {build}(
         'status', classification_status, 'missing', {missing}, 'quadrant', computed_quadrant,
         'raw_quadrant', raw_quadrant,
         'attractiveness', {build}('score', {attractiveness}, 'contributions', {empty}),
         'business_strength', CASE WHEN business_strength IS NOT NULL THEN {build}(
           'ours', {business_strength}, 'relative_strength', {relative_strength}, 'competitors', {empty}) END,
         'fiocca', CASE WHEN fiocca_position IS NOT NULL THEN {build}(
           'attractiveness', fiocca_attractiveness, 'position', fiocca_position, 'verbs', {empty}) END)
FROM classifications_before
"""
_NUMBERS = ("attractiveness", "business_strength", "relative_strength")
RESULTS_POSTGRESQL = _RESULT.format(
    build="jsonb_build_object", missing="missing", empty="'[]'::jsonb", **{name: name for name in _NUMBERS}
)
RESULTS_SQLITE = _RESULT.format(
    build="json_object", missing="json(missing)", empty="json('[]')", **{name: f"{name} / 1e6" for name in _NUMBERS}
)
