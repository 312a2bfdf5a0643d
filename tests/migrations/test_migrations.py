"""One tree of migrations for both databases: up, down, up again, no drift, and starts that do not collide."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from service.framework.database import migrate
from service.models.tables import metadata
from tests import postgres

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    try:
        with postgres.ensure_postgres() as url:
            yield url
    except postgres.PostgresUnavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kam.db"
    return postgres.create_database(request.getfixturevalue("server"), f"migrations_{os.getpid()}")


def downgrade(url: str, revision: str = "base") -> None:
    """Take migrations back down to a revision; the service itself only goes forward."""
    command, config = migrate.alembic(url)
    command.downgrade(config, revision)


def test_up_down_and_up_again_leaves_no_difference_to_the_tables(url: str):
    assert asyncio.run(migrate.ensure_migrated(url)) is True
    assert migrate.differences(url) == []
    downgrade(url)
    assert asyncio.run(migrate.current_revision(url)) is None
    assert leftovers(url) == set()
    migrate.upgrade(url)
    assert migrate.differences(url) == []


def test_a_second_start_finds_nothing_to_do_and_does_not_load_alembic(url: str):
    assert asyncio.run(migrate.ensure_migrated(url))
    asked = (
        "import asyncio, sys\nfrom service.framework.database import migrate\n"
        f"print(asyncio.run(migrate.ensure_migrated({url!r})), 'alembic' in sys.modules, 'sqlalchemy' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False", "False"]


def test_processes_that_start_at_once_do_not_collide(url: str):
    ask = (
        "import asyncio, time\nfrom service.framework.database import migrate\n"
        f"time.sleep(max(0, {time.time() + 1.5} - time.time()))\n"
        f"asyncio.run(migrate.ensure_migrated({url!r}))\nprint(asyncio.run(migrate.current_revision({url!r})) == migrate.revisions()[-1])"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", ask], cwd=ROOT, stdout=-1, stderr=-1, text=True) for _ in range(3)
    ]
    answers = [process.communicate(timeout=60) for process in running]
    assert [out.strip() for out, _ in answers] == ["True"] * 3, answers


def test_a_database_from_a_newer_version_is_refused_and_left_alone(url: str):
    migrate.upgrade(url)
    run(url, "UPDATE alembic_version SET version_num = '209912312359'")
    with pytest.raises(migrate.MigrationRefused, match="209912312359"):
        asyncio.run(migrate.ensure_migrated(url))


def test_sqlite_has_the_same_indexes_and_the_same_event_sequence_as_the_tables(tmp_path: Path):
    """Neither SQLAlchemy nor Alembic reads expression indexes of SQLite back: their text is compared."""
    migrate.upgrade(f"sqlite:///{tmp_path}/migrated.db")
    engine = sa.create_engine(f"sqlite:///{tmp_path}/made.db")
    metadata.create_all(engine)
    engine.dispose()
    kinds = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type = 'index'"
    migrated, made = (
        {name: re.sub(r"\s+", " ", sql) for name, sql in sqlite3.connect(tmp_path / f"{file}.db").execute(kinds)}
        for file in ("migrated", "made")
    )
    assert migrated == made
    (events,) = run(f"sqlite:///{tmp_path}/migrated.db", "SELECT sql FROM sqlite_master WHERE name = 'events'")
    assert "seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT" in events[0]


def test_a_migration_that_fails_half_way_leaves_nothing_on_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for file in ("env.py", "script.py.mako"):
        (folder / file).write_text((ROOT / "migrations" / file).read_text())
    (folder / "versions" / "a.py").write_text(
        'import sqlalchemy as sa\nfrom alembic import op\nrevision = "a"\ndown_revision = None\n'
        'def upgrade():\n    op.create_table("half", sa.Column("id", sa.Integer, primary_key=True))\n    1 / 0\n'
        "def downgrade(): ...\n"
    )
    monkeypatch.setattr(migrate, "FOLDER", folder)
    with pytest.raises(ZeroDivisionError):
        migrate.upgrade(f"sqlite:///{tmp_path}/kam.db")
    assert leftovers(f"sqlite:///{tmp_path}/kam.db") == set()


def test_every_constraint_and_index_has_a_name_that_postgresql_takes_whole():
    for table in metadata.tables.values():
        items: list[sa.Constraint | sa.Index] = [*table.constraints, *table.indexes]
        for item in items:
            assert item.name and len(str(item.name)) <= 63, (table.name, item)


def test_revisions_are_read_in_order_and_a_fork_is_refused(tmp_path: Path):
    (tmp_path / "versions").mkdir()
    for name, before in (("b", '"a"'), ("a", "None"), ("c", '"b"')):
        (tmp_path / "versions" / f"{name}.py").write_text(f'revision = "{name}"\ndown_revision = {before}\n')
    assert migrate.revisions(tmp_path) == ["a", "b", "c"]
    (tmp_path / "versions" / "d.py").write_text('revision = "d"\ndown_revision = "b"\n')
    with pytest.raises(migrate.MigrationRefused, match="one line"):
        migrate.revisions(tmp_path)


def leftovers(url: str) -> set[str]:
    """The tables of a database besides Alembic's own."""
    if url.startswith("sqlite"):
        rows = run(url, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    else:
        rows = run(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row[0] for row in rows} - {"alembic_version"}


def run(url: str, sql: str) -> list[tuple[Any, ...]]:
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.partition(":///")[2])
        with connection:
            return connection.execute(sql).fetchall()

    async def ask() -> list[tuple[str]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_scoring_models_from_before_get_the_members_that_models_have_now(url: str):
    """A model as it was stored before cut rules and border widths is read by today's code, and goes back."""
    migrate.upgrade(url, "202611220900")
    old = (
        '{"factors": [{"key": "a", "name": "A", "weight": 100, "direction": "higher_is_better", "required": true,'
        ' "bands": []}], "cuts": {"attractiveness": 5, "relative_strength": 1}, "fiocca": {"low": 3.3, "high": 6.7},'
        ' "dead_band": 0, "warnings": []}'
    )
    at = "'2026-11-21 00:00:00+00'" if url.startswith("postgresql") else "'2026-11-21T00:00:00.000000Z'"
    columns = "id, version, created_at, updated_at, name, number, state, definition"
    values = f"'01890000-0000-7000-8000-000000000001', 1, {at}, {at}, 'Old', 1, 'active', '{old}'"
    run(url, f"INSERT INTO scoring_models ({columns}) VALUES ({values})")
    migrate.upgrade(url, "202611220910")
    ((now,),) = run(url, "SELECT definition FROM scoring_models")
    read = json.loads(now)
    assert read["cuts"]["attractiveness_rule"] == "fixed" and read["border_width"]["relative_strength"] == 0.05
    assert read["factors"][0]["unit"] is read["factors"][0]["group"] is read["factors"][0]["source"] is None
    downgrade(url, "202611220900")
    ((back,),) = run(url, "SELECT definition FROM scoring_models")
    assert json.loads(back) == json.loads(old)
