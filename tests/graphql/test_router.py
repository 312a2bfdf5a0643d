"""GraphQL over HTTP: media types, status codes, GET and POST, callers. The audits of graphql-http stand in conformance."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from service.access.principal import SYSTEM
from service.framework.graph.router import GraphQLApp
from service.graphql.graph import GRAPH
from service.platform.errors import Unauthenticated
from service.records.context import Context

MODERN = "application/graphql-response+json"
JSON = "application/json"
MUTATION = 'mutation { createAccount(input: {name: "A"}) { account { name } } }'


@pytest.fixture
async def http(services):
    """A client of the application alone; the key `none` is refused."""
    app = GraphQLApp(GRAPH, services.cursors, page=(b"<title>GraphiQL</title>", ((b"x-page", b"yes"),)))

    async def framed(scope, receive, send):
        async def admit():
            if dict(scope["headers"]).get(b"authorization") == b"none":
                raise Unauthenticated
            return Context(services, SYSTEM, request_id="req-1")

        given = {"admit": admit, "until_refused": asyncio.Event().wait, "request_id": "req-1", "max_body": 1_000_000}
        await app({**scope, **given}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(framed), base_url="http://kam.test") as client:
        yield client


async def post(http, body, accept=MODERN, **headers):
    return await http.post("/graphql", json=body, headers={"Accept": accept, **headers})


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (MODERN, MODERN),
        (JSON, JSON),
        ("*/*", JSON),
        ("", JSON),
        (f"{JSON};q=0.5, {MODERN}", MODERN),
        (f"{MODERN};q=0, */*", JSON),
        ("text/html;q=0.9, application/*", JSON),
    ],
)
async def test_the_media_type_is_what_the_client_accepts(http, accept, media):
    answer = await post(http, {"query": "{ __typename }"}, accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"{media}; charset=utf-8")
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_what_nobody_here_speaks_is_not_acceptable(http):
    answer = await post(http, {"query": "{ __typename }"}, "text/csv")
    assert answer.status_code == 406
    assert answer.json()["errors"][0]["extensions"]["code"] == "not_acceptable"


@pytest.mark.parametrize(("query", "code"), [("{", "graphql_syntax"), ("{ nothing }", "graphql_invalid")])
async def test_a_document_that_does_not_fit_is_400_or_for_older_clients_200(http, query, code):
    for accept, status in ((MODERN, 400), (JSON, 200)):
        answer = await post(http, {"query": query}, accept)
        assert answer.status_code == status
        assert "data" not in answer.json()
        assert answer.json()["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize("accept", [MODERN, JSON])
async def test_a_document_beyond_the_limits_is_400_for_everybody(http, accept):
    answer = await post(http, {"query": "{" + " ".join(f"a{n}: __typename" for n in range(99)) + "}"}, accept)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "query_too_complex"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'"x"',
        b"1",
        b"null",
        b"[]",
        b'[{"query": "{ __typename }"}]',
        b"{}",
        b'{"query": 1}',
        b'{"query": "{a}", "variables": []}',
        b'{"query": "{a}", "operationName": 1}',
        b'{"query": "{a}", "extensions": "x"}',
        b"\xff",
    ],
)
async def test_bodies_that_are_no_request_are_400(http, body):
    answer = await http.post("/graphql", content=body, headers={"Content-Type": JSON})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "malformed_request"


@pytest.mark.parametrize(
    "body", [b'{"query": "{a}", "query": "{b}"}', b'{"query": "{a}", "variables": {"a": "\\u0000"}}']
)
async def test_what_parsers_disagree_about_is_refused(http, body):
    answer = await http.post("/graphql", content=body, headers={"Content-Type": JSON})
    assert answer.status_code == 422


@pytest.mark.parametrize("media", [None, "text/plain", "application/graphql", "application/json; charset=utf-16"])
async def test_other_media_types_are_not_read(http, media):
    headers = {"Content-Type": media} if media else {}
    answer = await http.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)
    assert answer.status_code == 415
    assert answer.json()["errors"][0]["extensions"]["code"] == "unsupported_media_type"


async def test_get_runs_queries_and_no_mutations(http):
    answer = await http.get(
        "/graphql",
        params={
            "query": "query A($n: Int) { accounts(first: $n) { nodes { id } } }",
            "variables": json.dumps({"n": 1}),
            "operationName": "A",
        },
    )
    assert answer.json() == {"data": {"accounts": {"nodes": []}}}
    answer = await http.get("/graphql", params={"query": MUTATION})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["errors"][0]["extensions"]["code"] == "method_not_allowed"
    assert (await post(http, {"query": MUTATION})).json()["data"]["createAccount"]["account"] == {"name": "A"}


@pytest.mark.parametrize(
    "query",
    ["", "query=%7Ba%7D&query=%7Bb%7D", "query=%7Ba%7D&variables=x", "query=%7Ba%7D&variables=%5B%5D", "query=%ff"],
)
async def test_query_strings_that_are_no_request_are_400(http, query):
    answer = await http.get(f"/graphql?{query}")
    assert answer.status_code == 400


async def test_other_methods_are_told_which_there_are(http):
    answer = await http.put("/graphql")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_without_a_key_the_answer_is_401_in_graphqls_form(http):
    answer = await post(http, {"query": "{ __typename }"}, Authorization="none")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["errors"][0]["extensions"] == {
        "code": "unauthenticated",
        "status": 401,
        "classification": "UNAUTHENTICATED",
        "request_id": "req-1",
    }


@pytest.mark.parametrize(
    ("body", "code", "classification"),
    [
        ({"query": "{"}, "graphql_syntax", "BAD_REQUEST"),
        ({"query": "{ nothing }"}, "graphql_invalid", "BAD_REQUEST"),
        ({"query": "query($id: ID!) { account(id: $id) { id } }"}, "graphql_invalid", "BAD_REQUEST"),
        ({"query": "{ __typename }", "operationName": "A"}, "graphql_invalid", "BAD_REQUEST"),
        ({"query": "{ a: __schema { __typename } b: __schema { __typename } }"}, "query_too_complex", "BAD_REQUEST"),
        ({"query": f'{{ account(id: "{"0" * 32}") {{ id }} }}'}, "not_found", "NOT_FOUND"),
        ({"query": "{ accounts(first: 201) { nodes { id } } }"}, "invalid_request", "BAD_REQUEST"),
        ({"query": "subscription { events { id } }"}, "not_acceptable", "BAD_REQUEST"),
        ({"query": 5}, "malformed_request", "BAD_REQUEST"),
        ({}, "malformed_request", "BAD_REQUEST"),
    ],
)
async def test_every_error_has_a_request_id_and_a_classification(http, body, code, classification):
    for accept in (MODERN, JSON, "text/event-stream") if code != "not_acceptable" else (MODERN, JSON):
        answer = await post(http, body, accept)
        text = answer.text if answer.text.startswith("{") else answer.text.partition("data: ")[2].partition("\n")[0]
        for error in json.loads(text)["errors"]:
            extensions = error["extensions"]
            assert (extensions["code"], extensions["classification"]) == (code, classification)
            assert extensions["request_id"] == "req-1"


async def test_a_hash_without_a_query_gets_the_message_that_clients_know(http):
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": "ecf4edb46db40b5132295c0291d62fb65d6759a9"}}
    in_url = {"extensions": json.dumps(extensions)}
    for accept, status in ((MODERN, 400), (JSON, 200)):
        answers = [
            await post(http, {"extensions": extensions, "variables": {}}, accept),
            await http.get("/graphql", params=in_url, headers={"Accept": accept}),
        ]
        for answer in answers:
            assert answer.status_code == status
            assert [error["message"] for error in answer.json()["errors"]] == ["PersistedQueryNotSupported"]
            assert answer.json()["errors"][0]["extensions"]["request_id"] == "req-1"
        answer = await post(http, {"extensions": extensions, "query": "{ __typename }"}, accept)
        assert answer.json() == {"data": {"__typename": "Query"}}


async def test_a_browser_gets_graphiql(http):
    answer = await http.get(
        "/graphql", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Authorization": "none"}
    )
    assert (answer.status_code, answer.headers["x-page"]) == (200, "yes")
    answer = await http.get("/graphql", params={"query": "{ __typename }"}, headers={"Accept": "text/html, */*"})
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_an_idempotency_key_makes_a_retry_the_same_answer(http):
    first = await post(http, {"query": MUTATION}, **{"Idempotency-Key": "k"})
    again = await post(http, {"query": MUTATION}, **{"Idempotency-Key": "k"})
    assert again.json() == first.json()
    assert [each.headers.get("idempotent-replayed") for each in (first, again)] == [None, "true"]
    streamed = await post(http, {"query": MUTATION}, "text/event-stream", **{"Idempotency-Key": "k"})
    assert streamed.headers["idempotent-replayed"] == "true"
    assert (await post(http, {"query": "{ accounts { totalCount } }"}, **{"Idempotency-Key": "k"})).json()["data"][
        "accounts"
    ]["totalCount"] == 1
    other = await post(http, {"query": MUTATION.replace('"A"', '"B"')}, **{"Idempotency-Key": "k"})
    assert other.json()["errors"][0]["extensions"]["code"] == "idempotency_key_reused"
    assert (await post(http, {"query": MUTATION}, **{"Idempotency-Key": ""})).status_code == 422
