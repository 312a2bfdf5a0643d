"""The webhook destination: one signed POST per delivery, in the endpoint's format and with its credentials."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from service.delivery.destinations.base import Delivery, Outcome
from service.delivery.send.formats import Formatter, Message, source_of
from service.delivery.send.signing import Signed, Signer
from service.delivery.send.tokens import NoToken, Tokens
from service.delivery.send.transport import Recipe, Recipes
from service.framework.outbound.egress import DEADLINE, Answer, CallFailed, Egress
from service.records.webhooks.endpoints import origin_of

USER_AGENT = "kam-webhooks/1.0"
HIDDEN = "***"


class WebhookDestination:
    """Sends to webhook endpoints; `now` dates the attempt (the signature covers it), `unseal` opens their secrets,
    `public_url` is where clients reach this service, and `deadline` bounds all that one attempt does, in seconds.
    """

    batch_size = 1

    def __init__(
        self,
        egress: Egress,
        unseal: Callable[[str], bytes],
        now: Callable[[], datetime],
        *,
        public_url: str | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        self._egress = egress
        self._signer = Signer(unseal)
        self._recipes = Recipes(unseal, origin_of(public_url))
        self._formatter = Formatter(source_of(public_url))
        self._tokens = Tokens(egress, time.monotonic)
        self._now = now
        self._deadline = deadline

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
            recipe = self._recipes.of(delivery.transport, delivery.transport_sealed)
            message = self._formatter.message(delivery.event_id, delivery.body, recipe.form, recipe.fill, recipe.shape)
            signed = self._signer.sign(
                delivery.sealed_secrets, delivery.event_id, self._now().timestamp(), message.body
            )
        except (
            Exception
        ):  # a key that does not open the secrets must cost this endpoint its deliveries, not the worker its life
            return Outcome("unknown")
        request = _shown(delivery.url, recipe, message, signed)
        try:
            if recipe.client is None:
                answer = await self._post(delivery, recipe, message, signed, started)
            else:
                answer = await self._post_with_token(delivery, recipe, message, signed, started)
        except CallFailed as failed:
            return Outcome(failed.kind, duration_ms=_since(started), request=request, signing_key_ids=signed.key_ids)
        except NoToken as missing:
            return Outcome("auth", duration_ms=_since(started), body=str(missing))
        return Outcome(
            "ok" if 200 <= answer.status <= 299 else "http",
            status=answer.status,
            duration_ms=_since(started),
            headers=answer.headers,
            body=answer.body.decode("utf-8", "replace").replace("\0", ""),
            retry_after=answer.headers.get("retry-after"),
            request=request,
            signing_key_ids=signed.key_ids,
        )

    async def _post(
        self,
        delivery: Delivery,
        recipe: Recipe,
        message: Message,
        signed: Signed,
        started: float,
        token: str | None = None,
    ) -> Answer:
        headers = {"user-agent": USER_AGENT, **recipe.headers, **message.headers, **signed.headers}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        return await self._egress.post(
            delivery.url, message.body, headers, tls=recipe.tls, deadline=self._left(delivery, started)
        )

    async def _post_with_token(
        self, delivery: Delivery, recipe: Recipe, message: Message, signed: Signed, started: float
    ) -> Answer:
        """Fetch a token if there is none in force; one that the receiver does not take (401) is replaced once."""
        client = recipe.client
        assert client is not None  # noqa: S101 - the caller looked
        token = await self._tokens.token(client, self._left(delivery, started))
        answer = await self._post(delivery, recipe, message, signed, started, token)
        if answer.status == 401:
            token = await self._tokens.token(client, self._left(delivery, started), refused=token)
            answer = await self._post(delivery, recipe, message, signed, started, token)
        return answer

    def _left(self, delivery: Delivery, started: float) -> float:
        """Seconds that remain for this attempt, never none."""
        return max(0.05, (delivery.timeout or self._deadline) - (time.perf_counter() - started))


def _shown(url: str, recipe: Recipe, message: Message, signed: Signed) -> dict[str, Any]:
    """A request as the log of attempts keeps it: what an endpoint adds of its own may be a secret and is left out."""
    own = dict.fromkeys(recipe.headers, HIDDEN)
    if recipe.client is not None:
        own["authorization"] = HIDDEN
    headers = {"user-agent": USER_AGENT, **own, **message.headers, **signed.headers}
    return {"method": "POST", "url": url, "headers": headers}


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
