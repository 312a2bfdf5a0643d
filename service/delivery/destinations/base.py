"""The interface between the dispatcher and a kind of receiver: deliveries go in, one outcome for each comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

ABOUT_ENDPOINT = frozenset((401, 403, 408, 429))
"""Statuses from 400 to 499 that are about the endpoint; any other is about the record that was sent."""

OutcomeKind = Literal["ok", "http", "timeout", "connect", "dns", "tls", "auth", "blocked", "refused", "unknown"]


@dataclass(slots=True)
class Delivery:
    """One leased delivery, with everything that a destination needs: no destination reads the database."""

    id: str
    attempt_id: str
    number: int
    """The number of this attempt, from 1."""
    probes: int
    """How many earlier attempts were probes of an open breaker."""
    trigger: Literal["scheduled", "probe", "manual", "test"]
    event_id: str
    event_type: str
    endpoint_id: str
    order_key: str
    blocks: bool
    """Whether newer deliveries with its order key wait when it is given up."""
    is_ordered: bool
    """Whether newer deliveries with its order key wait for it."""
    url: str
    sealed_secrets: str
    timeout: int | None
    """Seconds that its call may take; None for the service's setting."""
    body: bytes
    """The event as stored. In the standard format these very bytes are signed and sent."""
    created_at: datetime
    """When it was created, or last released after being held; its lifetime starts here."""
    transport: str = "{}"
    """How the endpoint is called, as JSON (`TRANSPORT` in `queries.webhooks.endpoints`)."""
    transport_sealed: str | None = None
    """The sealed secrets of the transport."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one attempt: its kind, and the receiver's answer if there was one."""

    kind: OutcomeKind
    status: int | None = None
    duration_ms: int = 0
    headers: dict[str, str] | None = None
    body: str | None = None
    """At most 16 kB of the answer, as text that the database can hold."""
    retry_after: str | None = None
    """The `Retry-After` header as it came."""
    request: dict[str, Any] | None = None
    """The request (method, url and headers) without its secrets; None when no call was made."""
    signing_key_ids: tuple[str, ...] | None = None
    """The ids of the keys that signed the call; None when no call was made."""

    @property
    def control(self) -> str | None:
        """The receiver's instruction in the header `webhook-delivery`: abort-message, disable, or None."""
        return self.headers.get("webhook-delivery", "").strip().lower() or None if self.headers else None

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more deliveries at all (status 410, or by header)."""
        return self.status == 410 or self.control == "disable"

    @property
    def refuses_record(self) -> bool:
        """Whether the receiver works and refused just this record: by the endpoint's `success`, or by a 4xx
        other than 401, 403, 408, 410 and 429.
        """
        if self.kind == "refused":
            return True
        about = self.status is not None and 400 <= self.status <= 499 and self.status not in ABOUT_ENDPOINT
        return about and self.kind == "http" and not self.gone


class Destination(Protocol):
    """A kind of receiver."""

    @property
    def batch_size(self) -> int:
        """How many deliveries of one endpoint a call takes."""
        ...

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send deliveries of one endpoint. Return one outcome each, in their order. Raises nothing but cancellation."""
        ...
