"""The formats of an event, checked by the rules of CloudEvents 1.0 (core, JSON format, HTTP binding)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.send.formats import TYPE_PREFIX, Formatter, Message, encoded, source_of
from service.framework.outbound.body_templates import compiled

EVENT = {
    "id": "0193f1a2-7c1e-7d2a-9b1c-2f6c8f0c1a11",
    "type": "plan.approved",
    "timestamp": "2026-11-22T01:02:03.456789Z",
    "data": {"account": {"id": "a1", "name": "Bäckerei"}, "plan": {"id": "p1", "title": "Grow"}},
    "cause": {"kind": "user", "origin": None, "key_id": "k"},
}
BODY = orjson.dumps(EVENT)
FORMATTER = Formatter("https://kam.example.com")
ATTRIBUTE = re.compile(r"[a-z0-9]{1,20}")


def message(form: Any, template: Any = None, body: bytes = BODY) -> Message:
    fill = None if template is None else compiled(template)
    return FORMATTER.message(orjson.loads(body)["id"], body, form, fill, repr(template))


def check_attributes(attributes: dict[str, str]) -> None:
    """Check the rules of the core specification on context attributes."""
    assert attributes["specversion"] == "1.0"
    assert attributes["id"] and attributes["source"]
    assert re.fullmatch(r"[a-z]+(\.[a-z0-9_]+)+", attributes["type"])
    assert attributes["type"].startswith(TYPE_PREFIX)
    assert datetime.fromisoformat(attributes["time"]).tzinfo is not None
    for name, value in attributes.items():
        assert ATTRIBUTE.fullmatch(name), name
        assert value, name
        assert name != "data"


def test_the_standard_format_sends_the_stored_bytes_themselves() -> None:
    made = message("standard")
    assert made.body is BODY and made.headers == {"content-type": "application/json"}


def test_structured_mode() -> None:
    made = message("cloudevents-structured")
    assert made.headers == {"content-type": "application/cloudevents+json; charset=utf-8"}
    attributes = orjson.loads(made.body)
    assert attributes.pop("data") == EVENT["data"]
    assert attributes["datacontenttype"] == "application/json"
    check_attributes(attributes)
    assert attributes == {
        "specversion": "1.0", "id": EVENT["id"], "source": "https://kam.example.com", "type": "alt.kam.plan.approved",
        "time": EVENT["timestamp"], "subject": "plan/p1", "partitionkey": "a1", "causekind": "user",
        "datacontenttype": "application/json",
    }  # fmt: skip


def test_binary_mode() -> None:
    made = message("cloudevents-binary")
    assert orjson.loads(made.body) == EVENT["data"]
    headers = dict(made.headers)
    assert headers.pop("content-type") == "application/json"
    assert all(name.startswith("ce-") for name in headers) and "ce-datacontenttype" not in headers
    check_attributes({name.removeprefix("ce-"): unquote_to_bytes(value).decode() for name, value in headers.items()})
    structured = orjson.loads(message("cloudevents-structured").body)
    attributes = {name.removeprefix("ce-"): unquote_to_bytes(value).decode() for name, value in headers.items()}
    assert attributes == {name: structured[name] for name in structured if name not in ("data", "datacontenttype")}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_header_values_are_percent_encoded_as_the_binding_says(value: str) -> None:
    made = encoded(value)
    assert all("\x21" <= character <= "\x7e" and character != '"' for character in made)
    assert unquote_to_bytes(made).decode() == value
    plain = [character for character in value if "\x21" <= character <= "\x7e" and character not in '"%']
    assert len(re.sub(r"%[0-9A-F]{2}", "", made)) == len(plain)


def test_the_examples_of_the_binding() -> None:
    assert encoded("Euro € 😀") == "Euro%20%E2%82%AC%20%F0%9F%98%80"
    assert encoded('say "100%"') == "say%20%22100%25%22"
    assert encoded("a/b?c=d&e'(f)~") == "a/b?c=d&e'(f)~"


def test_a_map_of_fields_replaces_the_body_or_the_data() -> None:
    template = {"text": "{data.plan.title} for {data.account.name}", "n": "{data.plan.version}"}
    content = {"text": "Grow for Bäckerei"}
    assert orjson.loads(message("standard", template).body) == content
    structured = orjson.loads(message("cloudevents-structured", template).body)
    assert structured["data"] == content and structured["id"] == EVENT["id"]
    assert orjson.loads(message("cloudevents-binary", template).body) == content


@pytest.mark.parametrize("form", ["cloudevents-structured", "cloudevents-binary"])
def test_an_event_without_account_cause_or_record_is_still_a_cloudevent(form: Any) -> None:
    event = {**EVENT, "id": f"bare-{form}", "type": "webhook.test", "data": {"account": None}, "cause": None}
    made = message(form, body=orjson.dumps(event))
    attributes = (
        {name.removeprefix("ce-"): value for name, value in made.headers.items() if name != "content-type"}
        if form.endswith("binary")
        else {name: value for name, value in orjson.loads(made.body).items() if name not in ("data", "datacontenttype")}
    )
    check_attributes(attributes)
    assert set(attributes) == {"specversion", "id", "source", "type", "time"}


def test_messages_are_kept_within_bounds_and_differ_by_recipe() -> None:
    formatter = Formatter("/")
    first = formatter.message("1", BODY, "cloudevents-structured", None, "one")
    assert formatter.message("1", BODY, "cloudevents-structured", None, "one") is first
    assert formatter.message("1", BODY, "cloudevents-structured", compiled({"a": 1}), "two").body != first.body
    for number in range(400):
        formatter.message(str(number), BODY, "cloudevents-binary", None, "one")
    assert len(formatter._kept) == 256
    large = orjson.dumps({**EVENT, "data": {"note": "x" * 100_000}})
    formatter.message("large", large, "cloudevents-binary", None, "one")
    assert ("large", "cloudevents-binary", "one") not in formatter._kept


def test_the_source_is_the_public_url_as_far_as_it_is_known() -> None:
    assert source_of("https://kam.example.com/api/") == "https://kam.example.com/api"
    assert source_of(None) == source_of("") == "/"
