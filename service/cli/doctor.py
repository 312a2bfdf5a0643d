"""Show every setting with its source, and check what the service needs (`kam doctor`). It changes nothing."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import typer
from dotenv import dotenv_values
from rich.console import Console
from rich.table import Table

from service.cli.console import FAILED, explain, read_settings, shown_database
from service.framework.database.columns import Instant
from service.framework.database.database import Reader, opened
from service.framework.database.migrate import current_revision, revisions
from service.framework.database.statements import Statement
from service.models.events.events import events
from service.models.webhooks.endpoints import deliveries, webhook_endpoints
from service.platform.secrets import Secrets
from service.platform.settings import Settings
from service.records.services import make_database

SECRET = {"bootstrap_key", "secret_key"}
CLOCK_SECONDS = 5.0  # clocks further apart make keys expire and deliveries wait at the wrong time
BEHIND = timedelta(minutes=2)  # a delivery that is due for longer shows that no worker runs

_NOW = Statement(sa.select(sa.func.clock_timestamp(type_=Instant()).label("now")))
_SEALED = Statement(
    sa.select(webhook_endpoints.c.secret_encrypted)
    .where(webhook_endpoints.c.deleted_at.is_(None))
    .order_by(webhook_endpoints.c.created_at.desc())
    .limit(1)
)
_WAITING = Statement(sa.select(sa.func.min(events.c.occurred_at, type_=Instant()).label("since")).where(
    events.c.position.is_(None)
))  # fmt: skip
_DUE = Statement(
    sa.select(sa.func.min(deliveries.c.next_at, type_=Instant()).label("since")).where(
        deliveries.c.state == sa.literal_column("'pending'"), deliveries.c.behind.is_(sa.false())
    )
)
Found = tuple[bool, str, str]


def doctor() -> None:
    """Show the settings and check database, migrations, clock, secrets and worker."""
    settings = read_settings()
    console = Console(soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for heading in ("setting", "value", "from"):
        table.add_column(heading, overflow="fold")
    for row in shown(settings):
        table.add_row(*row)
    console.print(table)
    console.print()
    found = asyncio.run(checks(settings))
    for well, name, described in found:
        console.print(
            f"[{'green' if well else 'red'}]{'ok  ' if well else 'BAD '}[/] {name}: {described}", highlight=False
        )
    if not all(well for well, _, _ in found):
        raise typer.Exit(FAILED)


def shown(settings: Settings) -> list[tuple[str, str, str]]:
    """Return every setting: its name in the environment, its value (secrets masked) and its source."""
    environment = {name.upper() for name in os.environ}
    file = {name.upper() for name in dotenv_values(".env")} if Path(".env").is_file() else set()
    rows = []
    for name in Settings.model_fields:
        variable = f"KAM_{name.upper()}"
        source = "environment" if variable in environment else ".env" if variable in file else "default"
        rows.append((variable, _masked(name, getattr(settings, name)), source))
    return rows


def _masked(name: str, value: Any) -> str:
    if value is None or value == []:
        return "-"
    if name in SECRET:
        return f"set, {len(value)} characters"
    if name.endswith("_url") and "@" in str(value):
        scheme, _, rest = str(value).partition("://")
        return f"{scheme}://***@{rest.rpartition('@')[2]}"
    return ", ".join(value) if isinstance(value, list) else str(value)


async def checks(settings: Settings) -> list[Found]:
    """Return the result of every check: whether it passed, its name, and what was found."""
    found: list[Found] = []
    try:
        if settings.embedded and not _there(settings.sqlite_path):
            return [(True, "database", f"{settings.sqlite_path} does not exist yet; the first start makes it")]
        began = time.perf_counter()
        revision = await current_revision(settings.database_url)
        took = (time.perf_counter() - began) * 1000
        found.append((True, "database", f"{shown_database(settings)} answered in {took:.0f} ms"))
        newest = revisions()[-1]
        well = revision == newest
        found.append(
            (well, "migrations", f"at {revision}" if well else f"at {revision}, not {newest}: run `kam migrate`")
        )
        if revision is None:
            return found
        async with opened(make_database(settings)) as database, database.reading() as reader:
            async for one in _inside(settings, reader):
                found.append(one)
    except Exception as error:
        found.append((False, "database", explain(error) or f"{type(error).__name__}: {error}"))
    return found


def _there(path: str) -> bool:
    return Path(path).exists()


async def _inside(settings: Settings, reader: Reader) -> AsyncIterator[Found]:
    """Check what needs a migrated database: clock, secrets, worker."""
    if settings.embedded:
        yield True, "clock", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, the database's own"
    else:
        apart = abs((await reader.value(_NOW) - datetime.now(UTC)).total_seconds())
        yield apart < CLOCK_SECONDS, "clock", f"{apart:.1f} s between this machine and the database's"
    sealed = await reader.value(_SEALED)
    yield _secrets(settings, sealed)
    for name, statement, described in (
        ("events", _WAITING, "without a position in the feed"),
        ("deliveries", _DUE, "due and not sent"),
    ):
        since: datetime | None = await reader.value(statement)
        late = timedelta(0) if since is None else datetime.now(UTC) - since
        well = late < BEHIND
        words = "none is late" if well else f"the oldest is {described} for {late}: is a worker running?"
        yield well, f"worker, {name}", words


def _secrets(settings: Settings, sealed: str | None) -> Found:
    """Check whether stored secrets can be opened with the present key. Makes no key file."""
    file = Path(settings.sqlite_path + ".key") if settings.embedded else None
    if settings.secret_key is None and (file is None or not file.exists()):
        made = file is not None and sealed is None
        return (
            made,
            "secrets",
            "the key file is made on first use"
            if made
            else "KAM_SECRET_KEY is missing: set it to the key that sealed the secrets",
        )
    if sealed is None:
        return True, "secrets", "a key is set; no secret is sealed with it yet"
    try:
        Secrets(settings.resolved_secret_key()).open(sealed)
    except ValueError as error:  # the key file is too short
        return False, "secrets", str(error)
    except Exception:  # the cipher's error does not matter: either the key is another one, or the row was altered
        return False, "secrets", "the stored webhook secrets were sealed with another KAM_SECRET_KEY: set that key"
    return True, "secrets", "the key opens the stored webhook secrets"
