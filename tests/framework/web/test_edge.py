"""The edge and FastAPI alone over a small application: every trap of the stack, as one request each."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Body, Depends, FastAPI, Path, Query
from openapi_spec_validator import validate
from pydantic import Field

from service.framework.database.fields import patch_of
from service.framework.web import problems
from service.framework.web.admission import Admission, admitted
from service.framework.web.answers import Answer, created, found, no_content, page, plain, upserted
from service.framework.web.contract import contract_part, openapi
from service.framework.web.docs import docs_part, graphiql_page
from service.framework.web.edge import Application, Edge
from service.framework.web.event_contract import Webhook
from service.framework.web.health import health_part
from service.framework.web.request import RequestInfo
from service.framework.web.router import Inquiry, Part, PathId
from service.platform.errors import (
    Conflict,
    CursorExpired,
    CursorInvalid,
    Forbidden,
    NotFound,
    StaleVersion,
    StateTransitionNotAllowed,
    Unauthenticated,
)
from service.platform.idempotency import Idempotency
from service.platform.telemetry import AccessLog, Metrics
from service.platform.types import (
    Attributes,
    Count,
    DayText,
    Flag,
    Id,
    InstantText,
    Limit,
    LongText,
    Money,
    Name,
    Score,
    Search,
    Shape,
    Slug,
    Version,
)

ID = "0190b6a0-0000-7000-8000-00000000000a"
KEY = {"Authorization": "Bearer kam_test"}


class Colour(StrEnum):
    """A colour."""

    RED = "red"
    BLUE = "blue"


class ThingCreate(Shape):
    """A thing to create."""

    name: Name = Field(description="Its name", examples=["Anvil"])
    note: LongText | None = Field(default=None, description="Free text")
    count: Count | None = Field(default=None, description="How many")
    score: Score | None = Field(default=None, description="How good")
    price: Money | None = Field(default=None, description="What it costs")
    due: DayText | None = Field(default=None, description="When it is due")
    at: InstantText | None = Field(default=None, description="When it happened")
    owner_id: Id | None = Field(default=None, description="Whose it is")
    colour: Colour = Field(default=Colour.RED, description="Its colour")
    attributes: Attributes = Field(default={}, description="The caller's own")


ThingPatch = patch_of(ThingCreate, "ThingPatch")


class ThingRead(ThingCreate):
    """A thing."""

    id: Id = Field(description="Id")
    version: Version = Field(description="Version")


class ThingPage(Shape):
    """One page of things."""

    items: list[ThingRead] = Field(max_length=200, description="Things")
    next_cursor: Annotated[str, Field(max_length=500)] | None = Field(description="Where the next page starts")
    has_more: Flag = Field(description="Whether there is more")


class ThingQuery(Shape):
    """What to list."""

    limit: Limit = Field(default=50, description="Items per page")
    after: Search | None = Field(default=None, description="Cursor")
    colour: list[Colour] | None = Field(default=None, max_length=10, description="Only these colours")
    score_gte: Score | None = Field(default=None, description="At least this score")
    open: Flag | None = Field(default=None, description="Only open ones")


@dataclass(slots=True)
class Kept:
    """A resource as the database would give it."""

    version: int
    body: bytes
    outcome: str = "read"
    replayed: bool = False


@dataclass(slots=True)
class Shown:
    """A page as the database would give it."""

    body: bytes
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Someone:
    """A caller."""

    id: str


@dataclass(slots=True)
class Context:
    """What operations would take."""

    principal: Someone | None
    info: RequestInfo
    idempotency: Idempotency | None = None

    def with_idempotency(self, idempotency: Idempotency) -> "Context":
        """Return the same context with an Idempotency-Key."""
        return replace(self, idempotency=idempotency)

    def check(self, current: int) -> None:
        """Raise StaleVersion unless the caller expects the current version."""
        expected = self.info.expected
        if expected is not None and current not in expected:
            raise StaleVersion(current)


Caller = Annotated[Context, Depends(admitted)]
THING = {"name": "Anvil", "id": ID, "version": 3, "colour": "red", "attributes": {}}
KEPT = json.dumps(THING).encode()

things = Part("things")


@things.get("/things", response_model=ThingPage, summary="List things", errors=(CursorInvalid,))
async def list_things(ctx: Caller, query: Annotated[ThingQuery, Query()]) -> Answer:
    """Lists things."""
    if query.after == "bad":
        raise CursorInvalid
    body = {"items": [], "next_cursor": "n/2=", "has_more": True}
    if ctx.info.headers.get(b"x-echo"):
        return plain({"limit": query.limit, "colour": query.colour, "open": query.open})
    return page(Shown(json.dumps(body).encode(), "n/2="))


@things.post(
    "/things",
    response_model=ThingRead,
    status_code=201,
    summary="Create a thing",
    location="/v1/things/{id}",
    errors=(Conflict,),
)
async def create_thing(ctx: Caller, data: ThingCreate) -> Answer:
    """Creates a thing."""
    again = ctx.idempotency is not None and ctx.idempotency.key == "again"
    answer = {**json.loads(data.model_dump_json(exclude_none=True)), "id": ID, "version": 1}
    return created(Kept(1, json.dumps(answer).encode(), "created", replayed=again))


@things.get("/things/{id}", response_model=ThingRead, summary="Read a thing", errors=(NotFound,))
async def read_thing(ctx: Caller, id: PathId) -> Answer:
    """Reads a thing."""
    if id != ID:
        raise NotFound("thing")
    return found(Kept(3, KEPT))


@things.patch("/things/{id}", response_model=ThingRead, summary="Change a thing", errors=(NotFound,))
async def change_thing(ctx: Caller, id: PathId, data: ThingPatch, info: Inquiry) -> Answer:  # type: ignore[valid-type]
    """Changes the members sent."""
    ctx.check(3)
    assert isinstance(data, Shape)
    return found(Kept(4, json.dumps({**THING, "version": 4, "given": sorted(data.given())}).encode()))  # type: ignore[attr-defined]


@things.delete("/things/{id}", summary="Delete a thing", errors=(NotFound,))
async def delete_thing(ctx: Caller, id: PathId, info: Inquiry) -> Answer:
    """Deletes a thing."""
    ctx.check(3)
    return no_content(Kept(4, b"{}", "deleted"))


@things.post("/things/search", response_model=ThingPage, summary="Search things")
async def search_things(ctx: Caller, data: ThingCreate) -> Answer:
    """Searches things."""
    return plain({"items": [], "next_cursor": None, "has_more": False})


@things.put(
    "/things/by-ref/{system}/{external_id}",
    response_model=ThingRead,
    summary="Upsert a thing",
    location="/v1/things/{id}",
    responses={201: {"model": ThingRead, "description": "Created"}},
    answer_headers={"Upsert-Result": "What happened"},
)
async def upsert_thing(
    ctx: Caller,
    system: Annotated[Slug, Path(description="System")],
    external_id: Annotated[Name, Path(description="Its id there")],
    data: ThingCreate,
) -> Answer:
    """Creates or updates a thing."""
    if external_id == "a/b":
        return upserted(Kept(1, KEPT, "created"))
    return upserted(Kept(3, KEPT, "unchanged"))


@things.post(
    "/things/{id}/close", response_model=ThingRead, summary="Close a thing", errors=(StateTransitionNotAllowed,)
)
async def close_thing(ctx: Caller, id: PathId, data: Annotated[ThingCreate | None, Body()] = None) -> Answer:
    """Closes a thing; the body may be left out."""
    if data is not None:
        raise StateTransitionNotAllowed(allowed=["open"])
    return found(Kept(3, KEPT))


@things.post("/things/batch", summary="Many things", max_body=2_000, response_model=ThingPage)
async def batch_things(ctx: Caller, data: Annotated[list[ThingCreate], Body(max_length=10)]) -> Answer:
    """Creates many things."""
    return plain({"items": [], "next_cursor": None, "has_more": False, "count": len(data)})


@things.get("/crash", summary="Crash", response_model=ThingRead)
async def crash(ctx: Caller) -> Answer:
    """Crashes."""
    raise RuntimeError("kam_secret")


@things.get("/forbidden", summary="Forbid", response_model=ThingRead)
async def forbid(ctx: Caller) -> Answer:
    """Forbids."""
    raise Forbidden("things:read")


@things.get("/open", summary="Public", response_model=ThingRead)
async def read_open(info: Inquiry) -> Answer:
    """Needs no key."""
    return plain({"request_id": info.request_id, "traceparent": info.headers.get(b"traceparent", b"").decode()})


def authenticate(headers: Any) -> Someone:
    """Know one key."""
    if headers.get(b"authorization") != b"Bearer kam_test":
        raise Unauthenticated
    return Someone("key-1")


async def ready() -> dict[str, str]:
    """Everything works."""
    return {"database": "ok"}


def make_app() -> FastAPI:
    """Return the application that declares the routes."""
    app = Application(
        title="Toy",
        version="1.0.0",
        description="A toy",
        openapi_url=None,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        contact={"name": "KAM", "url": "https://example.com"},
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    problems.install(app)

    def document() -> dict[str, Any]:
        shown = Webhook("thing.made", "A thing was made", {"type": "object"})
        return openapi(app, tags={"things": "Things", "service": "The service itself"}, webhooks=[shown])

    for part in (things, health_part(ready, Metrics()), docs_part("Toy"), contract_part(document, document)):
        app.include_router(part)

    @app.get("/foreign", include_in_schema=False)
    async def foreign() -> dict[str, str]:
        return {"served": "by the framework"}

    return app


def make_edge(app: FastAPI | None = None, make_context: Any = Context, *, edge: bool = True, **options: Any) -> FastAPI:
    """Return an application behind an edge."""
    app = app or make_app()
    limits = {name: options.pop(name) for name in ("rate", "burst", "max_body") if name in options}
    app.state.admission = Admission(authenticate, make_context, **limits)
    if edge:
        app.add_middleware(Edge, app.state.admission, **options)
    return app


@pytest.fixture(params=[True, False], ids=["edge", "fastapi"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a valid key, of the application with its edge and without."""
    async with client_of(make_edge(max_body=5_000, edge=request.param)) as made:
        yield made


