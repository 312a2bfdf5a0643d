"""Access tokens by the client-credentials grant (RFC 6749, 4.4): fetched by the same guarded way out as webhooks, kept
until they end, fetched once however many calls wait for one.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson

from service.delivery.send.transport import Client, basic
from service.framework.outbound.egress import CallFailed, Egress

UNSAID = 300.0
"""Seconds a token is kept whose end the server did not say."""

MARGIN = 30.0
LONGEST = 86_400.0
_MOST_KEPT = 1_000
_TOKEN = re.compile(r"[\x21-\x7e]{1,12000}")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class NoToken(Exception):
    """No token was had; the text says why and holds no secret."""


@dataclass(slots=True)
class _Kept:
    lock: asyncio.Lock
    token: str | None = None
    ends: float = 0.0
    failed_at: float = -1.0
    failure: str = ""


class Tokens:
    """The tokens of a process; `monotonic` tells the time they are kept by."""

    def __init__(self, egress: Egress, monotonic: Callable[[], float]) -> None:
        self._egress = egress
        self._monotonic = monotonic
        self._kept: OrderedDict[Client, _Kept] = OrderedDict()

    async def token(self, client: Client, deadline: float, *, refused: str | None = None) -> str:
        """A token that is in force and is not `refused`, which a receiver did not take; at most `deadline` seconds.
        Raises NoToken.
        """
        kept = self._kept.get(client)
        if kept is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.popitem(last=False)
            kept = self._kept[client] = _Kept(asyncio.Lock())
        try:
            async with asyncio.timeout(deadline):
                return await self._in_force(kept, client, deadline, refused)
        except TimeoutError:
            raise NoToken("The token endpoint did not answer in time") from None

    async def _in_force(self, kept: _Kept, client: Client, deadline: float, refused: str | None) -> str:
        asked = self._monotonic()
        async with kept.lock:
            if kept.token is not None and kept.token != refused and self._monotonic() < kept.ends:
                return kept.token
            if kept.failed_at >= asked:  # somebody tried while this call waited
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
        form = {"grant_type": "client_credentials", "scope": client.scope, "audience": client.audience}
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if client.basic:
            headers["authorization"] = basic(quote_plus(client.client_id), quote_plus(client.client_secret))
        else:
            form |= {"client_id": client.client_id, "client_secret": client.client_secret}
        body = urlencode({name: value for name, value in form.items() if value is not None}).encode()
        try:
            answer = await self._egress.request("POST", client.token_url, body, headers, deadline=deadline)
        except CallFailed as failed:
            raise NoToken(f"The token endpoint could not be called: {failed.kind}") from None
        try:
            told = orjson.loads(answer.body)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            told = {}
        if answer.status != 200:
            code = told.get("error")
            said = f": {code}" if isinstance(code, str) and _CODE.fullmatch(code) else ""
            raise NoToken(f"The token endpoint answered {answer.status}{said}")
        return _token_in(told), _seconds_in(told)


def _token_in(told: dict[str, Any]) -> str:
    token, kind = told.get("access_token"), told.get("token_type", "bearer")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise NoToken("The token endpoint answered without an access token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise NoToken("The token endpoint gave a token that is no bearer token")
    return token


def _seconds_in(told: dict[str, Any]) -> float:
    """How long a token may be used: less than it lives, so that it does not end on its way."""
    lives = told.get("expires_in", UNSAID)
    if isinstance(lives, str) and lives.isascii() and lives.isdigit():
        lives = int(lives[:9])
    if isinstance(lives, bool) or not isinstance(lives, int | float):
        lives = UNSAID
    lives = min(max(float(lives), 0.0), LONGEST)
    return lives - min(MARGIN, lives / 10)
