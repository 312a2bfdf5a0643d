"""What a request says of itself, read once: method, path, query, headers, id."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request
from starlette.types import Scope

from service.framework.web.conditional import expected_versions, upserted_versions
from service.platform.telemetry import RequestIds

_IDS = RequestIds()


@dataclass(slots=True)
class RequestInfo:
    """A request as it came, with what the service found out about it on the way."""

    method: str
    raw_path: bytes
    query: bytes
    headers: Mapping[bytes, bytes]
    request_id: str
    template: str = "unmatched"
    """The path of its route, as logs and metrics name it."""
    key_id: str | None = None
    """The id of the caller's key."""
    limits: tuple[tuple[bytes, bytes], ...] = ()
    """The RateLimit headers of its answer."""
    prefix: bytes = b""
    """The path under which clients reach the service, when a proxy strips it: Link and Location begin with it."""

    @classmethod
    def of(cls, scope: Scope) -> RequestInfo:
        """Return the request of an ASGI scope; the scope keeps it, so that everybody who asks gets the same one."""
        known: RequestInfo | None = scope.get("request_info")
        if known is not None:
            return known
        raw_path = scope.get("raw_path")
        headers = dict(scope["headers"])
        made = scope["request_info"] = cls(
            scope.get("method", "GET"),
            raw_path if raw_path is not None else quote(scope["path"]).encode(),
            scope["query_string"],
            headers,
            _IDS.choose(headers.get(b"x-request-id")),
        )
        return made

    @property
    def expected(self) -> Container[int] | None:
        """The versions that this write may replace (If-Match); None when any will do. Raises StaleVersion for weak tags
        and MalformedRequest for text that is no tag.
        """
        return expected_versions(self.headers.get(b"if-match"))

    @property
    def upserted(self) -> Container[int] | None:
        """The versions that this upsert may replace (If-Match, If-None-Match), 0 for a record that is not there; None
        when any will do. Raises as `expected`, and Invalid for an If-None-Match other than `*`.
        """
        return upserted_versions(self.headers.get(b"if-match"), self.headers.get(b"if-none-match"))


async def request_info(request: Request) -> RequestInfo:
    """Return the request of an endpoint: a FastAPI dependency."""
    return RequestInfo.of(request.scope)
