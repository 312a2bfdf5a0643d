"""The short versions of the fault programs."""

from __future__ import annotations

import secrets

import pytest

from tests.faults import kills


@pytest.mark.slow
@pytest.mark.parametrize(("database", "workers"), [("sqlite", 2), ("postgresql", 2)])
async def test_kills_at_seven_points_lose_nothing(database: str, workers: int) -> None:
    told = await kills.run(database, workers, 1, secrets.randbits(32))
    print(told)
    assert kills.is_well(told), told
    assert set(told["kills"]) >= set(kills.POINTS) - {"replay"}
