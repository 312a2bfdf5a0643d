"""Jobs over HTTP and GraphQL: reading how far they are, and canceling them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from service.access.policy import Permission
from service.jobs.runner import Runner
from service.platform.clock import SetClock
from service.records.context import Services, system_context
from service.records.system.jobs import enqueue
from tests.api.records import NOBODY
from tests.jobs.counting import Counting

pytestmark = pytest.mark.made_up_events  # steps of these jobs tell events of a shape of their own


async def ask(services: Services, kind: str = "counting", to: int = 10) -> dict[str, Any]:
    """A job, committed."""
    async with system_context(services).transaction(Permission.JOB_WRITE) as tx:
        return (await enqueue(tx, kind, {"to": to}, to)).data


async def test_reading_and_listing(services: Services, clock: SetClock, client: httpx.AsyncClient) -> None:
    first = await ask(services)
    clock.advance(timedelta(seconds=1))
    second = await ask(services, "other")
    answer = await client.get(f"/v1/jobs/{first['id']}")
    assert (answer.status_code, answer.headers["etag"], answer.json()) == (200, '"v1"', first)
    assert (await client.get(f"/v1/jobs/{first['id']}", headers={"If-None-Match": '"v1"'})).status_code == 304
    assert [job["id"] for job in (await client.get("/v1/jobs")).json()["items"]] == [second["id"], first["id"]]
    await Runner(services, [Counting()]).run_due()
    for query, expected in (
        ("state=succeeded", [first["id"]]),
        ("kind=other", [second["id"]]),
        ("state=queued,running&kind=counting", []),
    ):
        before = services.database.statements
        answer = await client.get(f"/v1/jobs?{query}")
        assert services.database.statements == before + 1
        assert [job["id"] for job in answer.json()["items"]] == expected
    assert (await client.get(f"/v1/jobs/{NOBODY}")).status_code == 404


async def test_canceling(services: Services, client: httpx.AsyncClient) -> None:
    job = await ask(services)
    path = f"/v1/jobs/{job['id']}/cancel"
    assert (await client.post(path, headers={"If-Match": '"v9"'})).status_code == 412
    key = {"Idempotency-Key": "once"}
    answer = await client.post(path, headers=key)
    assert (answer.status_code, answer.json()["state"], answer.headers["etag"]) == (200, "canceled", '"v2"')
    again = await client.post(path, headers=key)
    assert (again.json(), again.headers["idempotent-replayed"]) == (answer.json(), "true")
    assert (await client.post(path)).json() == answer.json()
    assert (await client.post(f"/v1/jobs/{NOBODY}/cancel")).status_code == 404
    done = await ask(services)
    await Runner(services, [Counting()]).run_due()
    refused = await client.post(f"/v1/jobs/{done['id']}/cancel")
    assert (refused.status_code, refused.json()["detail"]) == (409, "The job has succeeded already")


async def test_permissions(services: Services, make_client: Callable[..., Any]) -> None:
    job = await ask(services)
    reader, stranger = await make_client("jobs:read"), await make_client("accounts:read")
    path = f"/v1/jobs/{job['id']}"
    assert (await reader.get(path)).status_code == 200
    refused = await reader.post(f"{path}/cancel")
    assert (refused.status_code, refused.json()["required_scope"]) == (403, "jobs:write")
    for answer in (await stranger.get(path), await stranger.get("/v1/jobs"), await stranger.get(f"/v1/jobs/{NOBODY}")):
        assert (answer.status_code, answer.json()["required_scope"]) == (403, "jobs:read")


async def test_the_same_in_graphql(services: Services, client: httpx.AsyncClient) -> None:
    job = await ask(services)
    shown = "id kind state params done total percent result error attempts version"
    query = (
        f'{{ job(id: "{job["id"]}") {{ {shown} }} jobs(filter: {{kind: {{eq: "counting"}}}}) {{ nodes {{ id }} }} }}'
    )
    data = (await client.post("/graphql", json={"query": query})).json()["data"]
    assert data == {
        "job": {name: job[name] for name in shown.split()},
        "jobs": {"nodes": [{"id": job["id"]}]},
    }
    query = f'mutation {{ cancelJob(id: "{job["id"]}") {{ outcome job {{ state }} }} }}'
    data = (await client.post("/graphql", json={"query": query})).json()["data"]
    assert data == {"cancelJob": {"outcome": "canceled", "job": {"state": "canceled"}}}
