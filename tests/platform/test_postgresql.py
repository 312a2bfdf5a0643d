"""PostgreSQL's doors when the server is away."""

from __future__ import annotations

import pytest

from service.platform.errors import Unavailable
from service.platform.postgresql import PostgresDatabase
from tests.postgres import free_port


async def test_a_database_that_is_away_is_unavailable_and_not_our_fault() -> None:
    database = PostgresDatabase(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing", size=1)
    for _ in range(2):  # a connection that could not be made leaves its place free
        with pytest.raises(Unavailable):
            async with database.reading():
                pass
        with pytest.raises(Unavailable):
            async with database.transaction():
                pass
