"""What makes a request with an Idempotency-Key the same request again."""

from __future__ import annotations

import httpx


async def test_a_key_compares_what_the_json_says(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k1"}
    first = await client.post("/v1/people", content=b'{"name": "A", "email": "a@example.com"}', headers=headers)
    again = await client.post("/v1/people", content=b'{ "email":"a@example.com","name":"\\u0041" }', headers=headers)
    assert (first.status_code, again.json(), again.headers["idempotent-replayed"]) == (201, first.json(), "true")
    other = await client.post("/v1/people", content=b'{"name": "B"}', headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    document = "mutation ($input: CreatePersonInput!) { createPerson(input: $input) { person { id } } }"
    bodies = [
        b'{"query": "%b", "variables": {"input": {"name": "C", "title": "x"}}}' % document.encode(),
        b'{"variables": {"input": {"title": "x", "name": "C"}},   "query": "%b"}' % document.encode(),
    ]
    answers = [
        await client.post("/graphql", content=body, headers={**headers, "Idempotency-Key": "k2"}) for body in bodies
    ]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"
