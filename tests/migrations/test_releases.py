"""A database of every release reads the same after the migration to the present version, on both databases.

Each folder of `releases` holds a release's database and what its API answered over it; `record_release.py` writes one.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest
import sqlalchemy as sa

from service.app import create_app
from service.framework.database import migrate
from service.framework.database.statements import Statement
from service.models.webhooks.endpoints import webhook_endpoints
from service.platform.clock import SetClock
from service.platform.settings import Settings, plain_postgres_url, sqlite_path
from service.records.services import make_services
from tests import postgres
from tests.migrations.record_release import ADDED, KEY, RELEASES, SECRET

CHANGED: dict[str, dict[str, str]] = {"0.1.0": {"limit=200/to": "the moment of the call"}}
"""By release, members that read differently on purpose: the end of a path of members, and why."""
_SEALED = Statement(sa.select(webhook_endpoints.c.secret_encrypted))
PAGING = {"next_cursor", "cursor"}
"""Members of a page that hold a signature: a new key signs differently, and an old cursor is still read."""


def lines(release: str, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RELEASES / release / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module", params=[folder.name for folder in sorted(RELEASES.iterdir())])
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def carried(request: pytest.FixtureRequest, release: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the release's database, migrated to the present version."""
    server = os.environ.get("KAM_TEST_POSTGRES_URL")
    if request.param == "postgresql" and server is None:
        pytest.skip("no PostgreSQL")
    name = f"release_{os.getpid()}_{release.replace('.', '_')}"
    url = (
        f"sqlite:///{tmp_path_factory.mktemp('release') / 'kam.db'}"
        if request.param == "sqlite"
        else postgres.create_database(str(server), name)
    )
    first, *tables = lines(release, "database.jsonl")
    migrate.upgrade(url, first["revision"])
    if request.param == "sqlite":
        fill_sqlite(sqlite_path(url), tables)
    else:
        asyncio.run(fill_postgresql(plain_postgres_url(url), tables))
    assert asyncio.run(migrate.ensure_migrated(url)) is True
    yield url
    if request.param == "postgresql":
        postgres.drop_database(str(server), name)


def fill_sqlite(path: str, tables: list[dict[str, Any]]) -> None:
    with sqlite3.connect(path) as database:
        for table in tables:
            columns = ", ".join(f'"{column}"' for column in table["columns"])
            places = ", ".join("?" for _ in table["columns"])
            database.execute(f'DELETE FROM "{table["table"]}"')
            database.executemany(f'INSERT INTO "{table["table"]}" ({columns}) VALUES ({places})', table["rows"])
    database.close()


async def fill_postgresql(url: str, tables: list[dict[str, Any]]) -> None:
    """Insert the rows with the values that PostgreSQL has for those of SQLite, and set the sequences behind them."""
    database = await asyncpg.connect(url)
    await database.execute("SET session_replication_role = replica")  # rows come in any order
    for table in tables:
        kinds = {
            row["column_name"]: (row["data_type"], row["numeric_scale"])
            for row in await database.fetch(
                "SELECT column_name, data_type, numeric_scale FROM information_schema.columns WHERE table_name = $1",
                table["table"],
            )
        }
        rows = [
            [translated(value, *kinds[column]) for column, value in zip(table["columns"], row, strict=True)]
            for row in table["rows"]
        ]
        await database.execute(f'DELETE FROM "{table["table"]}"')
        await database.copy_records_to_table(table["table"], records=rows, columns=table["columns"])
        for column in table["columns"]:
            if sequence := await database.fetchval("SELECT pg_get_serial_sequence($1, $2)", table["table"], column):
                await database.execute(f'SELECT setval($1, (SELECT max("{column}") FROM "{table["table"]}"))', sequence)
    await database.close()


def translated(value: Any, kind: str, scale: int | None) -> Any:
    """A value of SQLite as PostgreSQL holds it: see `framework/database/columns.py`."""
    if value is None:
        return None
    if kind == "boolean":
        return bool(value)
    if kind == "numeric":
        return Decimal(value).scaleb(-(scale or 0)) if isinstance(value, int) else Decimal(value)
    if kind == "date":
        return date.fromisoformat(value)
    return datetime.fromisoformat(value) if kind.startswith("timestamp") else value


