"""A service that is killed with SIGKILL at chosen moments and comes back as the same one, on the same database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from tests.live import Live, new_key, serve
from tests.postgres import free_port


class Victim:
    """A running service with an address and a key that outlive its process."""

    def __init__(self, database: str | Path, environment: Mapping[str, str]) -> None:
        self.key, self.port = new_key(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.deaths: list[str] = []
        """Why it was killed, once for each time."""
        self._database, self._environment = database, environment
        self._process = ExitStack()
        self._live: Live | None = None
        self._coming_back: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether it answers, as far as is known here."""
        return self._live is not None

    async def start(self) -> None:
        """Start it; returns when it is ready."""
        running = serve(self._database, key=self.key, port=self.port, environment=self._environment)
        self._live = await asyncio.to_thread(self._process.enter_context, running)

    async def kill(self, why: str) -> None:
        """Kill it where it stands, and have it come back while the caller goes on."""
        if self._live is None:
            return
        live, self._live = self._live, None
        self.deaths.append(why)
        live.process.kill()
        await asyncio.to_thread(live.process.wait)
        self._coming_back = asyncio.create_task(self._come_back())

    async def _come_back(self) -> None:
        await self.end()
        await self.start()

    async def end(self) -> None:
        """Stop it in order."""
        self._live = None
        await asyncio.to_thread(self._process.close)

    async def settled(self) -> None:
        """Wait until it is back; raises what kept it from starting."""
        if self._coming_back is not None:
            await self._coming_back


@asynccontextmanager
async def killable(database: str | Path, environment: Mapping[str, str]) -> AsyncIterator[Victim]:
    """Run a service that may be killed in the block."""
    victim = Victim(database, environment)
    await victim.start()
    try:
        yield victim
    finally:
        try:
            await victim.settled()
        finally:
            await victim.end()
