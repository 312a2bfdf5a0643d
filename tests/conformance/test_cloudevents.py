"""The SDK of the CloudEvents project reads the CloudEvents that the service sends, in both modes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.send.formats import Formatter

http = pytest.importorskip("cloudevents.core.bindings.http", reason="the CloudEvents SDK is not installed")
pytestmark = pytest.mark.conformance

ID = "0193f1a2-7c1e-7d2a-9b1c-2f6c8f0c1a11"
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def judged(form: str, source: str, event: dict[str, Any]) -> Any:
    """The event as the SDK reads it, which checks the rules of the specification as it does."""
    message = Formatter(source).message(ID, orjson.dumps(event), form, None, "")  # type: ignore[arg-type]
    return http.from_http_event(http.HTTPMessage(headers=dict(message.headers), body=message.body))


@pytest.mark.parametrize("form", ["cloudevents-structured", "cloudevents-binary"])
@given(name=WORDS, record=WORDS, kind=WORDS, path=st.text("abcß漢 %\"'é", max_size=20))
def test_the_sdk_reads_what_we_send(form: str, name: str, record: str, kind: str, path: str) -> None:
    data = {"account": {"id": "a-1", "name": name}, "plan": {"id": record}, "changed": [1, None, 2.5]}
    event = {
        "id": ID, "type": "plan.approved", "timestamp": "2026-11-22T01:02:03.456789Z", "data": data,
        "cause": {"kind": kind, "origin": None},
    }  # fmt: skip
    read = judged(form, f"https://kam.example.com/{path}", event)
    assert read.get_id() == ID and read.get_specversion() == "1.0"
    assert read.get_type() == "alt.kam.plan.approved"
    assert read.get_source() == f"https://kam.example.com/{path}"
    assert read.get_time() == datetime(2026, 11, 22, 1, 2, 3, 456789, tzinfo=UTC)
    assert read.get_subject() == (f"plan/{record}" if record else "plan/")
    assert read.get_datacontenttype() == "application/json"
    assert read.get_extension("partitionkey") == "a-1"
    assert read.get_extension("causekind") == (kind or None)
    found = read.get_data()
    assert (orjson.loads(found) if isinstance(found, bytes | str) else found) == data
