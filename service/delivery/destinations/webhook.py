"""The webhook destination: one signed POST per delivery, in the Standard Webhooks form."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from service.delivery.destinations.base import Delivery, Outcome
from service.delivery.egress import CallFailed, Egress
from service.delivery.signing import Signer

USER_AGENT = "kam-webhooks/1.0"


class WebhookDestination:
    """Sends to webhook endpoints; `now` dates the attempt (the signature covers it)."""

    batch_size = 1

    def __init__(self, egress: Egress, signer: Signer, now: Callable[[], datetime]) -> None:
        self._egress = egress
        self._signer = signer
        self._now = now

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """One POST each; any 2xx is success, a redirect is not followed and is a failure like every other status."""
        if len(batch) == 1:
            return [await self._send(batch[0])]
        return await asyncio.gather(*(self._send(delivery) for delivery in batch))

    async def close(self) -> None:
        """Close the connections to receivers."""
        await self._egress.close()

    async def _send(self, delivery: Delivery) -> Outcome:
        started = time.perf_counter()
        try:
            signed = self._signer.sign(
                delivery.sealed_secrets, delivery.event_id, self._now().timestamp(), delivery.body
            )
        except (
            Exception
        ):  # a key that does not open the secrets must cost this endpoint its deliveries, not the worker its life
            return Outcome("unknown")
        headers = {**signed.headers, "content-type": "application/json", "user-agent": USER_AGENT}
        try:
            answer = await self._egress.post(delivery.url, delivery.body, headers)
        except CallFailed as failed:
            return Outcome(failed.kind, duration_ms=_since(started), signing_key_ids=signed.key_ids)
        return Outcome(
            "ok" if 200 <= answer.status <= 299 else "http",
            status=answer.status,
            duration_ms=_since(started),
            headers=answer.headers,
            body=answer.body.decode("utf-8", "replace").replace("\0", ""),
            retry_after=answer.headers.get("retry-after"),
            signing_key_ids=signed.key_ids,
        )


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
