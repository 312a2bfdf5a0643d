"""Patterns of event types, by segment: `account.created`, `account.*`, `*.created`, `*`."""

from collections.abc import Iterable
from functools import lru_cache


def matches(patterns: Iterable[str], event_type: str) -> bool:
    """Whether one of the patterns takes an event type. A `*` stands for one segment, the last one for one or more."""
    return any(_takes(pattern, event_type) for pattern in patterns)


@lru_cache(maxsize=4096)
def _takes(pattern: str, event_type: str) -> bool:
    wanted, given = pattern.split("."), event_type.split(".")
    if wanted[-1] == "*" and len(given) > len(wanted):
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(
        part in ("*", segment) for part, segment in zip(wanted, given, strict=True)
    )
