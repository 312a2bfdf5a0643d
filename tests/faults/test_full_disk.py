"""A disk that is full: writes are refused, reads go on, and with room again everything works without a restart."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from service.records.context import Services
from tests.live import serve


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Use every byte that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4_096):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue
    return ballast


@pytest.mark.slow
def test_writes_wait_for_room_and_reads_go_on(small_disk: Path) -> None:
    with (
        serve(small_disk, "--no-worker") as live,
        httpx.Client(base_url=live.url, headers=live.headers, timeout=30) as client,
    ):
        client.post("/v1/accounts", json={"name": "Before"}).raise_for_status()
        ballast = fill(small_disk)
        answers = [client.post("/v1/accounts", json={"name": "x" * 200}) for _ in range(200)]
        refused = [answer for answer in answers if answer.status_code != 201]
        assert refused, "the disk never was full"
        assert {answer.status_code for answer in refused} == {503}
        assert {answer.json()["code"] for answer in refused} == {"unavailable"}
        assert "disk is full" in refused[0].json()["detail"]
        assert refused[0].headers["retry-after"].isdigit()
        document = 'mutation { createAccount(input: {name: "y"}) { account { id } } }'
        error = client.post("/graphql", json={"query": document}).json()["errors"][0]
        assert error["extensions"]["code"] == "unavailable"
        assert client.get("/readyz").status_code == 503
        names = [each["name"] for each in client.get("/v1/accounts?q=before").json()["items"]]
        assert names == ["Before"]
        made = sum(answer.status_code == 201 for answer in answers)
        os.remove(ballast)
        assert client.post("/v1/accounts", json={"name": "After"}).status_code == 201
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/accounts?count=exact").json()["count"] == 2 + made


async def test_postgresql_says_so_too(
    client: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    if services.database.kind != "postgresql":
        pytest.skip("SQLite has a real disk of its own in the other test")

    async def full(*_: object, **__: object) -> object:
        raise asyncpg.DiskFullError("could not extend file")

    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.Connection, "fetch", full)
        answer = await client.patch("/v1/accounts/01900000-0000-7000-8000-000000000000", json={"name": "x"})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "10")
    assert (await client.get("/readyz")).status_code == 503
    (await client.post("/v1/accounts", json={"name": "After"})).raise_for_status()
    assert (await client.get("/readyz")).status_code == 200
