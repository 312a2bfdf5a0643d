"""The content of an event that subscriptions filter by: the account's state around the event, what changed, channels.

It is written with the event, in its own row: a filter that looked at the account when the event goes out would judge by
a state that the event does not show. Every facet holds the values before and after the event, so that a subscriber
to a quadrant, an owner or a tag also gets the event when an account leaves it. Small, because every write pays for it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

FACETS = ("quadrant", "stage", "status", "scope", "country", "industry", "owner_id", "tags")
"""Members of an account that a subscription may filter by."""

CHANNEL = "channel:"
"""A tag of an account that begins so names a channel of its events: `channel:emea`."""
MOST_CHANNELS = 5
"""How many channels an event has at most: those of the account's first tags that name one."""


def content_of(
    account: Mapping[str, Any] | None,
    changed: Sequence[str] | None = None,
    *states: Mapping[str, Any] | None,
    facets: Sequence[str] = FACETS,
) -> dict[str, list[str]] | None:
    """The content of an event about an account or a record of it: for each facet the values of `account` and of the
    other `states` of it, `changed` as the event says it and `attributes.<name>` for each attribute that differs between
    `states`, `channels`. None when there is nothing to filter by.
    """
    out: dict[str, list[str]] = {"changed": [*changed, *_attributes(changed, states)]} if changed else {}
    if account is not None:
        for facet in facets:
            values = _values(account.get(facet))
            for state in states:
                if state and facet in state:
                    values += [value for value in _values(state[facet]) if value not in values]
            if values:
                out[facet] = values
        channels = [tag.removeprefix(CHANNEL) for tag in out.get("tags", ()) if tag.startswith(CHANNEL)]
        if channels:
            out["channels"] = channels[:MOST_CHANNELS]
    return out or None


def _attributes(changed: Sequence[str], states: Sequence[Mapping[str, Any] | None]) -> list[str]:
    """Return the attributes that differ, as `attributes.<name>`, in the order of their names."""
    if "attributes" not in changed or len(states) < 2:
        return []
    before, after = ((state or {}).get("attributes") or {} for state in states[:2])
    return [f"attributes.{name}" for name in sorted({**before, **after}) if before.get(name) != after.get(name)]


def _values(value: Any) -> list[str]:
    """A member's values as texts: none, one, or those of a list."""
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]
