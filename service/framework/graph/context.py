"""What the graph needs to know of the caller: a Protocol, so that the framework knows no operation and no account."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Any, Protocol

from service.framework.database.database import Database, Reader
from service.platform.clock import Clock
from service.platform.idempotency import Idempotency


class GraphServices(Protocol):
    """What one process shares between requests."""

    @property
    def database(self) -> Database:
        """The database."""

    @property
    def clock(self) -> Clock:
        """The clock."""


class GraphContext(Protocol):
    """One caller's request."""

    @property
    def services(self) -> GraphServices:
        """What the process shares between requests."""

    @property
    def request_id(self) -> str | None:
        """The id that errors show."""

    @property
    def idempotency(self) -> Idempotency | None:
        """The Idempotency-Key of the request, with the fingerprint of what was sent."""

    @property
    def replayed(self) -> bool:
        """Whether the answer is the stored one of an earlier request with the same Idempotency-Key."""

    def reading(self, *permissions: Any, fresh: bool = False) -> AbstractAsyncContextManager[Reader]:
        """Open a read; raises Forbidden unless the caller has all permissions. `fresh` never asks a replica."""

    def lacking(self, permissions: frozenset[Any]) -> frozenset[Any]:
        """Return the permissions that the caller does not have."""

    def past(self, moment: date | datetime, parameter: str = "as_of") -> datetime:
        """Return the instant of a look back; raises Invalid for a moment that lies ahead."""

    async def number_changes(self) -> None:
        """Give positions to committed events and changes that wait for them."""

    def with_idempotency(self, idempotency: Idempotency) -> GraphContext:
        """Return the same context with an Idempotency-Key."""
