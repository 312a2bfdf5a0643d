"""How a migration reaches either database: one tree, one lock, everything or nothing.

PostgreSQL through asyncpg (the only driver that is installed), under an advisory lock that ends with the transaction;
SQLite through the standard library, in one IMMEDIATE transaction with foreign keys off, since rewriting a table would
otherwise cascade into the rows that point at it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
import warnings
from typing import Any, Literal

import asyncpg
import sqlalchemy as sa
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

from service.framework.database import columns
from service.framework.database.migrate import BUSY_SECONDS, CONNECT_SECONDS
from service.models.tables import metadata
from service.platform.settings import Settings, plain_postgres_url, sqlite_path

MIGRATION_LOCK = 7_316_402_611  # any number, the same in every version of the service
LOCK_TIMEOUT = "10s"  # a migration that can't get a table gives up rather than hold up every request behind it


def rendered(kind: str, item: Any, _: object) -> str | Literal[False]:
    """Write the project's column types as `columns.Uuid()`, which says on each database what it is there."""
    if kind != "type" or type(item).__module__ != columns.__name__:
        return False
    arguments = f"{item.precision}, {item.scale}" if type(item) is columns.Exact else ""
    return f"columns.{type(item).__name__}({arguments})"


def migrate(connection: sa.Connection) -> None:
    """Run what was asked for on this connection, in one transaction."""
    postgresql = connection.dialect.name == "postgresql"
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,
        render_as_batch=True,
        render_item=rendered,
        compare_server_default=True,
        autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
    )
    with context.begin_transaction():
        if postgresql:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            connection.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        context.run_migrations()
        if not postgresql:
            broken = connection.execute(sa.text("PRAGMA foreign_key_check")).fetchall()
            if broken:
                raise RuntimeError(f"the migration would leave {len(broken)} rows that point at nothing")


async def on_postgresql(url: str) -> None:
    """Migrate a PostgreSQL database."""

    async def connect() -> Any:
        return await asyncpg.connect(plain_postgres_url(url), timeout=CONNECT_SECONDS)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=sa.NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


def on_sqlite(path: str) -> None:
    """Migrate the embedded database."""

    def connect() -> sqlite3.Connection:
        made = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        made.execute("PRAGMA foreign_keys=OFF")
        write_ahead(made)
        return made

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    # neither SQLAlchemy nor Alembic can read such an index back: tests/migrations compares its text
    warnings.filterwarnings("ignore", message=".*expression-based index")
    with engine.connect() as connection:
        migrate(connection)


def write_ahead(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on. While another process does the same SQLite does not wait but fails: try again."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


database_url: str = context.config.attributes.get("database_url") or Settings().database_url
if database_url.startswith("sqlite"):
    on_sqlite(sqlite_path(database_url))
else:
    asyncio.run(on_postgresql(database_url))
