"""What a request brings, before any route looks at it: limits on headers and body, media types, Idempotency-Key."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from urllib.parse import quote

from starlette.types import Receive, Scope

from service.framework.web.router import Asked
from service.platform.errors import BodyTooLarge, HeadersTooLarge, Invalid, MalformedRequest, UnsupportedMediaType
from service.platform.idempotency import Idempotency

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768
MAX_CONDITION = 500

_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_ONCE = (b"authorization", b"content-type", b"content-length", b"host", b"idempotency-key", b"origin")


class ClientGone(Exception):
    """The client hung up before its request was read; nobody is there to answer."""


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """Return the whole body; raises BodyTooLarge beyond `limit` bytes, ClientGone when the client hangs up."""
    check_length(headers, limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if message["type"] == "http.disconnect":
            raise ClientGone
        if len(body) > limit:
            raise BodyTooLarge(limit)
        return body
    chunks, size = [body], len(body)
    while message.get("more_body"):
        if size > limit:
            raise BodyTooLarge(limit)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
    if size > limit:
        raise BodyTooLarge(limit)
    return b"".join(chunks)


def raw_path(scope: Scope) -> bytes:
    """Return the path as it came, without the query; servers that do not tell it get it rebuilt."""
    raw: bytes | None = scope.get("raw_path")
    return raw if raw is not None else quote(scope["path"]).encode()


def check_headers(listed: Sequence[tuple[bytes, bytes]]) -> None:
    """Refuse too many headers, too many bytes of them, and two of a kind where one must decide."""
    if len(listed) > MAX_HEADERS or sum(map(len, chain.from_iterable(listed))) > MAX_HEADER_BYTES:
        raise HeadersTooLarge
    names = [name for name, _ in listed]
    for name in _ONCE:
        if names.count(name) > 1:
            raise MalformedRequest(f"The header {name.decode()} is sent more than once")


def joined_headers(listed: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the headers with those of the same name joined, as HTTP reads lists."""
    joined: dict[bytes, bytes] = {}
    for name, value in listed:
        joined[name] = joined[name] + b", " + value if name in joined else value
    return joined


def check_length(headers: Mapping[bytes, bytes], limit: int) -> None:
    """Refuse a body that announces itself as too large, before a byte of it is read."""
    announced = headers.get(b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > limit:
        raise BodyTooLarge(limit)


def check_media(content_type: bytes | None, takes: tuple[str, ...], method: str, *, required: bool) -> None:
    """Refuse a body of a media type or charset that the route does not read; none will do for an optional body."""
    if content_type is None:
        if not required:
            return
    elif _is_taken(content_type, takes):
        return
    listed = ", ".join(takes)
    told = {"POST": "Accept-Post", "PATCH": "Accept-Patch"}.get(method, "Accept")
    raise UnsupportedMediaType(f"Send the body as {listed}", headers={told: listed})


@lru_cache(maxsize=256)
def _is_taken(content_type: bytes, takes: tuple[str, ...]) -> bool:
    """Return whether a Content-Type is one of `takes`, in UTF-8."""
    media, *parameters = content_type.decode("latin-1").lower().split(";")
    if media.strip() not in takes:
        return False
    charsets = [
        value.strip(' "') for name, _, value in (each.partition("=") for each in parameters) if "charset" in name
    ]
    return all(charset in ("utf-8", "utf8", "us-ascii") for charset in charsets)


@lru_cache(maxsize=256)
def accepts(accept: bytes, produces: tuple[str, ...]) -> bool:
    """Return whether an Accept header leaves one of `produces` (RFC 9110, 12.5.1: the most specific range decides)."""
    return any(weight > 0 for weight in _weights(accept, produces))


@lru_cache(maxsize=256)
def preferred(accept: bytes, produces: tuple[str, ...]) -> str:
    """Return which of `produces` an Accept header wants most; the first of them where it leaves the choice."""
    weights = _weights(accept, produces)
    return produces[weights.index(max(weights))]


def _weights(accept: bytes, produces: tuple[str, ...]) -> list[float]:
    """Return how much each of `produces` is wanted, 0 to 1; an empty header wants all of them."""
    ranges: dict[str, float] = {}
    for part in accept.decode("latin-1").lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                try:
                    weight = float(value)
                except ValueError:
                    weight = 0.0
        if media:
            ranges[media] = weight
    if not ranges:
        return [1.0] * len(produces)
    candidates = ((media, media.split("/")[0] + "/*", "*/*") for media in produces)
    return [next((ranges[each] for each in names if each in ranges), 0.0) for names in candidates]


def check_conditions(headers: Mapping[bytes, bytes]) -> None:
    """Refuse If-Match and If-None-Match beyond what the document allows."""
    for name, said in ((b"if-match", "If-Match"), (b"if-none-match", "If-None-Match")):
        value = headers.get(name)
        if value is not None and len(value) > MAX_CONDITION:
            raise Invalid.parameter(said, "string_too_long", f"Must have at most {MAX_CONDITION} characters")


def idempotency_of(key: bytes, asked: Asked, body: bytes) -> Idempotency:
    """Return the caller's key with the fingerprint of everything that makes this request what it is."""
    if not _KEY.fullmatch(key):
        raise Invalid.parameter("Idempotency-Key", "key_format", "Must be 1 to 255 visible ASCII characters")
    parts = (
        asked.method.encode(),
        asked.raw_path,
        asked.query,
        asked.headers.get(b"if-match", b""),
        asked.headers.get(b"content-type", b""),
        body,
    )
    return Idempotency(key.decode("ascii"), hashlib.sha256(b"\0".join(parts)).hexdigest())
