"""What the commands share with the person at the terminal: settings, failures in words, plain lines."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg
from pydantic import ValidationError

from service.framework.database.migrate import MigrationRefused
from service.platform.errors import KamError
from service.platform.settings import Settings

FAILED, MISUSED = 1, 2
Answer = TypeVar("Answer")


class Problem(Exception):
    """Something the person can mend; the text is all they see, and `exit_code` is what a script sees."""

    def __init__(self, text: str, exit_code: int = FAILED) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def read_settings(**given: Any) -> Settings:
    """The settings, with what was given on the command line above the environment. Raises Problem that names each
    wrong one.
    """
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = [
            f"{'.'.join(str(part) for part in found['loc'][:1])}".upper() + f": {found['msg']}"
            for found in error.errors(include_url=False, include_input=False)
        ]
        raise Problem("settings: " + "; ".join(f"KAM_{line}" for line in wrong), MISUSED) from None


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a command's asynchronous part."""
    return asyncio.run(work)


def say(text: str = "") -> None:
    """A line for the person, on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A line beside the result, on standard error: it never gets into a file that the result is sent to."""
    sys.stderr.write(f"kam: {text}\n")
    sys.stderr.flush()


def shown_database(settings: Settings) -> str:
    """The database without user and password."""
    if settings.embedded:
        return settings.sqlite_path
    return "postgresql://" + settings.postgres_url.partition("://")[2].rpartition("@")[2]


def explain(error: Exception) -> str | None:
    """A failure in words, or None where it is a defect and its traceback is wanted."""
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
