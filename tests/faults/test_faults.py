"""The short versions of the fault programs."""

from __future__ import annotations

import secrets

import pytest

from tests.faults import kills, replays


@pytest.mark.slow
@pytest.mark.parametrize(("database", "workers"), [("sqlite", 2), ("postgresql", 2)])
async def test_kills_at_seven_points_lose_nothing(database: str, workers: int) -> None:
    told = await kills.run(database, workers, 1, secrets.randbits(32))
    print(told)
    assert kills.is_well(told), told
    assert set(told["kills"]) >= set(kills.POINTS) and told["jobs"] == ["succeeded"]


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_a_replay_whose_workers_are_killed_sends_everything_once(database: str) -> None:
    told = await replays.run(database, workers=2, events=3000, kills=1)
    print(told)
    assert replays.is_well(told), told
    assert len(told["killed_when_done"]) == 1 and 0 < told["killed_when_done"][0] < 3000
