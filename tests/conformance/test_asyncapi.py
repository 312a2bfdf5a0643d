"""The committed AsyncAPI document before outside judges: the specification's own JSON Schema, and Spectral."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

pytestmark = pytest.mark.conformance
HERE = Path(__file__).parent
SPECIFICATION = HERE / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"


def test_the_document_is_valid_asyncapi_3_0(node, openapi):
    document = json.loads(openapi.with_name("asyncapi.json").read_text())
    assert document["asyncapi"] == "3.0.0"
    jsonschema_rs.validator_for(json.loads(SPECIFICATION.read_text())).validate(document)


def test_spectral_finds_nothing(node, openapi):
    result = node(
        "node_modules/.bin/spectral", "lint", openapi.with_name("asyncapi.json"),
        "-r", "spectral-asyncapi.yaml", "--fail-severity", "hint", "-f", "text",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
