"""Start the servers that are measured, and read CPU time and memory of a process with its children from /proc."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Running:
    """A started server: its port, its process, and the seconds from its start to its first answer."""

    port: int
    process: subprocess.Popen[bytes]
    started_in: float
    log: Path

    @property
    def pid(self) -> int:
        """The process that all others of this server descend from."""
        return self.process.pid


def python_of(checkout: Path) -> str:
    """The Python of a checkout's .venv; this process's own for this checkout, or where there is no .venv."""
    python = checkout / ".venv" / "bin" / "python"
    return str(python) if checkout != ROOT and python.exists() else sys.executable


@contextmanager
def running(
    arguments: Sequence[str], port: int, ready: str, environment: Mapping[str, str], checkout: Path = ROOT
) -> Iterator[Running]:
    """Run `python -m ...` of a checkout until the block ends, with that checkout's .venv if it has one. Yields when
    `ready` (a path) is answered with anything but a 5xx.
    """
    with started(
        [python_of(checkout), "-m", *arguments], port, ready, {"PYTHONPATH": str(checkout), **environment}
    ) as server:
        yield server


@contextmanager
def started(command: Sequence[str], port: int, ready: str, environment: Mapping[str, str]) -> Iterator[Running]:
    """Run a command in an empty folder until the block ends; yields when `ready` is answered as above."""
    with tempfile.TemporaryDirectory(prefix="kam-bench-") as folder:
        log = Path(folder, "log")
        own = {name: value for name, value in os.environ.items() if not name.startswith("KAM_")}
        own.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed service has its bytecode: the first start writes it
        own |= environment
        with log.open("wb") as output:
            begun = time.perf_counter()
            process = subprocess.Popen(
                command, cwd=folder, env=own, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            _wait(process, port, ready, log)
            yield Running(port, process, time.perf_counter() - begun, log)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    deadline = time.perf_counter() + START_SECONDS
    while time.perf_counter() < deadline and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status < 500:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.005)
    raise RuntimeError(f"no answer on {path}:\n{log.read_text(errors='replace')[-3000:]}")


def descendants(pid: int) -> list[int]:
    """A process and everything below it."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, at = [pid], 0
    while at < len(found):
        found += children.get(found[at], [])
        at += 1
    return found


def cpu_seconds(pid: int) -> float:
    """The CPU time, user and system, that a process and its living descendants have used."""
    return sum(int(f[11]) + int(f[12]) for each in descendants(pid) if (f := _stat(each))) / _TICKS


def memory(pid: int) -> dict[str, float]:
    """Resident and proportional megabytes (10^6 bytes) of a process and its descendants."""
    resident = proportional = 0
    for each in descendants(pid):
        if fields := _stat(each):
            resident += int(fields[21]) * _PAGE
        try:
            text = Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        proportional += sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return {"rss_mb": resident / 1e6, "pss_mb": proportional / 1e6}


def parent(pid: int) -> int | None:
    """The process that started this one; None when it is not on this machine."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name, or nothing when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()
