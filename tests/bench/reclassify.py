"""Measure the reclassification of a whole portfolio beside ONE raw statement that does the same on the same tables.

The statement computes the same quadrants, writes the same columns of the same accounts and the same rows of events; the
service besides keeps an entry of the history with the inputs, in batches that a killed process resumes. Two cases: cuts
that move about three quarters of the accounts, and a cut that moves about 4 %. Also the dry run over all accounts, and
the most memory that the process took.

    python -m tests.bench.reclassify --accounts 1000000 [--url postgresql://...] [--rounds 1]
    python -m tests.bench.reclassify --accounts 100000 --sqlite

SQLite has no exact numbers, so no statement of its own does the same there: its figures stand alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa

from service.framework.database.migrate import ensure_migrated
from service.framework.database.statements import Statement
from service.jobs.reclassify import Reclassify
from service.jobs.runner import Runner
from service.models.accounts.accounts import accounts
from service.models.classification.classification import business_strengths
from service.models.classification.ratings import ratings
from service.models.classification.scoring_models import ScoringModelCreate
from service.models.system.jobs import jobs
from service.operations.classification import reclassifications, scoring_models, simulations
from service.operations.classification.scoring_models import ensure_default_model
from service.platform.ids import new_id
from service.platform.settings import Settings
from service.queries.classification.simulations import SimulationCreate
from service.records.context import Services, system_context
from service.records.services import make_services
from tests import postgres

WEIGHTS = (25, 20, 20, 15, 10, 10)
CASES = {"three quarters move": (Decimal(0), Decimal("0.001")), "4 % move": (Decimal("5.13"), Decimal(1))}
"""The cuts that a run of each case goes to, from 5 and 1."""

_ID = "('019b7000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
_FILL = (
    f"""INSERT INTO accounts (id, version, created_at, updated_at, name, currency, country, industry, revenue, tags,
      attributes, status, classification_status, stage)
    SELECT {_ID}, 1, now(), now(), 'Account ' || n || ' Holdings', 'EUR', 'DE', 'Retail',
      round((random() * 1e8)::numeric, 2), '["bench"]', '{{}}', 'customer', 'incomplete', 'mid_kam'
    FROM generate_series(1, $n) n""",
    f"""INSERT INTO refs (entity_id, system, external_id, kind, live)
    SELECT {_ID}, 'crm', 'CRM-' || n, 'account', true FROM generate_series(1, $n) n""",
    f"""INSERT INTO ratings (id, account_id, factor, rater_key, score, scored_at, recorded_at, chosen,
      without_new_evidence)
    SELECT gen_random_uuid(), {_ID}, 'f' || k, '', round((random() * 10)::numeric, 1), now(), now(), false, false
    FROM generate_series(1, $n) n, generate_series(1, 6) k""",
    f"""INSERT INTO business_strengths (account_id, factors, no_known_competitor, ours_points, best_points, weight_sum,
      updated_at)
    SELECT {_ID}, jsonb_build_array(
        jsonb_build_object('name', 'Quality', 'weight', 60, 'ours', a, 'competitors', jsonb_build_object('Rival', c)),
        jsonb_build_object('name', 'Price', 'weight', 40, 'ours', b, 'competitors', jsonb_build_object('Rival', d))),
      false, 60 * a + 40 * b, 60 * c + 40 * d, 100, now()
    FROM (SELECT n, round((0.1 + random() * 9.9)::numeric, 1) a, round((random() * 10)::numeric, 1) b,
      round((0.1 + random() * 9.9)::numeric, 1) c, round((random() * 10)::numeric, 1) d
      FROM generate_series(1, $n) n) drawn""",
)

FLOOR = """
WITH weighed AS (
  SELECT r.account_id, sum(r.score * f.weight) / 100 AS a
  FROM ratings r JOIN (VALUES ('f1', 25), ('f2', 20), ('f3', 20), ('f4', 15), ('f5', 10), ('f6', 10)) f(key, weight)
    ON f.key = r.factor
  WHERE r.superseded_at IS NULL GROUP BY r.account_id HAVING count(*) = 6
), judged AS (
  SELECT w.account_id, round(w.a, 4) AS a, round(s.ours_points / s.weight_sum, 4) AS ours,
    round(s.ours_points / nullif(s.best_points, 0), 6) AS r,
    CASE WHEN s.best_points > 0 THEN CASE WHEN w.a >= $1 THEN CASE WHEN s.ours_points >= $2 * s.best_points
      THEN 'strategic' ELSE 'star' END WHEN s.ours_points >= $2 * s.best_points THEN 'status' ELSE 'streamline' END
    END AS q,
    CASE WHEN w.a > 6.7 THEN 'high' WHEN w.a < 3.3 THEN 'low' ELSE 'medium' END AS band,
    CASE WHEN s.ours_points > 6.7 * s.weight_sum THEN 'strong' WHEN s.ours_points < 3.3 * s.weight_sum THEN 'weak'
      ELSE 'average' END AS place
  FROM weighed w JOIN business_strengths s USING (account_id)
), moved AS (
  UPDATE accounts t SET quadrant = j.q, quadrant_source = 'computed', computed_quadrant = j.q, raw_quadrant = j.q,
    attractiveness = j.a, business_strength = j.ours, relative_strength = j.r, fiocca_attractiveness = j.band,
    fiocca_position = j.place, classification_status = 'complete', version = t.version + 1, updated_at = now()
  FROM judged j JOIN accounts o ON o.id = j.account_id
  WHERE t.id = j.account_id AND o.quadrant IS DISTINCT FROM j.q
  RETURNING t.id, t.name, t.version, t.stage, t.status, t.country, t.industry, t.tags, o.quadrant AS was, t.quadrant AS q,
    o.attractiveness AS was_a, j.a, o.relative_strength AS was_r, j.r
), told AS (
  INSERT INTO events (id, type, schema_version, account_id, subject_kind, subject_id, subject_version, occurred_at,
    cause, body, content)
  SELECT e, 'account.quadrant_changed', 1, id, 'account', id, version, now(), $3::jsonb,
    json_build_object('id', e, 'type', 'account.quadrant_changed', 'timestamp', now(), 'data', json_build_object(
      'account', json_build_object('id', id, 'name', name, 'version', version, 'refs', (
        SELECT json_agg(json_build_object('system', x.system, 'external_id', x.external_id)) FROM refs x
        WHERE x.entity_id = moved.id)),
      'previous', json_build_object('quadrant', was, 'attractiveness', was_a, 'relative_strength', was_r),
      'current', json_build_object('quadrant', q, 'attractiveness', a, 'relative_strength', r),
      'changed', '["quadrant"]'::json, 'model', $4::json, 'factors', '[]'::json, 'cause', 'scoring_model'),
      'cause', $3::json)::text,
    json_build_object('changed', '["quadrant"]'::json, 'quadrant', json_build_array(q, was),
      'stage', json_build_array(stage), 'status', json_build_array(status), 'country', json_build_array(country),
      'industry', json_build_array(industry), 'tags', tags)::text
  FROM (SELECT *, gen_random_uuid() AS e FROM moved) moved
)
SELECT count(*) FROM moved"""
_LAST_JOB = Statement(sa.select(jobs.c.state, jobs.c.result).order_by(jobs.c.created_at.desc()).limit(1))
_CAUSE = json.dumps({"kind": "job", "origin": None, "job_id": "0" * 36, "key_id": "0" * 36, "request_id": None})
_MODEL = json.dumps({"id": "0" * 36, "name": "Bench 4", "version": 4})


async def fill(url: str, accounts: int) -> None:
    """Migrate an empty database and fill it with accounts of six ratings each."""
    await ensure_migrated(url)
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")  # rows that fit by making
        await connection.execute("SELECT setseed(0.42)")
        for statement in _FILL:
            await connection.execute(statement.replace("$n", str(accounts)))
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def fill_embedded(url: str, count: int) -> None:
    """The same in SQLite, row by row."""
    await ensure_migrated(url)
    services = make_services(_settings(url))
    await services.database.open()
    drawn = random.Random(42)
    for table, rows in ((accounts, _accounts), (ratings, _ratings), (business_strengths, _strengths)):
        made = list(rows(drawn, count, services.clock.now()))
        binds = {name: sa.bindparam(name, type_=table.c[name].type) for name in made[0]}
        for begin in range(0, len(made), 10_000):
            async with services.database.transaction() as writer:
                await writer.many(Statement(sa.insert(table).values(binds)), made[begin : begin + 10_000])
    await services.database.close()


def _id_of(number: int) -> str:
    return f"019b7000-0000-7000-8000-{number:012x}"


def _accounts(drawn: random.Random, count: int, now: datetime) -> Iterator[dict[str, Any]]:
    for n in range(1, count + 1):
        yield {
            "id": _id_of(n), "version": 1, "created_at": now, "updated_at": now, "name": f"Account {n} Holdings",
            "currency": "EUR", "country": "DE", "industry": "Retail", "revenue": Decimal(drawn.randrange(10**10)) / 100,
            "tags": ["bench"], "attributes": {}, "status": "customer", "classification_status": "incomplete",
            "stage": "mid_kam",
        }  # fmt: skip


def _ratings(drawn: random.Random, count: int, now: datetime) -> Iterator[dict[str, Any]]:
    for n in range(1, count + 1):
        for k in range(1, len(WEIGHTS) + 1):
            yield {
                "id": new_id(), "account_id": _id_of(n), "factor": f"f{k}", "rater_key": "",
                "score": Decimal(drawn.randrange(101)) / 10, "scored_at": now, "recorded_at": now, "chosen": False,
                "without_new_evidence": False,
            }  # fmt: skip


def _strengths(drawn: random.Random, count: int, now: datetime) -> Iterator[dict[str, Any]]:
    for n in range(1, count + 1):
        ours, best = ([Decimal(drawn.randrange(1, 101)) / 10 for _ in range(2)] for _ in range(2))
        factors = [
            {"name": name, "weight": weight, "ours": float(mine), "competitors": {"Rival": float(theirs)}}
            for name, weight, mine, theirs in zip(("Quality", "Price"), (60, 40), ours, best, strict=True)
        ]
        yield {
            "account_id": _id_of(n), "factors": factors, "no_known_competitor": False,
            "ours_points": 60 * ours[0] + 40 * ours[1], "best_points": 60 * best[0] + 40 * best[1],
            "weight_sum": Decimal(100), "updated_at": now,
        }  # fmt: skip


def _settings(url: str) -> Settings:
    return Settings(_env_file=None, database_url=url, secret_key="a key of 32 characters for the bench", worker=False)


async def floor(connection: Any, cuts: tuple[Decimal, Decimal]) -> tuple[float, int]:
    """Seconds of the one statement, and the accounts it moved; then everything is as it was."""
    await connection.execute("VACUUM ANALYZE accounts")
    await connection.execute("SET work_mem = '256MB'; SET jit = off")
    transaction = connection.transaction()
    await transaction.start()
    began = time.perf_counter()
    moved = await connection.fetchval(FLOOR, *cuts, _CAUSE, _MODEL)
    seconds = time.perf_counter() - began
    await transaction.rollback()
    await connection.execute("VACUUM accounts; ")
    await connection.execute("VACUUM events")
    return seconds, moved


async def activate(services: Services, cuts: tuple[Decimal, Decimal]) -> tuple[float, dict[str, Any]]:
    """Seconds of the job that activates a model with these cuts, from the request on, and its result."""
    ctx = system_context(services)
    factors = [{"key": f"f{k}", "name": f"F{k}", "weight": weight} for k, weight in enumerate(WEIGHTS, 1)]
    lines = {"attractiveness": float(cuts[0]), "relative_strength": float(cuts[1])}
    body = json.dumps({"name": "Bench", "factors": factors, "cuts": lines})
    made = await scoring_models.create_scoring_model(ctx, ScoringModelCreate.model_validate_json(body))
    began = time.perf_counter()
    await reclassifications.activate_scoring_model(ctx, made.id)
    await Runner(services, [Reclassify()]).run_due()
    seconds = time.perf_counter() - began
    async with services.database.reading(fresh=True) as reader:
        row = await reader.one(_LAST_JOB)
    assert row is not None and row["state"] == "succeeded", row
    return seconds, row["result"]


async def bench(url: str, size: int, rounds: int) -> list[dict[str, Any]]:
    """Both cases, the floor before the service, each from the same state."""
    services = make_services(_settings(url))
    await services.database.open()
    await ensure_default_model(services)
    connection = None if url.startswith("sqlite") else await asyncpg.connect(url)
    usual = (Decimal(5), Decimal(1))
    seconds, result = await activate(services, usual)
    found = [shown({"case": "first classification of all", "job_s": round(seconds, 2), "moved": result["moved"]})]
    before = memory()
    for case, cuts in CASES.items():
        for _ in range(rounds):
            floor_s, floor_moved = (None, 0) if connection is None else await floor(connection, cuts)
            seconds, result = await activate(services, cuts)
            row = {"case": case, "moved": result["moved"], "job_s": round(seconds, 2)}
            if floor_s is not None:
                assert abs(floor_moved - result["moved"]) <= size / 1000, (floor_moved, result["moved"])
                row |= {"floor_s": round(floor_s, 2), "ratio": round(seconds / floor_s, 2)}
            found.append(shown(row))
            await activate(services, usual)
    if connection is not None:
        await connection.execute("VACUUM ANALYZE accounts")
    changes = SimulationCreate.model_validate_json('{"changes": {"cuts": {"attractiveness": 6}}}')
    for _ in range(3):
        began = time.perf_counter()
        simulated = await simulations.simulate_portfolio(system_context(services), changes)
        seconds = round(time.perf_counter() - began, 2)
        found.append(shown({"case": "simulation", "moved": simulated["moved"], "job_s": seconds}))
    found.append(shown({"case": "memory", "before_mb": before, "most_mb": memory()}))
    if connection is not None:
        await connection.close()
    await services.database.close()
    return found


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """Print a figure as soon as it is there."""
    print(json.dumps(row), flush=True)
    return row


def memory() -> int:
    """The most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Fill a database, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--url", help="an empty PostgreSQL database; one is started when this is left out")
    parser.add_argument("--sqlite", action="store_true", help="in a file of SQLite's instead")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with ExitStack() as stack:
        url = given.url
        if given.sqlite:
            url = f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory(prefix='kam-bench-'))}/kam.db"
        elif url is None:
            url = postgres.create_database(stack.enter_context(postgres.ensure_postgres()), "bench")
        began = time.perf_counter()
        asyncio.run((fill_embedded if given.sqlite else fill)(url, given.accounts))
        print(f"{given.accounts} accounts made in {time.perf_counter() - began:.1f} s", flush=True)
        found = asyncio.run(bench(url, given.accounts, given.rounds))
    if given.json:
        given.json.write_text(json.dumps({"accounts": given.accounts, "rows": found}, indent=2))


if __name__ == "__main__":
    main()
