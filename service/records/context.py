"""What every operation uses: the caller and their permissions, one transaction with its events, the stored answer.

    @operation
    async def transition_plan(ctx: Context, identifier: str, step: PlanTransition) -> Resource:
        async with ctx.transaction(Permission.PLAN_WRITE) as tx:
            ...
            tx.emit(PlanSubmitted.between(before.data, after.data, account))
            return tx.answer(after)

The permission is checked before any SQL. Events are inserted just before the commit, and the answer is stored with
its Idempotency-Key in the same transaction: a retry gets the stored answer, and nothing happens twice.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ParamSpec

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from service.access.authenticate import Authenticator
from service.access.policy import Permission
from service.access.principal import SYSTEM, Principal
from service.events.event import Event
from service.events.feed import outbox
from service.events.feed.sequencer import sequence
from service.events.feed.watch import FeedWatch
from service.framework.database.columns import Instant, bind
from service.framework.database.database import ConstraintViolated, Database, Reader, Resource, Row, Writer
from service.framework.database.pagination import Cursors
from service.framework.database.statements import Statement, inserting
from service.models.access.api_keys import idempotency_keys
from service.platform.clock import Clock
from service.platform.errors import (
    Conflict,
    FieldError,
    IdempotencyKeyInProgress,
    IdempotencyKeyReused,
    Invalid,
    ReferenceTaken,
    Unavailable,
)
from service.platform.idempotency import Idempotency
from service.platform.secrets import Secrets
from service.platform.settings import Settings

IDEMPOTENCY_HOURS = 24
TRIED_AGAIN = 3
"""How often an operation is tried again whose transaction the database ended in favour of another one."""

_TRY_KEY = Statement(sa.select(sa.func.pg_try_advisory_xact_lock(sa.func.hashtextextended(bind("name", sa.Text), 0))))
_NAMES = sa.func.unnest(bind("names", postgresql.ARRAY(sa.Text))).column_valued("name")
_LOCK_NAMES = Statement(
    sa.select(sa.func.count(sa.cast(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(_NAMES, 0)), sa.Text)))
)
_SHARE_NAMES = Statement(
    sa.select(
        sa.func.count(sa.cast(sa.func.pg_advisory_xact_lock_shared(sa.func.hashtextextended(_NAMES, 0)), sa.Text))
    )
)
_k = idempotency_keys.c
_STORED = Statement(
    sa.select(_k.fingerprint, _k.version, _k.outcome, _k.body, _k.created_at).where(
        _k.owner == bind("owner", sa.Text), _k.key == bind("key", sa.Text)
    )
)
_FORGET = Statement(
    sa.delete(idempotency_keys).where(_k.owner == bind("owner", sa.Text), _k.key == bind("key", sa.Text))
)
_STORE = inserting(idempotency_keys)
FORGET_OLD = Statement(sa.delete(idempotency_keys).where(_k.created_at < bind("before", Instant())))

_IN_OPERATION: ContextVar[bool] = ContextVar("in_operation", default=False)
"""Whether this task runs an operation, whose transaction must state an answer."""

Arguments = ParamSpec("Arguments")


@dataclass
class Services:
    """The database, keys and clocks that one process shares between requests."""

    settings: Settings
    database: Database
    clock: Clock
    cursors: Cursors
    secrets: Secrets
    authenticator: Authenticator
    running_keys: set[tuple[str, str]] = field(default_factory=set)
    streams: int = 0
    """Open streams of events in this process."""
    job_listeners: list[Callable[[], None]] = field(default_factory=list)
    """Called after a transaction of this process that added a job is committed."""
    probe: Callable[[str, Mapping[str, Any], str, str, bytes], Awaitable[dict[str, Any]]] | None = None
    """Calls an endpoint (its id and row) with an event (id, type, body) now; the application sets it."""
    watch: FeedWatch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = FeedWatch(self.database, self.clock, self.settings.delivery_poll_seconds)


class Replayed(Exception):
    """Carries the stored answer of an Idempotency-Key that was used before. `operation` catches it."""

    def __init__(self, answer: Resource) -> None:
        super().__init__("replayed")
        self.answer = answer


@dataclass
class Context:
    """One caller's request, as operations need to know it."""

    services: Services
    principal: Principal
    idempotency: Idempotency | None = None
    request_id: str | None = None
    cause: dict[str, Any] = field(default_factory=lambda: {"kind": "user", "origin": None})
    replayed: bool = False
    """Whether the answer is the stored one of an earlier request with the same Idempotency-Key."""

    @property
    def cursors(self) -> Cursors:
        """The cursors of this service's lists."""
        return self.services.cursors

    def with_idempotency(self, idempotency: Idempotency) -> Context:
        """Return the same context with an Idempotency-Key."""
        return replace(self, idempotency=idempotency)

    def require(self, permission: Permission) -> None:
        """Raise Forbidden unless the caller has the permission."""
        self.principal.require(permission)

    def past(self, moment: date | datetime, parameter: str = "as_of") -> datetime:
        """Return the instant that a caller looks back to: an instant as it is, a day as its last moment. Raises Invalid
        for a moment that lies ahead; the day may be today.
        """
        now = self.services.clock.now()
        ahead = moment > now if isinstance(moment, datetime) else moment > now.date()
        if ahead:
            raise Invalid.parameter(parameter, "in_the_future", "Lies ahead; forecast positions say what is expected")
        return moment if isinstance(moment, datetime) else datetime.combine(moment, time.max, UTC)

    async def number_changes(self) -> None:
        """Give positions to committed events and changes that wait for them."""
        await sequence(self.services.database, self.services.clock)

    def reading(self, *permissions: Permission, fresh: bool = False) -> AbstractAsyncContextManager[Reader]:
        """Open a read; raises Forbidden unless the caller has all permissions. `fresh` never asks a replica."""
        for permission in permissions:
            self.principal.require(permission)
        caller = self.caller
        seconds = None if caller is None else self.services.settings.read_seconds
        return self.services.database.reading(fresh=fresh, caller=caller, seconds=seconds)

    def lacking(self, permissions: frozenset[Permission]) -> frozenset[Permission]:
        """Return the permissions that the caller does not have."""
        return permissions - self.principal.permissions

    @property
    def caller(self) -> str | None:
        """The key whose share of the database this takes; None for the service itself."""
        return None if self.principal is SYSTEM else self.principal.id

    @asynccontextmanager
    async def transaction(self, permission: Permission) -> AsyncIterator[Transaction]:
        """Open a door for writes: it commits at the end of the block, and rolls back when that raises."""
        self.principal.require(permission)
        async with self.opened() as tx:
            yield tx

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Transaction]:
        """Open a door for writes whose permission depends on the record: the operation checks it before it writes."""
        key = self.idempotency
        if key is None:
            async with self.services.database.transaction(caller=self.caller) as writer:
                tx = Transaction(self, writer)
                yield tx
                tx.require_answer()
                await tx.flush()
            tx.wake_job_runner()
            return
        running = (self.principal.id, key.key)
        if running in self.services.running_keys:
            raise IdempotencyKeyInProgress
        self.services.running_keys.add(running)
        try:
            async with self.services.database.transaction(caller=self.caller) as writer:
                tx = Transaction(self, writer)
                await tx.begin_idempotent(key)
                yield tx
                tx.require_answer()
                await tx.flush()
                await tx.store_answer(key)
            tx.wake_job_runner()
        finally:
            self.services.running_keys.discard(running)

    async def recall(self) -> None:
        """Answer from the stored answer, as a transaction does, if the Idempotency-Key was used before; for operations
        that wait before they write.
        """
        if self.idempotency is not None:
            async with self.services.database.transaction(caller=self.caller) as writer:
                await Transaction(self, writer).begin_idempotent(self.idempotency)

    @asynccontextmanager
    async def single(self, permission: Permission) -> AsyncIterator[Transaction]:
        """Open a door for reads and one statement that changes a record and inserts its event, a transaction by itself.
        Not for a request with an Idempotency-Key, whose answer must be stored too.
        """
        self.principal.require(permission)
        async with self.services.database.single(caller=self.caller) as writer:
            yield Transaction(self, writer)


