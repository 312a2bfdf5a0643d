"""A small client of the service for scripts: one connection pool, an Idempotency-Key on every POST, and patience.

A request that got no answer is sent again with the same key until it has one, so that it takes effect once however
often the connection breaks or the service restarts. PUT needs no key: sent twice, it changes nothing the second time.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

Record = dict[str, Any]

CONNECTIONS = 8
PAGE = 200
TRY_AGAIN = frozenset({429, 502, 503, 504})
FIRST_WAIT, LONGEST_WAIT = 0.05, 1.0


class Refused(Exception):
    """The service said no; the text holds the request and the problem document."""

    def __init__(self, request: httpx.Request, response: httpx.Response) -> None:
        super().__init__(f"{request.method} {request.url.raw_path.decode()}: {response.status_code} {response.text}")
        self.status = response.status_code


@dataclass
class Api:
    """The service at `url` (without /v1) as the owner of `key` may use it; `async with Api(...) as api`."""

    url: str
    key: str
    patience: float = 60.0
    """Seconds to go on trying a request that gets no answer."""
    requests: int = 0
    """Requests that were answered."""
    repeats: int = 0
    """Requests that were sent again because the answer was missing or asked for it."""
    client: httpx.AsyncClient = field(init=False)
    _turns: asyncio.Semaphore = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._turns = asyncio.Semaphore(CONNECTIONS)  # patience begins when it is a request's turn
        self.client = httpx.AsyncClient(
            base_url=f"{self.url}/v1",
            headers={"Authorization": f"Bearer {self.key}"},
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            timeout=30,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()

    async def get(self, path: str, **query: str | int) -> Record:
        """Read a resource, or one page of a list."""
        return self._record(await self._send(self.client.build_request("GET", path, params=query)))

    async def listed(self, path: str, **query: str | int) -> AsyncIterator[Record]:
        """Walk a list to its end, page by page."""
        page = await self.get(path, limit=PAGE, **query)
        while True:
            for item in page["items"]:
                yield item
            if not page["has_more"]:
                return
            page = await self.get(path, limit=PAGE, **query | {"after": page["next_cursor"]})

    async def post(self, path: str, body: Record | None = None) -> Record:
        """Create something or make something happen, once."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return self._record(await self._send(self.client.build_request("POST", path, json=body, headers=headers)))

    async def put(self, path: str, body: Record) -> Record:
        """Bring a resource to what `body` says."""
        return self._record(await self._send(self.client.build_request("PUT", path, json=body)))

    async def upsert(self, path: str, body: Record) -> tuple[Record, str]:
        """PUT by reference; also what it did: created, updated or unchanged."""
        response = await self._send(self.client.build_request("PUT", path, json=body))
        return self._record(response), response.headers["Upsert-Result"]

    async def delete(self, path: str) -> None:
        """Delete a resource; one that is gone already is fine."""
        try:
            await self._send(self.client.build_request("DELETE", path))
        except Refused as refused:
            if refused.status != 404:
                raise

    async def _send(self, request: httpx.Request) -> httpx.Response:
        """Send until there is an answer. Raises Refused on a problem, and the transport's error when patience ends."""
        async with self._turns:
            return await self._insist(request)

    async def _insist(self, request: httpx.Request) -> httpx.Response:
        deadline, wait = time.monotonic() + self.patience, FIRST_WAIT
        while True:
            try:
                response = await self.client.send(request)
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            else:
                self.requests += 1
                if response.is_success:
                    return response
                if not _may_pass(response) or time.monotonic() > deadline:
                    raise Refused(request, response)
                wait = max(wait, float(response.headers.get("Retry-After", 0)))
            self.repeats += 1
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    @staticmethod
    def _record(response: httpx.Response) -> Record:
        record: Record = response.json()
        return record


def _may_pass(response: httpx.Response) -> bool:
    """Whether the same request may succeed later: too many, not available, or its first sending still under way."""
    if response.status_code == 409:
        return bool(response.json().get("code") == "idempotency_key_in_progress")
    return response.status_code in TRY_AGAIN
