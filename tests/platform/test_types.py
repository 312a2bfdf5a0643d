"""The request scalars accept the JSON values that JSON Schema allows and refuse all others, in every way of reading."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from service.framework.web.strict_json import read_json
from service.platform.errors import Invalid, MalformedRequest
from service.platform.pointers import field_errors, pointer
from service.platform.types import (
    QUERY,
    Attributes,
    BigCount,
    Count,
    CountryCode,
    Currency,
    DayText,
    Email,
    Flag,
    Id,
    InstantText,
    LongText,
    Measure,
    Money,
    Name,
    Score,
    Shape,
    SignedMoney,
    Slug,
    Text,
    WebUrl,
    Whole,
)

UUID = "0190b6a0-0000-7000-8000-00000000000a"

GOOD: list[tuple[Any, str, Any]] = [
    (Count, "748.0", 748),
    (Count, "2147483647", 2**31 - 1),
    (Whole, "-5", -5),
    (BigCount, "9007199254740991", 2**53 - 1),
    (Score, "7", Decimal(7)),
    (Score, "6.66666666", Decimal("6.6667")),
    (Score, "1e1", Decimal(10)),
    (Score, "-0.0", Decimal(0)),
    (Measure, "-12.5", Decimal("-12.5")),
    (Money, '"1250000.00"', Decimal("1250000.00")),
    (SignedMoney, '"-0.5"', Decimal("-0.5")),
    (DayText, '"2026-02-28"', date(2026, 2, 28)),
    (InstantText, '"2026-11-21T22:35:00.5+01:00"', datetime(2026, 11, 21, 21, 35, 0, 500000, UTC)),
    (InstantText, '"2026-11-21t21:35:00z"', datetime(2026, 11, 21, 21, 35, tzinfo=UTC)),
    (Id, f'"{UUID.upper()}"', UUID),
    (Flag, "true", True),
    (Name, '"Nörd & Söhne"', "Nörd & Söhne"),
    (LongText, '"a\\nb"', "a\nb"),
    (Slug, '"sales.force-1"', "sales.force-1"),
    (Currency, '"EUR"', "EUR"),
    (CountryCode, '"DE"', "DE"),
    (Email, '"jo@example.co.uk"', "jo@example.co.uk"),
    (WebUrl, '"https://example.com:8443/a?b#c"', "https://example.com:8443/a?b#c"),
    (Attributes, '{"a":1,"b":0.5,"c":true,"d":null,"e":""}', {"a": 1, "b": 0.5, "c": True, "d": None, "e": ""}),
]

BAD: list[tuple[Any, list[str]]] = [
    (Count, ['"5"', "true", "1.5", "-1", "2147483648", "1e400", "null", "[]", '""']),
    (BigCount, ["9007199254740992"]),
    (Score, ['"5"', "true", "10.00001", "-0.1", "1e400", "null"]),
    (Money, ["5", '"-1"', '"1.234"', '"1e3"', '"12345678901234"', '""', '" 1"', '"1\\n"', '"+1"', '"\\uff11"']),
    (
        DayText,
        ["0", '"2026-2-1"', '"2026-02-30"', '"0000-01-01"', '"2026-01-01T00:00:00Z"', '"2026-W01"', '"2026-01-01\\n"'],
    ),
    (InstantText, ["0", '"2026-01-01"', '"2026-01-01T00:00:00"', '"2026-01-01T24:00:00Z"', '"2026-01-01 00:00:00Z"']),
    (InstantText, ['"0001-01-01T00:00:00+01:00"', '"9999-12-31T23:59:59-01:00"', '"2026-01-01T00:00:00+0100"']),
    (Id, ["1", '"x"', f'"{{{UUID}}}"', f'"{UUID}\\n"', f'"{UUID.replace("-", "")}"']),
    (Flag, ["1", '"true"', "null"]),
    (Name, ["5", '""', '"  "', '"a\\u0000"', '"\\ud800"', json.dumps("x" * 201)]),
    (Text, ['"a\\u0000"', '""']),
    (Slug, ['"a b"', '"_a"', '"a/b"', '"a\\n"']),
    (Currency, ['"eur"', '"EURO"', '"EUR\\n"']),
    (CountryCode, ['"D1"']),
    (Email, ['"jo"', '"jo@x"', '"a b@example.com"', '"<jo@example.com>"', '"a@b@example.com"']),
    (
        WebUrl,
        ['"ftp://example.com"', '"https://"', '"https://user@example.com"', '"javascript:alert(1)"', '"https://a b"'],
    ),
    (Attributes, ['{"a":[1]}', '{"a":{}}', '{"":1}', '{"a":1e308}', '{"a":9007199254740992}', "[]"]),
]


@pytest.mark.parametrize(("kind", "text", "value"), GOOD)
def test_what_json_schema_allows_gets_in(kind: Any, text: str, value: Any) -> None:
    got = TypeAdapter(kind).validate_json(text)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in BAD for text in texts])
def test_nothing_else_gets_in(kind: Any, text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_json(text)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Count, "5", 5),
        (Score, "7.5", Decimal("7.5")),
        (Flag, "true", True),
        (DayText, "2026-01-01", date(2026, 1, 1)),
        (Id, UUID, UUID),
    ],
)
def test_a_query_string_holds_the_same_values_as_text(kind: Any, text: str, value: Any) -> None:
    assert TypeAdapter(kind).validate_python(text, context=QUERY) == value


@pytest.mark.parametrize(
    ("kind", "text"), [(Count, " 5"), (Count, "1_0"), (Count, "5.0"), (Score, "nan"), (Score, "1e1"), (Flag, "yes")]
)
def test_a_query_string_holds_no_other_spelling(kind: Any, text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(text, context=QUERY)


@pytest.mark.parametrize("kind", sorted({kind for kind, _, _ in GOOD if kind is not Attributes}, key=repr))
def test_the_schema_is_json_schema_with_bounds(kind: Any) -> None:
    schema = TypeAdapter(kind).json_schema()
    assert not {"ge", "le", "gt", "lt"} & schema.keys()
    assert schema.keys() & {"minimum", "maxLength", "pattern", "format"} or schema["type"] == "boolean"
    assert schema.get("maximum", 0) <= 2**53


class ThingCreate(Shape):
    """A thing."""

    name: Name = Field(description="Its name", examples=["Anvil"])
    note: LongText | None = Field(default=None, description="Free text")
    count: Count = Field(default=0, description="How many")


def test_errors_point_and_never_repeat_values() -> None:
    with pytest.raises(ValidationError) as caught:
        ThingCreate.model_validate_json('{"name":"","note":5,"x/y":"kam_secret"}')
    found = field_errors(caught.value.errors(), {"name": "", "note": 5, "x/y": "kam_secret"})
    assert [error.pointer for error in found] == ["/name", "/note", "/x~1y"]
    assert "kam_secret" not in repr(found)
    assert pointer(["a", 0, "b~c"]) == "/a/0/b~0c"


@pytest.mark.parametrize(
    ("raw", "code", "place"),
    [
        (b'{"a":{"b":[1,{"c":1,"c":2}]}}', "duplicate_member", "/a/b/1/c"),
        (rb'{"a":["\u0000"]}', "string_nul", "/a/0"),
        (rb'{"a":"x\ud83d"}', "string_surrogate", "/a"),
        (b'{"a":1e999}', "number_range", "/a"),
    ],
)
def test_json_that_parsers_disagree_about_is_refused_with_its_place(raw: bytes, code: str, place: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_json(raw)
    assert (caught.value.errors[0].code, caught.value.errors[0].pointer) == (code, place)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"NaN", b'{"a":Infinity}', b"\xff", b"[" * 100_000, b'{"a":1}{', b'"\x01"', b"9" * 5_000]
)
def test_what_is_not_json_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read_json(raw)


def test_escaped_backslashes_and_pairs_are_fine() -> None:
    assert read_json(rb'["\\u0000", "\ud83d\ude00", 1e300]') == ["\\u0000", "😀", 1e300]
