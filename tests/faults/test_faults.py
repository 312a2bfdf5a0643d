"""The short versions of the fault programs."""

from __future__ import annotations

import secrets

import pytest

from tests.faults import hanging, kills, refusing, replays, restart, syncing
from tests.postgres import PostgresUnavailable


@pytest.mark.slow
@pytest.mark.parametrize(("database", "workers"), [("sqlite", 2), ("postgresql", 2)])
async def test_kills_at_seven_points_lose_nothing(database: str, workers: int) -> None:
    result = await kills.run(database, workers, 1, secrets.randbits(32))
    print(result)
    assert kills.is_well(result), result
    assert set(result["kills"]) >= set(kills.POINTS) and result["jobs"] == ["succeeded"]


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_a_replay_whose_workers_are_killed_sends_everything_once(database: str) -> None:
    result = await replays.run(database, workers=2, events=3000, kills=1)
    print(result)
    assert replays.is_well(result), result
    assert len(result["killed_when_done"]) == 1 and 0 < result["killed_when_done"][0] < 3000


@pytest.mark.slow
async def test_postgresql_restarts_under_load() -> None:
    try:
        result = await restart.run(restarts=2, workers=2, writes=240)
    except PostgresUnavailable as error:
        pytest.skip(str(error))
    print(result)
    assert restart.is_well(result), result
    assert result["answers"].get("503", 0) > 0


@pytest.mark.slow
async def test_endpoints_that_hang_do_not_hold_up_the_others() -> None:
    result = await hanging.run("sqlite", endpoints=50, hanging=10, events=4)
    print(result)
    assert result["with"]["calls"] == result["without"]["calls"] and result["with"]["hung"] > 0
    assert (
        result["with"]["p95_ms"] < 10_000
    )  # far below the 20 s of the hanging endpoints; the program itself measures the figure


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_records_that_are_refused_do_not_hold_up_the_others(database: str) -> None:
    result = await refusing.run(database, workers=1, refused=12, others=40)
    print(result)
    assert refusing.is_well(result), result


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_a_sync_beside_writers_and_batches_loses_nothing_and_no_time_goes_back(database: str) -> None:
    result = await syncing.run(database, seconds=6, writers=8)
    print(result)
    assert syncing.is_well(result), result
