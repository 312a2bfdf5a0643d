"""Consent of receivers: the OPTIONS handshake of CloudEvents' web hooks.

The headers `WebHook-Allowed-Origin` and `WebHook-Allowed-Rate` of an answer give consent, never its status. Until an
endpoint has consent, its deliveries wait. An answer without consent is final until a caller requests another try; a
request without an answer is repeated with growing pauses. No transaction is open during the requests: claim, send,
write.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import sqlalchemy as sa

from service.delivery.send.transport import Recipes
from service.framework.database.columns import Instant, Json, Uuid, bind
from service.framework.database.database import Database, Row
from service.framework.database.dialects import one_of
from service.framework.database.statements import Statement
from service.framework.outbound.httpx_transport import failure_kind
from service.models.webhooks.endpoints import webhook_endpoints
from service.platform.clock import Clock, instant_text
from service.queries.webhooks.endpoints import TRANSPORT

MOST_AT_ONCE = 20
TAKEN = timedelta(seconds=60)
"""How long other workers leave an endpoint alone after a worker took it to request its consent."""

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
LARGEST_RATE = 1_000_000

_c = webhook_endpoints.c
_now = bind("now", Instant())
_DUE = Statement(
    sa.select(_c.id)
    .where(_c.handshake.is_(sa.true()), _c.enabled.is_(sa.true()), _c.deleted_at.is_(None), _c.consent_due_at <= _now)
    .order_by(_c.consent_due_at)
    .limit(MOST_AT_ONCE)
)
_TAKE = Statement(
    sa.update(webhook_endpoints)
    .values(consent_due_at=bind("until", Instant()))
    .where(one_of(_c.id, "ids"), _c.consent_due_at <= _now)
    .returning(_c.id)
)
_ROWS = Statement(
    sa.select(_c.id, _c.url, _c.rate_per_second, _c.consent, _c.transport_sealed, TRANSPORT)
    .where(one_of(_c.id, "ids"))
    .order_by(_c.id)
)
_WRITE = Statement(
    sa.update(webhook_endpoints)
    .values(
        consent=bind("consent", Json()),
        consent_due_at=bind("due", Instant()),
        awaits_consent=bind("awaits", sa.Boolean()),
        allowed_per_minute=bind("allowed", sa.BigInteger()),
        version=_c.version + sa.literal_column("1"),
        updated_at=_now,
    )
    .where(
        _c.id == bind("id", Uuid()),
        _c.consent_due_at == bind("taken", Instant()),
        _c.handshake.is_(sa.true()),
    )
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Consent:
    """The meaning of an answer: `state` is given, refused or asked (no answer yet); `rate` is in calls per minute, None
    for any number.
    """

    state: str
    rate: int | None = None
    detail: str | None = None


def read_consent(answer: httpx.Response, origin: str, wanted_rate: int | None) -> Consent:
    """Return the consent that an answer gives to this origin. Pure."""
    allowed = answer.headers.get("webhook-allowed-origin", "").strip()
    if not allowed:
        state = "asked" if answer.status_code == 429 or answer.status_code >= 500 else "refused"
        return Consent(state, detail=f"The receiver answered {answer.status_code} without WebHook-Allowed-Origin")
    if allowed != "*" and origin.lower() not in [part.strip().lower() for part in allowed.split(",")]:
        return Consent("refused", detail="WebHook-Allowed-Origin names another origin")
    rate = answer.headers.get("webhook-allowed-rate", "").strip()
    if not rate:
        return Consent("given", wanted_rate)
    if rate == "*":
        return Consent("given")
    if rate.isascii() and rate.isdigit() and int(rate[:9]) > 0:
        return Consent("given", min(int(rate[:9]), LARGEST_RATE))
    return Consent("refused", detail="WebHook-Allowed-Rate is neither * nor a number of calls per minute")


class Handshakes:
    """Requests the consent of the endpoints that need it; `origin` is the DNS name of this service."""

    def __init__(
        self, database: Database, http: httpx.AsyncClient, clock: Clock, unseal: Callable[[str], bytes], origin: str
    ) -> None:
        self._database = database
        self._http = http
        self._clock = clock
        self._recipes = Recipes(unseal, origin)
        self._origin = origin

    async def once(self) -> int:
        """Send the consent request to every endpoint that is due. Return how many were asked. Costs one read when none
        is due.
        """
        now = self._clock.now()
        async with self._database.reading(fresh=True) as reader:
            ids = await reader.column(_DUE, now=now)
        if not ids:
            return 0
        taken = now + TAKEN
        async with self._database.transaction() as writer:
            mine = await writer.column(_TAKE, ids=ids, now=now, until=taken)
            rows = await writer.all(_ROWS, ids=mine) if mine else []
        consents = await asyncio.gather(*(self._ask(row) for row in rows))
        async with self._database.transaction() as writer:
            for row, consent in zip(rows, consents, strict=True):
                await writer.execute(_WRITE, **self._values(row, consent, asked=now, taken=taken))
        return len(rows)

    async def _ask(self, row: Row) -> Consent:
        rate = None if row["rate_per_second"] is None else max(1, int(row["rate_per_second"] * 60))
        try:
            recipe = self._recipes.of(row["transport"], row["transport_sealed"])
            headers = {**recipe.headers, "webhook-request-origin": self._origin}
            if rate is not None:
                headers["webhook-request-rate"] = str(rate)
            answer = await self._http.options(row["url"], headers=headers, extensions={"tls": recipe.tls})
        except httpx.HTTPError as error:
            return Consent("asked", detail=f"The receiver could not be asked: {failure_kind(error)}")
        except Exception:  # secrets that do not open must not keep the other endpoints from being asked
            log.warning("an endpoint could not be asked for its consent", exc_info=True)
            return Consent("asked", detail="The receiver could not be asked: unknown")
        return read_consent(answer, self._origin, rate)

    def _values(self, row: Row, consent: Consent, *, asked: datetime, taken: datetime) -> dict[str, Any]:
        """Return the values to write. A consent that was given stays in force while the receiver does not answer."""
        now = self._clock.now()
        before = row["consent"] or {}
        answered = consent.state != "asked"
        stays = not answered and before.get("state") == "given"
        tries = 0 if answered else int(before.get("tries", 0)) + 1
        wait = min(FIRST_WAIT * 2 ** min(tries - 1, 12), LONGEST_WAIT) if tries else None
        rate = before.get("rate_per_minute") if stays else consent.rate
        return {
            "id": row["id"],
            "taken": taken,
            "now": now,
            "due": None if wait is None else now + wait,
            "awaits": not (stays or consent.state == "given"),
            "allowed": rate,
            "consent": {
                "state": "given" if stays else consent.state,
                "rate_per_minute": rate,
                "asked_at": instant_text(asked),
                "answered_at": instant_text(now) if answered else before.get("answered_at"),
                "tries": tries,
                "detail": consent.detail,
            },
        }
