"""A store of endpoints, events and deliveries on either database, with a clock that stands still until it is moved."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from service.framework.database.database import Database, Row
from service.framework.database.postgresql import PostgresDatabase
from service.framework.database.sqlite import SqliteDatabase
from service.framework.database.statements import DIALECTS, Statement
from service.framework.outbound import standard_webhooks
from service.framework.outbound.signing_keys import SigningKey, pack
from service.models.events.events import events
from service.models.tables import metadata
from service.models.webhooks.endpoints import attempts, deliveries, webhook_endpoints
from service.platform.clock import SetClock
from service.platform.ids import SYSTEM_ID, new_id
from service.platform.secrets import Secrets
from tests.postgres import create_database, drop_database

NOW = datetime(2026, 11, 21, 21, 35, tzinfo=UTC)
SEALING = Secrets("a key of 32 characters for tests")


def _definitions(kind: str) -> list[str]:
    statements: list[str] = []
    for table in metadata.sorted_tables:
        items: list[sa.schema.ExecutableDDLElement] = [
            sa.schema.CreateTable(table),
            *(sa.schema.CreateIndex(index) for index in table.indexes),
        ]
        statements += [str(item.compile(dialect=DIALECTS[kind])) for item in items]
    return statements


def _insert(table: sa.Table, row: Row) -> Statement:
    return Statement(sa.insert(table).values({name: sa.bindparam(name) for name in row}))


def ring_of(*secrets: str) -> bytes:
    """Serialised secrets as the packed signing keys of an endpoint, newest first."""
    return pack(
        [SigningKey(new_id(), "v1a" if secret.startswith("whsk_") else "v1", secret, NOW) for secret in secrets]
    )


_NAMES = (
    "id", "type", "schema_version", "account_id", "subject_kind", "subject_id", "subject_version", "occurred_at",
    "cause", "body",
)  # fmt: skip
_EVENT = Statement(sa.insert(events).values({name: sa.bindparam(name, type_=events.c[name].type) for name in _NAMES}))


@dataclass
class Store:
    """A database, with functions that fill and read it."""

    database: Database
    clock: SetClock = field(default_factory=lambda: SetClock(NOW))
    secret: str = field(default_factory=standard_webhooks.new_secret)
    position: int = 0

    async def insert(self, table: sa.Table, **row: Any) -> None:
        """Insert one row."""
        async with self.database.transaction() as tx:
            await tx.execute(_insert(table, row), **row)

    async def endpoint(self, url: str = "https://receiver.example/hook", **more: Any) -> str:
        """Insert an endpoint and return its id."""
        row = {
            "id": new_id(), "url": url, "event_types": ["*"], "enabled": True, "version": 1,
            "secret_encrypted": SEALING.seal(ring_of(self.secret)),
            "created_at": self.clock.now(), "updated_at": self.clock.now(), "created_by": SYSTEM_ID, **more,
        }  # fmt: skip
        await self.insert(webhook_endpoints, **row)
        return str(row["id"])

    async def event(self, key: str, *endpoints: str, **more: Any) -> list[str]:
        """Insert an event with a pending delivery to each endpoint. Return the ids of the deliveries."""
        self.position += 1
        now, event_id = self.clock.now(), new_id()
        row = {
            "id": event_id, "position": self.position, "type": "account.updated", "schema_version": 1,
            "subject_kind": "account", "subject_id": new_id(), "subject_version": 1, "occurred_at": now, "cause": {},
            "body": f'{{"key":"{key}","position":{self.position}, "name":"Bäckerei"}}',
        }  # fmt: skip
        row |= {name: more.pop(name) for name in ("type", "body") if name in more}
        await self.insert(events, **row)
        made = []
        for endpoint in endpoints:
            made.append(new_id())
            await self.insert(
                deliveries,
                **{
                    "id": made[-1], "event_id": event_id, "event_position": self.position, "endpoint_id": endpoint,
                    "order_key": key, "state": "pending", "attempts": 0, "next_at": now, "lane": "first",
                    "behind": False,
                    "replay_no": 0, "created_at": now, **more,
                },
            )  # fmt: skip
        return made

    async def write_events(self, *accounts: str) -> list[str]:
        """Insert one unnumbered event for each of these accounts, in one transaction. Return their ids."""
        rows: list[dict[str, Any]] = [
            {
                "id": new_id(), "type": "account.updated", "schema_version": 1, "account_id": account, "body": "{}",
                "subject_kind": "account", "subject_id": account, "subject_version": 1,
                "occurred_at": self.clock.now(), "cause": {},
            }
            for account in accounts
        ]  # fmt: skip
        async with self.database.transaction() as tx:
            await tx.many(_EVENT, rows)
        return [row["id"] for row in rows]

    async def rows(self, table: sa.Table, **equal: Any) -> list[Row]:
        """Return rows of a table that have the given values, oldest first."""
        query = sa.select(table).where(*(table.c[name] == value for name, value in equal.items())).order_by(table.c.id)
        async with self.database.reading() as reader:
            return await reader.all(Statement(query))

    async def delivery(self, delivery_id: str) -> Row:
        """Return one delivery."""
        return (await self.rows(deliveries, id=delivery_id))[0]

    async def attempts(self, delivery_id: str) -> list[Row]:
        """Return the attempts of a delivery in order."""
        return sorted(await self.rows(attempts, delivery_id=delivery_id), key=lambda row: (row["n"], row["id"]))

    def advance(self, **by: float) -> None:
        """Move the clock on."""
        self.clock.advance(timedelta(**by))


@pytest.fixture(scope="session")
def delivery_postgres() -> Iterator[str]:
    """The URL of a PostgreSQL database with the tables."""
    server = os.environ.get("KAM_TEST_POSTGRES_URL")  # started once for all tests
    if server is None:
        pytest.skip(f"no PostgreSQL: {os.environ.get('KAM_TEST_POSTGRES_ABSENT', 'none was started')}")
    name = f"delivery_{uuid.uuid4().hex}"
    url = create_database(server, name)

    async def define() -> None:
        connection = await asyncpg.connect(url)
        for statement in _definitions("postgresql"):
            await connection.execute(statement)
        await connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, define()).result()
    yield url
    drop_database(server, name)


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store on each database in turn."""
    database: Database
    if request.param == "sqlite":
        path = str(tmp_path / "kam.db")
        with sqlite3.connect(path) as connection:
            connection.executescript(";".join(_definitions("sqlite")))
        connection.close()
        database = SqliteDatabase(path, synchronous="off")
    else:
        url = request.getfixturevalue("delivery_postgres")
        connection_ = await asyncpg.connect(url)
        await connection_.execute("TRUNCATE attempts, deliveries, events, webhook_endpoints CASCADE")
        await connection_.close()
        database = PostgresDatabase(url)
    await database.open()
    yield Store(database)
    await database.close()
