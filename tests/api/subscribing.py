"""Parts that tests of webhooks share: a worker that runs when a test calls it, endpoints, and the webhooks that
arrived.
"""

from __future__ import annotations

from typing import Any

import httpx
import standardwebhooks

from service.events.feed.sequencer import sequence
from service.platform.telemetry import Metrics
from service.records.context import Services
from service.worker import Worker
from tests.api.records import make
from tests.delivery.receivers import Received, Receiver


class Sender:
    """A worker that works when it is told to."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.metrics = Metrics()
        self.worker = Worker(services, self.metrics)

    async def send(self) -> int:
        """Number and send everything that is due now; how many calls that took."""
        calls = 0
        while True:
            await sequence(self.services.database, self.services.clock)
            made = await self.worker.dispatcher.once()
            if not made:
                return calls
            calls += made


async def subscribe(client: httpx.AsyncClient, receiver: Receiver, *types: str, **members: Any) -> dict[str, Any]:
    """Create an endpoint."""
    return await make(client, "webhook-endpoints", url=receiver.url(), event_types=list(types or ("*",)), **members)


def verified(request: Received, secret: str) -> dict[str, Any]:
    """The body of a request whose signature is right."""
    return dict(standardwebhooks.Webhook(secret).verify(request.body, request.headers))


async def deliveries(client: httpx.AsyncClient, endpoint: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    """An endpoint's deliveries, newest first."""
    answer = await client.get(f"/v1/webhook-endpoints/{endpoint['id']}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def attempts(client: httpx.AsyncClient, delivery: dict[str, Any]) -> list[dict[str, Any]]:
    """A delivery's attempts, in order."""
    answer = await client.get(f"/v1/webhook-deliveries/{delivery['id']}/attempts")
    return list(answer.json()["items"])
