"""Access tokens by the client-credentials grant (RFC 6749, 4.4): fetched over the egress policy, kept until they
expire, requested once however many calls wait for one.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import httpx
import orjson

from service.delivery.send.transport import Client
from service.framework.outbound.httpx_transport import failure_kind

DEFAULT_LIFETIME = 300.0
"""Seconds that a token is kept when the server does not state its lifetime."""

MARGIN = 30.0
LONGEST = 86_400.0
_MOST_KEPT = 1_000
_TOKEN = re.compile(r"[\x21-\x7e]{1,12000}")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class NoToken(Exception):
    """No token could be had; the text gives the reason and holds no secret."""


@dataclass(slots=True)
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: str | None = None
    ends: float = 0.0
    failed_at: float = -1.0
    failure: str = ""


class Tokens:
    """The tokens of a process, fetched by `http`; `monotonic` is the clock of their lifetimes."""

    def __init__(self, http: httpx.AsyncClient, monotonic: Callable[[], float]) -> None:
        self._http = http
        self._monotonic = monotonic
        self._kept: Callable[[Client], _Kept] = functools.lru_cache(_MOST_KEPT)(lambda _: _Kept())

    async def token(self, client: Client, deadline: float, *, refused: str | None = None) -> str:
        """Return a valid token within `deadline` seconds, other than `refused`, which a receiver answered with 401.
        Raises NoToken.
        """
        try:
            async with asyncio.timeout(deadline):
                return await self._valid(self._kept(client), client, deadline, refused)
        except TimeoutError:
            raise NoToken("The token endpoint did not answer in time") from None

    async def _valid(self, kept: _Kept, client: Client, deadline: float, refused: str | None) -> str:
        started = self._monotonic()
        async with kept.lock:
            if kept.token is not None and kept.token != refused and self._monotonic() < kept.ends:
                return kept.token
            if kept.failed_at >= started:  # a request failed while this call waited for it
                raise NoToken(kept.failure)
            kept.token = None
            try:
                token, seconds = await self._fetch(client, deadline)
            except NoToken as error:
                kept.failed_at, kept.failure = self._monotonic(), str(error)
                raise
            kept.token, kept.ends = token, self._monotonic() + seconds
            return token

    async def _fetch(self, client: Client, deadline: float) -> tuple[str, float]:
        """Request a token; return it and for how many seconds it may be used."""
        form = {"grant_type": "client_credentials", "scope": client.scope, "audience": client.audience}
        auth = httpx.Auth()  # adds nothing
        if client.basic:
            auth = httpx.BasicAuth(quote_plus(client.client_id), quote_plus(client.client_secret))
        else:
            form |= {"client_id": client.client_id, "client_secret": client.client_secret}
        try:
            response = await self._http.post(
                client.token_url,
                data={name: value for name, value in form.items() if value is not None},
                headers={"accept": "application/json"},
                auth=auth,
                timeout=deadline,
            )
        except httpx.HTTPError as error:
            raise NoToken(f"The token endpoint could not be called: {failure_kind(error)}") from None
        try:
            document = orjson.loads(response.content)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            document = {}
        if response.status_code != 200:
            code = document.get("error")
            detail = f": {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""
            raise NoToken(f"The token endpoint answered {response.status_code}{detail}")
        return _token_in(document), _seconds_in(document)


def _token_in(document: dict[str, Any]) -> str:
    token, kind = document.get("access_token"), document.get("token_type", "bearer")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise NoToken("The token endpoint answered without an access token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise NoToken("The token endpoint gave a token that is no bearer token")
    return token


def _seconds_in(document: dict[str, Any]) -> float:
    """Return how many seconds a token may be used: less than its lifetime, so that it does not expire on its way."""
    lifetime = document.get("expires_in", DEFAULT_LIFETIME)
    if isinstance(lifetime, str) and lifetime.isascii() and lifetime.isdigit():
        lifetime = int(lifetime[:9])
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float):
        lifetime = DEFAULT_LIFETIME
    lifetime = min(max(float(lifetime), 0.0), LONGEST)
    return lifetime - min(MARGIN, lifetime / 10)
