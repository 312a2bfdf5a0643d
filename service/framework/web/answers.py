"""What an endpoint returns: the bytes of the answer's body, with its version, status and headers."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol
from urllib.parse import quote

import orjson
from pydantic import BaseModel

_REPLAYED = (b"idempotent-replayed", b"true")


class Versioned(Protocol):
    """One resource as JSON from the database, and what an operation did to it."""

    @property
    def version(self) -> int:
        """The version that makes the ETag."""

    @property
    def body(self) -> bytes:
        """The JSON text."""

    @property
    def outcome(self) -> str:
        """What a write did: created, updated, unchanged, deleted ..."""

    @property
    def replayed(self) -> bool:
        """Whether this is the stored answer of an earlier request with the same Idempotency-Key."""


class Paged(Protocol):
    """One page of a list as JSON text `{items, next_cursor, has_more}`."""

    @property
    def body(self) -> bytes:
        """The JSON text."""

    @property
    def next_cursor(self) -> str | None:
        """The cursor of the page after this one."""


@dataclass(slots=True)
class Answer:
    """An answer of an endpoint. `version` (or `tag`) becomes the ETag, `next_cursor` the Link to the next page; a 201
    gets the Location that its route declares.
    """

    body: bytes = b""
    status: int = 200
    version: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    media: bytes = b"application/json"
    next_cursor: str | None = None
    cache: bytes | None = None
    stream: AsyncGenerator[bytes, None] | None = None
    """Sent part by part instead of `body`, until it ends or the caller hangs up."""
    tag: bytes | None = None
    """The entity tag of an answer without a version, quotes included."""


def found(resource: Versioned, headers: Mapping[str, str] | None = None) -> Answer:
    """Return 200 with a resource and its ETag; a document of version 0 depends on more than its record and has none."""
    return Answer(resource.body, 200, resource.version or None, _headers(resource, headers))


def created(resource: Versioned, headers: Mapping[str, str] | None = None) -> Answer:
    """Return 201 with the new resource, its ETag, and the Location that the route declares."""
    return Answer(resource.body, 201, resource.version, _headers(resource, headers))


def accepted(resource: Versioned, location: str) -> Answer:
    """Return 202 with work that has started and has no version yet; `location` is a template over its id."""
    place = location.format(id=orjson.loads(resource.body)["id"])
    return Answer(resource.body, 202, None, _headers(resource, {"Location": place}))


def upserted(resource: Versioned) -> Answer:
    """Return 201 when the upsert created the resource, else 200; `Upsert-Result` is the outcome."""
    status = 201 if resource.outcome == "created" else 200
    return Answer(resource.body, status, resource.version, _headers(resource, {"Upsert-Result": resource.outcome}))


def unversioned(resource: Versioned, status: int = 200) -> Answer:
    """Return the result of an action, without an ETag."""
    return Answer(resource.body, status, None, _headers(resource, None))


def page(shown: Paged) -> Answer:
    """Return 200 with one page of a list; the edge adds `Link: <...>; rel="next"` while there is more."""
    return Answer(shown.body, next_cursor=shown.next_cursor)


def plain(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return JSON text (bytes as they are), a model, or plain values, without an ETag."""
    return Answer(to_json(value), status, None, header_pairs(headers))


def tagged(body: bytes, media: str, *, varies: str) -> Answer:
    """Return 200 with a document that has no version: its ETag is a hash of its content. `varies` names the request
    header that it depends on.
    """
    tag = b'"c%s"' % blake2b(body, digest_size=12).hexdigest().encode()
    headers = ((b"vary", varies.encode()),)
    charset = b"; charset=utf-8" if media.endswith("+xml") else b""
    return Answer(body, 200, headers=headers, media=media.encode() + charset, tag=tag)


def no_content(resource: Versioned | None = None) -> Answer:
    """Return 204; a retry is marked when the deleted resource was replayed."""
    return Answer(b"", 204, headers=() if resource is None else _headers(resource, None))


def location(template: str, body: bytes, arguments: Mapping[str, Any]) -> bytes:
    """Return the Location of a new resource from its own members and the path parameters."""
    return template.format_map({**arguments, **orjson.loads(body)}).encode("ascii", "ignore")


def next_link(raw_path: bytes, query: bytes, cursor: str) -> bytes:
    """Return the Link to the next page: the same request with another `after`."""
    kept = [pair for pair in query.split(b"&") if pair and not pair.startswith(b"after=")]
    changed = b"&".join([*kept, b"after=" + quote(cursor, safe="").encode()])
    return b'<%s?%s>; rel="next"' % (raw_path, changed.replace(b">", b"%3E"))


def to_json(value: Any) -> bytes:
    """Return a value as JSON text."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, BaseModel):
        return value.__pydantic_serializer__.to_json(value)
    return orjson.dumps(value)


def header_pairs(headers: Mapping[str, str] | None) -> tuple[tuple[bytes, bytes], ...]:
    """Return headers as ASGI has them."""
    if not headers:
        return ()
    return tuple((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items())


def _headers(resource: Versioned, headers: Mapping[str, str] | None) -> tuple[tuple[bytes, bytes], ...]:
    """Return the headers of an answer, with Idempotent-Replayed when it is a stored one."""
    pairs = header_pairs(headers)
    return (*pairs, _REPLAYED) if resource.replayed else pairs
