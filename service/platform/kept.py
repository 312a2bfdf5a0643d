"""A bounded cache: the values that were used last, by key."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """A cache of at most `most` values: the least recently used goes first. Not for use by several threads."""

    __slots__ = ("_most", "_values")

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError("a cache keeps at least one value")
        self._most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def get(self, key: Key) -> Value | None:
        """Return the value of a key, which counts as its use, or None."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> Value:
        """Keep a value under a key, in place of an earlier one, and return it. None can't be kept."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)
        return value

    def made(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the value of a key; make and keep it if there is none."""
        value = self.get(key)
        return self.put(key, make()) if value is None else value

    def pop(self, key: Key) -> Value | None:
        """Remove a key and return its value, or None."""
        return self._values.pop(key, None)

    def items(self) -> list[tuple[Key, Value]]:
        """Return every key with its value, the least recently used first. None of them counts as used."""
        return list(self._values.items())

    def clear(self) -> None:
        """Remove everything."""
        self._values.clear()
