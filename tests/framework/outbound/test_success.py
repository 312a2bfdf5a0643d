"""Whether an answer means success, as an endpoint says."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from service.framework.outbound.success import Judge

SALESFORCE = {"items": "", "item": [{"path": "/success", "is": True}]}
HUBSPOT = {"statuses": [200, 201], "body": [{"path": "/status", "in": ["COMPLETE"]}, {"path": "/numErrors", "lt": 1}]}


@pytest.mark.parametrize(
    ("given", "status", "answer", "verdict"),
    [
        ({"statuses": [200, 201]}, 201, None, "ok"),
        ({"statuses": [200, 201]}, 202, None, "refused"),
        ({"statuses": [302]}, 302, None, "ok"),
        (SALESFORCE, 200, [{"success": True}, {"success": True}], "ok"),
        (SALESFORCE, 200, [{"success": True}, {"success": False}], "refused"),
        (SALESFORCE, 200, [{"success": 1}], "refused"),
        (SALESFORCE, 200, [], "ok"),
        (SALESFORCE, 200, {"success": True}, "refused"),
        (SALESFORCE, 204, b"", "refused"),
        (SALESFORCE, 200, b"<html>", "refused"),
        (SALESFORCE, 302, [{"success": True}], "refused"),
        (HUBSPOT, 200, {"status": "COMPLETE", "numErrors": 0}, "ok"),
        (HUBSPOT, 200, {"status": "COMPLETE", "numErrors": 1}, "refused"),
        (HUBSPOT, 200, {"status": "COMPLETE", "numErrors": False}, "refused"),
        (HUBSPOT, 200, {"status": "PENDING", "numErrors": 0}, "refused"),
        ({"body": [{"path": "/a~1b/1", "is": 2}]}, 200, {"a/b": [1, 2.0]}, "ok"),
        ({"body": [{"path": "/error", "is": None}]}, 200, {"error": None}, "ok"),
        ({"body": [{"path": "/error", "is": None}]}, 200, {}, "refused"),
        ({"body": [{"path": "", "is": "ok"}]}, 200, "ok", "ok"),
        *[({"statuses": [200]}, status, None, "refused") for status in (400, 404, 409, 422)],
        *[({"statuses": [200]}, status, None, "http") for status in (401, 403, 408, 410, 423, 425, 429, 500, 503)],
    ],
)
def test_an_answer_is_judged(given: dict[str, Any], status: int, answer: Any, verdict: str) -> None:
    body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
    assert Judge.of(given).verdict(status, body) == verdict
