"""Sending events to an endpoint again: a window of the feed per step, its deliveries and the place in one transaction.

What is replayed keeps its event id, gets the next replay number, and stands in lines of its own, so that it goes out in
order and never holds up what happens now; at an endpoint that is strictly in order it stands in the one line there is.
It takes the slow lane, behind first attempts. A worker that is killed leaves whole windows behind.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from service.events.feed.queue import MARK_BEHIND
from service.events.feed.subscriptions import subscription
from service.framework.database.database import Row
from service.jobs.work import Job, Step
from service.platform.errors import Conflict
from service.platform.ids import new_id
from service.queries.webhooks.replays import ENDPOINT, WINDOW, Asked, Chosen, choose
from service.records.context import Context, Transaction
from service.records.webhooks.endpoints import delivering

_DELIVER = delivering("event_id", "event_position", "order_key", "state", "behind", "replay_no", lane="retry")


class Replay:
    """A kind of job; its params are those of the request, `end` the last place of the range, its cursor a place."""

    name = "webhook_replay"

    async def step(self, ctx: Context, tx: Transaction, job: Job) -> Step:
        """Replay one window of the feed; raises Conflict when the endpoint is gone or turned off."""
        asked, place, end = _asked(job.params), int(job.cursor), int(job.params["end"])
        endpoint = await tx.one(ENDPOINT, id=job.params["endpoint_id"])
        if endpoint is None or not endpoint["enabled"]:
            raise Conflict("The endpoint was deleted or turned off")
        upto = min(end, place + WINDOW)
        chosen = await choose(tx.reader, subscription(endpoint, tx.now), asked, place, upto)
        if chosen:
            rows = _deliveries(endpoint, chosen, tx.now)
            await tx.many(_DELIVER, rows)
            heads = [row["id"] for row in rows if not row["behind"]]
            await tx.execute(MARK_BEHIND[ctx.services.database.kind], ids=heads)
        sent = Counter((job.result or {}).get("by_type", {}))
        sent.update(each.event["type"] for each in chosen)
        result = {"deliveries": sent.total(), "by_type": dict(sorted(sent.items()))}
        return Step(done=max(upto - place, 0), cursor=upto, finished=upto >= end, result=result)


def _asked(params: dict[str, Any]) -> Asked:
    return Asked(
        since=datetime.fromisoformat(params["since"]),
        until=datetime.fromisoformat(params["until"]),
        types=params["types"],
        states=params["states"],
        account_id=params["account_id"],
    )


def _deliveries(endpoint: Row, chosen: list[Chosen], now: datetime) -> list[Row]:
    rows: list[Row] = []
    begun: set[str] = set()
    for each in chosen:
        line = _line(endpoint, each.event)
        rows.append(
            {
                "id": new_id(),
                "event_id": each.event["id"],
                "event_position": each.event["position"],
                "endpoint_id": endpoint["id"],
                "order_key": line,
                "state": "pending",
                "behind": line in begun,
                "replay_no": each.replay_no,
                "now": now,
            }
        )
        begun.add(line)
    return rows


def _line(endpoint: Row, event: Row) -> str:
    """The line that a replayed delivery stands in."""
    if endpoint["ordering"] == "strict":
        return str(endpoint["id"])
    if endpoint["ordering"] == "none":
        return str(event["id"])
    return f"replay/{event['account_id'] or event['subject_id']}"
