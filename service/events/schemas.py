"""JSON Schemas (2020-12) of every event's bytes: one per type and version, made from the event class and the read
models of the API.

The published schemas are open: a receiver ignores members that it does not know, so that new members break nobody.
`strict` closes them; the tests use that to find members that no class declares. compatibility.py says which changes of
a schema break receivers. Placeholders and `changed` members of endpoints are checked against the same schemas.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.events.catalogue import catalogue
from service.events.event import AccountEvent, Event
from service.events.payload import Schema, obj, text
from service.models.classification.general_portfolios import GeneralFactorRead
from service.models.classification.results import ModelReference
from service.models.shapes import LISTED_ONLY, Reference

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FREE = "attributes"
"""The member whose own members the caller chooses."""
_SHARED: set[type[BaseModel]] = {GeneralFactorRead, ModelReference, Reference}
"""Read models that payloads refer to by name."""


@lru_cache(maxsize=1)
def definitions() -> Schema:
    """Return the read models that schemas refer to, as `$defs`."""
    models = {kind.record for kind in catalogue().values() if kind.record is not None} | _SHARED
    ordered = sorted(models, key=lambda model: model.__name__)
    _, made = models_json_schema([(model, "serialization") for model in ordered], ref_template="#/$defs/{model}")
    found: Schema = made["$defs"]
    for model in ordered:
        for name in LISTED_ONLY & model.model_fields.keys():
            del found[model.__name__]["properties"][name]
    return found


def data_schema(kind: type[Event]) -> Schema:
    """Return the schema of an event's `data`, referring to `$defs`."""
    payload, model = kind.payload, kind.record
    members: dict[str, Schema] = {}
    if kind.of_account:
        members["account"] = _account()
    if model is not None and not issubclass(kind, AccountEvent):
        members[kind.kind()] = {"$ref": f"#/$defs/{model.__name__}"}
    for name in (*payload.whole, *payload.part):
        if model is None:
            raise TypeError(f"{kind.__name__} must declare the record of its {name} member")
        members[name] = _record(model, name, whole=name in payload.whole)
    members |= payload.more
    return obj("What it is about", {**members, **payload.optional}, tuple(payload.optional))


def schema(kind: type[Event]) -> Schema:
    """Return the schema of the whole event: the envelope of Standard Webhooks with this type's payload."""
    cause = obj(
        "Who or what brought it about",
        {
            "kind": text("user, job, delivery, import ..."),
            "origin": text("What brought it about, if that was not a caller", null=True),
            "key_id": text("The API key of the caller", null=True),
            "request_id": text("The request, as X-Request-Id said", null=True),
        },
        ("key_id", "request_id"),
        additionalProperties=True,
    )
    body = obj(
        kind.description(),
        {
            "id": text("The event's id, also the header webhook-id", format="uuid"),
            "type": {"const": kind.type, "description": "What happened"},
            "timestamp": text("When it happened, RFC 3339 in UTC", format="date-time"),
            "data": data_schema(kind),
            "cause": cause,
        },
    )
    head = {"$schema": DIALECT, "$id": f"urn:kam:event:{kind.type}:{kind.version}", "title": kind.type}
    return {**head, **body, "$defs": _used(body)}


def strict(made: Schema) -> Schema:
    """Return the same schema, closed: it refuses members that are not declared."""
    return _closed(made)  # type: ignore[no-any-return]


def schemas() -> dict[str, Schema]:
    """Return every event's schema, by type."""
    return {name: schema(kind) for name, kind in catalogue().items()}


def _account() -> Schema:
    return obj(
        "The account",
        {
            "id": text("Its id", format="uuid"),
            "name": text("Its name"),
            "version": {"type": "integer", "description": "Its version with this change; drop what is older"},
            "refs": {"type": "array", "items": {"$ref": "#/$defs/Reference"}, "description": "Its ids elsewhere"},
        },
    )


def _record(model: type[BaseModel], name: str, *, whole: bool) -> Schema:
    if whole:
        return {"$ref": f"#/$defs/{model.__name__}"}
    verb = "was" if name == "previous" else "is"
    properties = definitions()[model.__name__]["properties"]
    return {"type": "object", "description": f"What each changed member {verb}", "properties": properties}


def _used(body: Schema) -> Schema:
    """Return the definitions that a schema refers to, directly or through another definition."""
    used: Schema = {}
    waiting = list(_references(body))
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = definitions()[name]
            waiting += _references(used[name])
    return dict(sorted(used.items()))


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"].rpartition("/")[2]] if isinstance(node.get("$ref"), str) else []
        return own + [name for value in node.values() for name in _references(value)]
    return [name for value in node for name in _references(value)] if isinstance(node, list) else []


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(part) for part in node]
    if not isinstance(node, dict):
        return node
    made = {name: _closed(value) for name, value in node.items()}
    if isinstance(node.get("properties"), dict) and node.get("type") in ("object", ["object", "null"]):
        made.setdefault("additionalProperties", False)
    return made


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