@pytest.fixture
async def edged() -> AsyncIterator[httpx.AsyncClient]:
    """A client with a valid key, for what only the edge does."""
    async with client_of(make_edge(max_body=5_000, cors_origins=["https://ui.example"])) as made:
        yield made


def client_of(app: FastAPI, headers: dict[str, str] | None = KEY) -> httpx.AsyncClient:
    """Return a client of an application."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://test", headers=headers
    )


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Return the problem after the checks that every problem must pass."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/v1/errors#{code}")
    assert body["request_id"] == response.headers["x-request-id"]
    return body


async def raw(
    app: FastAPI, path: bytes, query: bytes = b"", headers: Any = (), method: str = "GET"
) -> tuple[int, dict[str, Any]]:
    """Send what no client library would; return status and body."""
    sent: list[Any] = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": [(b"host", b"test"), (b"authorization", b"Bearer kam_test"), *headers],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"] or b"null")


async def test_a_read_carries_etag_request_id_and_privacy(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/v1/things/{ID}", headers={"X-Request-Id": "mine-1"})
    assert response.status_code == 200
    assert response.headers["etag"] == '"v3"'
    assert response.headers["x-request-id"] == "mine-1"
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.json() == THING
    assert (await client.get(f"/v1/things/{ID}", headers={"X-Request-Id": "no spaces"})).headers[
        "x-request-id"
    ] != "no spaces"


@pytest.mark.parametrize(
    ("sent", "status"), [('"v3"', 304), ('W/"v3"', 304), ("*", 304), ('"v2", "v3"', 304), ('"v2"', 200)]
)
async def test_if_none_match(client: httpx.AsyncClient, sent: str, status: int) -> None:
    response = await client.get(f"/v1/things/{ID}", headers={"If-None-Match": sent})
    assert (response.status_code, response.headers["etag"]) == (status, '"v3"')
    assert bool(response.content) is (status == 200)


@pytest.mark.parametrize(
    ("sent", "status"), [('"v3"', 200), ("*", 200), ('"v1", "v3"', 200), ('W/"v3"', 412), ('"v2"', 412), ("junk", 400)]
)
async def test_if_match(client: httpx.AsyncClient, sent: str, status: int) -> None:
    response = await client.patch(f"/v1/things/{ID}", json={"name": "x"}, headers={"If-Match": sent})
    assert response.status_code == status
    if status == 412:
        refused = problem(response, 412, "stale_version")
        weak = [("If-Match", "weak_tag")] if sent.startswith("W/") else []
        assert [(each["parameter"], each["code"]) for each in refused.get("errors", ())] == weak
        assert response.headers.get("etag") == (None if weak else '"v3"')


async def test_conditions_have_an_end(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/v1/things/{ID}", headers={"If-None-Match": "x" * 501})
    assert problem(response, 422, "invalid_request")["errors"][0]["parameter"] == "If-None-Match"


async def test_a_merge_patch_distinguishes_absent_from_null(client: httpx.AsyncClient) -> None:
    merge = {"Content-Type": "application/merge-patch+json"}
    response = await client.patch(f"/v1/things/{ID}", content=b'{"note":null}', headers=merge)
    assert response.json()["given"] == ["note"]
    assert (await client.patch(f"/v1/things/{ID}", content=b"{}", headers=merge)).json()["given"] == []
    body = problem(
        await client.patch(f"/v1/things/{ID}", content=b'{"name":null}', headers=merge), 422, "invalid_request"
    )
    assert body["errors"][0]["pointer"] == "/name"


async def test_a_creation_has_its_location(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/things", json={"name": "Anvil", "score": 7.25, "price": "12.50"})
    assert (response.status_code, response.headers["location"]) == (201, f"/v1/things/{ID}")
    assert response.headers["etag"] == '"v1"'
    assert "idempotent-replayed" not in response.headers
    again = await client.post("/v1/things", json={"name": "Anvil"}, headers={"Idempotency-Key": "again"})
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == f"/v1/things/{ID}"
    refused = await client.post("/v1/things", json={"name": "Anvil"}, headers={"Idempotency-Key": "x" * 256})
    assert problem(refused, 422, "invalid_request")["errors"][0]["parameter"] == "Idempotency-Key"


async def test_an_escaped_slash_stays_inside_its_segment(edged: httpx.AsyncClient) -> None:
    response = await edged.put("/v1/things/by-ref/erp/a%2Fb", json={"name": "Anvil"})
    assert (response.status_code, response.headers["upsert-result"]) == (201, "created")


async def test_an_upsert_says_what_it_did(client: httpx.AsyncClient) -> None:
    response = await client.put("/v1/things/by-ref/erp/x", json={"name": "Anvil"})
    assert (response.status_code, response.headers["upsert-result"]) == (200, "unchanged")
    body = problem(await client.put("/v1/things/by-ref/a%20b/x", json={"name": "Anvil"}), 422, "invalid_request")
    assert body["errors"][0]["parameter"] == "system"


BAD_BODIES = [
    (rb'{"name":"a\u0000b"}', 422, "string_nul", "/name"),
    (rb'{"a\u0000b":1}', 422, "string_nul", ""),
    (rb'{"name":"\ud800"}', 422, "string_surrogate", "/name"),
    (rb'{"name":"x","attributes":{"k":"\udfff"}}', 422, "string_surrogate", "/attributes/k"),
    (b'{"name":"x","score":NaN}', 400, None, None),
    (b'{"name":"x","score":-Infinity}', 400, None, None),
    (b'{"name":"x","score":1e400}', 422, "number_range", "/score"),
    (b'{"name":"x","count":' + b"9" * 400 + b"}", 422, "number_range", "/count"),
    (b'{"name":"x","count":' + b"9" * 4_400 + b"}", 400, None, None),
    (b'{"name":"x","count":2147483648}', 422, "less_than_equal", "/count"),
    (b'{"name":"x","count":9223372036854775808}', 422, "less_than_equal", "/count"),
    (b'{"name":"x","count":"5"}', 422, "int_type", "/count"),
    (b'{"name":"x","count":true}', 422, "int_type", "/count"),
    (b'{"name":"x","count":1.5}', 422, "int_from_float", "/count"),
    (b'{"name":"x","score":"5"}', 422, "number_type", "/score"),
    (b'{"name":"x","score":10.1}', 422, "less_than_equal", "/score"),
    (b'{"name":"x","price":12.5}', 422, "money_format", "/price"),
    (b'{"name":"x","price":"12.505"}', 422, "money_format", "/price"),
    ('{"name":"x","price":"１"}'.encode(), 422, "money_format", "/price"),
    (b'{"name":"x","due":0}', 422, "date_format", "/due"),
    (b'{"name":"x","due":"2026-W01"}', 422, "date_format", "/due"),
    (b'{"name":"x","at":"2026-01-01T00:00:00"}', 422, "instant_format", "/at"),
    (b'{"name":"x","at":0}', 422, "instant_format", "/at"),
    (b'{"name":"x","owner_id":"x"}', 422, "uuid_format", "/owner_id"),
    (b'{"name":"x","colour":"green"}', 422, "enum", "/colour"),
    (b'{"name":""}', 422, "string_too_short", "/name"),
    (b'{"name":"  "}', 422, "string_pattern_mismatch", "/name"),
    (b"{}", 422, "missing", "/name"),
    (b'{"name":"x","nmae":"y"}', 422, "extra_forbidden", "/nmae"),
    (b'{"name":"x","a/b~c":1}', 422, "extra_forbidden", "/a~1b~0c"),
    (b'{"name":"x","name":"y"}', 422, "duplicate_member", "/name"),
    (b'{"name":"x","attributes":{"a":1,"a":2}}', 422, "duplicate_member", "/attributes/a"),
    (b'{"name":"x","attributes":{"a":[1]}}', 422, "string_type", "/attributes/a"),
    (b"[]", 422, "model_type", ""),
    (b"null", 422, "model_type", ""),
    (b"", 400, None, None),
    (b"{", 400, None, None),
    (b'{"name":"x"} x', 400, None, None),
    (b"\xef\xbb\xbf{}", 400, None, None),
    (b'{"name":"\xff"}', 400, None, None),
    ('{"name":"x"}'.encode("utf-16"), 400, None, None),
    (b"[" * 2_000, 400, None, None),
    (b'{"name":"x","attributes":' + b'{"a":' * 300 + b"1" + b"}" * 301, 422, None, None),
]


@pytest.mark.parametrize(("sent", "status", "code", "pointer"), BAD_BODIES)
async def test_a_bad_body_is_refused_with_its_place(
    client: httpx.AsyncClient, sent: bytes, status: int, code: str | None, pointer: str | None
) -> None:
    response = await client.post("/v1/things", content=sent, headers={"Content-Type": "application/json"})
    body = response.json()
    if status == 400 or code is None:
        assert response.status_code in (400, 422), response.text
        assert response.status_code == status or code is None
        return
    problem(response, status, "invalid_request")
    assert (body["errors"][0]["code"], body["errors"][0]["pointer"]) == (code, pointer)


async def test_good_but_unusual_bodies_are_taken(client: httpx.AsyncClient) -> None:
    sent = rb'{"name":"\ud83d\ude00 \\u0000","count":748.0,"score":1e1,"attributes":{"a":1,"b":"x","c":null,"d":true}}'
    response = await client.post(
        "/v1/things", content=sent, headers={"Content-Type": "application/json; charset=UTF-8"}
    )
    assert response.status_code == 201, response.text
    assert response.json()["count"] == 748


async def test_an_error_never_repeats_a_value(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/v1/things", json={"name": ["kam_secret"], "price": "kam_secret", "colour": "kam_secret"}
    )
    assert len(problem(response, 422, "invalid_request")["errors"]) == 3
    assert "kam_secret" not in response.text


@pytest.mark.parametrize(
    ("query", "parameter", "code"),
    [
        ("limit=0", "limit", "greater_than_equal"),
        ("limit=201", "limit", "less_than_equal"),
        ("limit=1.0", "limit", "int_type"),
        ("limit=%2B1", "limit", "int_type"),
        ("limit=" + "9" * 30, "limit", "int_type"),
        ("limit=-1", "limit", "greater_than_equal"),
        ("limit=", "limit", "int_type"),
        ("limit=5&limit=6", "limit", "duplicate_parameter"),
        ("nope=1", "nope", "unknown_parameter"),
        ("colour=green", "colour", "enum"),
        ("colour=red,", "colour", "enum"),
        ("score_gte=nan", "score_gte", "number_type"),
        ("score_gte=1e400", "score_gte", "number_type"),
        ("open=1", "open", "bool_type"),
    ],
)
async def test_a_bad_query_is_refused_by_name(client: httpx.AsyncClient, query: str, parameter: str, code: str) -> None:
    body = problem(await client.get(f"/v1/things?{query}"), 422, "invalid_request")
    assert (body["errors"][0]["parameter"], body["errors"][0]["code"]) == (parameter, code)


async def test_queries_hold_lists_and_flags(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/things?colour=red,blue&limit=7&open=true", headers={"X-Echo": "1"})
    assert response.json() == {"limit": 7, "colour": ["red", "blue"], "open": True}
    problem(await client.get(f"/v1/things/{ID}?x=1"), 422, "invalid_request")
    problem(await client.get("/v1/things?after=bad"), 400, "cursor_invalid")


async def test_a_list_links_to_its_next_page(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/things?limit=5&after=old&colour=red")
    assert response.headers["link"] == '</v1/things?limit=5&colour=red&after=n%2F2%3D>; rel="next"'
    assert "etag" not in response.headers


@pytest.mark.parametrize(
    "path", [b"/v1/things/%00", b"/v1/things/%zz", b"/v1/things/%", b"/v1/things/%ff", b"/v1/things/\xff"]
)
async def test_a_broken_path_is_400(path: bytes) -> None:
    status, body = await raw(make_edge(), path)
    assert (status, body["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("query", [b"after=%00", b"after=%zz", b"after=%ff", b"%00=1", b"after=\xff"])
async def test_a_broken_query_is_400(query: bytes) -> None:
    status, body = await raw(make_edge(), b"/v1/things", query)
    assert (status, body["code"]) == (400, "malformed_request")


@pytest.mark.parametrize(
    "path", ["/v1/things/x", "/v1/things/", "/v1/nothing", "/", f"/v1/things/{ID}/", f"/v1/things/{ID[:-1]}b"]
)
async def test_what_is_not_there_is_404(client: httpx.AsyncClient, path: str) -> None:
    found = problem(await client.get(path), 404, "not_found")
    assert found["detail"] and path not in found["detail"].split()


async def test_405_names_all_methods_of_the_path(edged: httpx.AsyncClient) -> None:
    response = await edged.put(f"/v1/things/{ID}")
    problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"
    assert (await edged.get("/v1/things/search")).headers["allow"] == "OPTIONS, POST"
    assert (await edged.request("BREW", "/foreign")).headers["allow"] == "GET, HEAD, OPTIONS"


async def test_head_and_options_are_answered(edged: httpx.AsyncClient) -> None:
    got = await edged.get(f"/v1/things/{ID}")
    head = await edged.head(f"/v1/things/{ID}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    assert head.headers["etag"] == '"v3"'
    options = await edged.options("/v1/things")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert (await edged.head("/foreign")).content == b""


async def test_browsers_of_allowed_origins_may_call(edged: httpx.AsyncClient) -> None:
    preflight = {"Origin": "https://ui.example", "Access-Control-Request-Method": "PATCH"}
    response = await edged.options(f"/v1/things/{ID}", headers=preflight)
    assert response.headers["access-control-allow-origin"] == "https://ui.example"
    assert "PATCH" in response.headers["access-control-allow-methods"]
    allowed = {name.strip().lower() for name in response.headers["access-control-allow-headers"].split(",")}
    assert allowed >= {
        "if-match", "last-event-id", "cache-control", "baggage", "tracestate", "sentry-trace", "apollo-require-preflight",
        "x-requested-with", "prefer",
    }  # fmt: skip
    other = await edged.get(f"/v1/things/{ID}", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    assert other.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json", 200),
        ("application/*;q=0.1", 200),
        ("text/html, application/json;q=0.5", 200),
        ("text/csv", 406),
        ("application/json;q=0, */*", 406),
    ],
)
async def test_accept_is_heeded(client: httpx.AsyncClient, accept: str, status: int) -> None:
    response = await client.get(f"/v1/things/{ID}", headers={"Accept": accept})
    assert response.status_code == status
    if status == 406:
        problem(response, 406, "not_acceptable")


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", None]
)
async def test_other_media_types_are_415_before_the_body_is_looked_at(
    client: httpx.AsyncClient, media: str | None
) -> None:
    headers = {} if media is None else {"Content-Type": media}
    response = await client.post("/v1/things", content=b"{", headers=headers)
    problem(response, 415, "unsupported_media_type")
    assert response.headers["accept-post"] == "application/json"


@pytest.mark.parametrize(("coding", "named"), [("gzip", "gzip"), ("GZIP, br", "gzip, br"), ("\u00ff", "this coding")])
async def test_a_compressed_body_is_415_and_names_the_coding(
    client: httpx.AsyncClient, coding: str, named: str
) -> None:
    headers = {b"Content-Type": b"application/json", b"Content-Encoding": coding.encode("latin-1")}
    response = await client.post("/v1/things", content=b"\x1f\x8b", headers=headers)
    detail = problem(response, 415, "unsupported_media_type")["detail"]
    assert detail == f"Send the body without Content-Encoding: {named} is not read here"
    assert response.headers["accept-encoding"] == "identity"
    plain = {**headers, b"Content-Encoding": b"Identity"}
    assert (await client.post("/v1/things", content=b'{"name":"x"}', headers=plain)).status_code == 201


async def test_too_large_bodies_are_413_announced_or_not(client: httpx.AsyncClient) -> None:
    large = b'{"name":"' + b"x" * 6_000 + b'"}'
    json_type = {"Content-Type": "application/json"}
    problem(await client.post("/v1/things", content=large, headers=json_type), 413, "body_too_large")

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(large), 1000):
            yield large[at : at + 1000]

    response = await client.post("/v1/things", content=chunks(), headers=json_type)
    assert problem(response, 413, "body_too_large")["limit"] == 5_000
    batch = await client.post("/v1/things/batch", content=b" " * 2_001 + b"[]", headers=json_type)
    assert problem(batch, 413, "body_too_large")["limit"] == 2_000
    assert (await client.post("/v1/things/batch", content=b'[{"name":"x"}]', headers=json_type)).json()["count"] == 1


async def test_an_optional_body_may_be_left_out(client: httpx.AsyncClient) -> None:
    assert (await client.post(f"/v1/things/{ID}/close")).status_code == 200
    body = problem(await client.post(f"/v1/things/{ID}/close", json={"name": "x"}), 409, "state_transition_not_allowed")
    assert body["allowed"] == ["open"]


async def test_callers_without_a_key_are_refused_and_public_routes_are_not() -> None:
    async with client_of(make_edge(), None) as client:
        response = await client.get(f"/v1/things/{ID}")
        problem(response, 401, "unauthenticated")
        assert response.headers["www-authenticate"].startswith("Bearer")
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        response = await client.get("/v1/open", headers={"traceparent": trace})
        assert response.json()["traceparent"] == trace
    async with client_of(make_edge()) as client:
        assert problem(await client.get("/v1/forbidden"), 403, "insufficient_scope")["required_scope"] == "things:read"


async def test_a_key_that_asks_too_often_waits() -> None:
    async with client_of(make_edge(rate=1, burst=2)) as client:
        first = await client.get(f"/v1/things/{ID}")
        assert first.headers["ratelimit-policy"] == '"default";q=2;w=2'
        assert first.headers["ratelimit"].startswith('"default";r=1;t=')
        await client.get(f"/v1/things/{ID}")
        response = await client.get(f"/v1/things/{ID}")
        problem(response, 429, "rate_limited")
        assert response.headers["retry-after"] == "1"
        assert response.headers["ratelimit"].startswith('"default";r=0')


async def test_too_many_or_too_long_headers_are_431_and_host_is_asked_for() -> None:
    edge = make_edge()
    assert (await raw(edge, b"/v1/open", headers=[(b"x-%d" % n, b"1") for n in range(120)]))[0] == 431
    assert (await raw(edge, b"/v1/open", headers=[(b"x", b"1" * 40_000)]))[0] == 431
    assert (await raw(edge, b"/v1/open", headers=[(b"authorization", b"Bearer other")]))[0] == 400
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/v1/open",
        "query_string": b"",
        "headers": [],
    }
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await edge(scope, None, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 400


async def test_a_crash_shows_the_request_id_only(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    response = await client.get("/v1/crash", headers={"X-Request-Id": "crash-1"})
    problem(response, 500, "internal_error")
    assert "kam_secret" not in response.text
    (logged,) = [record for record in caplog.records if record.name == "service.framework.web.problems"]
    assert logged.fields["request_id"] == "crash-1"  # type: ignore[attr-defined]


async def test_a_client_that_hangs_up_is_no_error() -> None:
    metrics = Metrics()
    app, sent = make_edge(metrics=metrics), []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/things",
        "query_string": b"",
        "headers": [(b"host", b"x"), (b"authorization", b"Bearer kam_test"), (b"content-type", b"application/json")],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent == []
    assert 'status="499"' in metrics.render().decode()


@pytest.mark.parametrize("failure, status", [(RuntimeError("away"), 500), (CursorExpired("abc"), 410)])
async def test_an_answer_that_breaks_off_is_logged_with_its_request_id_and_counted(
    failure: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"one"
        raise failure

    part = Part("broken")

    @part.get("/broken", summary="Breaks off", produces=("text/event-stream",))
    async def breaks_off() -> Answer:
        return Answer(media=b"text/event-stream", stream=broken())

    app = Application()
    app.include_router(part)
    metrics, sent = Metrics(), []
    make_edge(app, metrics=metrics)

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"x"), (b"x-request-id", b"broken-1")]
    await app(
        {"type": "http", "method": "GET", "path": "/v1/broken", "query_string": b"", "headers": headers}, receive, send
    )
    assert [message.get("body") for message in sent] == [None, b"one"]  # and no end of the answer
    (logged,) = [record for record in caplog.records if record.name == "service.framework.web.problems"]
    assert logged.fields["request_id"] == "broken-1"  # type: ignore[attr-defined]
    assert f'route="/v1/broken",status="{status}"' in metrics.render().decode()


async def test_the_frame_is_the_same_around_the_frameworks_routes(edged: httpx.AsyncClient) -> None:
    response = await edged.get("/foreign", headers={"X-Request-Id": "f-1"})
    assert response.json() == {"served": "by the framework"}
    assert (response.headers["x-request-id"], response.headers["x-content-type-options"]) == ("f-1", "nosniff")


async def test_requests_are_counted_and_logged_without_secrets() -> None:
    class Sink:
        text = b""

        def write(self, data: bytes) -> None:
            self.text += data

        def flush(self) -> None:
            """Nothing to do."""

    sink = Sink()
    log = AccessLog(sink)  # type: ignore[arg-type]
    metrics = Metrics()
    async with client_of(make_edge(access_log=log, metrics=metrics)) as client:
        await client.get(f"/v1/things/{ID}?x=kam_secret")
        await client.get("/v1/nothing")
    log.flush()
    first, second = (json.loads(line) for line in sink.text.splitlines())
    assert (first["route"], first["status"], first["key_id"]) == ("/v1/things/{id}", 422, "key-1")
    assert (second["route"], second["status"], second["key_id"]) == ("unmatched", 404, None)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", each["time"]) for each in (first, second))
    assert b"kam_" not in sink.text
    shown = metrics.render().decode()
    assert 'kam_http_request_duration_seconds_count{method="GET",route="/v1/things/{id}",status="422"} 1' in shown


async def test_the_same_key_with_another_request_has_another_fingerprint() -> None:
    seen: list[Idempotency] = []

    class Noting(Context):
        def with_idempotency(self, idempotency: Idempotency) -> "Context":
            seen.append(idempotency)
            return self

    async with client_of(make_edge(make_context=Noting)) as client:
        for name in ("a", "a", "b"):
            await client.post("/v1/things", json={"name": name}, headers={"Idempotency-Key": "k"})
    assert [each.key for each in seen] == ["k"] * 3
    assert seen[0].fingerprint == seen[1].fingerprint != seen[2].fingerprint
    assert len(seen[0].fingerprint) == hashlib.sha256().digest_size * 2


@pytest.fixture(scope="module")
def document() -> Iterator[dict[str, Any]]:
    """The document of the toy."""
    yield openapi(make_app(), tags={"things": "Things", "service": "The service itself"})


def test_the_document_is_valid_and_says_what_the_edge_does(document: dict[str, Any]) -> None:
    validate(document)
    operation = document["paths"]["/v1/things/{id}"]["patch"]
    assert operation["operationId"] == "change_thing"
    assert list(operation["requestBody"]["content"]) == ["application/merge-patch+json", "application/json"]
    assert {"400", "401", "403", "404", "406", "409", "412", "413", "415", "422", "429", "500"} <= operation[
        "responses"
    ].keys()
    problem_schema = operation["responses"]["412"]["content"]["application/problem+json"]["schema"]
    assert problem_schema == {"$ref": "#/components/schemas/Problem"}
    assert "ETag" in operation["responses"]["200"]["headers"]
    assert {"$ref": "#/components/parameters/If-Match"} in operation["parameters"]
    listed = {each["name"]: each for each in document["paths"]["/v1/things"]["get"]["parameters"]}
    assert listed["colour"]["explode"] is False
    assert listed["limit"]["schema"]["maximum"] == 200
    assert document["paths"]["/v1/open"]["get"]["security"] == []
    text = json.dumps(document)
    assert "HTTPValidationError" not in text
    assert "e+18" not in text
    created_answer = document["paths"]["/v1/things"]["post"]["responses"]["201"]
    assert {"ETag", "Location", "RateLimit", "X-Request-Id", "Idempotent-Replayed"} <= created_answer["headers"].keys()


async def test_both_documents_and_the_error_list_are_served(client: httpx.AsyncClient) -> None:
    newest = (await client.get("/openapi.json")).json()
    assert newest["openapi"] == "3.1.0"
    assert newest["webhooks"]["thing.made"]["post"]["operationId"] == "on_thing_made"
    older = (await client.get("/openapi-3.0.json")).json()
    assert older["openapi"] == "3.0.3"
    validate(older)
    assert "webhooks" not in older
    codes = {each["code"]: each["status"] for each in (await client.get("/v1/errors")).json()["items"]}
    assert codes["stale_version"] == 412


async def test_the_reference_and_graphiql_load_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    for shown in ((await client.get("/docs")).text, graphiql_page().body.decode()):
        assert "http://" not in shown
        assert "https://" not in shown
        for name in [part.split('"')[0] for part in shown.split('"docs/assets/')[1:]]:
            response = await client.get(f"/docs/assets/{name}", headers={"Accept": "text/css,*/*;q=0.1"})
            assert response.status_code == 200, name
            assert len(response.content) > 300
    problem(await client.get("/docs/assets/..%2Fsecret.js"), 404, "not_found")


async def test_health_and_metrics_answer_without_a_key() -> None:
    async with client_of(make_edge(), None) as client:
        assert (await client.get("/livez")).json()["status"] == "ok"
        assert (await client.get("/readyz")).json()["checks"] == {"database": "ok"}
        metrics = await client.get("/metrics", headers={"Accept": "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"})
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "process_start_time_seconds" in metrics.text
