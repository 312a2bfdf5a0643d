"""The fixtures of the outside judges: the service running on each database, the node packages, and the switch."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.live import Live, serve

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
OPENAPI = ROOT / "openapi" / "openapi.json"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def judged() -> None:
    """Skips unless KAM_CONFORMANCE=1: the judges take minutes, so .ci/run calls them and a developer may."""
    if os.environ.get("KAM_CONFORMANCE") != "1":
        pytest.skip("outside judges run with KAM_CONFORMANCE=1 (as in .ci/run)")


@pytest.fixture(scope="session")
def node(judged: None) -> Run:
    """Runs `node script arguments...` where the npm packages are; skips when node or the packages are missing."""
    command = shutil.which("node")
    if command is None:
        pytest.skip("node is not installed")
    if not (HERE / "node_modules").is_dir():
        pytest.skip("the node packages are not installed: run `npm ci` in tests/conformance")

    def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, *map(str, arguments)], cwd=HERE, capture_output=True, text=True, timeout=300, **options
        )

    return run


@pytest.fixture(scope="session")
def openapi() -> Path:
    """The committed document; a test elsewhere holds it equal to the served one."""
    if not OPENAPI.exists():
        pytest.skip("openapi/openapi.json is not there yet: run `./kam contract`")
    return OPENAPI


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def live_server(
    judged: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    """The service as a process, on an empty database of each kind, without a limit on the rate of requests."""
    without_limit = {"KAM_RATE_LIMIT": "0", "KAM_ACCESS_LOG": "false"}
    if request.param == "sqlite":
        with serve(tmp_path_factory.mktemp("live"), environment=without_limit) as live:
            yield live
        return
    try:
        server = postgres.start()
    except postgres.PostgresUnavailable as reason:
        pytest.skip(str(reason))
    name = f"kam_conformance_{os.getpid()}"
    try:
        with serve(postgres.create_database(server.url, name), environment=without_limit) as live:
            yield live
        postgres.drop_database(server.url, name)
    finally:
        server.stop()
