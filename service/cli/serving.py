"""Migrate the database, make the first admin key, and serve until the process is stopped (`kam serve`)."""

import asyncio
import errno
import os
import signal
import socket
import sys
from functools import partial
from typing import Annotated, Any

import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from service import app as application
from service.cli import demo as year
from service.cli.console import FAILED, Problem, read_settings, say
from service.cli.session import session, wait_for_database
from service.framework.web.connections import SERVER_OPTIONS
from service.operations.access.api_keys import ensure_first_key
from service.platform.long_running import LOOP
from service.platform.settings import Settings
from service.records.context import Services

APPLICATION = f"{application.__name__}:{application.create_app.__name__}"
GRACE_SECONDS = 10  # seconds that running requests get to finish
BACKLOG = 2048


def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on. 0.0.0.0 listens on every address of this machine.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on. 0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Number of processes that answer requests.")] = 1,
    worker: Annotated[
        bool | None,
        typer.Option("--worker/--no-worker", help="Whether these processes also deliver webhooks and run jobs."),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Load a demo portfolio with a year of history into an empty database.")
    ] = False,
) -> None:
    """Serve REST, GraphQL and the docs."""
    settings = read_settings(worker=worker)
    if worker is not None:  # the application reads its settings itself, in this process or in its children
        os.environ["KAM_WORKER"] = str(worker).lower()
    listening = listen(host, port)
    asyncio.run(prepare(settings, demo=demo))
    config = uvicorn.Config(
        APPLICATION,
        factory=True,
        loop=LOOP,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        workers=workers,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
        **SERVER_OPTIONS,
    )
    address = address_of(listening)
    server = Server(config, address)
    if workers > 1:
        say(f"Serving {address} with {workers} processes; the reference is at {address}/docs")
        Multiprocess(config, sockets=[listening]).run()
        return
    # uvicorn raises the signal again after it has stopped; by default that would end the process as a failure
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    server.run(sockets=[listening])
    if not server.started:
        sys.exit(FAILED)


class Server(uvicorn.Server):
    """A uvicorn server that prints its address once it listens."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self.address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then print the address."""
        await super().startup(sockets)
        if self.started and self.config.workers == 1:
            say(f"Serving {self.address}; the reference is at {self.address}/docs")


async def prepare(settings: Settings, *, demo: bool = False) -> None:
    """Prepare the database before anything is served: the tables, a scoring model, and one admin key, which is shown
    once.
    """
    await wait_for_database(settings)
    async with session(settings) as services:
        if demo:
            await load_demo(services)
        key = await ensure_first_key(services, settings.bootstrap_key)
    if key is not None and settings.bootstrap_key is None:
        say(f"The first admin key, shown this once: {key}")
    elif key is not None:
        say("The first admin key is the value of KAM_BOOTSTRAP_KEY")


async def load_demo(services: Services) -> None:
    """Load the demo's portfolio with a progress bar on a terminal. Says so when the database has accounts already."""
    from rich.console import Console  # noqa: PLC0415 - some megabytes that a start without the demo does not need
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Making the demo's year", total=None)
        advance = partial(_advance, bar, task)
        loaded = await year.load(services, advance)
    say(f"Loaded a demo portfolio of {loaded} accounts" if loaded else "There are accounts already: no demo was loaded")


def _advance(bar: Any, task: Any, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address. Raises Problem when the port is in use or the address is not this
    machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror:
        raise Problem(
            f"{host} is no address of this machine; use --host 127.0.0.1, or --host 0.0.0.0 for every address"
        ) from None
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise Problem(f"port {port} is in use; choose another with --port, or --port 0 for a free one") from None
        raise Problem(f"can't listen on {host} port {port}: {error.strerror}") from None
    listening.set_inheritable(True)
    return listening


def address_of(listening: socket.socket) -> str:
    """Return the address to open in a browser."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{host}:{port}"