def different(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """Every member of the release's answer that reads differently now. Members that are new are no difference."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            if name in PAGING:
                continue
            if name not in after:
                yield f"{place}/{name} is missing"
            else:
                yield from different(value, after[name], f"{place}/{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        if before and isinstance(before[0], dict) and "factor" in before[0]:  # jsonb orders them in its own way
            before, after = (sorted(each, key=lambda item: json.dumps(item["factor"])) for each in (before, after))
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from different(old, new, f"{place}/{number}")
    elif before != after:
        yield f"{place}: {str(before)[:200]} is now {str(after)[:200]}"


def reading(release: str, url: str) -> tuple[Any, httpx.AsyncClient, SetClock]:
    """The service over a database at the time of the recording, and a client with the recorded key."""
    settings = Settings(
        _env_file=None, database_url=url, secret_key=SECRET, worker=False, access_log=False, rate_limit=0
    )
    clock = SetClock(datetime.fromisoformat(lines(release, "answers.jsonl")[0]["recorded_at"]))
    services = make_services(settings, clock)
    transport = httpx.ASGITransport(create_app(settings, services=services), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {KEY}"}
    return services, httpx.AsyncClient(transport=transport, base_url="http://kam.test", headers=headers), clock


async def test_every_answer_of_the_release_reads_the_same(release: str, carried: str) -> None:
    services, client, _ = reading(release, carried)
    await services.database.open()
    recorded = lines(release, "answers.jsonl")[1:]
    assert len(recorded) > 300
    found: list[str] = []
    for each in recorded:
        answer = await client.get(each["path"])
        assert answer.status_code == 200, (each["path"], answer.text)
        found += [f"{each['path']}{change}" for change in different(each["answer"], answer.json())]
    await services.database.close()
    expected = tuple(CHANGED[release])
    assert not [change for change in found if not change.partition(":")[0].endswith(expected)]


async def test_the_feed_holds_the_events_of_the_release_as_they_were_sent(release: str, carried: str) -> None:
    services, client, _ = reading(release, carried)
    await services.database.open()
    events = next(table for table in lines(release, "database.jsonl") if table.get("table") == "events")
    rows = [dict(zip(events["columns"], row, strict=True)) for row in events["rows"]]
    sent = {row["position"]: json.loads(row["body"]) for row in rows}
    read: dict[int, dict[str, Any]] = {}
    query: dict[str, Any] = {"limit": 200}
    while True:
        page = (await client.get("/v1/events", params=query)).json()
        read |= {item["position"]: item for item in page["items"]}
        if not page["has_more"]:
            break
        query["after"] = page["next_cursor"]
    await services.database.close()
    assert list(read) == sorted(sent) and len(read) > 100
    assert not [change for position, event in sent.items() for change in different(event, read[position])]


async def test_cursors_secrets_and_keys_of_the_release_still_work(release: str, carried: str) -> None:
    services, client, _ = reading(release, carried)
    await services.database.open()
    answers: dict[str, Any] = {each["path"]: each["answer"] for each in lines(release, "answers.jsonl")[1:]}
    paged = [path for path, answer in answers.items() if isinstance(answer, dict) and answer.get("next_cursor")]
    assert paged
    for path in paged[:20]:
        following = await client.get(f"{path}&after={answers[path]['next_cursor']}")
        assert following.status_code == 200, (path, following.text)
        assert not {item["id"] for item in following.json()["items"]} & {item["id"] for item in answers[path]["items"]}
    (endpoint,) = (await client.get("/v1/webhook-endpoints")).json()["items"]
    assert endpoint["url"] == ADDED["/v1/webhook-endpoints"]["url"]
    async with services.database.reading() as reader:
        assert services.secrets.open(await reader.value(_SEALED))
    await services.database.close()


async def test_records_of_the_release_can_be_changed(release: str, carried: str) -> None:
    services, client, _ = reading(release, carried)
    await services.database.open()
    (last,) = (await client.get("/v1/accounts?limit=1&sort=-created_at")).json()["items"]
    changed = await client.patch(f"/v1/accounts/{last['id']}", json={"industry": "Bicycles"})
    assert changed.status_code == 200 and changed.json()["version"] == last["version"] + 1
    newest = (await client.get("/v1/events?types=account.updated&limit=200")).json()["items"][-1]
    assert newest["data"]["current"]["industry"] == "Bicycles"
    again = await client.patch(f"/v1/accounts/{last['id']}", json={"industry": last["industry"]})
    assert again.status_code == 200
    await services.database.close()
