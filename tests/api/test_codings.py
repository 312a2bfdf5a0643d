"""A body in a Content-Encoding: 415 that names it, on every route that reads a body and in GraphQL."""

from __future__ import annotations

import gzip

import httpx

from tests.api.test_permission_first import ROUTES, path_of

READING = [route for route in ROUTES if route.compiled.body is not None]
PERSON = gzip.compress(b'{"name": "Ada"}')


async def test_no_route_reads_a_compressed_body(client: httpx.AsyncClient) -> None:
    assert len(READING) > 50
    for route in READING:
        method, path = min((route.methods or set()) - {"HEAD"}), path_of(route)
        headers = {"Content-Type": route.compiled.declared.takes[0], "Content-Encoding": "gzip"}
        refused = await client.request(method, path, content=PERSON, headers=headers)
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (415, "unsupported_media_type"), (method, path)
        assert "gzip" in problem["detail"], (method, path)
        assert refused.headers["accept-encoding"] == "identity", (method, path)
    assert (await client.get("/v1/people")).json()["items"] == []


async def test_graphql_reads_no_compressed_body(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "br"}
    refused = await client.post("/graphql", content=b'{"query": "{ me { id } }"}', headers=headers)
    [error] = refused.json()["errors"]
    assert (refused.status_code, error["extensions"]["code"]) == (415, "unsupported_media_type")
    assert "Content-Encoding: br " in error["message"]
