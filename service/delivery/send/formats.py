"""The formats of an event: as it stands in the feed, or as a CloudEvent, structured or binary; with a body template in
place of its content if the endpoint has one. Pure: bytes in, bytes out.

The signature covers exactly the body made here: of a binary CloudEvent the data alone, without the `ce-` headers. Types
get a prefix of reversed DNS names, as CloudEvents requires; `alt` is reserved for names outside the DNS (RFC 9476), so
the types collide with no other sender's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import orjson

from service.framework.outbound.body_templates import Render
from service.platform.kept import Kept

Format = Literal["standard", "cloudevents-structured", "cloudevents-binary"]
TYPE_PREFIX = "alt.kam."
JSON = "application/json"
STRUCTURED = "application/cloudevents+json; charset=utf-8"

_PLAIN = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
_LARGEST_KEPT = 65_536


@dataclass(frozen=True, slots=True)
class Message:
    """The body of a request, and the headers that describe it."""

    body: bytes
    headers: Mapping[str, str]


_STANDARD_HEADERS: Mapping[str, str] = {"content-type": JSON}


class Formatter:
    """Makes messages from events. `source` names this service in CloudEvents. Caches the last 256 messages, for
    endpoints with the same transport.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._kept: Kept[tuple[str, str, str], Message] = Kept(256)

    def message(self, event_id: str, body: bytes, form: Format, fill: Render | None, shape: str) -> Message:
        """Return the message of an event in a format. `fill` renders the endpoint's body template, if it has one, and
        `shape` is the cache key of its transport.
        """
        if form == "standard" and fill is None:
            return Message(body, _STANDARD_HEADERS)
        key = (event_id, form, shape)
        made = self._kept.get(key)
        if made is None:
            made = self._made(orjson.loads(body), form, fill)
            if len(made.body) <= _LARGEST_KEPT:
                self._kept.put(key, made)
        return made

    def _made(self, event: dict[str, Any], form: Format, fill: Render | None) -> Message:
        content = event["data"] if fill is None else fill(event)
        if form == "standard":
            return Message(orjson.dumps(content), _STANDARD_HEADERS)
        attributes = self._attributes(event)
        if form == "cloudevents-binary":
            headers = {f"ce-{name}": encoded(value) for name, value in attributes.items()}
            return Message(orjson.dumps(content), {"content-type": JSON, **headers})
        whole = {**attributes, "datacontenttype": JSON, "data": content}
        return Message(orjson.dumps(whole), {"content-type": STRUCTURED})

    def _attributes(self, event: Mapping[str, Any]) -> dict[str, str]:
        """Return the context attributes of an event: the required ones, its time, its subject (`kind/id` of the
        record), the account as partition key, and its cause.
        """
        data, cause = event["data"], event.get("cause") or {}
        kind = event["type"].partition(".")[0]
        attributes = {
            "specversion": "1.0",
            "id": event["id"],
            "source": self._source,
            "type": TYPE_PREFIX + event["type"],
            "time": event["timestamp"],
            "subject": _subject(kind, data.get(kind)),
            "partitionkey": _id(data.get("account")),
            "causekind": cause.get("kind"),
            "causeorigin": cause.get("origin"),
        }
        return {name: value for name, value in attributes.items() if isinstance(value, str) and value}


def source_of(public_url: str | None) -> str:
    """Return the `source` of this service's CloudEvents: its public URL, or `/` when none is set."""
    return (public_url or "").rstrip("/") or "/"


def encoded(value: str) -> str:
    """Return a header value of a binary CloudEvent: UTF-8, percent-encoded except visible ASCII without `"` and `%`."""
    return quote(value, safe=_PLAIN, encoding="utf-8", errors="replace")


def _id(record: Any) -> str | None:
    found = record.get("id") if isinstance(record, Mapping) else None
    return found if isinstance(found, str) else None


def _subject(kind: str, record: Any) -> str | None:
    found = _id(record)
    return None if found is None else f"{kind}/{found}"
