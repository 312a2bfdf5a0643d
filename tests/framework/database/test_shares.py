"""What one caller may take of the database: a share of its connections, and some seconds for a statement."""

from __future__ import annotations

import asyncio
import time

import pytest
import sqlalchemy as sa

from service.framework.database.shares import Shares
from service.framework.database.statements import Statement
from service.platform.errors import Unavailable
from service.records.context import Services

_ENDLESS = {
    "postgresql": Statement(sa.select(sa.func.pg_sleep(60))),
    "sqlite": Statement(
        sa.select(sa.literal_column("1")).select_from(
            sa.text("(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n)")
        )
    ),
}
_ONE = Statement(sa.select(sa.literal_column("1").label("one")))


async def test_a_read_that_takes_too_long_is_ended_and_its_connection_used_again(services: Services) -> None:
    database = services.database
    begun = time.monotonic()
    for _ in range(12):  # more than there are connections
        async with database.reading(caller="a", seconds=0.05) as reader:
            with pytest.raises(Unavailable, match=r"longer than 0\.05 seconds"):
                await reader.value(_ENDLESS[database.kind])
    async with database.reading(caller="a", seconds=5) as reader:
        assert await reader.value(_ONE) == 1
    assert time.monotonic() - begun < 20


async def test_other_callers_are_served_while_one_holds_its_share(services: Services) -> None:
    database = services.database
    held: list[float] = []

    async def search() -> None:
        async with database.reading(caller="greedy", seconds=0.5) as reader:
            with pytest.raises(Unavailable):
                await reader.value(_ENDLESS[database.kind])
            held.append(time.monotonic())

    searches = [asyncio.create_task(search()) for _ in range(12)]
    await asyncio.sleep(0.05)
    async with database.reading(caller="modest", seconds=5) as reader:
        assert await reader.value(_ONE) == 1
    assert not held  # nobody had to end for it
    await asyncio.gather(*searches)
    assert len(held) == 12


async def test_a_caller_waits_in_turn_and_leaves_nothing_behind() -> None:
    shares, order = Shares(5), []

    async def take(number: int) -> None:
        await shares.take("a")
        order.append(number)

    for number in range(4):
        await take(number)
    waiting = [asyncio.create_task(take(number)) for number in range(4, 8)]
    await asyncio.sleep(0)
    assert order == [0, 1, 2, 3]
    await shares.take("b")
    waiting[0].cancel()
    await asyncio.sleep(0)
    for _ in range(4):
        shares.give("a")
        await asyncio.sleep(0)
    assert order == [0, 1, 2, 3, 5, 6, 7]
    shares.give("b")
    for _ in range(3):
        shares.give("a")
    assert shares._held == {} and shares._waiting == {}
