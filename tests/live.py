"""Runs the real service as a process of its own, for judges that speak HTTP: `with serve(folder) as live: live.url`.

Tests of single operations don't need it: they call the application in-process (conftest.py).
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.postgres import free_port

ROOT = Path(__file__).parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Live:
    """A running service: its address without a trailing slash, an admin key, its process and what it has logged."""

    url: str
    key: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def headers(self) -> dict[str, str]:
        """The header that authenticates as the admin."""
        return {"Authorization": f"Bearer {self.key}"}

    def logged(self, characters: int = 4000) -> str:
        """The end of its output."""
        return self.log.read_text(errors="replace")[-characters:]


def new_key() -> str:
    """A value that looks like an API key: the prefix and 256 random bits."""
    return "kam_" + secrets.token_urlsafe(32)


@contextmanager
def serve(
    database: str | Path,
    *options: str,
    key: str | None = None,
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Live]:
    """Run `kam serve` on a PostgreSQL URL, or on SQLite in the folder `database`, until the block ends.

    `options` are added to the command, `environment` to its variables (nothing of ours that begins with KAM_ gets in).
    With the `key` and `port` of an earlier run it comes back as the same service.
    Yields once `/readyz` answers 200. Raises RuntimeError with its log when it doesn't start within a minute, or
    doesn't end within 20 seconds of SIGTERM.
    """
    key = key or new_key()
    with tempfile.TemporaryDirectory(prefix="kam-live-", ignore_cleanup_errors=True) as scratch:
        log = Path(scratch) / "log"
        port = port or free_port()
        command = [sys.executable, "-m", "service", "serve", "--host", "127.0.0.1", "--port", str(port), *options]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=scratch,  # no .env of a developer's checkout
                env=_environment(database, key, environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        live = Live(f"http://127.0.0.1:{port}", key, process, log)
        try:
            _wait_until_ready(live)
            yield live
        finally:
            _stop(live)


def _environment(database: str | Path, key: str, more: Mapping[str, str]) -> dict[str, str]:
    url = database if isinstance(database, str) and "://" in database else f"sqlite:///{Path(database, 'kam.db')}"
    own = {name: value for name, value in os.environ.items() if not name.startswith("KAM_")}
    set_up = {
        "KAM_DATABASE_URL": str(url),
        "KAM_BOOTSTRAP_KEY": key,
        "KAM_SECRET_KEY": "only-for-these-tests-32-characters",
    }
    return {**own, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **set_up, **more}


def _wait_until_ready(live: Live) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if live.process.poll() is not None:
            raise RuntimeError(f"kam serve ended with {live.process.returncode}:\n{live.logged()}")
        try:
            with urllib.request.urlopen(f"{live.url}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    raise RuntimeError(f"kam serve was not ready within {START_SECONDS:.0f} s:\n{live.logged()}")


def _stop(live: Live) -> None:
    live.process.terminate()
    try:
        live.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        live.process.kill()
        live.process.wait()
        raise RuntimeError(f"kam serve did not end within {STOP_SECONDS:.0f} s:\n{live.logged()}") from None
