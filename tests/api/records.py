"""Records that tests of several parts begin with, made through HTTP, and readers of the events that were emitted."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import sqlalchemy as sa

from service.framework.database.statements import Statement
from service.models.events.events import events
from service.records.context import Services

NOBODY = "01900000-0000-7000-8000-000000000000"
"""An id that no record has."""

_BODIES = Statement(sa.select(events.c.body).order_by(events.c.seq))


async def make(client: httpx.AsyncClient, path: str, **members: Any) -> dict[str, Any]:
    """Create a record below `/v1`; the answer's body."""
    answer = await client.post(f"/v1/{path}", json=members)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def make_account(client: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    """An account."""
    return await make(client, "accounts", **{"name": "Aurelia Robotics", **members})


async def make_person(client: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    """A person on our side."""
    return await make(client, "people", **{"name": "Ines Kaya", **members})


async def make_plan(client: httpx.AsyncClient, account: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A draft for the year 2027."""
    period = {"period_start": "2027-01-01", "period_end": "2027-12-31"}
    return await make(client, f"accounts/{account['id']}/plans", **{"title": "Grow together", **period, **members})


async def make_objective(client: httpx.AsyncClient, plan: dict[str, Any], **members: Any) -> dict[str, Any]:
    """An open objective."""
    first = {"title": "Win the second plant", "metric": "share of wallet", "target": 40, "due_on": "2027-09-30"}
    return await make(client, f"plans/{plan['id']}/objectives", **{**first, **members})


async def make_action(
    client: httpx.AsyncClient, objective: dict[str, Any], owner: dict[str, Any], **members: Any
) -> dict[str, Any]:
    """An open action."""
    first = {"title": "Visit the plant", "due_on": "2027-03-31", "expected_result": "A list of needs"}
    return await make(client, f"objectives/{objective['id']}/actions", **{**first, "owner_id": owner["id"], **members})


async def step(client: httpx.AsyncClient, plan: dict[str, Any], *states: str) -> dict[str, Any]:
    """Take a plan through these states; the plan at the end."""
    for state in states:
        answer = await client.post(f"/v1/plans/{plan['id']}/transitions", json={"to": state})
        assert answer.status_code == 200, answer.text
        plan = answer.json()
    return plan


async def told(services: Services) -> list[dict[str, Any]]:
    """The envelopes of all events so far, in order."""
    async with services.database.reading() as reader:
        return [orjson.loads(body) for body in await reader.column(_BODIES)]


async def told_types(services: Services, since: int = 0) -> list[str]:
    """The types of the events after the first `since`."""
    return [event["type"] for event in (await told(services))[since:]]


def pointers(answer: httpx.Response) -> list[tuple[str, str]]:
    """The pointers and codes of a refusal."""
    return [(error.get("pointer", error.get("parameter")), error["code"]) for error in answer.json()["errors"]]
