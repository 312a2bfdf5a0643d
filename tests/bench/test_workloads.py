"""The benchmark compares like with like: on a small portfolio, service and floors give equal answers to every workload.

How fast they are is measured by hand (`python -m tests.bench.run`), never asserted.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa

from service.access.api_keys import new_key
from service.app import create_app
from service.framework.database.statements import Statement
from service.models.access.api_keys import ApiKeyCreate
from service.models.events.events import events
from service.operations.access.api_keys import create_api_key
from service.platform.settings import Settings
from service.records.context import Services, system_context
from service.records.services import make_services
from tests import postgres
from tests.bench.data import fill
from tests.bench.floors import Floors
from tests.bench.workloads import WORKLOADS, Request, reads, writes

ACCOUNTS = 400
FLOORS = [(workload.name, floor) for workload in WORKLOADS for floor in workload.floors if not workload.once]
_EVENTS = Statement(sa.select(events).order_by(events.c.seq))


@pytest.fixture(scope="module")
def filled() -> Iterator[str]:
    server = os.environ.get("KAM_TEST_POSTGRES_URL")
    if server is None:
        pytest.skip("no PostgreSQL")
    name = f"bench_{uuid.uuid4().hex}"
    url = postgres.create_database(server, name)
    asyncio.run(fill(url, ACCOUNTS))
    yield url
    postgres.drop_database(server, name)


@pytest.fixture
async def measured(filled: str) -> AsyncIterator[Services]:
    settings = Settings(
        _env_file=None,
        database_url=filled,
        secret_key="a key of 32 characters for tests",
        worker=False,
        access_log=False,
        rate_limit=0,
    )
    services = make_services(settings)
    await services.database.open()
    yield services
    await services.database.close()


@pytest.fixture
async def service(measured: Services) -> AsyncIterator[httpx.AsyncClient]:
    value = new_key()
    await create_api_key(system_context(measured), ApiKeyCreate(name="bench", scopes=["*"]), value)
    transport = httpx.ASGITransport(create_app(measured.settings, services=measured))
    headers = {"Authorization": f"Bearer {value}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://kam.test", headers=headers) as client:
        yield client


@pytest.fixture
async def floors(filled: str) -> AsyncIterator[httpx.AsyncClient]:
    app = Floors(filled)
    await app.pool.open(filled, 1)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://floors.test") as client:
        yield client
    await app.pool.close()


async def send(client: httpx.AsyncClient, request: Request, prefix: str = "") -> Any:
    """The parsed body of an answer that must be a 200."""
    headers = {} if request.expected is None else {"If-Match": f'"v{request.expected}"'}
    if request.body:
        headers["Content-Type"] = "application/json"
    answer = await client.request(request.method, prefix + request.path, content=request.body, headers=headers)
    assert answer.status_code == 200, answer.text
    return orjson.loads(answer.content)


@pytest.mark.parametrize(("workload", "floor"), FLOORS)
async def test_service_and_floor_read_the_same(
    workload: str, floor: str, service: httpx.AsyncClient, floors: httpx.AsyncClient
) -> None:
    for request in reads(workload, ACCOUNTS, 4):
        own, bare = await send(service, request), await send(floors, request, f"/{floor}")
        if workload == "W2":
            assert len(own["items"]) == 50 and own.pop("has_more") and own.pop("next_cursor")
        assert own == bare
        assert "errors" not in own


async def test_service_and_floor_write_the_same(
    measured: Services, filled: str, service: httpx.AsyncClient, floors: httpx.AsyncClient
) -> None:
    first, second = await writes(filled, 2)
    before = await send(service, Request("GET", first.path))
    own = await send(service, first)
    bare = await send(floors, second, "/f1")
    assert own.keys() == bare.keys() and own["version"] == bare["version"] == before["version"] + 1
    assert own["service_level"] == bare["service_level"] != before["service_level"]
    async with measured.database.reading() as reader:
        ours, theirs = (await reader.all(_EVENTS))[-2:]
    assert {name for name in ours if ours[name] is None} == {name for name in theirs if theirs[name] is None}
    bodies = [orjson.loads(row["body"]) for row in (ours, theirs)]
    for body in bodies:
        body["data"]["account"] = set(body["data"]["account"])
        body["cause"] = set(body["cause"])
    assert bodies[0] | {"id": 0, "timestamp": 0} == bodies[1] | {"id": 0, "timestamp": 0}


async def test_a_write_that_expects_another_version_is_refused_by_both(
    filled: str, service: httpx.AsyncClient, floors: httpx.AsyncClient
) -> None:
    (request,) = await writes(filled, 1, 5)
    for client, prefix in ((service, ""), (floors, "/f1")):
        headers = {"If-Match": '"v77"', "Content-Type": "application/json"}
        answer = await client.patch(prefix + request.path, content=request.body, headers=headers)
        assert answer.status_code == 412
