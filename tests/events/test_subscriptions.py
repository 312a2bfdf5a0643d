"""Which events a subscription takes: patterns by segment, filters on the content of the event, the owner's sight."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access.policy import granted
from service.events.accounts import STAKEHOLDER, AccountUpdated
from service.events.catalogue import catalogue, known_types
from service.events.content import CHANNEL, FACETS, MOST_CHANNELS, content_of
from service.events.feed.subscriptions import EventRow, required_scopes, subscription
from service.events.patterns import matches
from service.models.webhooks.subscription import WebhookFilter
from service.platform.ids import SYSTEM_ID
from tests.conftest import NOW

ENDPOINT: dict[str, Any] = {
    "id": "e", "event_types": ["*"], "filter": None, "changed": [], "channels": [], "created_by": "k",
    "scopes": ["*"], "revoked_at": None, "expires_at": None,
}  # fmt: skip


def takes(event_type: str = "account.updated", content: Any = None, origin: str | None = None, **endpoint: Any) -> bool:
    text = None if content is None else orjson.dumps(content).decode()
    return subscription({**ENDPOINT, **endpoint}, NOW).match(EventRow(event_type, "s", origin, text))


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("*", ["account.created", "plan.closed", "a.b.c"], []),
        ("account.*", ["account.created", "account.x.y"], ["account", "accounts.created", "plan.created"]),
        ("*.created", ["account.created", "plan.created"], ["account.updated", "a.b.created"]),
        ("account.created", ["account.created"], ["account.created.x", "account.createdx"]),
        ("*.*", ["account.created", "a.b.c"], ["account"]),
        ("a.*.c", ["a.b.c"], ["a.c", "a.b.d", "a.b.c.d"]),
    ],
)
def test_a_pattern_takes_types_by_segment(pattern: str, taken: list[str], left: list[str]) -> None:
    assert all(matches([pattern], name) for name in taken)
    assert not any(matches([pattern], name) for name in left)


@given(
    st.lists(
        st.sampled_from(
            [
                f"{part}:{verb}"
                for part in ("plans", "accounts", "portfolio", "classification")
                for verb in ("read", "write", "*")
            ]
        )
    )
)
def test_an_owner_gets_exactly_the_types_it_may_read(scopes: list[str]) -> None:
    may = granted(scopes)
    for name in catalogue():
        if name != "webhook.test":
            assert takes(name, scopes=scopes) == may.issuperset(required_scopes(name)), name


def test_an_owner_whose_key_is_gone_gets_nothing() -> None:
    assert not takes(revoked_at=NOW)
    assert not takes(expires_at=NOW) and takes(expires_at=NOW + timedelta(seconds=1))
    assert not takes(scopes=None)
    assert takes(scopes=None, created_by=SYSTEM_ID) and takes(scopes=None, created_by=None)


def test_what_an_endpoint_gave_rise_to_does_not_come_back_to_it() -> None:
    assert not takes("delivery.exhausted", origin="e") and takes("delivery.exhausted", origin="other")
    test = subscription({**ENDPOINT, "id": "s", "event_types": ["plan.*"]}, NOW)
    assert test.match(EventRow("webhook.test", "s", None, None)) and not takes("webhook.test")


def test_a_filter_is_any_of_a_list_and_all_lists_hold() -> None:
    content = {"quadrant": ["star", "strategic"], "country": ["DE"], "changed": ["quadrant"], "channels": ["emea"]}
    assert takes(content=content, filter={"quadrant": ["strategic"], "country": None})  # it left strategic, or came
    assert takes(content=content, filter={"quadrant": ["status", "star"], "country": ["DE", "FR"]})
    assert not takes(content=content, filter={"quadrant": ["star"], "country": ["FR"]})
    assert not takes(content=content, filter={"owner_id": ["x"]})
    assert takes(content=content, changed=["quadrant", "x"]) and not takes(content=content, changed=["x"])
    assert takes(content=content, channels=["apac", "emea"]) and not takes(content=content, channels=["apac"])
    assert not takes(content=None, filter={"country": ["DE"]}) and not takes(content=None, channels=["emea"])


def test_the_filter_has_the_facets_of_the_content() -> None:
    assert set(WebhookFilter.model_fields) == set(FACETS)


ACCOUNT = {
    "id": "a", "name": "A", "version": 2, "refs": [], "quadrant": "star", "stage": "pre_kam", "status": "customer",
    "scope": None, "country": "DE", "industry": "Steel", "owner_id": "p", "tags": ["x", "channel:emea"],
}  # fmt: skip


def test_the_content_holds_the_state_before_and_after() -> None:
    event = AccountUpdated.between({**ACCOUNT, "owner_id": "q", "tags": ["y"], "country": None}, ACCOUNT)
    assert event.content == {
        "changed": ["country", "owner_id", "tags"], "quadrant": ["star"], "stage": ["pre_kam"], "status": ["customer"],
        "country": ["DE"], "industry": ["Steel"], "owner_id": ["p", "q"], "tags": ["x", "channel:emea", "y"],
        "channels": ["emea"],
    }  # fmt: skip
    record = {"id": "s", "version": 1, "account_id": "a", "owner_id": "someone", "industry": "Other"}
    of_record = STAKEHOLDER.updated.between({**record, "industry": None}, record, ACCOUNT)
    assert of_record.content is not None and of_record.content["industry"] == ["Steel"]  # the account's, not its own
    assert of_record.data["account"] == {"id": "a", "name": "A", "version": 2, "refs": []}
    many = content_of({"tags": [f"{CHANNEL}{number}" for number in range(9)]})
    assert many is not None and many["channels"] == ["0", "1", "2", "3", "4"] and MOST_CHANNELS == 5
    assert content_of(None) is None and content_of({"scope": None}) is None


@given(st.sampled_from(sorted(catalogue())))
def test_a_known_type_is_taken_by_its_own_pattern_and_its_wildcards(name: str) -> None:
    kind, _, happened = name.partition(".")
    assert all(name in known_types(pattern) for pattern in ("*", name, f"{kind}.*", f"*.{happened}", "*.*"))
