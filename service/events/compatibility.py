"""Which changes of an event break those who receive it: what they may read must stay, and stay what it was.

A receiver was written against the schema of a version. It relies on required members being there, on types, and on the
values of closed lists. So within a version members may come, and what was optional may become required; nothing may go,
change its type, become optional or null, or take values that it could not have before.
"""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def broken_by(before: Schema, after: Schema) -> list[str]:
    """What receivers of `before` can't rely on in `after`, each with its place; none when the change is compatible."""
    found: list[str] = []
    _compare(before, after, before, after, "", found, set())
    return found


def _compare(
    old: Any, new: Any, old_root: Schema, new_root: Schema, place: str, found: list[str], seen: set[tuple[int, int]]
) -> None:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if (id(old), id(new)) in seen:
        return
    seen.add((id(old), id(new)))
    where = place or "the event"
    more = sorted(_types(new, new_root) - _types(old, old_root))
    if _types(old, old_root) and more:
        found.append(f"{where} may now be {' or '.join(more)}")
    allowed, values = _values(old), _values(new)
    if allowed is not None and (values is None or not values <= allowed):
        found.append(f"{where} may now have other values")
    for name, member in old.get("properties", {}).items():
        inner = f"{place}.{name}" if place else name
        after = new.get("properties", {}).get(name)
        if after is None:
            found.append(f"{inner} is gone")
            continue
        if name in old.get("required", ()) and name not in new.get("required", ()):
            found.append(f"{inner} is no longer always there")
        _compare(member, after, old_root, new_root, inner, found, seen)
    if "items" in old and "items" in new:
        _compare(old["items"], new["items"], old_root, new_root, f"{place}[]", found, seen)
    for part, other in zip(_objects(old, old_root), _objects(new, new_root), strict=False):
        _compare(part, other, old_root, new_root, place, found, seen)


def _resolved(node: Any, root: Schema) -> Schema:
    while isinstance(node, Mapping) and "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]]
    return node if isinstance(node, Mapping) else {}


def _types(node: Schema, root: Schema) -> set[str]:
    """The types that a value may have; none when anything goes. An integer is a number."""
    found: set[str] = set()
    for part in node.get("anyOf", ()):
        found |= _types(_resolved(part, root), root)
    named = node.get("type")
    found |= set(named) if isinstance(named, list) else {named} if named else set()
    return found | ({"integer"} if "number" in found else set())


def _values(node: Schema) -> set[str] | None:
    """The values of a closed list; None when the list is open."""
    if "const" in node:
        return {str(node["const"])}
    return {str(value) for value in node["enum"]} if "enum" in node else None


def _objects(node: Schema, root: Schema) -> list[Schema]:
    """The object alternatives of a value."""
    parts = (_resolved(part, root) for part in node.get("anyOf", ()))
    return [part for part in parts if "properties" in part]
