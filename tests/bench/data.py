"""Fill a PostgreSQL database with a portfolio of a given size, set by set: what the benchmarks read and write.

Each account has 5 stakeholders, 1 plan, 3 objectives, 6 actions and a reference. The tables are made by the service's
own migrations, the rows by one statement per table with a fixed seed: the same size gives the same data. Ids hold the
row's number, so that a workload can name rows it has not read.

    python -m tests.bench.data URL --accounts 100000
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

import asyncpg

from service.framework.database.migrate import ensure_migrated
from service.rules.vocabulary import (
    ActionState,
    FioccaAttractiveness,
    FioccaPosition,
    ObjectiveState,
    Quadrant,
    Stage,
    StakeholderRole,
)

ACCOUNTS = 100_000
PEOPLE = 500
SEEDED = "2026-01-01T00:00:00.000001+00:00"
_KINDS = {"accounts": 0, "people": 1, "stakeholders": 2, "plans": 3, "objectives": 4, "actions": 5}


def identifier(kind: str, number: int) -> str:
    """The id of the row `number` (from 1) of a table: a UUIDv7 whose random part is the table and the number."""
    return f"019b7000-0000-7000-8{_KINDS[kind]:03d}-{number:012x}"


def _id(kind: str, number: str) -> str:
    """The same in SQL."""
    return f"('019b7000-0000-7000-8{_KINDS[kind]:03d}-' || lpad(to_hex({number}), 12, '0'))::uuid"


def _one_of(values: Any) -> str:
    """A random member of a vocabulary, in SQL."""
    listed = [str(value) for value in values]
    return f"(array[{', '.join(repr(value) for value in listed)}])[1 + floor(random() * {len(listed)})::int]"


_LIVING = f"1, timestamptz '{SEEDED}', timestamptz '{SEEDED}' + n * interval '1 millisecond', null"
_SCORE = "round((random() * 10)::numeric, 2)"
_DAY = "date '2026-01-01' + (random() * 700)::int"
_WORDS = ["Manufacturing", "Retail", "Energy", "Finance", "Health", "Logistics"]
_COUNTRIES = ["DE", "FR", "US", "IN", "GB", "JP", "BR"]
_METRICS = ["revenue", "nps", "share of wallet"]

_FILL = (
    f"""
    INSERT INTO people (id, version, created_at, updated_at, deleted_at, name, email, title, function, active)
    SELECT {_id("people", "n")}, {_LIVING}, 'Person ' || n, 'person' || n || '@example.com', 'Key account manager',
           'sales', true
    FROM generate_series(1, {PEOPLE}) n
    """,
    f"""
    INSERT INTO accounts (id, version, created_at, updated_at, deleted_at, name, parent_id, scope, industry, country,
        website, currency, revenue, owner_id, service_level, supplier_status, perception_level, tags, attributes,
        status, quadrant, quadrant_source, raw_quadrant, attractiveness, business_strength, relative_strength,
        fiocca_attractiveness, fiocca_position, classification_status, stage, target_stage, target_stage_on)
    SELECT {_id("accounts", "n")}, {_LIVING}, 'Account ' || n || ' Holdings', null, null, {_one_of(_WORDS)},
        {_one_of(_COUNTRIES)}, 'https://account' || n || '.example.com', 'EUR',
        round((random() * 100000000)::numeric, 2), {_id("people", f"1 + n % {PEOPLE}")}, 1, null, null,
        '["seeded", "bench"]', jsonb_build_object('erp_group', n % 97), 'customer', q, 'computed', q, {_SCORE},
        {_SCORE}, round((random() * 2)::numeric, 4), {_one_of(FioccaAttractiveness)}, {_one_of(FioccaPosition)},
        'complete', {_one_of(Stage)}, null, null
    FROM (SELECT n, {_one_of(Quadrant)} AS q FROM generate_series(1, $accounts) n) numbered
    """,
    f"""
    INSERT INTO refs (entity_id, system, external_id, kind, live)
    SELECT {_id("accounts", "n")}, 'crm', 'CRM-' || lpad(n::text, 8, '0'), 'account', true
    FROM generate_series(1, $accounts) n
    """,
    f"""
    INSERT INTO stakeholders (id, version, created_at, updated_at, deleted_at, name, title, function, email, phone,
        roles, influence, stance, reports_to_id, account_id)
    SELECT {_id("stakeholders", "(n - 1) * 5 + k")}, {_LIVING}, 'Person ' || n || '-' || k,
        (array['CEO', 'CFO', 'CTO', 'Buyer', 'Engineer'])[k], 'purchasing', 'p' || k || '@account' || n || '.example.com',
        null, jsonb_build_array({_one_of(StakeholderRole)}), {_SCORE}, floor(random() * 5)::int - 2, null,
        {_id("accounts", "n")}
    FROM generate_series(1, $accounts) n, generate_series(1, 5) k
    """,
    f"""
    INSERT INTO plans (id, version, created_at, updated_at, deleted_at, title, period_start, period_end, summary,
        owner_id, account_id, state, closed_on)
    SELECT {_id("plans", "n")}, {_LIVING}, 'Plan ' || n, date '2026-01-01', date '2026-12-31', null,
        {_id("people", f"1 + n % {PEOPLE}")}, {_id("accounts", "n")}, 'active', null
    FROM generate_series(1, $accounts) n
    """,
    f"""
    INSERT INTO objectives (id, version, created_at, updated_at, deleted_at, title, metric, unit, baseline, target,
        due_on, notes, plan_id, account_id, state, closed_on)
    SELECT {_id("objectives", "(n - 1) * 3 + k")}, {_LIVING}, 'Objective ' || n || '-' || k,
        (array['{"', '".join(_METRICS)}'])[k], 'percent', null, round((random() * 1000)::numeric, 1), {_DAY}, null,
        {_id("plans", "n")}, {_id("accounts", "n")}, {_one_of(ObjectiveState)}, null
    FROM generate_series(1, $accounts) n, generate_series(1, 3) k
    """,
    f"""
    INSERT INTO actions (id, version, created_at, updated_at, deleted_at, title, owner_id, due_on, expected_result,
        notes, objective_id, account_id, state, completed_on)
    SELECT {_id("actions", "(n - 1) * 6 + (k - 1) * 2 + j")}, {_LIVING}, 'Action ' || n || '-' || k || '-' || j,
        {_id("people", f"1 + n % {PEOPLE}")}, {_DAY}, 'Done and told', null, {_id("objectives", "(n - 1) * 3 + k")},
        {_id("accounts", "n")}, {_one_of(ActionState)}, null
    FROM generate_series(1, $accounts) n, generate_series(1, 3) k, generate_series(1, 2) j
    """,
)


async def fill(url: str, accounts: int = ACCOUNTS) -> bool:
    """Migrate an empty database and fill it; False when it holds this many accounts already. Raises RuntimeError when
    it holds another number.
    """
    await ensure_migrated(url)
    connection = await asyncpg.connect(url)
    try:
        there = await connection.fetchval("SELECT count(*) FROM accounts")
        if there == accounts:
            return False
        if there:
            raise RuntimeError(f"the database holds {there} accounts, not {accounts}; name an empty one")
        async with connection.transaction():
            if await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
                await connection.execute("SET LOCAL session_replication_role = replica")  # rows that fit by making
            await connection.execute("SELECT setseed(0.42)")
            for statement in _FILL:
                await connection.execute(statement.replace("$accounts", str(accounts)))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return True


def main() -> None:
    """Fill the database named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="postgresql://user:password@host/name of an empty database")
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    given = parser.parse_args()
    started = time.perf_counter()
    made = asyncio.run(fill(given.url, given.accounts))
    print(f"{given.accounts} accounts {'made' if made else 'were there'} in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
