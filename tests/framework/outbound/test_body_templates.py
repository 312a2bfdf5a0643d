"""Body templates: how they are filled, and which are refused."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.framework.outbound.body_templates import LONGEST_VALUE, MOST_PLACEHOLDERS, compiled, faults

EVENT = {
    "id": "01",
    "type": "account.quadrant_changed",
    "timestamp": "2026-11-22T01:00:00Z",
    "data": {
        "account": {"name": "Bäckerei {x}", "version": 3, "refs": [{"system": "erp", "external_id": "7"}]},
        "current": {"quadrant": "star", "score": 7.25, "open": True, "gone": None},
        "changed": ["quadrant"],
    },
    "cause": {"kind": "user"},
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("template", "body"),
    [
        ("{data.account.name} is {data.current.quadrant}", "Bäckerei {x} is star"),
        ("{data.account.version}", 3),
        ("v{data.account.version}", "v3"),
        ("{data.current.score}/{data.current.open}", "7.25/true"),
        ("{data.changed}", ["quadrant"]),
        ("changed: {data.changed}", 'changed: ["quadrant"]'),
        ("{data.account.refs.0.external_id}", "7"),
        ("<{data.nobody.name}|{data.current.gone}>", "<|>"),
        ("{data.current.gone}", None),
        ("{cause.kind}", "user"),
        ("{{data.account.name}}", "{data.account.name}"),
        ("{{{type}}}", "{account.quadrant_changed}"),
        ("", ""),
        (7, 7),
        (None, None),
        ({"a": "{data.account.refs.1.external_id}", "b": "{data.account.refs.x}", "c": 1}, {"c": 1}),
        ({"a": {"b": "{data.account.name.length}"}, "c": "{data.current.gone}"}, {"a": {}, "c": None}),
        (["{data.nobody.name}", "{type}", "{data.current.gone}"], [None, EVENT["type"], None]),
        ({"a": [{"b": "{type}"}, 1.5, False], "{id}": "x"}, {"a": [{"b": EVENT["type"]}, 1.5, False], "{id}": "x"}),
    ],
)
def test_a_template_becomes(template: Any, body: Any) -> None:
    assert faults(template) == []
    assert compiled(template)(EVENT) == body


@pytest.mark.parametrize(
    ("template", "place", "code"),
    [
        ({"text": "{data.account.name"}, ("text",), "placeholder_unknown"),
        ({"text": "a } b"}, ("text",), "placeholder_unknown"),
        ({"a": [1, {"b": "{secret}"}]}, ("a", 1, "b"), "placeholder_unknown"),
        ({"a": "{data.__class__[0]}"}, ("a",), "placeholder_unknown"),
        ({"a": "{data.x!r}"}, ("a",), "placeholder_unknown"),
        ({"a": "{}"}, ("a",), "placeholder_unknown"),
        ({"a": "{data" + ".x" * 9 + "}"}, ("a",), "placeholder_unknown"),
        ({"a": "\0"}, ("a",), "placeholder_unknown"),
        ({"a\0": "x"}, (), "name_format"),
        ({"a": [[[[[[[[[1]]]]]]]]]}, ("a", *[0] * 8), "template_too_deep"),
        ({"a": ["x"] * 201}, (), "template_too_large"),
        ({"a": "x" * 8_001}, (), "template_too_large"),
        ({"a": ["{type}"] * (MOST_PLACEHOLDERS + 1)}, (), "too_many_placeholders"),
        ({"a": 2**64}, (), "template_not_json"),
    ],
)
def test_a_template_is_refused(template: Any, place: tuple[Any, ...], code: str) -> None:
    [fault] = faults(template)
    assert (fault.place, fault.code) == (place, code)


def test_a_long_value_is_cut_inside_a_text_only() -> None:
    event = {"data": {"note": "x" * 5_000}}
    assert compiled("{data.note}")(event) == "x" * 5_000
    assert compiled("> {data.note}")(event) == "> " + "x" * (LONGEST_VALUE - 1) + "…"


@given(template=JSON, event=JSON)
def test_what_has_no_fault_always_becomes_json_of_the_same_form(template: Any, event: Any) -> None:
    if faults(template):
        return
    body = compiled(template)(event if isinstance(event, dict) else {"data": event})
    assert orjson.loads(orjson.dumps(body)) == orjson.loads(orjson.dumps(body))
    if isinstance(template, dict):
        assert list(body) == list(template)
    elif isinstance(template, list):
        assert len(body) == len(template)
    elif not isinstance(template, str):
        assert body == template


@given(st.text())
def test_doubled_braces_keep_any_text_as_it_is(text: str) -> None:
    quoted = text.replace("{", "{{").replace("}", "}}")
    if "\0" in text or len(quoted) > 1000:
        return
    assert faults(quoted) == []
    assert compiled(quoted)(EVENT) == text
