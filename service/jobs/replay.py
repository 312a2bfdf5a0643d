"""The job that sends events to an endpoint again: each step writes the deliveries of one window of the feed and the
position reached, in one transaction.

A replayed event keeps its id, gets the next replay number and an order key of its own, so that replays keep their order
and never delay new events. At an endpoint with strict ordering it gets the endpoint's only order key. Replays take the
retry lane, behind first attempts. A killed worker leaves whole windows behind.
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
from service.queries.webhooks.replays import ENDPOINT, WINDOW, Chosen, ReplayConditions, choose
from service.records.context import Context, Transaction
from service.records.webhooks.endpoints import delivering

_DELIVER = delivering("event_id", "event_position", "order_key", "state", "behind", "replay_no", lane="retry")


class Replay:
    """Replays a range of the feed. The params are those of the request and `end`, the last position; the cursor is a
    position.
    """

    name = "webhook_replay"

    async def step(self, ctx: Context, tx: Transaction, job: Job) -> Step:
        """Replay one window of the feed. Raises Conflict when the endpoint is deleted or turned off."""
        request, position, end = _request(job.params), int(job.cursor), int(job.params["end"])
        endpoint = await tx.one(ENDPOINT, id=job.params["endpoint_id"])
        if endpoint is None or not endpoint["enabled"]:
            raise Conflict("The endpoint was deleted or turned off")
        upto = min(end, position + WINDOW)
        chosen = await choose(tx.reader, subscription(endpoint, tx.now), request, position, upto)
        if chosen:
            rows = _deliveries(endpoint, chosen, tx.now)
            await tx.many(_DELIVER, rows)
            heads = [row["id"] for row in rows if not row["behind"]]
            await tx.execute(MARK_BEHIND[ctx.services.database.kind], ids=heads)
        sent = Counter((job.result or {}).get("by_type", {}))
        sent.update(each.event["type"] for each in chosen)
        result = {"deliveries": sent.total(), "by_type": dict(sorted(sent.items()))}
        return Step(done=max(upto - position, 0), cursor=upto, finished=upto >= end, result=result)


def _request(params: dict[str, Any]) -> ReplayConditions:
    return ReplayConditions(
        since=datetime.fromisoformat(params["since"]),
        until=datetime.fromisoformat(params["until"]),
        types=params["types"],
        states=params["states"],
        account_id=params["account_id"],
    )


def _deliveries(endpoint: Row, chosen: list[Chosen], now: datetime) -> list[Row]:
    rows: list[Row] = []
    seen: set[str] = set()
    for each in chosen:
        order_key = _order_key(endpoint, each.event)
        rows.append(
            {
                "id": new_id(),
                "event_id": each.event["id"],
                "event_position": each.event["position"],
                "endpoint_id": endpoint["id"],
                "order_key": order_key,
                "state": "pending",
                "behind": order_key in seen,
                "replay_no": each.replay_no,
                "now": now,
            }
        )
        seen.add(order_key)
    return rows


def _order_key(endpoint: Row, event: Row) -> str:
    if endpoint["ordering"] == "strict":
        return str(endpoint["id"])
    if endpoint["ordering"] == "none":
        return str(event["id"])
    return f"replay/{event['account_id'] or event['subject_id']}"
