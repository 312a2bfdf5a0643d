"""The databases of single tests: empty again after each, and dropped when their shape was changed."""

from __future__ import annotations

import os
from typing import Any

import asyncpg
import pytest

from tests.databases import Databases
from tests.postgres import run_alone


def fetch(url: str, *statements: str) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return run_alone(run())


PERSON = (
    "INSERT INTO people (id, version, created_at, updated_at, name, active) "
    "VALUES (gen_random_uuid(), 1, now(), now(), 'A', true)"
)
STATE = "SELECT concat((SELECT count(*) FROM people), ' people, ', (SELECT version_num FROM alembic_version))"


def test_a_database_comes_back_as_it_was_migrated(postgres_databases: Databases) -> None:
    url = postgres_databases.take()
    migrated = fetch(url, STATE)
    assert fetch(url, PERSON, "UPDATE alembic_version SET version_num = 'x'", STATE) == "1 people, x" != migrated
    postgres_databases.put_back(url)
    assert postgres_databases.take() == url and fetch(url, STATE) == migrated
    postgres_databases.put_back(url)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (id int)",
        "ALTER TABLE people ADD COLUMN more text",
        "ALTER TABLE people ADD CHECK (true)",
    ],
)
def test_a_database_whose_shape_changed_is_not_used_again(postgres_databases: Databases, change: str) -> None:
    url = postgres_databases.take()
    fetch(url, change, "SELECT 1")
    postgres_databases.put_back(url)
    fresh = postgres_databases.take()
    assert fresh != url
    postgres_databases.put_back(fresh)


def test_a_connection_left_open_is_closed(postgres_databases: Databases) -> None:
    url = postgres_databases.take()

    async def leave_open() -> asyncpg.Connection[Any]:
        return await asyncpg.connect(url)

    left = run_alone(leave_open())
    postgres_databases.put_back(url)
    open_ones = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{url.rpartition('/')[2]}'"
    assert fetch(os.environ["KAM_TEST_POSTGRES_URL"], open_ones) == 0
    assert left is not None
