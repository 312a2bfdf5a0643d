"""Every pattern of the contract, broken once in both APIs: no message shows a regular expression."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLSchema,
    build_schema,
    get_nullable_type,
    is_input_object_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
)

from service.app import document
from service.platform.patterns import fitting, list_of, sentence, words_of
from tests.api.records import NOBODY

SCHEMA = Path(__file__).parents[2] / "openapi" / "schema.graphql"
BROKEN = ("^", "\u0000", "a,b", "\u00e9 ^", ":\n", ",", " ", "-", "~")
HIDDEN = ("^", "[", "\\u", "{1,", "should match")
"""What regular expressions have in them, and sentences do not."""


@cache
def contract() -> dict[str, Any]:
    return document()


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    chosen = options[0] if options else schema
    reference = chosen.get("$ref")
    return chosen if reference is None else contract()["components"]["schemas"][reference.rpartition("/")[2]]


def breaking(schema: dict[str, Any]) -> str:
    """Return a text of a length that fits and that the pattern refuses."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", 1000)
    for text in BROKEN:
        longer = text * -(-max(least, 1) // len(text))
        if len(longer) <= most and re.search(schema["pattern"].replace("\\u0000", "\x00"), longer) is None:
            return longer
    raise AssertionError(schema)


Place = tuple[str | int, ...]


def patterns_in(schema: dict[str, Any], place: Place, above: tuple[int, ...] = ()) -> Iterator[tuple[Place, str, str]]:
    """Yield the place of each text with a pattern, the pattern, and a text that does not fit it."""
    schema = resolved(schema)
    if id(schema) in above:
        return
    if "pattern" in schema and schema.get("type") == "string":
        yield place, schema["pattern"], breaking(schema)
    inside = (*above, id(schema))
    for name, member in schema.get("properties", {}).items():
        yield from patterns_in(member, (*place, name), inside)
    if schema.get("type") == "array":
        yield from patterns_in(schema["items"], (*place, 0), inside)
    names = schema.get("propertyNames", {})
    if "pattern" in names:
        yield (*place, breaking(names)), names["pattern"], "x"
    if isinstance(schema.get("additionalProperties"), dict):
        yield from patterns_in(schema["additionalProperties"], (*place, "name"), inside)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in contract()["paths"].items():
        for method, operation in methods.items():
            if isinstance(operation, dict) and method in ("get", "post", "put", "patch", "delete"):
                yield method, re.sub(r"\{[a-z_]+\}", lambda part: NOBODY if part[0] == "{id}" else "x", path), operation


def messages(answer: httpx.Response) -> list[str]:
    body = answer.json()
    return [each["message"] for each in body.get("errors", ())] + [str(body.get("detail", ""))]


@pytest.mark.slow
async def test_every_pattern_of_a_parameter_is_told_in_words(client: httpx.AsyncClient) -> None:
    broken = 0
    for method, path, operation in operations():
        for given in operation.get("parameters", ()):
            parameter = contract()["components"]["parameters"].get(given.get("$ref", "").rpartition("/")[2], given)
            schema = resolved(parameter["schema"])
            if parameter["in"] != "query" or "pattern" not in schema:
                continue
            answer = await client.request(method, path, params={parameter["name"]: breaking(schema)})
            assert answer.status_code in (400, 422), (path, parameter["name"], answer.text)
            assert not any(sign in said for said in messages(answer) for sign in HIDDEN), answer.text
            broken += 1
    assert broken > 80


def placed(place: Place, value: Any) -> Any:
    inner: Any = value
    for part in reversed(place):
        inner = [inner] if isinstance(part, int) else {part: inner}
    return inner


async def test_every_pattern_of_a_body_is_told_in_words(client: httpx.AsyncClient) -> None:
    seen: set[str] = set()
    for method, path, operation in operations():
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        for place, pattern, text in patterns_in(content["schema"], ()):
            if (pattern in seen and len(place) > 2) or not place:
                continue
            answer = await client.request(method, path, json=placed(place, text))
            assert answer.status_code == 422, (path, place, answer.text)
            assert not any(sign in said for said in messages(answer) for sign in HIDDEN), (path, place, answer.text)
            codes = {each["pointer"]: each for each in answer.json()["errors"]}
            found = codes.get("".join(f"/{part}" for part in place), {})
            if found.get("code") == "string_pattern_mismatch":
                assert found["message"] == sentence(pattern) != sentence("unknown"), (path, place, pattern)
                seen.add(pattern)
    assert len(seen) >= 22, seen


def test_a_pattern_has_one_sentence() -> None:
    assert sentence(fitting("^tested$", "Must be tested")) == "Must be tested"
    with pytest.raises(ValueError, match="another sentence"):
        fitting("^tested$", "Must be untested")
    assert sentence(words_of(["low", "high"])) == "Must be low or high; several are separated by commas"
    assert sentence(list_of("(?:a)", "an a")) == "Must be an a; several are separated by commas"
    assert "^" not in sentence("^never kept$")


# -- GraphQL


@cache
def graph() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text())


