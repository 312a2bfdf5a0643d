"""Whether a path, or a member in `changed`, names something that events of some types can have, by their schemas."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from service.events.catalogue import catalogue
from service.events.payload import Schema
from service.events.schemas import schema

FREE = "attributes"
"""The member whose own members the caller chooses."""


def has_path(types: Iterable[str], path: Sequence[str]) -> bool:
    """Return whether an event of any of the types can have a value at a path, such as `data`, `account`, `name`.

    Steps are names of members and numbers of items. Members of an object without declared ones, such as `attributes`,
    may have any name.
    """
    return any(_has(made, made["$defs"], path) for made in map(_schema, types))


def changed_members(types: Iterable[str]) -> frozenset[str]:
    """Return the members that `data.changed` can name in events of these types."""
    return frozenset().union(*map(_changed, types))


@lru_cache(maxsize=256)
def _schema(event_type: str) -> Schema:
    return schema(catalogue()[event_type])


@lru_cache(maxsize=256)
def _changed(event_type: str) -> frozenset[str]:
    made = _schema(event_type)
    data = made["properties"]["data"]["properties"]
    if "changed" not in data:
        return frozenset()
    sides = (data.get(side, {}) for side in ("previous", "current"))
    return frozenset(
        name for side in sides for one in _alternatives(side, made["$defs"]) for name in one.get("properties", ())
    )


def _has(node: Any, definitions: Schema, path: Sequence[str]) -> bool:
    if not path:
        return True
    step, rest = path[0], path[1:]
    for one in _alternatives(node, definitions):
        properties = one.get("properties", {})
        if step in properties:
            if _has(properties[step], definitions, rest):
                return True
        elif one.get("additionalProperties") or (one.get("type") == "object" and not properties):
            return True
        if step.isdigit() and _has(one.get("items", {}), definitions, rest) and "items" in one:
            return True
    return False


def _alternatives(node: Any, definitions: Schema) -> Iterator[Schema]:
    """Yield the schemas that a value may fit, without references."""
    if "$ref" in node:
        yield from _alternatives(definitions[node["$ref"].rpartition("/")[2]], definitions)
    yield node
    for word in ("anyOf", "oneOf", "allOf"):
        for each in node.get(word, ()):
            yield from _alternatives(each, definitions)
