"""The schemas of events: complete, valid, and never changed so that receivers break without a new version."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from service.events.catalogue import catalogue
from service.events.compatibility import broken_by
from service.events.schemas import schema, schemas

COMMITTED = Path(__file__).parents[2] / "openapi" / "events"


def test_every_event_has_a_valid_schema_under_its_name() -> None:
    made = schemas()
    assert set(made) == set(catalogue())
    for name, each in made.items():
        jsonschema_rs.meta.validate(each)
        assert each["properties"]["type"] == {"const": name, "description": "What happened"}
        assert each["$id"] == f"urn:kam:event:{name}:{catalogue()[name].version}"


@pytest.mark.parametrize("path", sorted(COMMITTED.glob("*.json")), ids=lambda path: path.stem)
def test_no_event_changes_so_that_receivers_break(path: Path) -> None:
    """A committed schema is a promise: breaking it takes a new version, beside which the old file stays."""
    name, _, version = path.stem.rpartition(".v")
    assert name in catalogue(), f"{name} is no longer told: receivers wait for it"
    kind = catalogue()[name]
    assert kind.version >= int(version)
    if kind.version == int(version):
        assert broken_by(json.loads(path.read_text()), schema(kind)) == []


def changed(**members: Any) -> dict[str, Any]:
    before = copy.deepcopy(BEFORE)
    before["properties"]["data"]["properties"].update(members)
    return before


BEFORE: dict[str, Any] = {
    "type": "object",
    "required": ["data"],
    "properties": {
        "data": {
            "type": "object",
            "required": ["name", "score"],
            "properties": {
                "name": {"type": "string"},
                "score": {"type": "number"},
                "level": {"enum": ["low", "high"]},
                "owner": {"anyOf": [{"$ref": "#/$defs/Person"}, {"type": "null"}]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        }
    },
    "$defs": {"Person": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}},
}


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (changed(name={"type": ["string", "null"]}), "data.name may now be null"),
        (changed(score={"type": "string"}), "data.score may now be string"),
        (changed(level={"enum": ["low", "high", "medium"]}), "data.level may now have other values"),
        (changed(level={"type": "string"}), "data.level may now have other values"),
        (changed(tags={"type": "array", "items": {"type": "integer"}}), "data.tags[] may now be integer"),
        ({**BEFORE, "properties": {}}, "data is gone"),
        ({**BEFORE, "required": []}, "data is no longer always there"),
        ({**BEFORE, "$defs": {"Person": {"type": "object", "properties": {}}}}, "data.owner.id is gone"),
    ],
)
def test_what_breaks_receivers_is_named(after: dict[str, Any], told: str) -> None:
    assert told in broken_by(BEFORE, after)


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        changed(more={"type": "string"}),
        changed(score={"type": "integer"}),
        changed(level={"enum": ["low"]}),
        changed(owner={"$ref": "#/$defs/Person"}),
    ],
)
def test_what_receivers_bear_is_allowed(after: dict[str, Any]) -> None:
    assert broken_by(BEFORE, after) == []
