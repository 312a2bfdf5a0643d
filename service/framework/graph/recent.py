"""A bounded memory of what was made before: documents, plans and statements are made once and asked for again and
again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The values used last, up to `size` of them."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Hashable, Value] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of `key`, made when it is not there; what `make` raises is passed on and not kept."""
        kept = self._kept
        if key in kept:
            kept.move_to_end(key)
            return kept[key]
        value = make()
        kept[key] = value
        if len(kept) > self._size:
            kept.popitem(last=False)
        return value
