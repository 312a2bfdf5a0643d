"""A test call of an endpoint, made at once: the request that a delivery would send, outside the queue of deliveries.

Bounded in number (at once in a process, and per endpoint and second) and, as every webhook call, in time. Writes
nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx

from service.delivery.destinations.base import Delivery
from service.delivery.destinations.webhook import WebhookDestination
from service.framework.outbound.egress import Answer, CallFailed, ClientTls
from service.framework.outbound.httpx_transport import failure_kind, outbound_client
from service.framework.web.rate_limits import RateLimiter
from service.operations.webhooks.endpoints import address_policy
from service.platform.errors import RateLimited
from service.platform.ids import new_id
from service.records.context import Services

AT_ONCE = 8
BURST = 5
"""Calls that one endpoint may get without a pause; after them one a second."""


class HttpxPoster:
    """Sends webhook calls by an httpx client."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, tls: ClientTls | None, deadline: float
    ) -> Answer:
        """POST bytes and return the answer. Raises `CallFailed`."""
        try:
            response = await self._http.post(
                url, content=body, headers=headers, timeout=deadline, extensions={"tls": tls}
            )
        except httpx.HTTPError as error:
            raise CallFailed(failure_kind(error), str(error)) from None
        return Answer(response.status_code, dict(response.headers), response.content)


class Probe:
    """Makes test calls; one instance per process."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._now = services.clock.now
        self._http = outbound_client(address_policy(settings), deadline=settings.webhook_timeout_seconds)
        self._destination = WebhookDestination(
            HttpxPoster(self._http),
            self._http,
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
        """Make the call and return its outcome as a document. Raises RateLimited."""
        _, wait = self._limiter.take(endpoint_id, time.monotonic())
        if wait:
            raise RateLimited(wait)
        delivery = Delivery(
            id=new_id(),
            attempt_id=new_id(),
            number=1,
            probes=0,
            blocks=False,
            is_ordered=False,
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
        """Close the connections."""
        await self._http.aclose()
