"""The committed OpenAPI document before outside judges: a validator, two linters and a generator of client types."""

import json
from itertools import combinations

import pytest
from openapi_spec_validator import validate

pytestmark = pytest.mark.conformance
BIN = "node_modules/.bin"


def test_the_document_is_valid_openapi_3_1(openapi):
    document = json.loads(openapi.read_text())
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_the_document_for_older_tools_is_valid_openapi_3_0(openapi):
    older = openapi.with_name("openapi-3.0.json")
    if not older.exists():
        pytest.skip("openapi/openapi-3.0.json is not there yet")
    document = json.loads(older.read_text())
    assert document["openapi"].startswith("3.0.")
    validate(document)


def test_redocly_finds_nothing_at_its_strictest(node, openapi):
    result = node(f"{BIN}/redocly", "lint", openapi, "--config", "redocly.yaml", "--format", "json")
    assert result.stdout.startswith("{"), result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}, report["problems"]


def test_only_references_have_paths_that_templates_alone_do_not_tell_apart(openapi):
    paths = json.loads(openapi.read_text())["paths"]
    pairs = {
        (one, other) for one, other in combinations(sorted(paths), 2)
        if one.count("/") == other.count("/") and one.count("{") == other.count("{")
        and all(a == b or "{" in a or "{" in b for a, b in zip(one.split("/"), other.split("/"), strict=True))
    }  # fmt: skip
    assert pairs == {
        (f"/v1/{kind}/by-ref/{{system}}/{{external_id}}", f"/v1/{kind}/{{id}}/refs/{{system}}")
        for kind in ("accounts", "people")
    }


def test_spectral_finds_nothing(node, openapi):
    result = node(f"{BIN}/spectral", "lint", openapi, "-r", "spectral.yaml", "--fail-severity", "hint", "-f", "text")
    assert result.returncode == 0, result.stdout + result.stderr


def test_generated_typescript_types_compile(node, openapi, tmp_path):
    types = tmp_path / "api.ts"
    result = node(f"{BIN}/openapi-typescript", openapi, "--output", types)
    assert result.returncode == 0, result.stdout + result.stderr
    options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false"]
    result = node(f"{BIN}/tsc", *options, "--lib", "es2022,dom", types)
    assert result.returncode == 0, result.stdout + result.stderr
