"""The program that compares two versions of the contract: descriptions are no difference, everything else is."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract_difference import main

PET = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "description": "Its name"}}}


def version(folder: Path, pet: dict[str, Any], graph: str) -> str:
    folder.mkdir()
    document = {"openapi": "3.1.0", "paths": {}, "components": {"schemas": {"Pet": pet}}}
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "schema.graphql").write_text(graph)
    return str(folder)


@pytest.fixture
def old(tmp_path: Path) -> str:
    return version(tmp_path / "old", PET, "type Query { pet(id: ID!): String }\nenum Kind { CAT DOG }")


def test_another_description_is_no_difference(old, tmp_path, capsys):
    told = {**PET, "title": "A pet", "properties": {"name": {"type": "string", "description": "What it is called"}}}
    graph = 'type Query { "A pet" pet("Its id" id: ID!): String }\nenum Kind { DOG CAT }'
    main([old, version(tmp_path / "new", told, graph)])
    assert capsys.readouterr().out == "no difference but descriptions\n"


def test_members_types_values_and_arguments_are_named(old, tmp_path, capsys):
    changed = {**PET, "required": [], "properties": {"name": {"type": "integer"}, "description": {"type": "string"}}}
    graph = "type Query { pet(id: ID!, of: Int = 1): String! }\nenum Kind { CAT }"
    main([old, version(tmp_path / "new", changed, graph)])
    assert capsys.readouterr().out.splitlines() == [
        "openapi.json: removed (1)",
        "  components schemas Pet required",
        "openapi.json: added (1)",
        "  components schemas Pet properties description",
        "openapi.json: changed (1)",
        '  components schemas Pet properties name type: "string" -> "integer"',
        "schema.graphql: removed (1)",
        "  type Kind value DOG",
        "schema.graphql: added (1)",
        "  type Query field pet argument of",
        "schema.graphql: changed (1)",
        "  type Query field pet: String -> String!",
        "6 differences",
    ]
