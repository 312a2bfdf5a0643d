"""What every test shares: both databases, migrated once and copied per test, and clients that come in where users do.

A test that takes `services` or `client` runs twice, on SQLite and on a real PostgreSQL. Where no PostgreSQL can be
found or started, that half is skipped with the reason printed.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import sqlalchemy as sa

from service.access.api_keys import new_key
from service.app import create_app
from service.events.catalogue import catalogue
from service.events.feed.sequencer import sequence
from service.events.schemas import schema, strict
from service.framework.database.database import Database
from service.framework.database.migrate import ensure_migrated
from service.framework.database.statements import Statement
from service.framework.graph import router
from service.framework.graph.edges import Graph
from service.framework.graph.schema import schema_of
from service.models.access.api_keys import ApiKeyCreate
from service.models.events.events import events
from service.operations.access.api_keys import create_api_key
from service.platform.clock import SetClock
from service.platform.errors import Unavailable
from service.platform.long_running import keep_what_lives
from service.platform.settings import Settings
from service.records.context import _IN_OPERATION, Context, Services, system_context
from service.records.services import make_services
from tests import postgres
from tests.databases import Databases
from tests.positions import without_position

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_LONG_FOLDERS = ("bench", "conformance", "faults", "migrations", "real_input")
_OWN_PACE = ("cli/", "delivery/", "jobs/", "api/events/test_streams.py", "graphql/test_subscriptions.py")
"""Tests that start processes or wait for calls: `--quick` leaves them out, unless it measures coverage."""
_SERVER = "KAM_TEST_POSTGRES_URL"
_TOLD = Statement(sa.select(events.c.body).order_by(events.c.seq))
_started = pytest.StashKey[postgres.Server]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--quick` is what a developer runs again and again."""
    parser.addoption("--quick", action="store_true", help="SQLite only, and nothing that takes more than a moment")
    parser.addoption("--in-conflict", action="store_true", help="End the first transaction of every operation")


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL once, in the controller; the workers of xdist inherit its address."""
    absent = config.option.collectonly or config.option.quick
    if hasattr(config, "workerinput") or os.environ.get(_SERVER) or absent:
        return
    try:
        server = postgres.start()
    except postgres.PostgresUnavailable as error:
        os.environ["KAM_TEST_POSTGRES_ABSENT"] = str(error)
    else:
        config.stash[_started] = server
        os.environ[_SERVER] = server.url


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the long ones, so that no core waits for them at the end; `--quick` leaves them out."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if config.option.quick:
        left_out = [item for item in items if not _is_quick(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _is_quick(item)]


def _is_quick(item: pytest.Item) -> bool:
    """Whether `--quick` runs a test: not on PostgreSQL, not slow, in no folder of programs that take their time."""
    path = item.path.relative_to(Path(__file__).parent).as_posix()
    folder = path.partition("/")[0]
    parameters = getattr(getattr(item, "callspec", None), "params", {}).values()
    on_postgresql = any(isinstance(value, str) and value == "postgresql" for value in parameters)
    if path.startswith(_OWN_PACE) and not item.config.getoption("cov_source", None):
        return False
    return folder not in _LONG_FOLDERS and not on_postgresql and item.get_closest_marker("slow") is None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the PostgreSQL that was started."""
    server = config.stash.get(_started, None)
    if server is not None:
        server.stop()


def pytest_collection_finish() -> None:
    """What was imported and collected stays: it is not looked through for garbage over and over."""
    keep_what_lives()


@pytest.fixture
def anyio_backend() -> str:
    """The service runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "kam.db"
    asyncio.run(ensure_migrated(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """The name of a migrated PostgreSQL database to copy."""
    server = os.environ.get(_SERVER)
    if server is None:
        pytest.skip(f"no PostgreSQL: {os.environ.get('KAM_TEST_POSTGRES_ABSENT', 'none was started')}")
    name = f"template_{uuid.uuid4().hex}"
    asyncio.run(ensure_migrated(postgres.create_database(server, name)))
    yield name
    postgres.drop_database(server, name)


@pytest.fixture(scope="session")
def postgres_databases(postgres_template: str) -> Iterator[Databases]:
    """Copies of the migrated PostgreSQL database, for one test each."""
    made = Databases(os.environ[_SERVER], postgres_template)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty database of either kind."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "kam.db")
        yield f"sqlite:///{tmp_path / 'kam.db'}"
        return
    databases: Databases = request.getfixturevalue("postgres_databases")
    url = databases.take()
    yield url
    databases.put_back(url)


@functools.cache
def _schema_of(graph: Graph) -> Any:
    return schema_of(graph)


@pytest.fixture(autouse=True)
def one_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the applications of all tests share one GraphQL schema, which takes a second to build."""

    def kept(graph: Graph, extensions: Iterable[Any] = ()) -> Any:
        return schema_of(graph, extensions=extensions) if extensions else _schema_of(graph)

    monkeypatch.setattr(router, "schema_of", kept)


