"""Reading a request before its route does: limits on headers and body, media types, conditions, Idempotency-Key."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from service.framework.web.request import RequestInfo
from service.platform.errors import BodyTooLarge, HeadersTooLarge, Invalid, MalformedRequest, UnsupportedMediaType
from service.platform.idempotency import Idempotency

MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768
MAX_CONDITION = 500

_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_ONCE = (b"authorization", b"content-type", b"content-length", b"host", b"idempotency-key", b"origin")


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """Return the whole body; raises BodyTooLarge beyond `limit` bytes, ClientDisconnect when the client hangs up."""
    check_length(headers, limit)
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise BodyTooLarge(limit)
        more = message.get("more_body", False)
    return b"".join(chunks)


def check_request(scope: Scope, info: RequestInfo) -> None:
    """Refuse too many or too large headers, two of a kind where one must decide, and HTTP/1.1 without Host; join the
    other headers of the same name.
    """
    listed = scope["headers"]
    if len(info.headers) != len(listed) or len(listed) > 16:
        _check_headers(listed)
        info.headers = _joined(listed)
    elif sum(map(len, chain.from_iterable(listed))) > MAX_HEADER_BYTES:
        raise HeadersTooLarge
    if b"host" not in info.headers and scope.get("http_version") == "1.1":
        raise MalformedRequest("HTTP/1.1 needs a Host header")


def _check_headers(listed: Sequence[tuple[bytes, bytes]]) -> None:
    """Refuse too many headers, too many bytes of them, and two of a kind where one must decide."""
    if len(listed) > MAX_HEADERS or sum(map(len, chain.from_iterable(listed))) > MAX_HEADER_BYTES:
        raise HeadersTooLarge
    names = [name for name, _ in listed]
    for name in _ONCE:
        if names.count(name) > 1:
            raise MalformedRequest(f"The header {name.decode()} is sent more than once")


def _joined(listed: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the headers with those of the same name joined, as HTTP reads lists."""
    joined: dict[bytes, bytes] = {}
    for name, value in listed:
        joined[name] = joined[name] + b", " + value if name in joined else value
    return joined


def check_length(headers: Mapping[bytes, bytes], limit: int) -> None:
    """Refuse a body whose Content-Length is too large, before any of it is read."""
    announced = headers.get(b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > limit:
        raise BodyTooLarge(limit)


def check_media(headers: Mapping[bytes, bytes], takes: tuple[str, ...], method: str, *, required: bool) -> None:
    """Refuse a body that is compressed, of another media type than `takes`, or of another charset than UTF-8; an
    optional body may have no Content-Type.
    """
    coding = headers.get(b"content-encoding", b"").strip().lower()
    if coding not in (b"", b"identity"):
        named = coding.decode() if _CODING.fullmatch(coding) else "this coding"
        message = f"Send the body without Content-Encoding: {named} is not read here"
        raise UnsupportedMediaType(message, headers={"Accept-Encoding": "identity"})
    content_type = headers.get(b"content-type")
    if content_type is None:
        if not required:
            return
    elif _is_taken(content_type, takes):
        return
    listed = ", ".join(takes)
    header = {"POST": "Accept-Post", "PATCH": "Accept-Patch"}.get(method, "Accept")
    raise UnsupportedMediaType(f"Send the body as {listed}", headers={header: listed})


_CODING = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~, -]{1,50}")


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
    """Refuse an If-Match or If-None-Match that is longer than the OpenAPI document allows."""
    for name, shown in ((b"if-match", "If-Match"), (b"if-none-match", "If-None-Match")):
        value = headers.get(name)
        if value is not None and len(value) > MAX_CONDITION:
            raise Invalid.parameter(shown, "string_too_long", f"Must have at most {MAX_CONDITION} characters")


def _canonical(body: Any) -> bytes:
    """Return the same bytes for the same JSON."""
    try:
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer of more than 64 bits
        return json.dumps(body, sort_keys=True).encode()


def idempotency_of(key: bytes, info: RequestInfo, body: Any) -> Idempotency:
    """Return the Idempotency-Key with the fingerprint of the request: another method, path, query, condition, media
    type or body under the same key is another request. Of a parsed JSON body counts what it says, not its spaces or the
    order of its members.
    """
    if not _KEY.fullmatch(key):
        raise Invalid.parameter("Idempotency-Key", "key_format", "Must be 1 to 255 visible ASCII characters")
    parts = (
        info.method.encode(),
        info.raw_path,
        info.query,
        info.headers.get(b"if-match", b""),
        info.headers.get(b"if-none-match", b""),
        info.headers.get(b"content-type", b""),
        body if isinstance(body, bytes) else _canonical(body),
    )
    return Idempotency(key.decode("ascii"), hashlib.sha256(b"\0".join(parts)).hexdigest())
