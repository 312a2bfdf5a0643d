"""The webhook destination: one signed POST per delivery, in the endpoint's format and with its credentials."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

import httpx

from service.delivery.destinations.base import Delivery, Outcome
from service.delivery.send.formats import Formatter, Message, source_of
from service.delivery.send.signing import Signed, Signer
from service.delivery.send.tokens import NoToken, Tokens
from service.delivery.send.transport import Recipe, Recipes
from service.framework.outbound.egress import DEADLINE, Answer, CallFailed, ClientTls
from service.records.webhooks.endpoints import origin_of

USER_AGENT = "kam-webhooks/1.0"
HIDDEN = "***"


class Poster(Protocol):
    """Sends webhook calls: `Egress` for deliveries, httpx for test calls."""

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, tls: ClientTls | None, deadline: float
    ) -> Answer:
        """POST bytes and return the answer, whatever its status. Raises `CallFailed`."""
        ...


class WebhookDestination:
    """Sends to webhook endpoints over `poster`; `http` fetches access tokens, `unseal` opens the endpoints' secrets,
    `now` dates an attempt (its signature covers the date), `public_url` is where clients reach this service, and
    `deadline` bounds a whole attempt in seconds.
    """

    batch_size = 1

    def __init__(
        self,
        poster: Poster,
        http: httpx.AsyncClient,
        unseal: Callable[[str], bytes],
        now: Callable[[], datetime],
        *,
        public_url: str | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        self._poster = poster
        self._signer = Signer(unseal)
        self._recipes = Recipes(unseal, origin_of(public_url))
        self._formatter = Formatter(source_of(public_url))
        self._tokens = Tokens(http, time.monotonic)
        self._now = now
        self._deadline = deadline

    async def send(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send one POST per delivery. Any 2xx is success; every other status is a failure, redirects included."""
        if len(batch) == 1:
            return [await self._send(batch[0])]
        return await asyncio.gather(*(self._send(delivery) for delivery in batch))

    async def _send(self, delivery: Delivery) -> Outcome:
        started = time.perf_counter()
        try:
            recipe = self._recipes.of(delivery.transport, delivery.transport_sealed)
            message = self._formatter.message(delivery.event_id, delivery.body, recipe.form, recipe.fill, recipe.shape)
            signed = self._signer.sign(
                delivery.sealed_secrets, delivery.event_id, self._now().timestamp(), message.body
            )
        except Exception:  # secrets that do not open must fail this delivery, not end the worker
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
            _kind(answer, recipe),
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
        return await self._poster.post(
            delivery.url, message.body, headers, tls=recipe.tls, deadline=self._left(delivery, started)
        )

    async def _post_with_token(
        self, delivery: Delivery, recipe: Recipe, message: Message, signed: Signed, started: float
    ) -> Answer:
        """Post with an access token. A token that the receiver refuses with 401 is replaced once."""
        client = recipe.client
        assert client is not None  # noqa: S101 - the caller checked
        token = await self._tokens.token(client, self._left(delivery, started))
        answer = await self._post(delivery, recipe, message, signed, started, token)
        if answer.status == 401:
            token = await self._tokens.token(client, self._left(delivery, started), refused=token)
            answer = await self._post(delivery, recipe, message, signed, started, token)
        return answer

    def _left(self, delivery: Delivery, started: float) -> float:
        """Return the seconds that remain for this attempt, at least 0.05."""
        return max(0.05, (delivery.timeout or self._deadline) - (time.perf_counter() - started))


def _kind(answer: Answer, recipe: Recipe) -> Literal["ok", "http", "refused"]:
    if recipe.judge is not None:
        return recipe.judge.verdict(answer.status, answer.body)
    return "ok" if 200 <= answer.status <= 299 else "http"


def _shown(url: str, recipe: Recipe, message: Message, signed: Signed) -> dict[str, Any]:
    """Return a request as the log of attempts keeps it. The endpoint's own headers may be secrets: they are hidden."""
    own = dict.fromkeys(recipe.headers, HIDDEN)
    if recipe.client is not None:
        own["authorization"] = HIDDEN
    headers = {"user-agent": USER_AGENT, **own, **message.headers, **signed.headers}
    return {"method": "POST", "url": url, "headers": headers}


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
