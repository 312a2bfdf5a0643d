"""The table of routes: a tree of path segments where fixed words win over parameters, with every method of a path."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote_to_bytes

from service.platform.errors import MalformedRequest

T = TypeVar("T")

_HEX = frozenset(b"0123456789abcdefABCDEF")


@dataclass(slots=True)
class _Node(Generic[T]):
    """One place in the tree."""

    fixed: dict[str, "_Node[T]"] = field(default_factory=dict)
    parameter: "_Node[T] | None" = None
    methods: dict[str, T] = field(default_factory=dict)


class Dispatch(Generic[T]):
    """Routes by path template and method."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, template: str, methods: Iterator[str] | Sequence[str] | set[str], target: T) -> None:
        """Add a route; the first one of a path and method stays, as in the framework."""
        node = self._root
        for segment in template.split("/")[1:]:
            if segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
            else:
                node = node.fixed.setdefault(segment, _Node())
        for method in methods:
            node.methods.setdefault(method, target)

    def find(self, segments: Sequence[str]) -> dict[str, T] | None:
        """Return the methods of a path, or None when there is no such path."""
        return _find(self._root, segments, 0)


def _find(node: _Node[T], segments: Sequence[str], at: int) -> dict[str, T] | None:
    """Go down the tree; a parameter stands in when the fixed word leads nowhere."""
    if at == len(segments):
        return node.methods or None
    segment = segments[at]
    below = node.fixed.get(segment)
    if below is not None:
        found = _find(below, segments, at + 1)
        if found is not None:
            return found
    if node.parameter is not None and segment:
        return _find(node.parameter, segments, at + 1)
    return None


def allowed_methods(methods: Mapping[str, object]) -> list[str]:
    """Return all methods that a path answers, in order."""
    return sorted({*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])})


def path_segments(raw_path: bytes) -> list[str]:
    """Return the decoded segments of a path; an escaped slash stays inside its segment.

    Raises MalformedRequest on a bad escape, NUL or text that is not UTF-8.
    """
    if b"%" not in raw_path:
        try:
            return raw_path.decode("ascii").split("/")[1:]
        except UnicodeDecodeError:
            raise MalformedRequest("The path must be ASCII with escapes") from None
    return [unescape(segment) for segment in raw_path.split(b"/")[1:]]


def unescape(raw: bytes) -> str:
    """Return percent-encoded text decoded; raises MalformedRequest on a bad escape, NUL or text that is not UTF-8."""
    at = raw.find(b"%")
    while at >= 0:
        if at + 2 >= len(raw) or raw[at + 1] not in _HEX or raw[at + 2] not in _HEX:
            raise MalformedRequest("The URL holds a percent sign that begins no escape")
        at = raw.find(b"%", at + 1)
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise MalformedRequest("The URL is not UTF-8") from None
    if "\x00" in text:
        raise MalformedRequest("The URL holds a NUL character")
    return text
