"""The parts of the fault programs: workers to kill and restart, a receiver's record, an empty database."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from tests import postgres
from tests.delivery.receivers import Behaviour, Received, Receiver, answering, listening
from tests.live import ROOT, START_SECONDS, Live, new_key, serve

ENVIRONMENT = {
    "KAM_WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
    "KAM_WEBHOOK_TIMEOUT_SECONDS": "1",  # a lease of a dead worker is free after two seconds
    "KAM_DELIVERY_POLL_SECONDS": "0.2",
    "KAM_SECRET_KEY": "only-for-these-tests-32-characters",
    "KAM_LOG_LEVEL": "error",
}


def program(
    text: str | None,
    run: Callable[..., Coroutine[Any, Any, dict[str, Any]]],
    is_well: Callable[[dict[str, Any]], bool],
    **options: Any,
) -> int:
    """Run a fault program from the command line; `options` are the arguments of `run` with their defaults. Prints the
    result as JSON. Returns 0 when it is as expected, else 1.
    """
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in options.items():
        kinds = ("sqlite", "postgresql") if name == "database" else None
        parser.add_argument(f"--{name}", type=type(usual), default=usual, choices=kinds)
    result = asyncio.run(run(**vars(parser.parse_args())))
    print(json.dumps(result, indent=1))
    return 0 if is_well(result) else 1


@dataclass
class Worker:
    """A `kam worker` that is restarted when it was killed."""

    url: str
    folder: str
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, for the first time or again."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("KAM_")}
        environment = own | ENVIRONMENT | {**self.environment, "KAM_DATABASE_URL": self.url, "PYTHONPATH": str(ROOT)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service", "worker"], cwd=self.folder, env=environment, stdout=log, stderr=log
            )

    @property
    def log(self) -> Path:
        """The output of all its processes."""
        return Path(self.folder, f"log {id(self)}")

    def wait_until_it_works(self) -> None:
        """Wait until it reports that it runs. Raises RuntimeError with its log after a minute."""
        deadline = time.monotonic() + START_SECONDS
        while "kam: worker on" not in self.log.read_text():
            if time.monotonic() > deadline or (self.process is not None and self.process.poll() is not None):
                raise RuntimeError(f"kam worker did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill the process and start another one."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()

    def stop(self) -> None:
        """Stop the process in order."""
        assert self.process is not None
        self.process.terminate()
        self.process.wait(30)


@dataclass
class Record:
    """The calls that the receiver got."""

    calls: Counter[str] = field(default_factory=Counter)
    bodies: dict[str, bytes] = field(default_factory=dict)
    order: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    complaints: list[str] = field(default_factory=list)

    def disordered(self) -> list[str]:
        """Return the accounts whose events arrived out of order, judged by the first call of each event."""
        return [account for account, versions in self.order.items() if versions != sorted(versions)]

    async def behave(self, writer: asyncio.StreamWriter, request: Received) -> None:
        """Record a call and answer 204."""
        self.take(request)
        await answering(204, b"")(writer, request)

    def take(self, request: Received) -> None:
        """Record one call."""
        identifier = request.headers["webhook-id"]
        self.calls[identifier] += 1
        if self.bodies.setdefault(identifier, request.body) != request.body:
            self.complaints.append(f"two bodies under {identifier}")
        if self.calls[identifier] == 1:
            account = json.loads(request.body)["data"]["account"]
            self.order[account["id"]].append(account["version"])


@dataclass
class Service:
    """A service under test: its API, its workers, and the receiver they call."""

    client: httpx.AsyncClient
    workers: list[Worker]
    receiver: Receiver
    live: Live


@asynccontextmanager
async def serving(
    url: str, workers: int, behave: Behaviour, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Service]:
    """Run the API and the workers as processes and a receiver in this one, for the length of a block."""
    key, more = new_key(), dict(environment or {})
    with tempfile.TemporaryDirectory(prefix="kam-workers-") as folder:
        server = serve(url, "--no-worker", key=key, environment=ENVIRONMENT | more)
        live = await asyncio.to_thread(server.__enter__)
        started = [Worker(url, folder, more) for _ in range(workers)]
        try:
            async with (
                listening(behave) as receiver,
                httpx.AsyncClient(base_url=live.url, headers=live.headers, timeout=60) as client,
            ):
                for worker in started:
                    worker.start()
                await asyncio.gather(*(asyncio.to_thread(worker.wait_until_it_works) for worker in started))
                yield Service(client, started, receiver, live)
                for worker in started:
                    await asyncio.to_thread(worker.stop)
        finally:
            for worker in started:
                if worker.process is not None and worker.process.poll() is None:
                    worker.process.kill()
            await asyncio.to_thread(server.__exit__, None, None, None)


@contextmanager
def a_database(kind: str) -> Iterator[str]:
    """Yield the URL of an empty database."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="kam-faults-", ignore_cleanup_errors=True) as folder:
            yield f"sqlite:///{folder}/kam.db"
        return
    with postgres.ensure_postgres() as server:
        yield postgres.create_database(server, f"faults_{os.getpid()}")


async def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    """Run a query on a connection of our own."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.partition(":///")[2], timeout=30)
        found = connection.execute(query).fetchall()
        connection.close()
        return found
    session = await asyncpg.connect(url)
    found = [tuple(row) for row in await session.fetch(query)]
    await session.close()
    return found


async def check_replays(url: str, record: Record, *, at_rest: bool = False) -> dict[str, int]:
    """Check that each replay that reached an event's position sent it at most once, with delivery numbers without a gap
    and at least one call per delivery. With `at_rest` exactly once; otherwise a replay skips events that are still
    open.
    """
    jobs = await rows(url, "SELECT params FROM jobs WHERE kind = 'webhook_replay' AND state = 'succeeded'")
    ends = [int((json.loads(params) if isinstance(params, str) else params)["end"]) for (params,) in jobs]
    numbers: dict[str, list[int]] = defaultdict(list)
    places: dict[str, int] = {}
    query = "SELECT event_id, event_position, replay_no FROM deliveries ORDER BY replay_no"
    for event, place, number in await rows(url, query):
        numbers[str(event)].append(number)
        places[str(event)] = place
    wrong = 0
    for event, found in numbers.items():
        due = sum(places[event] <= end for end in ends)
        made = len(found) - (found[0] == 0)
        gapless = found == list(range(found[0], found[0] + len(found)))
        wrong += not gapless or made > due or (at_rest and made != due) or record.calls[event] < len(found)
    return {"jobs": len(jobs), "deliveries": sum(map(len, numbers.values())), "wrong": wrong}