PLAIN = {
    "String": "x", "ID": NOBODY, "Int": 1, "Float": 1.0, "Boolean": True, "Decimal": "1.00", "Date": "2026-11-21",
    "DateTime": "2026-11-21T10:00:00Z", "BigInt": 1, "JSON": {},
}  # fmt: skip


def least(kind: Any) -> Any:
    """Return the smallest value of an input type."""
    kind = get_nullable_type(kind)
    if is_list_type(kind):
        return [least(kind.of_type)]
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if isinstance(kind, GraphQLInputObjectType):
        return {name: least(field.type) for name, field in kind.fields.items() if is_required_input_field(field)}
    return PLAIN[kind.name]


def texts_in(kind: GraphQLInputObjectType, above: tuple[str, ...] = ()) -> Iterator[tuple[Any, str]]:
    """Yield values of an input type, each with one text that hardly any pattern takes."""
    for name, field in kind.fields.items():
        inner = get_nullable_type(field.type)
        listed = is_list_type(inner)
        inner = get_nullable_type(inner.of_type) if listed else inner
        if getattr(inner, "name", "") == "String":
            for text in ("\u0000", "\u00e9 ^,"):
                yield {**least(kind), name: [text] if listed else text}, name
        elif is_input_object_type(inner) and inner.name not in above:
            for value, below in texts_in(inner, (*above, inner.name)):
                yield {**least(kind), name: [value] if listed else value}, f"{name}.{below}"


@pytest.mark.slow
async def test_no_message_of_graphql_shows_a_pattern(client: httpx.AsyncClient) -> None:
    mismatches = 0
    for word, root in (("query", graph().query_type), ("mutation", graph().mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            argument = field.args.get("input") or field.args.get("filter")
            kind = None if argument is None else get_nullable_type(argument.type)
            if not isinstance(kind, GraphQLInputObjectType):
                continue
            called = "input" if "input" in field.args else "filter"
            others = [
                f"{each}: {'1' if str(given.type) == 'Int!' else chr(34) + NOBODY + chr(34)}"
                for each, given in field.args.items()
                if each != called and is_required_argument(given)
            ]
            arguments = ", ".join([f"{called}: $value", *others])
            query = f"{word}($value: {argument.type}) {{ {name}({arguments}) {{ __typename }} }}"
            for value, place in texts_in(kind):
                answer = await client.post("/graphql", json={"query": query, "variables": {"value": value}})
                errors = answer.json().get("errors", [])
                for error in errors:
                    assert "^" not in error["message"], (name, place, error)
                    for each in error.get("extensions", {}).get("errors", ()):
                        assert not any(sign in each["message"] for sign in HIDDEN), (name, place, each)
                        mismatches += each["code"] == "string_pattern_mismatch"
    assert mismatches > 100
