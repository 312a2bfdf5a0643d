"""Success by the answer: for receivers that answer 200 and say inside the body whether they took the record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

TRIED_AGAIN = frozenset((401, 403, 408, 410, 423, 425, 429))
"""Statuses from 400 to 499 that are not about the record."""

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Judge:
    """What an answer must be to mean success: one of `statuses` (none: any 2xx), `body` (conditions on the whole body),
    and `item` (conditions on each member of the list at the JSON pointer `items`). A condition is a `path` (a JSON
    pointer) with `is` (this value), `in` (one of these) or `lt` (a number below this one).
    """

    statuses: frozenset[int] = frozenset()
    body: tuple[Mapping[str, Any], ...] = ()
    items: str | None = None
    item: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Judge":
        """Return the judge of an endpoint's `success`."""
        return cls(
            frozenset(given.get("statuses") or ()),
            tuple(given.get("body") or ()),
            given.get("items"),
            tuple(given.get("item") or ()),
        )

    def verdict(self, status: int, body: bytes) -> Literal["ok", "http", "refused"]:
        """Return ok; refused for an answer below 400 that does not meet the conditions and for a 4xx about the record;
        http for an answer after which the call is to be made again.
        """
        if status >= 500 or status in TRIED_AGAIN:
            return "http"
        if status >= 400:
            return "refused"
        taken = status in self.statuses if self.statuses else 200 <= status <= 299
        return "ok" if taken and self._is_met(body) else "refused"

    def _is_met(self, body: bytes) -> bool:
        if not self.body and self.items is None:
            return True
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
        if not all(_holds(condition, answer) for condition in self.body):
            return False
        if self.items is None:
            return True
        items = _at(answer, self.items)
        return isinstance(items, list) and all(_holds(condition, item) for item in items for condition in self.item)


def _holds(condition: Mapping[str, Any], answer: Any) -> bool:
    found = _at(answer, condition["path"])
    if "is" in condition and not _is_same(found, condition["is"]):
        return False
    if "in" in condition and not any(_is_same(found, value) for value in condition["in"]):
        return False
    return "lt" not in condition or (_is_number(found) and found < condition["lt"])


def _is_same(one: Any, other: Any) -> bool:
    """Compare as JSON does: true is not 1, and 1 is 1.0."""
    if _is_number(one) and _is_number(other):
        return bool(one == other)
    return type(one) is type(other) and bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at(answer: Any, pointer: str) -> Any:
    """Return the value at a JSON pointer (RFC 6901), or `_ABSENT`."""
    here = answer
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, Mapping):
            here = here.get(name, _ABSENT)
        elif isinstance(here, Sequence) and not isinstance(here, str) and name.isascii() and name.isdigit():
            here = here[int(name)] if len(name) < 6 and int(name) < len(here) else _ABSENT
        else:
            return _ABSENT
    return here
