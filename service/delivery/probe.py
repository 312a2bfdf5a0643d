"""One call of an endpoint now, for whoever sets it up: the same request as a delivery's, beside all deliveries.

Bounded: few at once in a process, few per endpoint in a while, and no longer than any webhook call. Nothing is written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from service.delivery.destinations.base import Delivery
from service.delivery.destinations.webhook import WebhookDestination
from service.framework.outbound.egress import Egress
from service.framework.web.rate_limits import RateLimiter
from service.operations.webhooks.endpoints import address_policy
from service.platform.errors import RateLimited
from service.platform.ids import new_id
from service.records.context import Services

AT_ONCE = 8
BURST = 5
"""Calls of one endpoint in short order; then one a second."""


class Probe:
    """Calls endpoints by hand; one instance per process."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._now = services.clock.now
        self._egress = Egress(address_policy(settings), deadline=settings.webhook_timeout_seconds)
        self._destination = WebhookDestination(
            self._egress,
            services.secrets.open,
            services.clock.now,
            public_url=settings.public_url,
            deadline=settings.webhook_timeout_seconds,
        )
        self._limiter = RateLimiter(1, BURST)
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def __call__(
        self, endpoint_id: str, endpoint: Mapping[str, Any], event_id: str, event_type: str, body: bytes
    ) -> dict[str, Any]:
        """Make the call; raises RateLimited."""
        _, wait = self._limiter.take(endpoint_id, time.monotonic())
        if wait:
            raise RateLimited(wait)
        delivery = Delivery(
            id=new_id(),
            attempt_id=new_id(),
            number=1,
            probes=0,
            blocks=False,
            in_line=False,
            timeout=None,
            trigger="test",
            event_id=event_id,
            event_type=event_type,
            endpoint_id=endpoint_id,
            order_key=endpoint_id,
            url=endpoint["url"],
            sealed_secrets=endpoint["secret_encrypted"],
            body=body,
            created_at=self._now(),
            transport=endpoint["transport"],
            transport_sealed=endpoint["transport_sealed"],
        )
        async with self._slots:
            [outcome] = await self._destination.send([delivery])
        return {
            "ok": outcome.kind == "ok",
            "outcome": outcome.kind,
            "status": outcome.status,
            "duration_ms": outcome.duration_ms,
            "response_headers": outcome.headers,
            "response_body": outcome.body,
        }

    async def close(self) -> None:
        """Let connections go."""
        await self._egress.close()