class Transaction:
    """An open transaction: statements, events, the answer. `now` is one instant for all of it."""

    def __init__(self, ctx: Context, writer: Writer) -> None:
        self._ctx = ctx
        self._writer = writer
        self._events: list[Row] = []
        self._answer: Resource | None = None
        self._asked_for_job = False
        self.now: datetime = ctx.services.clock.now()
        self.live = ctx.services.clock.live
        self.one = writer.one
        self.all = writer.all
        self.value = writer.value
        self.column = writer.column
        self.execute = writer.execute
        self.many = writer.many

    def locked(self) -> None:
        """Read the clock again, because an account or a record was locked: what it was locked for may have taken long,
        and the times of an account's changes do not go back.
        """
        self.now = max(self.now, self._ctx.services.clock.now())

    @property
    def today(self) -> date:
        """The transaction's day, in UTC."""
        return self.now.date()

    @property
    def principal_id(self) -> str:
        """The id of the API key that makes the change."""
        return self._ctx.principal.id

    @property
    def cause(self) -> dict[str, Any]:
        """The cause of the change as its events carry it: kind, origin, key and request."""
        return {**self._ctx.cause, "key_id": self._ctx.principal.id, "request_id": self._ctx.request_id}

    @property
    def reader(self) -> Reader:
        """This transaction as a reader, for queries that take one."""
        return self._writer

    @property
    def database_kind(self) -> str:
        """`postgresql` or `sqlite`, for the few statements that differ."""
        return self._ctx.services.database.kind

    @property
    def writer(self) -> Writer:
        """This transaction as a writer, for statements that take one."""
        return self._writer

    async def serialize(self, names: list[str], *, shared: bool = False) -> None:
        """Lock names until the end of the transaction, for work on records that do not exist yet and so have no row to
        lock. Holders of a `shared` lock do not wait for each other. Does nothing on SQLite, which has one writer.
        """
        if self._ctx.services.database.kind == "postgresql":
            await self.value(_SHARE_NAMES if shared else _LOCK_NAMES, names=sorted(names))

    def emit(self, event: Event) -> str:
        """Make an event a row of this transaction; return its id."""
        row = outbox.event_row(event, self.now, self.cause)
        self._events.append(row)
        return str(row["id"])

    def job_added(self) -> None:
        """Wake this process's job runner once the transaction, which adds a job, is committed."""
        self._asked_for_job = True

    def wake_job_runner(self) -> None:
        """Wake the job runner after the commit if the transaction added a job."""
        if self._asked_for_job:
            for listener in self._ctx.services.job_listeners:
                listener()

    def answer(self, resource: Resource, outcome: str | None = None) -> Resource:
        """State the operation's answer, which is stored with the Idempotency-Key if the request has one."""
        if outcome is not None:
            resource.outcome = outcome
        self._answer = resource
        return resource

    def require_answer(self) -> None:
        """Raise RuntimeError, so that nothing is committed, when an operation has not stated its answer."""
        if self._answer is None and _IN_OPERATION.get():
            raise RuntimeError("an operation ended its transaction without tx.answer()")

    async def flush(self) -> None:
        """Write the events so far, so that long work does not hold all of them in memory."""
        if self._events:
            await outbox.append(self._writer, self._events)
            self._events.clear()

    async def begin_idempotent(self, key: Idempotency) -> None:
        """Raise Replayed, IdempotencyKeyReused or IdempotencyKeyInProgress, or return when the key is new."""
        owner = self._ctx.principal.id
        if self._ctx.services.database.kind == "postgresql" and not await self.value(
            _TRY_KEY, name=f"{owner}/{key.key}"
        ):
            raise IdempotencyKeyInProgress
        stored = await self.one(_STORED, owner=owner, key=key.key)
        if stored is None:
            return
        if stored["created_at"] < self.now - timedelta(hours=IDEMPOTENCY_HOURS):
            await self.execute(_FORGET, owner=owner, key=key.key)
            return
        if stored["fingerprint"] != key.fingerprint:
            raise IdempotencyKeyReused
        body = stored["body"].encode()
        if not body.startswith(b"{"):
            body = self._ctx.services.secrets.open(stored["body"])
        self._ctx.replayed = True
        raise Replayed(Resource(stored["version"], body, stored["outcome"], replayed=True))

    async def store_answer(self, key: Idempotency) -> None:
        """Store the answer with its Idempotency-Key, in the transaction of the write that it answers."""
        answer = self._answer
        if answer is None:
            raise RuntimeError("a transaction with an Idempotency-Key ended without tx.answer()")
        await self.execute(
            _STORE,
            owner=self._ctx.principal.id,
            key=key.key,
            fingerprint=key.fingerprint,
            version=answer.version,
            outcome=answer.outcome,
            body=self._ctx.services.secrets.seal(answer.body) if answer.secret else answer.body.decode(),
            created_at=self.now,
        )


