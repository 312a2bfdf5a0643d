"""`kam serve` and `kam worker` as processes: the first start, the port, the end."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each starts processes

ROOT = Path(__file__).parents[2]


@contextmanager
def started(folder: Path, *arguments: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """A kam process in an empty folder; killed at the end if it is still there."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("KAM_")}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "service", *arguments],
        cwd=folder,
        env={**own, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its children too: one that lived on would hold the pipes open
        process.communicate()


def line(process: "subprocess.Popen[str]", start: str) -> str:
    """The next line of its standard output that begins so."""
    assert process.stdout is not None
    for found in process.stdout:
        if found.startswith(start):
            return found.strip()
    raise AssertionError(f"no line begins with {start}: {process.stderr.read() if process.stderr else ''}")


def asked(url: str, key: str | None = None) -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_first_start_prints_one_key_that_works_and_the_second_prints_none(tmp_path: Path):
    with started(tmp_path, "serve", "--port", "0") as process:
        key = line(process, "The first admin key").rpartition(" ")[2]
        address = re.search(r"http://127\.0\.0\.1:\d+", line(process, "Serving"))
        assert address
        assert re.fullmatch(r"kam_[A-Za-z0-9_-]{43}", key)
        assert asked(f"{address[0]}/readyz") == 200
        assert asked(f"{address[0]}/v1/accounts") == 401
        assert asked(f"{address[0]}/v1/accounts", key) == 200
        with started(tmp_path, "serve", "--port", address[0].rpartition(":")[2]) as second:
            _, told = second.communicate(timeout=30)
            assert second.returncode == 1
            assert "is in use" in told
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    with started(tmp_path, "serve", "--port", "0", "--no-worker") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Serving")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_the_first_key_can_be_set_and_is_not_printed(tmp_path: Path):
    key = "kam_" + "b" * 43
    with started(tmp_path, "serve", "--port", "0", KAM_BOOTSTRAP_KEY=key) as process:
        assert "KAM_BOOTSTRAP_KEY" in line(process, "The first admin key")
        address = re.search(r"http://127\.0\.0\.1:\d+", line(process, "Serving"))
        assert address
        assert asked(f"{address[0]}/v1/accounts", key) == 200


def test_a_first_key_that_does_not_look_like_one_is_refused(tmp_path: Path):
    with started(tmp_path, "serve", "--port", "0", KAM_BOOTSTRAP_KEY="hunter2") as process:
        out, told = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "KAM_BOOTSTRAP_KEY must be" in told
    assert "hunter2" not in out + told


def test_several_processes_answer_on_one_port(tmp_path: Path):
    with started(tmp_path, "serve", "--port", "0", "--workers", "2", "--no-worker") as process:
        address = re.search(r"http://127\.0\.0\.1:\d+", line(process, "Serving"))
        assert address
        assert asked_until(f"{address[0]}/readyz") == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_worker_runs_alone_until_it_is_told_to_stop(tmp_path: Path):
    with started(tmp_path, "worker") as process:
        assert process.stderr is not None
        for found in process.stderr:
            if found.startswith("kam: worker on"):
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def asked_until(url: str) -> int:
    """The answer of a service that is still starting."""
    until = time.monotonic() + 20
    while True:
        try:
            return asked(url)
        except (urllib.error.URLError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