@pytest.fixture(autouse=True)
def in_conflict(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--in-conflict`, let each operation's first transaction end before its commit, as by 40P01."""
    if not request.config.option.in_conflict:
        return
    for door in ("opened", "single"):
        open_door: Any = getattr(Context, door)

        @asynccontextmanager
        async def conflicting(ctx: Context, *arguments: Any, open_door: Any = open_door) -> AsyncIterator[Any]:
            before = ctx.services.database.statements
            async with open_door(ctx, *arguments) as tx:
                if arguments:  # one statement, which has no commit of its own
                    _end_once(ctx, before)
                yield tx
                _end_once(ctx, before)

        monkeypatch.setattr(Context, door, conflicting)


def _end_once(ctx: Context, statements: int) -> None:
    """Raise as the database does, once for each caller's operation; forget the statements of that transaction."""
    if _IN_OPERATION.get() and not vars(ctx).get("ended_once"):
        vars(ctx)["ended_once"] = True
        ctx.services.database.statements = statements
        raise Unavailable("in conflict", in_conflict=True)


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings for tests: no worker (tests run it when they want it), no limits, loopback receivers allowed."""
    return Settings(
        _env_file=None,
        database_url=database_url,
        secret_key="a key of 32 characters for tests",
        sqlite_synchronous="off",
        worker=False,
        access_log=False,
        rate_limit=0,
        webhook_allowed_networks=["127.0.0.0/8"],
    )


@pytest.fixture
def clock() -> SetClock:
    """A clock that stands at NOW until the test moves it."""
    return SetClock(NOW)


@pytest.fixture
async def services(settings: Settings, clock: SetClock, request: pytest.FixtureRequest) -> AsyncIterator[Services]:
    """An open database; the events that the test brought about are judged at its end."""
    made = make_services(settings, clock)
    await made.database.open()
    yield made
    if request.node.get_closest_marker("made_up_events") is None:
        await told_as_written_down(made.database)
        await sequence(made.database, clock)
        missing = await without_position(made.database)
        assert not missing, f"raised a version without a position: {missing[:3]}"
    await made.database.close()


async def told_as_written_down(database: Database) -> None:
    """Every event that a test brought about must fit its schema, closed: no member is told that is not written down."""
    async with database.reading(fresh=True) as reader:
        told = await reader.column(_TOLD)
    for body in told:
        event = json.loads(body)
        problems = [f"{error.instance_path}: {error.message}" for error in _judge(event["type"]).iter_errors(event)]
        assert not problems, (event["type"], problems)


@functools.cache
def _judge(event_type: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(strict(schema(catalogue()[event_type])))


@asynccontextmanager
async def serving(services: Services) -> AsyncIterator[Any]:
    """The application over open services; nothing listens on a port."""
    app = create_app(services.settings, services=services)
    yield app


@pytest.fixture
async def make_client(services: Services) -> AsyncIterator[Callable[..., Any]]:
    """Make a client: `await make_client("accounts:read", ...)` with a key of those scopes; without scopes, without a
    key.
    """
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(serving(services))

        async def make(*scopes: str) -> httpx.AsyncClient:
            headers = {}
            if scopes:
                value = new_key()
                await create_api_key(system_context(services), ApiKeyCreate(name="test", scopes=list(scopes)), value)
                headers["Authorization"] = f"Bearer {value}"
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url="http://kam.test", headers=headers)
            return await stack.enter_async_context(client)

        yield make


@pytest.fixture
async def client(make_client: Callable[..., Any]) -> httpx.AsyncClient:
    """A client that may do everything."""
    made: httpx.AsyncClient = await make_client("*")
    return made
