"""The two doors to the database: `reading()` and `transaction()`, alike for PostgreSQL and for the embedded SQLite.

Why not SQLAlchemy's engine: its execution costs more than the query (see statements.py). Drivers are known here and
in the two modules beside it only.
Nothing holds a transaction open while it talks to the network: that is the callers' habit, and this module gives them
no way to hide one.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import orjson

from service.framework.database.statements import Statement
from service.platform.errors import Unavailable

Row = dict[str, Any]
FULL_SECONDS = 10


class ConstraintViolated(Exception):
    """The database refused a row: `kind` is unique, foreign_key, check or not_null; `constraint` its name where the
    database tells.
    """

    def __init__(self, kind: str, constraint: str | None) -> None:
        super().__init__(f"{kind} constraint violated: {constraint}")
        self.kind = kind
        self.constraint = constraint


@dataclass
class Resource:
    """A single resource as it leaves: the JSON bytes and the version that makes its ETag.

    `outcome` says what a write did (created, updated, unchanged, deleted ...); `replayed` that this is the stored
    answer of an earlier request with the
    same Idempotency-Key; `secret` that the document holds something shown once, which is stored sealed.
    """

    version: int
    body: bytes
    outcome: str = "read"
    replayed: bool = False
    secret: bool = False

    @classmethod
    def of(cls, version: int, data: dict[str, Any], outcome: str) -> Resource:
        """The resource of a document given as Python values."""
        resource = cls(version, orjson.dumps(data), outcome)
        resource.__dict__["data"] = data
        return resource

    @cached_property
    def data(self) -> dict[str, Any]:
        """The document as Python values (parsed once)."""
        return orjson.loads(self.body)  # type: ignore[no-any-return]

    @property
    def id(self) -> str:
        """The resource's identifier."""
        return str(self.data["id"])


@dataclass
class Page:
    """One page of a list, newest facts the caller asked for: documents, whether there is more, and the cursor that
    goes on.
    """

    items: list[str]
    next_cursor: str | None = None
    has_more: bool = False
    count: int | None = None
    cursors: list[str] | None = None

    @property
    def body(self) -> bytes:
        """The page as JSON: `{items, next_cursor, has_more[, count]}`."""
        tail: dict[str, str | bool | int | None] = {"next_cursor": self.next_cursor, "has_more": self.has_more}
        if self.count is not None:
            tail["count"] = self.count
        return b'{"items":[' + ",".join(self.items).encode() + b"]," + orjson.dumps(tail)[1:]


class Reader(Protocol):
    """What a reading can do."""

    async def one(self, statement: Statement, /, **values: Any) -> Row | None:
        """The first row, or None."""
        ...

    async def all(self, statement: Statement, /, **values: Any) -> list[Row]:
        """Every row."""
        ...

    async def raw(self, statement: Statement, /, **values: Any) -> tuple[list[Any], Callable[[Any], Row]]:
        """Every row as the driver gives it, columns in order, and what makes a Row of one: for lists, where most rows
        only pass through.
        """
        ...

    async def value(self, statement: Statement, /, **values: Any) -> Any:
        """The first column of the first row, or None."""
        ...

    async def column(self, statement: Statement, /, **values: Any) -> list[Any]:
        """The first column of every row."""
        ...


class Writer(Reader, Protocol):
    """What a transaction can do besides."""

    async def execute(self, statement: Statement, /, **values: Any) -> int:
        """Run a statement; the number of rows it touched."""
        ...

    async def many(self, statement: Statement, rows: Sequence[Row], /) -> None:
        """Run a statement once per row of values, in one go."""
        ...


class Database(ABC):
    """The interface of both databases; postgresql.py and sqlite.py each hold one."""

    kind: str = ""

    def __init__(self) -> None:
        self.statements = 0
        self._listeners: list[Callable[[], None]] = []
        self._full_at: float | None = None

    @abstractmethod
    async def open(self) -> None:
        """Connect; raises when the database can't be reached."""

    @abstractmethod
    async def close(self) -> None:
        """Let every connection go."""

    @abstractmethod
    def reading(
        self, *, fresh: bool = False, caller: str | None = None, seconds: float | None = None
    ) -> AbstractAsyncContextManager[Reader]:
        """A door for reads; may lead to a replica or to SQLite's reader pool. `fresh` asks for everything that is
        committed, so never for a replica, which lags. A `caller` holds at most its share of the connections (see
        shares.py). A statement that takes longer than `seconds` is ended, and raises Unavailable.
        """

    @abstractmethod
    def transaction(self, *, caller: str | None = None) -> AbstractAsyncContextManager[Writer]:
        """A door for writes: commits at the end, rolls back on an exception."""

    @abstractmethod
    def single(self, *, caller: str | None = None) -> AbstractAsyncContextManager[Writer]:
        """A door for reads and one writing statement that is a transaction by itself: on PostgreSQL without the three
        round trips of a lock, a begin and a commit. The statement must say what it expects of the rows it changes.
        """

    @abstractmethod
    async def hear(self, heard: Callable[[], None]) -> None:
        """Call `heard` when another process may have committed, until cancelled: a hint that saves waiting for a poll.
        It may come too often, and after a lost connection not at all for a while.
        """

    @abstractmethod
    async def tell(self) -> None:
        """Have other processes hear that this one committed."""

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit of this process: the in-process wake-up of the worker."""
        self._listeners.append(listener)

    @property
    def is_full(self) -> bool:
        """Whether a write found no room in the last ten seconds, and none has succeeded since."""
        return self._full_at is not None and time.monotonic() - self._full_at < FULL_SECONDS

    def disk_full(self) -> Unavailable:
        """Note that a write found no room, and return the error for its caller."""
        self._full_at = time.monotonic()
        return Unavailable("The disk is full; nothing was written", retry_after=FULL_SECONDS)

    def _committed(self) -> None:
        self._full_at = None
        for listener in self._listeners:
            listener()


def too_slow(seconds: float) -> Unavailable:
    """Return the error of a read that was ended."""
    return Unavailable(f"The read took longer than {seconds:g} seconds; ask for less, or with fewer conditions")


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Database]:
    """A database opened for the length of a block."""
    await database.open()
    try:
        yield database
    finally:
        await database.close()
