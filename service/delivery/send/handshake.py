"""Asking receivers whether they want to be called at all: the OPTIONS handshake of CloudEvents' web hooks.

Consent are the headers `WebHook-Allowed-Origin` and `WebHook-Allowed-Rate` of the answer, never its status. Until it is
given, deliveries of the endpoint wait. An answer without consent is final until somebody asks for another try; no
answer is tried again, ever more seldom. Asked outside of any transaction: taken, asked, written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from service.delivery.send.transport import Recipes
from service.framework.database.columns import Instant, Json, Uuid, bind
from service.framework.database.database import Database, Row
from service.framework.database.dialects import one_of
from service.framework.database.statements import Statement
from service.framework.outbound.egress import Answer, CallFailed, Egress
from service.models.webhooks.endpoints import webhook_endpoints
from service.platform.clock import Clock, instant_text
from service.queries.webhooks.endpoints import TRANSPORT

MOST_AT_ONCE = 20
TAKEN = timedelta(seconds=60)
"""How long an endpoint that is being asked is left alone by other workers."""

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
LARGEST_RATE = 1_000_000

_e = webhook_endpoints.c
_now = bind("now", Instant())
_DUE = Statement(
    sa.select(_e.id)
    .where(_e.handshake.is_(sa.true()), _e.enabled.is_(sa.true()), _e.deleted_at.is_(None), _e.consent_due_at <= _now)
    .order_by(_e.consent_due_at)
    .limit(MOST_AT_ONCE)
)
_TAKE = Statement(
    sa.update(webhook_endpoints)
    .values(consent_due_at=bind("until", Instant()))
    .where(one_of(_e.id, "ids"), _e.consent_due_at <= _now)
    .returning(_e.id)
)
_ASKED = Statement(
    sa.select(_e.id, _e.url, _e.rate_per_second, _e.consent, _e.transport_sealed, TRANSPORT)
    .where(one_of(_e.id, "ids"))
    .order_by(_e.id)
)
_WRITE = Statement(
    sa.update(webhook_endpoints)
    .values(
        consent=bind("consent", Json()),
        consent_due_at=bind("due", Instant()),
        awaits_consent=bind("awaits", sa.Boolean()),
        allowed_per_minute=bind("allowed", sa.BigInteger()),
        version=_e.version + sa.literal_column("1"),
        updated_at=_now,
    )
    .where(
        _e.id == bind("id", Uuid()),
        _e.consent_due_at == bind("taken", Instant()),
        _e.handshake.is_(sa.true()),
    )
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a receiver said: `state` is given, refused or asked (no answer yet); `rate` is calls per minute, None for
    any number.
    """

    state: str
    rate: int | None = None
    detail: str | None = None


def judge(answer: Answer, origin: str, asked_rate: int | None) -> Verdict:
    """What the headers of an answer mean for this origin. Pure."""
    allowed = answer.headers.get("webhook-allowed-origin", "").strip()
    if not allowed:
        if answer.status == 429 or answer.status >= 500:
            return Verdict("asked", detail=f"The receiver answered {answer.status} without WebHook-Allowed-Origin")
        return Verdict("refused", detail=f"The receiver answered {answer.status} without WebHook-Allowed-Origin")
    if allowed != "*" and origin.lower() not in [part.strip().lower() for part in allowed.split(",")]:
        return Verdict("refused", detail="WebHook-Allowed-Origin names another origin")
    rate = answer.headers.get("webhook-allowed-rate", "").strip()
    if not rate:
        return Verdict("given", asked_rate)
    if rate == "*":
        return Verdict("given")
    if rate.isascii() and rate.isdigit() and int(rate[:9]) > 0:
        return Verdict("given", min(int(rate[:9]), LARGEST_RATE))
    return Verdict("refused", detail="WebHook-Allowed-Rate is neither * nor a number of calls per minute")


class Handshakes:
    """Asks for consent on behalf of the endpoints that want it; `origin` is the DNS name of this service."""

    def __init__(
        self, database: Database, egress: Egress, clock: Clock, unseal: Callable[[str], bytes], origin: str
    ) -> None:
        self._database = database
        self._egress = egress
        self._clock = clock
        self._recipes = Recipes(unseal, origin)
        self._origin = origin

    async def once(self) -> int:
        """Ask whoever is to be asked now; how many were. Costs one read when there is none."""
        now = self._clock.now()
        async with self._database.reading(fresh=True) as reader:
            ids = await reader.column(_DUE, now=now)
        if not ids:
            return 0
        taken = now + TAKEN
        async with self._database.transaction() as writer:
            mine = await writer.column(_TAKE, ids=ids, now=now, until=taken)
            rows = await writer.all(_ASKED, ids=mine) if mine else []
        verdicts = await asyncio.gather(*(self._ask(row) for row in rows))
        async with self._database.transaction() as writer:
            for row, verdict in zip(rows, verdicts, strict=True):
                await writer.execute(_WRITE, **self._written(row, verdict, asked=now, taken=taken))
        return len(rows)

    async def _ask(self, row: Row) -> Verdict:
        rate = None if row["rate_per_second"] is None else max(1, int(row["rate_per_second"] * 60))
        try:
            recipe = self._recipes.of(row["transport"], row["transport_sealed"])
            headers = {**recipe.headers, "webhook-request-origin": self._origin}
            if rate is not None:
                headers["webhook-request-rate"] = str(rate)
            answer = await self._egress.request("OPTIONS", row["url"], b"", headers, tls=recipe.tls)
        except CallFailed as failed:
            return Verdict("asked", detail=f"The receiver could not be asked: {failed.kind}")
        except Exception:  # secrets that do not open must not keep the other endpoints from being asked
            log.warning("an endpoint could not be asked for its consent", exc_info=True)
            return Verdict("asked", detail="The receiver could not be asked: unknown")
        return judge(answer, self._origin, rate)

    def _written(self, row: Row, verdict: Verdict, *, asked: datetime, taken: datetime) -> dict[str, Any]:
        """What is written of a verdict. A consent that was given stands while the receiver does not answer."""
        now = self._clock.now()
        before = row["consent"] or {}
        answered = verdict.state != "asked"
        stands = not answered and before.get("state") == "given"
        tries = 0 if answered else int(before.get("tries", 0)) + 1
        wait = min(FIRST_WAIT * 2 ** min(tries - 1, 12), LONGEST_WAIT) if tries else None
        rate = before.get("rate_per_minute") if stands else verdict.rate
        return {
            "id": row["id"],
            "taken": taken,
            "now": now,
            "due": None if wait is None else now + wait,
            "awaits": not (stands or verdict.state == "given"),
            "allowed": rate,
            "consent": {
                "state": "given" if stands else verdict.state,
                "rate_per_minute": rate,
                "asked_at": instant_text(asked),
                "answered_at": instant_text(now) if answered else before.get("answered_at"),
                "tries": tries,
                "detail": verdict.detail,
            },
        }
