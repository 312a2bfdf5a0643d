"""Bringing a database to the newest migration, and asking cheaply whether it is there.

A start with nothing to migrate costs one tiny query: the newest revision is read from the migrations folder as text,
and Alembic (a third of a second of imports) is loaded only when there is work. Several processes may start at once:
the migration takes a lock on either database (`migrations/env.py`) and looks again once it has it.
This module knows the folder, not the tables; `migrations/env.py` joins the two.
"""

from __future__ import annotations

import asyncio
import io
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from service.platform.settings import plain_postgres_url, sqlite_path

FOLDER = Path(__file__).resolve().parents[3] / "migrations"
CONNECT_SECONDS = 10
BUSY_SECONDS = 60
_REVISION = re.compile(r'^(revision|down_revision)\b[^=\n]*=\s*(?:"([^"]+)"|None)', re.MULTILINE)
_CURRENT = "SELECT version_num FROM alembic_version"


class MigrationRefused(Exception):
    """The database or the migrations folder is in a state that needs a person; the text says which and what to do."""


def revisions(folder: Path = FOLDER) -> list[str]:
    """Every revision in order, the newest last, read from the files as text. Raises MigrationRefused unless they make
    one line.
    """
    follower: dict[str | None, str] = {}
    files = sorted(folder.glob("versions/*.py"))
    for file in files:
        found = {name: value or None for name, value in _REVISION.findall(file.read_text(encoding="utf-8"))}
        follower[found.get("down_revision")] = found.get("revision") or file.name
    line: list[str] = []
    while (following := follower.get(line[-1] if line else None)) is not None:
        line.append(following)
    if not line or len(line) != len(files):
        raise MigrationRefused(f"the migrations in {folder} do not make one line: two may follow the same revision")
    return line


async def current_revision(database_url: str) -> str | None:
    """The revision a database is at, or None for an empty one; raises what the driver raises when it can't be
    reached.
    """
    if database_url.startswith("sqlite"):
        return await asyncio.to_thread(_sqlite_revision, sqlite_path(database_url))
    connection = await asyncpg.connect(plain_postgres_url(database_url), timeout=CONNECT_SECONDS)
    try:
        found = await connection.fetchval(_CURRENT)
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close(timeout=CONNECT_SECONDS)
    return None if found is None else str(found)


def _sqlite_revision(path: str) -> str | None:
    if not Path(path).exists():
        return None
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        row = connection.execute(_CURRENT).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise
    finally:
        connection.close()
    return str(row[0]) if row else None


async def is_current(database_url: str) -> bool:
    """Whether a database stands at the newest migration."""
    return await current_revision(database_url) == revisions()[-1]


async def ensure_migrated(database_url: str) -> bool:
    """Bring a database to the newest migration; whether there was anything to do. A database from a newer version of
    the service is refused (MigrationRefused), never touched.
    """
    line, current = revisions(), await current_revision(database_url)
    if current == line[-1]:
        return False
    if current is not None and current not in line:
        raise MigrationRefused(
            f"the database is at revision {current}, which this version of the service does not know: "
            "it was migrated by a newer version; start that one"
        )
    await asyncio.to_thread(upgrade, database_url)
    return True


def upgrade(database_url: str, revision: str = "head") -> None:
    """Run the migrations up to a revision. Blocks: call it outside an event loop or in a thread."""
    if database_url.startswith("sqlite"):
        Path(sqlite_path(database_url)).resolve().parent.mkdir(parents=True, exist_ok=True)
    command, config = _alembic(database_url)
    command.upgrade(config, revision)


def downgrade(database_url: str, revision: str = "base") -> None:
    """Take migrations back down to a revision. Blocks; data in dropped tables and columns is lost."""
    command, config = _alembic(database_url)
    command.downgrade(config, revision)


def new_migration(database_url: str, words: str) -> Path | None:
    """Write a migration with what the tables have and this database (at the newest revision) has not; None when they
    are alike. To be read before it is committed: a rename is seen as a drop and an addition.
    """
    command, config = _alembic(database_url)
    now = datetime.now(UTC)
    if not differences(database_url):
        return None
    script = command.revision(config, words, autogenerate=True, rev_id=f"{now:%Y%m%d%H%M}")
    return Path(script.path)


def differences(database_url: str) -> list[Any]:
    """What autogenerate would write for this database: empty when tables and migrations say the same."""
    from alembic.util.exc import AutogenerateDiffsDetected  # noqa: PLC0415 - loaded only when there is work

    command, config = _alembic(database_url)
    try:
        command.check(config)
    except AutogenerateDiffsDetected as found:
        return list(found.diffs)
    return []


def _alembic(database_url: str) -> tuple[Any, Any]:
    from alembic import command  # noqa: PLC0415 - loaded only when there is work
    from alembic.config import Config  # noqa: PLC0415

    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("file_template", "%%(year)d-%%(month).2d-%%(day).2d-%%(hour).2d%%(minute).2d_%%(slug)s")
    config.set_main_option("timezone", "UTC")
    config.set_main_option("path_separator", "os")
    config.attributes["database_url"] = database_url
    return command, config
