"""Bodies are parsed once: the fast reading and pydantic on parsed values decide as the slow reading and JSON would."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, get_type_hints

import orjson
import pytest
from pydantic import TypeAdapter, ValidationError

from service.app import declared
from service.framework.web import strict_json
from service.framework.web.binding import CompiledRoute
from service.framework.web.router import LeanRoute, declared_routes
from service.framework.web.strict_json import MAX_DEPTH, read_json
from service.platform.errors import Invalid, KamError, MalformedRequest

UNUSUAL: list[Any] = [
    None, True, False, 0, 1, -1, 5, 2**31, 2**53, 0.0, 1.0, 1.5, -0.0, 1e300, "", " ", "x", "1", "1.0", "true", "null",
    "12.50", "2027-01-01", "2027-13-01", "2027-01-01T00:00:00Z", "2027-01-01T00:00:00", "10:00", "P1D", "DE", "EUR",
    "0190b6a0-0000-7000-8000-00000000000a", "0190B6A0-0000-7000-8000-00000000000A", "https://example.com", "a@b.de",
    [], [1], ["x"], [None], {}, {"x": 1}, {"a": {"b": []}},
]  # fmt: skip


def bodies() -> Iterator[tuple[str, CompiledRoute]]:
    """Yield every route of the API that reads a body of JSON."""
    for route in declared_routes(declared().router.routes):
        if (
            isinstance(route, LeanRoute)
            and route.compiled.body is not None
            and route.compiled.body.validator is not None
        ):
            yield f"{min(route.methods or ())} {route.path}", route.compiled


def some(schema: dict[str, Any], definitions: dict[str, Any], chance: random.Random, depth: int = 0) -> Any:
    """Return a value that may fit a JSON Schema, with an unusual one here and there."""
    if chance.random() < 0.15 or depth > 6:
        return chance.choice(UNUSUAL)
    if "$ref" in schema:
        return some(definitions[schema["$ref"].rpartition("/")[2]], definitions, chance, depth)
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        return some(chance.choice(branches), definitions, chance, depth)
    if "enum" in schema or "const" in schema:
        return chance.choice(schema.get("enum") or [schema["const"]])
    if schema.get("type") == "object":
        required = schema.get("required", ())
        members = {
            name: some(inner, definitions, chance, depth + 1)
            for name, inner in schema.get("properties", {}).items()
            if chance.random() < (0.97 if name in required else 0.4)
        }
        return members | ({"unknown": 1} if chance.random() < 0.03 else {})
    if schema.get("type") == "array":
        return [some(schema.get("items", {}), definitions, chance, depth + 1) for _ in range(chance.randint(0, 3))]
    kinds: dict[str, list[Any]] = {
        "integer": [1, 3, 7, 50],
        "number": [1, 2.5, 7, 40],
        "boolean": [True, False],
        "null": [None],
    }
    return chance.choice(kinds.get(str(schema.get("type")), UNUSUAL))


def outcome(validate: Any, value: Any) -> Any:
    """Return the value that a validator made, or None when it refused."""
    try:
        return validate(value)
    except ValidationError:
        return None


def test_parsed_values_are_accepted_as_their_text_would_be() -> None:
    chance, accepted = random.Random(8), 0
    for name, route in bodies():
        assert route.body is not None and route.body.validator is not None
        validator = route.body.validator
        kind = get_type_hints(route.endpoint, include_extras=True)[route.body.name]
        schema = TypeAdapter(kind).json_schema()
        for _ in range(150):
            raw = orjson.dumps(some(schema, schema.get("$defs", {}), chance))
            expected = outcome(validator.validate_json, raw)
            made = outcome(validator.validate_python, read_json(raw))
            assert repr(made) == repr(expected), (name, raw)
            accepted += made is not None
    assert accepted > 1_000


READINGS = [
    b'{"a":1,"b":{"c":[1,2.5,true,null,"x"]}}',
    b' { "a" : 1 , "b" :\n{ "c"\t: "12:30" } } ',
    rb'{"a":"\":","b":"\"x\": y"}',
    rb'{"a":"\ud83d\ude00 \\u0000"}',
    b'{"a":1,"a":1}', b'{"a" :1,"a":1}', b'{"a":1,"b":[{"c":1,"c" : 2}]}', rb'{"a":1,"\u0061":2}',
    rb'{"a":"\u0000"}', rb'{"a":"\ud800"}', rb'{"\udfff":1}',
    b"1e400", b"-1e400", b"NaN", b"Infinity", b"-0", b"-0.0", b"1E5", b"01", b"1.", b"18446744073709551615",
    b"18446744073709551616", b"-9223372036854775809", b"123456789012345678901234567890", b"9" * 400, b"9" * 5_000,
    b"0.1e-400", b"", b" ", b"[", b"[1,]", b"{} x", b"\xef\xbb\xbf{}", b'"\xff"', b'"\t"', "{}".encode("utf-16"),
    b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, b"[" * 5_000, b"[" * 900 + b"]" * 900,
]  # fmt: skip


@pytest.mark.parametrize("raw", READINGS)
def test_the_fast_reading_decides_as_the_slow_one(raw: bytes) -> None:
    def read(reading: Any) -> Any:
        try:
            return repr(reading(raw))
        except KamError as error:
            return type(error), error.detail, [each.members() for each in error.errors]

    assert read(read_json) == read(strict_json._read_slowly)


def test_usual_bodies_are_not_read_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(raw: bytes) -> Any:
        raise AssertionError(raw)

    monkeypatch.setattr(strict_json, "_read_slowly", refuse)
    for raw in (*READINGS[:2], b'{"query":"{ accounts(first: 5) { edges { node { name } } } }","variables":{"a":1.5}}'):
        assert read_json(raw) == orjson.loads(raw)


def test_nesting_has_an_end() -> None:
    with pytest.raises(MalformedRequest, match="nested too deeply"):
        read_json(b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2))
    with pytest.raises(Invalid):
        read_json(b'{"a":1,"b":' + b"[" * MAX_DEPTH + b'{"c":1,"c":2}' + b"]" * MAX_DEPTH + b"}")
