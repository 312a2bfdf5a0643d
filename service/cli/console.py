"""Settings, failures in words and plain lines for the person at the terminal."""

import socket
import sqlite3
import sys
from typing import Any

import asyncpg
from pydantic import ValidationError

from service.framework.database.migrate import MigrationRefused
from service.platform.errors import KamError
from service.platform.settings import Settings

FAILED, MISUSED = 1, 2


class Problem(Exception):
    """A failure that the person can correct: `text` is shown, and the process ends with `exit_code`."""

    def __init__(self, text: str, exit_code: int = FAILED) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def read_settings(**given: Any) -> Settings:
    """Return the settings, with options of the command line above the environment. Raises Problem that names each wrong
    one.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = [
            f"{'.'.join(str(part) for part in found['loc'][:1])}".upper() + f": {found['msg']}"
            for found in error.errors(include_url=False, include_input=False)
        ]
        raise Problem("settings: " + "; ".join(f"KAM_{line}" for line in wrong), MISUSED) from None


def say(text: str = "") -> None:
    """Print a line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print a line on standard error, so that it never enters a file to which the result is redirected."""
    sys.stderr.write(f"kam: {text}\n")
    sys.stderr.flush()


def shown_database(settings: Settings) -> str:
    """Return the database's URL without user and password."""
    if settings.embedded:
        return settings.sqlite_path
    return "postgresql://" + settings.postgres_url.partition("://")[2].rpartition("@")[2]


def explain(error: Exception) -> str | None:
    """Return a failure in words, or None for a defect, whose traceback should be shown."""
    match error:
        case MigrationRefused():
            return str(error)
        case KamError():
            members = [f"{one.pointer or one.parameter}: {one.message}" for one in error.errors]
            return "; ".join([error.detail or error.title, *members])
        case sqlite3.OperationalError() | sqlite3.DatabaseError():
            return f"the embedded database: {error}"
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidCatalogNameError():
            return f"PostgreSQL refused the connection: {error}"
        case asyncpg.PostgresError():
            return f"PostgreSQL: {error}"
        case ConnectionError() | TimeoutError() | socket.gaierror():
            return f"the database can't be reached: {error}"
        case OSError():
            named = f" {error.filename}" if error.filename else ""
            return f"{error.strerror or error}{named}"
        case ValueError() if "KAM_" in str(error):
            return str(error)
    return None
