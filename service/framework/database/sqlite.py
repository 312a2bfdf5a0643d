"""The embedded database: SQLite in WAL mode with one writer that queues instead of failing, and a pool of readers.

Every connection has a thread of its own, so that no statement holds up the event loop and a cancelled request can't
leave a connection in use.
Commits are durable (`synchronous=FULL`) unless the settings say otherwise: an event that was answered for must
survive a power cut.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from service.framework.database.database import ConstraintViolated, Database, Reader, Row, Writer, too_slow
from service.framework.database.folding import FOLD
from service.framework.database.shares import Shares
from service.framework.database.statements import Compiled, Statement
from service.platform.private_files import make_private

LOOK_SECONDS = 0.02
"""How often the write-ahead log is looked at for commits of other processes: two microseconds each time."""
SAID_AGAIN = (0, 1, 3, 10)
"""Looks after a change at which it is told of: the log is written before its commit is durable and can be seen."""
WRITER_CACHE_KB = 32_768
"""Pages that the writer keeps at most: what changes every account of a large portfolio comes back to most of them."""
LEAST_ROOM = 100_000
"""Bytes that must be free where an I/O error is to mean something else than a full disk."""
_KINDS = {"UNIQUE": "unique", "FOREIGN KEY": "foreign_key", "CHECK": "check", "NOT NULL": "not_null"}


class SqliteDatabase(Database):
    """Two doors to one file. `constraint_names` maps `table.column, ...` of a unique constraint to its name, as
    SQLite reports columns only.
    """

    kind = "sqlite"

    def __init__(
        self,
        path: str,
        *,
        readers: int = 4,
        synchronous: str = "full",
        constraint_names: Callable[[str], str | None] | None = None,
    ) -> None:
        super().__init__()
        self.path = path
        self._size = readers
        self._synchronous = synchronous
        self._constraint_names = constraint_names or (lambda columns: columns)
        self._readers: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
        self._all: list[_Connection] = []
        self._writer: _Connection | None = None
        self._turn = asyncio.Lock()
        self._shares = Shares(readers)

    async def open(self) -> None:
        self._turn = asyncio.Lock()
        make_private(self.path)
        self._writer = await self._connect()
        await self._writer.run(self._writer.command, f"PRAGMA cache_size={-WRITER_CACHE_KB}")
        self._readers = asyncio.LifoQueue()
        for _ in range(self._size):
            self._readers.put_nowait(await self._connect())

    async def _connect(self) -> _Connection:
        connection = _Connection(self, self.path, self._synchronous, self._constraint_names)
        await connection.run(connection.connect)
        self._all.append(connection)
        return connection

    async def close(self) -> None:
        async with self._turn:
            for connection in self._all:
                await connection.close()
            self._all.clear()
            self._writer = None

    @asynccontextmanager
    async def reading(
        self, *, fresh: bool = False, caller: str | None = None, seconds: float | None = None
    ) -> AsyncIterator[Reader]:
        if caller is not None:
            await self._shares.take(caller)
        try:
            connection = await self._readers.get()
            connection.seconds = seconds
            try:
                yield connection
            finally:
                self._readers.put_nowait(connection)
        finally:
            if caller is not None:
                self._shares.give(caller)

    @asynccontextmanager
    async def transaction(self, *, caller: str | None = None) -> AsyncIterator[Writer]:
        async with self._turn:
            writer = self._writer
            if writer is None:
                raise RuntimeError("the database is closed")
            self.statements += 1
            try:
                await writer.run(writer.command, "BEGIN IMMEDIATE")
                yield writer
                await asyncio.shield(writer.run(writer.command, "COMMIT"))
            except BaseException:
                await asyncio.shield(writer.run(writer.roll_back))
                raise
        self._committed()

    def single(self, *, caller: str | None = None) -> AbstractAsyncContextManager[Writer]:
        return self.transaction()

    async def hear(self, heard: Callable[[], None]) -> None:
        log, seen, since = Path(f"{self.path}-wal"), (0, 0), 0
        while True:
            now = _state(log)
            since = 0 if now != seen else since + 1
            seen = now
            if since in SAID_AGAIN:
                heard()
            await asyncio.sleep(LOOK_SECONDS)

    async def tell(self) -> None:
        """The log of the file tells."""


def _state(log: Path) -> tuple[int, int]:
    """What changes with every commit: when the log was written, and its size."""
    try:
        state = log.stat()
    except OSError:
        return 0, 0
    return state.st_mtime_ns, state.st_size


class _Connection:
    """One SQLite connection and its thread."""

    def __init__(self, database: Database, path: str, synchronous: str, names: Callable[[str], str | None]) -> None:
        self._database = database
        self._path = path
        self._synchronous = synchronous
        self._names = names
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._sqlite: sqlite3.Connection | None = None
        self.seconds: float | None = None
        """After how many seconds a statement is ended."""

    def connect(self) -> None:
        connection = sqlite3.connect(
            self._path, isolation_level=None, cached_statements=512, check_same_thread=False, timeout=30
        )
        connection.execute("PRAGMA busy_timeout=30000")
        for pragma in ("journal_mode=WAL", f"synchronous={self._synchronous}", "foreign_keys=ON", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}")
        connection.create_function(FOLD, 1, str.casefold, deterministic=True)
        self._sqlite = connection

    async def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    @property
    def _open(self) -> sqlite3.Connection:
        if self._sqlite is None:
            raise RuntimeError("the database is closed")
        return self._sqlite

    def command(self, sql: str) -> None:
        try:
            self._open.execute(sql)
        except sqlite3.OperationalError as error:
            raise self._refused(error) from error

    def roll_back(self) -> None:
        if self._open.in_transaction:
            self._open.execute("ROLLBACK")

    def _fetch(self, compiled: Compiled, values: dict[str, Any]) -> tuple[list[Any], int]:
        """Return the rows of a statement, and the number of rows it touched."""
        try:
            for each in compiled.first:
                self._open.execute(each.sql, each.arguments(values))
            cursor = self._open.execute(compiled.sql, compiled.arguments(values))
            return cursor.fetchall(), cursor.rowcount
        except sqlite3.IntegrityError as error:
            raise self._violation(error) from None
        except sqlite3.OperationalError as error:
            raise self._refused(error) from error

    def _many(self, compiled: Compiled, rows: Sequence[Row]) -> None:
        try:
            self._open.executemany(compiled.sql, [compiled.arguments(row) for row in rows])
        except sqlite3.IntegrityError as error:
            raise self._violation(error) from None
        except sqlite3.OperationalError as error:
            raise self._refused(error) from error

    def _refused(self, error: sqlite3.OperationalError) -> Exception:
        """Return the error for a write that found no room; other errors stay as they are. A write-ahead log that could
        not grow is an I/O error to SQLite.
        """
        code = error.sqlite_errorcode & 0xFF
        no_room = code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and self._has_no_room())
        return self._database.disk_full() if no_room else error

    def _has_no_room(self) -> bool:
        return shutil.disk_usage(Path(self._path).parent).free < LEAST_ROOM

    def _violation(self, error: sqlite3.IntegrityError) -> ConstraintViolated:
        match = re.match(r"(UNIQUE|FOREIGN KEY|CHECK|NOT NULL) constraint failed(?:: (.*))?", str(error))
        kind = _KINDS[match[1]] if match else "check"
        named = match[2] if match else None
        return ConstraintViolated(kind, self._names(named) if named and kind == "unique" else named)

    async def raw(self, statement: Statement, /, **values: Any) -> tuple[list[Any], Callable[[Any], Row]]:
        compiled = self._compiled(statement)
        if self.seconds is None:
            rows, _ = await self.run(self._fetch, compiled, values)
            return rows, compiled.row
        ending = asyncio.get_running_loop().call_later(self.seconds, self._open.interrupt)
        try:
            rows, _ = await self.run(self._fetch, compiled, values)
        except asyncio.CancelledError:
            self._open.interrupt()
            raise
        except sqlite3.OperationalError as error:
            if str(error) == "interrupted":
                raise too_slow(self.seconds) from None
            raise
        finally:
            ending.cancel()
        return rows, compiled.row

    async def one(self, statement: Statement, /, **values: Any) -> Row | None:
        rows, as_row = await self.raw(statement, **values)
        return as_row(rows[0]) if rows else None

    async def all(self, statement: Statement, /, **values: Any) -> list[Row]:
        rows, as_row = await self.raw(statement, **values)
        return [as_row(row) for row in rows]

    async def value(self, statement: Statement, /, **values: Any) -> Any:
        row = await self.one(statement, **values)
        return next(iter(row.values())) if row else None

    async def column(self, statement: Statement, /, **values: Any) -> list[Any]:
        return [next(iter(row.values())) for row in await self.all(statement, **values)]

    async def execute(self, statement: Statement, /, **values: Any) -> int:
        _, touched = await self.run(self._fetch, self._compiled(statement), values)
        return int(touched)

    async def many(self, statement: Statement, rows: Sequence[Row], /) -> None:
        await self.run(self._many, self._compiled(statement), rows)

    def _compiled(self, statement: Statement) -> Compiled:
        self._database.statements += 1
        return statement.on("sqlite")

    async def close(self) -> None:
        if self._sqlite is not None:
            await self.run(self._sqlite.close)
            self._sqlite = None
        self._thread.shutdown(wait=False)
