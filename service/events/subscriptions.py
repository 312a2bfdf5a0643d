"""Which events an endpoint gets: its patterns, filter, changed members and channels, and what its owner may see.

All of it is judged by the event as it was told (its type, and the `content` written with it), never by the records of
today; so fanning out, replaying and looking for what is missing come to the same answer. The owner is the API key that
made the endpoint: it gets no event of what that key could not read, and nothing once the key is revoked or expired.
Pure: rows in, a verdict out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from service.access.scopes import any_covers
from service.events.catalogue import catalogue, known_types
from service.events.operator_events import WebhookTest
from service.events.patterns import matches
from service.framework.database.database import Row
from service.platform.errors import Forbidden, Invalid
from service.platform.ids import SYSTEM_ID

READERS = {
    "account": "accounts:read",
    "stakeholder": "stakeholders:read",
    "person": "people:read",
    "plan": "plans:read",
    "objective": "plans:read",
    "action": "plans:read",
    "scoring_model": "classification:read",
    "portfolio": "portfolio:read",
    "webhook": "webhooks:read",
    "webhook_endpoint": "webhooks:read",
    "delivery": "webhooks:read",
    "job": "jobs:read",
}
"""The scope that reads what an event tells, by the kind of its subject."""

SPECIAL_READERS = {
    "account.classified": "classification:read",
    "account.quadrant_changed": "classification:read",
    "account.stage_changed": "stages:read",
    "account.target_stage_changed": "stages:read",
}
"""Events that tell more than their subject's own document does: the factors behind a quadrant, the reason and the
evidence of a stage.
"""


def reader_of(event_type: str) -> str:
    """The scope that a caller needs to see an event of this type; `*` for types of no known kind."""
    kind = catalogue().get(event_type)
    if kind is not None and kind.reader is not None:
        return kind.reader.value
    return SPECIAL_READERS.get(event_type) or READERS.get(event_type.partition(".")[0], "*")


def may_see(scopes: Iterable[str], event_type: str) -> bool:
    """Whether these scopes let a caller see events of this type."""
    return any_covers(scopes, reader_of(event_type))


def readable_types(scopes: Iterable[str], patterns: Iterable[str] | None) -> list[str] | None:
    """The types that a reader's patterns (None: all) take and its scopes let it see, sorted; None for every type there
    is, those of former versions too. Raises Invalid for a pattern that no type is like, Forbidden for one of whose
    types the reader may see none.
    """
    held, every = list(scopes), set(catalogue())
    seen = {name for name in every if may_see(held, name)}
    wanted: set[str] = set()
    for pattern in ["*"] if patterns is None else patterns:
        known = known_types(pattern)
        if not known:
            raise Invalid.parameter("types", "unknown_event_type", "No event type is like this; see /v1/event-types")
        if pattern != "*" and seen.isdisjoint(known):
            raise Forbidden(reader_of(known[0]))
        wanted.update(known)
    return None if wanted == seen == every else sorted(wanted & seen)


@dataclass(slots=True)
class Told:
    """An event as subscriptions judge it; `content` is read when the first of them asks for it."""

    type: str
    subject_id: str
    origin: str | None
    text: str | None
    _content: dict[str, list[str]] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, event: Row) -> Told:
        """From a row of events: type, subject_id, cause, content."""
        return cls(event["type"], event["subject_id"], event["cause"].get("origin"), event["content"])

    @property
    def content(self) -> dict[str, list[str]]:
        """The values to filter by."""
        if self._content is None:
            self._content = orjson.loads(self.text) if self.text else {}
        return self._content


class Subscription:
    """One endpoint's subscription, made ready to be asked often."""

    __slots__ = ("_asked", "_patterns", "_scopes", "_types", "endpoint_id")

    def __init__(
        self, endpoint_id: str, patterns: tuple[str, ...], scopes: tuple[str, ...], asked: dict[str, frozenset[str]]
    ) -> None:
        self.endpoint_id = endpoint_id
        self._patterns = patterns
        self._scopes = scopes
        self._asked = asked
        self._types: dict[str, bool] = {}

    def takes(self, event_type: str) -> bool:
        """Whether the patterns take events of this type and the owner may see them."""
        known = self._types.get(event_type)
        if known is None:
            known = matches(self._patterns, event_type) and may_see(self._scopes, event_type)
            self._types[event_type] = known
        return known

    def match(self, event: Told) -> bool:
        """Whether the endpoint gets an event. A test goes to its own endpoint only, whatever it takes; what an endpoint
        itself gave rise to (it was turned off, a delivery to it was given up) not to that one.
        """
        if event.type == WebhookTest.type:
            return event.subject_id == self.endpoint_id
        if event.origin == self.endpoint_id or not self.takes(event.type):
            return False
        if not self._asked:
            return True
        content = event.content
        return all(not wanted.isdisjoint(content.get(name, ())) for name, wanted in self._asked.items())


MEMBERS = ("event_types", "filter", "changed", "channels", "created_by")
"""Columns of an endpoint that `subscription` reads, beside its id."""
OWNER = ("scopes", "revoked_at", "expires_at")
"""Columns of its owner's key, all null when there is no such key."""


def subscription(endpoint: Mapping[str, Any], now: datetime) -> Subscription:
    """The subscription of an endpoint's row with the columns of its owner's key."""
    return _compiled(
        endpoint["id"],
        tuple(endpoint["event_types"]),
        tuple(owner_scopes(endpoint, now)),
        orjson.dumps([endpoint["filter"], endpoint["changed"], endpoint["channels"]]),
    )


def owner_scopes(endpoint: Mapping[str, Any], now: datetime) -> list[str]:
    """What the owner of an endpoint may do now: nothing when its key is revoked, expired or gone, everything when the
    service itself made the endpoint.
    """
    if endpoint["created_by"] in (None, SYSTEM_ID):
        return ["*"]
    expires_at = endpoint["expires_at"]
    if endpoint["scopes"] is None or endpoint["revoked_at"] is not None or (expires_at and expires_at <= now):
        return []
    return list(endpoint["scopes"])


@lru_cache(maxsize=4096)
def _compiled(endpoint_id: str, patterns: tuple[str, ...], scopes: tuple[str, ...], asked: bytes) -> Subscription:
    wanted, changed, channels = orjson.loads(asked)
    lists = {**(wanted or {}), "changed": changed, "channels": channels}
    return Subscription(endpoint_id, patterns, scopes, {name: frozenset(each) for name, each in lists.items() if each})