def operation(function: Callable[Arguments, Awaitable[Resource]]) -> Callable[Arguments, Awaitable[Resource]]:
    """Make a function an operation: one write, one transaction, one permission. Its transaction states the answer
    with `tx.answer`; a retry with the same Idempotency-Key returns the stored one. A transaction that the database ends
    in favour of another one, which wrote nothing, is tried three times more; then Unavailable is raised.
    """

    @functools.wraps(function)
    async def run(*arguments: Arguments.args, **named: Arguments.kwargs) -> Resource:
        mark = _IN_OPERATION.set(True)
        try:
            for tried in range(TRIED_AGAIN):
                try:
                    return await function(*arguments, **named)
                except Unavailable as error:
                    if not error.in_conflict:
                        raise
                await asyncio.sleep(random.uniform(0, 0.02) * (tried + 1))  # noqa: S311 - so that they don't meet again
            return await function(*arguments, **named)
        except Replayed as replayed:
            return replayed.answer
        finally:
            _IN_OPERATION.reset(mark)

    return run


def system_context(services: Services, kind: str = "system") -> Context:
    """Return the context of the service itself: the command line, jobs, the demo."""
    return Context(services, SYSTEM, cause={"kind": kind, "origin": None})


def violated(error: ConstraintViolated) -> Exception:
    """Return the error that clients see when a constraint refuses what the checks before the write let pass."""
    if error.kind == "unique" and error.constraint == "uq_refs_live":
        return ReferenceTaken()
    return Conflict("The change contradicts another record")


def refuse(pointer: str, code: str, message: str) -> Invalid:
    """Return the error for one member of a request that breaks a rule."""
    return Invalid([FieldError(pointer=pointer, code=code, message=message)])
