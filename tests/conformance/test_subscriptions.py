"""Subscriptions, judged by the clients that front-ends use: npm graphql-ws and graphql-sse, on each database."""

import json

import pytest

pytestmark = pytest.mark.conformance


def test_the_clients_of_front_ends_follow_the_events(node, live_server):
    result = node("subscriptions.mjs", live_server.url, live_server.key)
    assert result.returncode == 0, result.stderr + live_server.logged()
    told = json.loads(result.stdout)
    for way, prefix in (("socket", "Socket"), ("events", "Events")):
        names = told[way]
        first = int(names[0].split()[1])
        assert names == [f"{prefix} {first + number}" for number in range(3)]
    assert told["socketQuery"] == told["eventsQuery"] == {"me": {"name": "First admin key"}}
    assert told["socketBad"] == {"error": "graphql_invalid"}
    assert told["refused"] == 4403
