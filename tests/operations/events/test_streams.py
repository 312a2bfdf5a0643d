"""Open streams are counted from the call until they are closed, in every way of closing."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from service.graphql.subscriptions import follow
from service.operations.events.streams import follow_events
from service.platform.errors import CursorInvalid, TooManyStreams
from service.records.context import Services, system_context
from service.rest.events.streams import _written
from tests.api.records import make_account


async def test_streams_that_begin_at_once_are_no_more_than_allowed(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services.settings, "event_streams", 2)
    ctx = system_context(services)
    begun = await asyncio.gather(*(follow_events(ctx) for _ in range(5)), return_exceptions=True)
    refused = [each for each in begun if isinstance(each, TooManyStreams)]
    assert len(refused) == 3 and services.streams == 2
    for each in begun:
        if not isinstance(each, BaseException):
            await each.aclose()
    assert services.streams == 0
    with pytest.raises(CursorInvalid):
        await follow_events(ctx, after="abc")
    assert services.streams == 0


async def test_a_stream_that_is_left_is_counted_no_more_at_once(client: httpx.AsyncClient, services: Services) -> None:
    ctx = system_context(services)
    written = _written(await follow_events(ctx))
    assert (await anext(written)).startswith(b"retry") and services.streams == 1
    await written.aclose()
    assert services.streams == 0
    await make_account(client)
    first = (await client.get("/v1/events")).json()["items"][0]["cursor"]
    await make_account(client, name="Second")
    written = _written(await follow_events(ctx, after=first))
    assert (await anext(written)) and b"account.created" in await anext(written)
    await written.aclose()
    assert services.streams == 0
    told = await follow(ctx, first, None, None)
    assert (await anext(told) or {})["type"] == "account.created" and services.streams == 1
    await told.aclose()  # type: ignore[attr-defined]
    assert services.streams == 0
