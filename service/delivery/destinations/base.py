"""The seam between the engine and a kind of receiver: deliveries go in, one outcome for each comes out, nothing is
raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

OutcomeKind = Literal["ok", "http", "timeout", "connect", "dns", "tls", "auth", "blocked", "unknown"]


@dataclass(slots=True)
class Delivery:
    """One claimed delivery, with all that a destination needs: no destination reads the database."""

    id: str
    attempt_id: str
    number: int
    """Which attempt this is, from 1."""
    probes: int
    """How many attempts before this one only asked whether the endpoint is back."""
    trigger: Literal["scheduled", "probe", "manual", "test"]
    event_id: str
    event_type: str
    endpoint_id: str
    order_key: str
    blocks: bool
    """Whether its line waits when it is given up."""
    in_line: bool
    """Whether others of its key wait for it."""
    url: str
    sealed_secrets: str
    timeout: int | None
    """Seconds that its call may take; None is the service's setting."""
    body: bytes
    """The event as stored: in the standard format these bytes are signed and sent, never serialised again."""
    created_at: datetime
    """When it came up, or was last released after being held: its lifetime counts from here."""
    transport: str = "{}"
    """How the endpoint is called (`queries.webhooks.TRANSPORT`), for the destination to read."""
    transport_sealed: str | None = None
    """The secrets that go with it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt: its kind, and what the receiver answered, if it did."""

    kind: OutcomeKind
    status: int | None = None
    duration_ms: int = 0
    headers: dict[str, str] | None = None
    body: str | None = None
    """At most 16 kB of the answer, as text the database can hold."""
    retry_after: str | None = None
    """The `Retry-After` header, unread."""
    request: dict[str, Any] | None = None
    """What was sent: method, url and headers, secrets left out; None when the call was not made."""
    signing_key_ids: tuple[str, ...] | None = None
    """Which keys signed the call; None when it was not made."""

    @property
    def control(self) -> str | None:
        """What the receiver asks of the sender in `webhook-delivery`: abort-message, disable, or nothing."""
        return self.headers.get("webhook-delivery", "").strip().lower() or None if self.headers else None

    @property
    def gone(self) -> bool:
        """Whether the receiver asks for no more deliveries at all (410, or by header)."""
        return self.status == 410 or self.control == "disable"


class Destination(Protocol):
    """A kind of receiver."""

    @property
    def batch_size(self) -> int:
        """How many deliveries of one endpoint a single call takes."""
        ...

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send deliveries of one endpoint; one outcome each, in their order. May be cancelled, raises nothing else."""
        ...
