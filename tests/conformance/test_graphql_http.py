"""GraphQL over HTTP, judged by the audits of npm graphql-http: all 61 pass, on each database."""

import json

import pytest

pytestmark = pytest.mark.conformance
AUDITS = 61


def test_every_graphql_over_http_audit_passes(node, live_server):
    result = node("graphql_http.mjs", f"{live_server.url}/graphql", json.dumps(live_server.headers))
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["failed"] == [], live_server.logged()
    assert report["total"] >= AUDITS
