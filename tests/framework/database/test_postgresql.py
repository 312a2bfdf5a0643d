"""PostgreSQL's doors when the server is away."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from service.framework.database.postgresql import PostgresDatabase
from service.framework.database.statements import Statement
from service.platform.errors import Unavailable
from tests.postgres import free_port

_ONE = Statement(sa.select(sa.literal_column("1")))


@pytest.fixture
def postgres_url() -> str:
    """A database that stands."""
    url = os.environ.get("KAM_TEST_POSTGRES_URL")
    if url is None:
        pytest.skip("no PostgreSQL")
    return url


async def test_a_database_that_is_away_is_unavailable_and_not_our_fault() -> None:
    database = PostgresDatabase(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing", size=1)
    for _ in range(2):  # a connection that could not be made leaves its place free
        with pytest.raises(Unavailable):
            async with database.reading():
                pass
        with pytest.raises(Unavailable):
            async with database.transaction():
                pass


async def test_nobody_waits_for_a_place_when_the_server_is_away() -> None:
    database = PostgresDatabase(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing", size=1)

    async def read() -> None:
        async with database.reading():
            pass

    async with asyncio.timeout(10):
        ended = await asyncio.gather(*(read() for _ in range(20)), return_exceptions=True)
    assert [type(each) for each in ended] == [Unavailable] * 20


@pytest.mark.parametrize("error", [asyncpg.InterfaceError("out of step"), asyncpg.InternalClientError("out of step")])
async def test_a_connection_whose_driver_is_out_of_step_is_not_used_again(
    error: Exception, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = PostgresDatabase(postgres_url, size=1)
    await database.open()

    async def fails(*_: Any, **__: Any) -> None:
        raise error

    async with database.reading() as session:
        first = session._connection  # type: ignore[attr-defined]
        with monkeypatch.context() as patched:
            patched.setattr(asyncpg.Connection, "fetch", fails)
            with pytest.raises((Unavailable, asyncpg.InterfaceError)):
                await session.value(_ONE)
    async with database.reading() as session:
        assert session._connection is not first  # type: ignore[attr-defined]
        assert await session.value(_ONE) == 1
    await database.close()
