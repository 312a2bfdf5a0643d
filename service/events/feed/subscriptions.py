"""Which events an endpoint receives: its patterns, filter, changed members and channels, limited to what its owner may
read.

Matching uses the event as it was emitted (its type, and the `content` written with it), never the records of today, so
fan-out, replay and the search for missing deliveries agree. The owner is the API key that created the endpoint: the
endpoint receives no event whose data that key could not read, and none once the key is revoked or expired. Pure: rows
in, a verdict out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from service.access.policy import covers
from service.events.catalogue import catalogue, known_types
from service.events.event import DECLARED
from service.events.patterns import matches
from service.events.webhooks import WebhookTest
from service.framework.database.database import Row
from service.platform.errors import Forbidden, Invalid
from service.platform.ids import SYSTEM_ID

EVERYTHING = "*"
"""The scope that reads every type of event."""


def required_scopes(event_type: str) -> list[str]:
    """Return the scopes that a caller needs, all of them, to receive events of this type; `*` for types that no class
    declares, such as those of former versions.
    """
    declared = DECLARED.get(event_type)
    return [EVERYTHING] if declared is None else [permission.value for permission in declared.permissions()]


def missing_scope(scopes: Iterable[str], event_type: str) -> str | None:
    """Return the first scope that a caller with these scopes lacks to receive events of this type; None if it may."""
    held = list(scopes)
    needed = required_scopes(event_type)
    return next((scope for scope in needed if not any(covers(each, scope) for each in held)), None)


def may_see(scopes: Iterable[str], event_type: str) -> bool:
    """Return whether these scopes let a caller receive events of this type."""
    return missing_scope(scopes, event_type) is None


def readable_types(scopes: Iterable[str], patterns: Iterable[str] | None) -> list[str] | None:
    """Return the types that match a reader's patterns (None: all) and that its scopes let it receive, sorted; None for
    every type there is, those of former versions too. Raises Invalid for a pattern that matches no type, Forbidden for
    one of whose types the reader may receive none.
    """
    held, every = list(scopes), set(catalogue())
    readable = {name for name in every if may_see(held, name)}
    wanted: set[str] = set()
    for pattern in ["*"] if patterns is None else patterns:
        known = known_types(pattern)
        if not known:
            raise Invalid.parameter("types", "unknown_event_type", "No event type is like this; see /v1/event-types")
        if pattern != "*" and readable.isdisjoint(known):
            raise Forbidden(missing_scope(held, known[0]))
        wanted.update(known)
    return None if wanted == every and EVERYTHING in held else sorted(wanted & readable)


@dataclass(slots=True)
class EventRow:
    """The columns of an event that subscriptions match; `content` is parsed when it is first read."""

    type: str
    subject_id: str
    origin: str | None
    text: str | None
    _content: dict[str, list[str]] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, event: Row) -> EventRow:
        """From a row of events: type, subject_id, cause, content."""
        return cls(event["type"], event["subject_id"], event["cause"].get("origin"), event["content"])

    @property
    def content(self) -> dict[str, list[str]]:
        """The values to filter by."""
        if self._content is None:
            self._content = orjson.loads(self.text) if self.text else {}
        return self._content


class Subscription:
    """One endpoint's subscription, compiled for repeated matching."""

    __slots__ = ("_filters", "_patterns", "_scopes", "_types", "endpoint_id")

    def __init__(
        self, endpoint_id: str, patterns: tuple[str, ...], scopes: tuple[str, ...], filters: dict[str, frozenset[str]]
    ) -> None:
        self.endpoint_id = endpoint_id
        self._patterns = patterns
        self._scopes = scopes
        self._filters = filters
        self._types: dict[str, bool] = {}

    def takes(self, event_type: str) -> bool:
        """Return whether the patterns match this type and the owner may read it."""
        known = self._types.get(event_type)
        if known is None:
            known = matches(self._patterns, event_type) and may_see(self._scopes, event_type)
            self._types[event_type] = known
        return known

    def match(self, event: EventRow) -> bool:
        """Return whether the endpoint receives an event. A test goes to its own endpoint only, whatever its patterns.
        An event that the endpoint itself caused (it was turned off, a delivery to it failed) does not go to it.
        """
        if event.type == WebhookTest.type:
            return event.subject_id == self.endpoint_id
        if event.origin == self.endpoint_id or not self.takes(event.type):
            return False
        if not self._filters:
            return True
        content = event.content
        return all(not wanted.isdisjoint(content.get(name, ())) for name, wanted in self._filters.items())


MEMBERS = ("event_types", "filter", "changed", "channels", "created_by")
"""Columns of an endpoint that `subscription` reads, beside its id."""
OWNER = ("scopes", "revoked_at", "expires_at")
"""Columns of its owner's key, all null when there is no such key."""


def subscription(endpoint: Mapping[str, Any], now: datetime) -> Subscription:
    """Return the subscription of an endpoint's row with the columns of its owner's key."""
    return _compiled(
        endpoint["id"],
        tuple(endpoint["event_types"]),
        tuple(owner_scopes(endpoint, now)),
        orjson.dumps([endpoint["filter"], endpoint["changed"], endpoint["channels"]]),
    )


def owner_scopes(endpoint: Mapping[str, Any], now: datetime) -> list[str]:
    """Return the scopes of an endpoint's owner: none when its key is revoked, expired or deleted, `*` when the service
    itself created the endpoint.
    """
    if endpoint["created_by"] in (None, SYSTEM_ID):
        return [EVERYTHING]
    expires_at = endpoint["expires_at"]
    if endpoint["scopes"] is None or endpoint["revoked_at"] is not None or (expires_at and expires_at <= now):
        return []
    return list(endpoint["scopes"])


@lru_cache(maxsize=4096)
def _compiled(endpoint_id: str, patterns: tuple[str, ...], scopes: tuple[str, ...], filters: bytes) -> Subscription:
    wanted, changed, channels = orjson.loads(filters)
    lists = {**(wanted or {}), "changed": changed, "channels": channels}
    return Subscription(endpoint_id, patterns, scopes, {name: frozenset(each) for name, each in lists.items() if each})
