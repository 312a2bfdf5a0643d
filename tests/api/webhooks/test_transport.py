"""How an endpoint is called, end to end: formats, maps of fields, headers and every kind of authentication."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import httpx
import orjson
import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from service.framework.database.statements import Statement
from service.models.access.api_keys import idempotency_keys
from service.models.events.events import events
from service.models.webhooks.endpoints import attempts as attempt_rows
from service.models.webhooks.endpoints import webhook_endpoints
from service.records.context import Services
from tests.api.records import make_account
from tests.api.subscribing import Sender, attempts, deliveries, subscribe, verified
from tests.delivery.receivers import Received, Receiver, answering, listening

_TABLES = [Statement(sa.select(table)) for table in (webhook_endpoints, idempotency_keys, events, attempt_rows)]
SLACK = {"text": "{data.account.name} is new", "blocks": [{"type": "section", "text": {"text": "{type}"}}]}


async def patch(client: httpx.AsyncClient, endpoint: dict[str, Any], **members: Any) -> httpx.Response:
    return await client.patch(f"/v1/webhook-endpoints/{endpoint['id']}", json=members)


async def refusals(client: httpx.AsyncClient, receiver: Receiver, **members: Any) -> list[tuple[str, str]]:
    """Pointers and codes with which members are refused, the same by creating and by changing."""
    body = {"url": receiver.url(), "event_types": ["*"], **members}
    answer = await client.post("/v1/webhook-endpoints", json=body)
    assert answer.status_code == 422, answer.text
    found = [(error["pointer"], error["code"]) for error in answer.json()["errors"]]
    changed = await patch(client, await subscribe(client, receiver), **members)
    assert [(error["pointer"], error["code"]) for error in changed.json()["errors"]] == found
    return found


async def test_credentials_do_not_follow_an_endpoint_to_another_host(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    auth = {"kind": "bearer", "token": "t"}
    endpoint = await subscribe(client, receiver, auth=auth)
    assert (await patch(client, endpoint, url=f"{endpoint['url']}/elsewhere")).status_code == 200
    for url in ("http://127.0.0.1:9991/x", "https://receiver.example/x"):
        refused = await patch(client, endpoint, url=url)
        assert refused.status_code == 422, refused.text
        assert [(each["pointer"], each["code"]) for each in refused.json()["errors"]] == [("/auth", "needed_with_url")]
    assert (await patch(client, endpoint, url="http://127.0.0.1:9991/x", auth=auth)).status_code == 200
    assert (await patch(client, endpoint, url="http://127.0.0.1:9992/x", auth=None)).status_code == 200
    assert (await patch(client, endpoint, url="http://127.0.0.1:9993/x")).status_code == 200


async def test_headers_do_not_follow_an_endpoint_to_another_host(client: httpx.AsyncClient, receiver: Receiver) -> None:
    headers, auth = {"X-Token": "t"}, {"kind": "bearer", "token": "t"}
    endpoint = await subscribe(client, receiver, headers=headers)
    assert (await patch(client, endpoint, url=f"{endpoint['url']}/elsewhere")).status_code == 200
    elsewhere = "http://127.0.0.1:9991/x"
    refused = await patch(client, endpoint, url=elsewhere)
    assert [(each["pointer"], each["code"]) for each in refused.json()["errors"]] == [("/headers", "needed_with_url")]
    change = "updateWebhookEndpoint(id: $id, input: $input) { webhookEndpoint { url } }"
    document = f"mutation ($id: ID!, $input: UpdateWebhookEndpointInput!) {{ {change} }}"
    variables = {"id": endpoint["id"], "input": {"url": elsewhere}}
    [error] = (await client.post("/graphql", json={"query": document, "variables": variables})).json()["errors"]
    [found] = error["extensions"]["errors"]
    assert (found["pointer"].removeprefix("/input"), found["code"]) == ("/headers", "needed_with_url")
    assert (await patch(client, endpoint, auth=auth)).status_code == 200
    both = await patch(client, endpoint, url=elsewhere)
    assert [each["pointer"] for each in both.json()["errors"]] == ["/auth", "/headers"]
    assert (await patch(client, endpoint, url=elsewhere, auth=auth)).status_code == 422
    assert (await patch(client, endpoint, url=elsewhere, auth=auth, headers=headers)).status_code == 200
    assert (await patch(client, endpoint, url="http://127.0.0.1:9992/x", auth=None, headers=None)).status_code == 200
    assert (await patch(client, endpoint, url="http://127.0.0.1:9993/x")).status_code == 200


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 400, "-1" + "0" * 400])
async def test_numbers_of_a_map_fit_a_double(client: httpx.AsyncClient, receiver: Receiver, number: str) -> None:
    members = f'"url": "{receiver.url()}", "event_types": ["*"], "body_map": {{"a": [{number}]}}'
    inner = members.replace('"event_types"', '"eventTypes"').replace('"body_map"', '"bodyMap"')
    document = "mutation ($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) { secret } }"
    asked = f'{{"query": "{document}", "variables": {{"input": {{{inner}}}}}}}'
    for path, text in (("/v1/webhook-endpoints", f"{{{members}}}"), ("/graphql", asked)):
        refused = await client.post(path, content=text, headers={"Content-Type": "application/json"})
        [problem] = [refused.json()] if path != "/graphql" else refused.json()["errors"]
        [error] = problem.get("extensions", problem)["errors"]
        assert (error["code"], error["pointer"].rpartition("/a")[2]) == ("number_range", "/0")
    written = f'{{url: "{receiver.url()}", eventTypes: ["*"], bodyMap: {{a: [{number}]}}}}'
    literal = f"mutation {{ createWebhookEndpoint(input: {written}) {{ secret }} }}"
    [problem] = (await client.post("/graphql", json={"query": literal})).json()["errors"]
    [error] = problem["extensions"]["errors"]
    assert problem["extensions"]["status"] == 422 and error["code"] in ("number_range", "json_invalid")
    made = f'mutation {{ createAccount(input: {{name: "A", attributes: {{a: {number}}}}}) {{ account {{ id }} }} }}'
    [problem] = (await client.post("/graphql", json={"query": made})).json()["errors"]
    assert problem["extensions"]["status"] == 422
    assert (await client.get("/v1/webhook-endpoints")).json()["items"] == []


async def test_cloudevents_leave_structured_and_binary_and_are_signed_as_sent(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    endpoint = await subscribe(client, receiver, format="cloudevents-structured")
    account = await make_account(client, name="Bäckerei")
    await sender.send()
    [request] = receiver.requests
    event = verified(request, endpoint["secret"])
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert (event["specversion"], event["type"], event["source"]) == ("1.0", "alt.kam.account.created", "/")
    assert event["id"] == request.headers["webhook-id"] and event["subject"] == f"account/{account['id']}"
    assert event["data"]["current"]["name"] == "Bäckerei"

    changed = await patch(client, endpoint, format="cloudevents-binary")
    assert (changed.json()["format"], changed.json()["version"]) == ("cloudevents-binary", 2)
    await client.patch(f"/v1/accounts/{account['id']}", json={"industry": "Robotics"})
    await sender.send()
    request = receiver.requests[-1]
    data = verified(request, endpoint["secret"])
    assert data["changed"] == ["industry"] and request.headers["content-type"] == "application/json"
    assert request.headers["ce-type"] == "alt.kam.account.updated" and request.headers["ce-specversion"] == "1.0"
    assert request.headers["ce-id"] == request.headers["webhook-id"]


async def test_a_map_of_fields_makes_the_body_that_is_signed(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    endpoint = await subscribe(client, receiver, body_map=SLACK, headers={"X-Source": "kam"})
    assert endpoint["body_map"] == SLACK and endpoint["headers"] == {"x-source": "kam"}
    await make_account(client, name="Aurelia")
    await sender.send()
    [request] = receiver.requests
    assert verified(request, endpoint["secret"]) == {
        "text": "Aurelia is new", "blocks": [{"type": "section", "text": {"text": "account.created"}}]
    }  # fmt: skip
    assert request.headers["x-source"] == "kam" and request.headers["content-type"] == "application/json"
    same = await patch(client, endpoint, body_map=SLACK, headers={"x-source": "kam"})
    assert same.json()["version"] == 1
    cleared = await patch(client, endpoint, body_map=None, headers=None)
    assert (cleared.json()["body_map"], cleared.json()["headers"], cleared.json()["version"]) == (None, None, 2)


async def test_a_member_that_the_event_lacks_is_left_out_of_a_map(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    template = {
        "industry": "{data.current.industry}",
        "country": "{data.current.country}",
        "note": "{data.current.website}",
    }
    body_map = {**template, "text": "Now in {data.current.country}", "size": "{data.current.attributes.employees}"}
    await subscribe(client, receiver, "account.updated", body_map=body_map)
    account = await make_account(client, country="AT")
    sent = []
    for change in ({"industry": "Bicycles"}, {"country": None}, {"attributes": {"employees": 40}}):
        (await client.patch(f"/v1/accounts/{account['id']}", json=change)).raise_for_status()
        await sender.send()
        sent.append(orjson.loads(receiver.requests[-1].body))
    assert sent == [
        {"industry": "Bicycles", "text": "Now in "},
        {"country": None, "text": "Now in "},
        {"size": 40, "text": "Now in "},
    ]


async def test_paths_and_members_that_no_event_has_are_refused(client: httpx.AsyncClient, receiver: Receiver) -> None:
    types = ["account.updated", "plan.created"]
    good = {
        "a": "{data.current.attributes.anything}", "b": "{data.plan.title}", "c": "{cause.key_id}", "d": "{id}",
        "e": "{data.account.refs.0.external_id}", "f": "{data.changed.0}", "g": "{data.plan.refs.3.system}",
    }  # fmt: skip
    endpoint = await subscribe(client, receiver, *types, body_map=good, changed=["industry", "attributes.employees"])
    bad = {
        "a": "{data.curent.industry}", "b": ["{data.plan.titel}", "{data.action.title}"], "c": "{data.account.refs.x.system}",
        "d": "Dear {data.account.nickname}",
    }  # fmt: skip
    places = ["/body_map/a", "/body_map/b/0", "/body_map/b/1", "/body_map/c", "/body_map/d"]
    expected = [(place, "path_unknown") for place in places] + [
        ("/changed/0", "member_unknown"), ("/changed/1", "member_unknown"),
    ]  # fmt: skip
    members = {"event_types": types, "body_map": bad, "changed": ["industri", "industry.x"]}
    created = await client.post("/v1/webhook-endpoints", json={"url": receiver.url(), **members})
    changed = await patch(client, endpoint, **members)
    for answer in (created, changed):
        assert answer.status_code == 422, answer.text
        assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == expected
    document = "mutation ($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) { webhookEndpoint { id } } }"
    variables = {"input": {"url": receiver.url(), "eventTypes": types, "bodyMap": bad}}
    answer = await client.post("/graphql", json={"query": document, "variables": variables})
    assert {each["code"] for each in answer.json()["errors"][0]["extensions"]["errors"]} == {"path_unknown"}, (
        answer.text
    )
    refused = await patch(client, endpoint, event_types=["person.created"])  # the map no longer fits
    assert refused.status_code == 422 and refused.json()["errors"][0]["code"] == "path_unknown"
    for url in (f"{receiver.url()}/{{data.account.id}}", f"{receiver.url()}/?x={{"):
        refused = await patch(client, endpoint, url=url)
        assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [("/url", "placeholder_in_url")]


async def test_one_attribute_that_changed_can_be_asked_for(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    await subscribe(client, receiver, "account.updated", changed=["attributes.employees"])
    account = await make_account(client)
    for attributes in ({"city": "Graz"}, {"city": "Graz", "employees": 40}, {"city": "Linz", "employees": 40}):
        (await client.patch(f"/v1/accounts/{account['id']}", json={"attributes": attributes})).raise_for_status()
        await sender.send()
    assert [orjson.loads(one.body)["data"]["current"]["attributes"] for one in receiver.requests] == [
        {"city": "Graz", "employees": 40}
    ]


async def test_what_may_not_be_set_is_refused_with_its_place(client: httpx.AsyncClient, receiver: Receiver) -> None:
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"format": "xml"}, "/format", "string_pattern_mismatch"),
        ({"body_map": {"a": [{"b": "{secret}"}]}}, "/body_map/a/0/b", "placeholder_unknown"),
        ({"body_map": {}}, "/body_map", "too_short"),
        ({"headers": {"Webhook-Id": "x"}}, "/headers/Webhook-Id", "header_reserved"),
        ({"headers": {"ce-type": "x"}}, "/headers/ce-type", "header_reserved"),
        ({"headers": {"HOST": "x"}}, "/headers/HOST", "header_reserved"),
        ({"headers": {"Content-Length": "1"}}, "/headers/Content-Length", "header_reserved"),
        ({"headers": {"transfer-encoding": "chunked"}}, "/headers/transfer-encoding", "header_reserved"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "/headers/x-a", "duplicate_header"),
        ({"headers": {"x-a": "1\r\nx-b: 2"}}, "/headers/x-a", "string_pattern_mismatch"),
        ({"headers": {"x-a": "ü"}}, "/headers/x-a", "string_pattern_mismatch"),
        ({"headers": {"x a": "1"}}, "/headers/x a", "string_pattern_mismatch"),
        ({"headers": {f"x-{n}": "1" for n in range(21)}}, "/headers", "too_long"),
        ({"headers": {"x-a": "1" * 501}}, "/headers/x-a", "string_too_long"),
        (
            {"headers": {"Authorization": "x"}, "auth": {"kind": "bearer", "token": "t"}},
            "/headers/Authorization",
            "header_reserved",
        ),
        (
            {"headers": {"X-Key": "x"}, "auth": {"kind": "api_key", "header": "x-key", "token": "t"}},
            "/headers/X-Key",
            "header_reserved",
        ),
        ({"auth": {"kind": "bearer"}}, "/auth/token", "missing"),
        ({"auth": {"kind": "none", "token": "t"}}, "/auth/token", "not_taken"),
        ({"auth": {"kind": "basic", "username": "u", "password": "p", "scope": "s"}}, "/auth/scope", "not_taken"),
        ({"auth": {"kind": "basic", "username": "a:b", "password": "p"}}, "/auth/username", "string_pattern_mismatch"),
        ({"auth": {"kind": "bearer", "token": "a\nb"}}, "/auth/token", "string_pattern_mismatch"),
        ({"auth": {"kind": "api_key", "header": "host", "token": "t"}}, "/auth/header", "header_reserved"),
        ({"auth": {"kind": "digest"}}, "/auth/kind", "string_pattern_mismatch"),
        (
            {
                "auth": {
                    "kind": "oauth2_client_credentials",
                    "token_url": "https://169.254.169.254/token",
                    "client_id": "i",
                    "client_secret": "s",
                }
            },
            "/auth/token_url",
            "url_not_allowed",
        ),
    ]
    for members, pointer, code in cases:
        found = await refusals(client, receiver, **members)
        assert (pointer, code) in [(where.replace("/[key]", ""), what) for where, what in found], (members, found)


async def test_headers_and_auth_are_judged_together_when_only_one_changes(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver, headers={"authorization": "Custom abc"})
    refused = await patch(client, endpoint, auth={"kind": "bearer", "token": "t"})
    assert refused.json()["errors"][0]["pointer"] == "/headers/authorization"
    taken = await patch(client, endpoint, auth={"kind": "bearer", "token": "t"}, headers=None)
    assert taken.status_code == 200
    refused = await patch(client, endpoint, headers={"authorization": "x"})
    assert refused.json()["errors"][0]["pointer"] == "/headers/authorization"


@pytest.mark.parametrize(
    ("auth", "shown", "header", "value"),
    [
        ({"kind": "bearer", "token": "sesame-1234"}, {}, "authorization", "Bearer sesame-1234"),
        (
            {"kind": "basic", "username": "käm", "password": "sesame-1234:ü"},
            {"username": "käm"},
            "authorization",
            "Basic " + base64.b64encode("käm:sesame-1234:ü".encode()).decode(),
        ),
        (
            {"kind": "api_key", "header": "X-Api-Key", "token": "sesame-1234"},
            {"header": "x-api-key"},
            "x-api-key",
            "sesame-1234",
        ),
    ],
)
async def test_credentials_are_sent_and_never_shown(
    client: httpx.AsyncClient,
    receiver: Receiver,
    sender: Sender,
    services: Services,
    auth: dict[str, str],
    shown: dict[str, str],
    header: str,
    value: str,
) -> None:
    send = {"url": receiver.url(), "event_types": ["*"], "auth": auth}
    answer = await client.post("/v1/webhook-endpoints", json=send, headers={"Idempotency-Key": "auth-1"})
    endpoint = answer.json()
    assert {name: told for name, told in endpoint["auth"].items() if told is not None} == {
        "kind": auth["kind"],
        **shown,
    }
    await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/test")
    await sender.send()
    assert receiver.requests[0].headers[header] == value
    same = await patch(client, endpoint, auth=auth)
    assert same.json()["version"] == 1
    texts = [
        answer.text,
        same.text,
        (await client.get("/v1/webhook-endpoints")).text,
        receiver.requests[0].body.decode(),
    ]
    async with services.database.reading() as reader:
        texts += [str(dict(row)) for table in _TABLES for row in await reader.all(table)]
    assert len(texts) > 6 and not [text for text in texts if "sesame" in text]
    other = await patch(client, endpoint, auth={**auth, "token" if "token" in auth else "password": "another"})
    assert other.json()["version"] == 2
    none = await patch(client, endpoint, auth={"kind": "none"})
    assert none.json()["auth"] is None
    await client.post(f"/v1/webhook-endpoints/{endpoint['id']}/test")
    await sender.send()
    assert header not in receiver.requests[-1].headers


class TokenServer:
    """An OAuth2 server: remembers what it was asked, gives numbered tokens."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.given = 0
        self.lives: Any = 3600
        self.status = 200
        self.said: dict[str, Any] = {}
        receiver.behave = self.answer

    async def answer(self, writer: asyncio.StreamWriter, _: Received) -> None:
        self.given += 1
        body = {"access_token": f"token-{self.given}", "token_type": "Bearer", "expires_in": self.lives, **self.said}
        await answering(self.status, orjson.dumps(body))(writer, _)


@pytest.fixture
async def tokens() -> AsyncIterator[TokenServer]:
    async with listening() as listener:
        yield TokenServer(listener)


def oauth(tokens: TokenServer, **members: str) -> dict[str, str]:
    return {
        "kind": "oauth2_client_credentials",
        "token_url": tokens.receiver.url(path="/token"),
        "client_id": "kam:1",
        "client_secret": "sesame 1234",
        **members,
    }


async def test_a_token_is_fetched_once_and_again_when_it_is_not_taken(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, tokens: TokenServer
) -> None:
    endpoint = await subscribe(client, receiver, auth=oauth(tokens, scope="hooks write"))
    assert endpoint["auth"]["client_id"] == "kam:1" and "client_secret" not in endpoint["auth"]
    for number in range(5):
        await make_account(client, name=f"Account {number}")
    await sender.send()
    assert [request.headers["authorization"] for request in receiver.requests] == ["Bearer token-1"] * 5
    [asked] = tokens.receiver.requests
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["hooks write"]}
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    user = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
    assert user == "kam%3A1:sesame+1234"

    refused: list[str] = []

    async def picky(writer: asyncio.StreamWriter, request: Received) -> None:
        taken = request.headers["authorization"] == "Bearer token-2"
        if not taken:
            refused.append(request.headers["authorization"])
        await answering(200 if taken else 401)(writer, request)

    receiver.behave = picky
    await make_account(client, name="After")
    await sender.send()
    assert refused == ["Bearer token-1"] and tokens.given == 2
    last = receiver.requests[-2:]
    assert last[0].headers["webhook-id"] == last[1].headers["webhook-id"] and last[0].body == last[1].body
    [delivery] = await deliveries(client, endpoint, limit=1)
    assert (delivery["state"], delivery["attempts"]) == ("succeeded", 1)

    receiver.behave = answering(401)  # takes none: one new token per attempt, no more
    await make_account(client, name="Never")
    await sender.send()
    assert tokens.given == 3
    [delivery] = await deliveries(client, endpoint, limit=1)
    [attempt] = await attempts(client, delivery)
    assert (attempt["outcome"], attempt["status"]) == ("http", 401)


async def test_a_client_may_go_in_the_form_and_a_token_ends(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, tokens: TokenServer
) -> None:
    tokens.lives = 0
    await subscribe(client, receiver, auth=oauth(tokens, client_authentication="form", audience="crm"))
    for number in range(2):
        await make_account(client, name=f"Account {number}")
        await sender.send()
    assert tokens.given == 2
    asked = tokens.receiver.requests[0]
    assert "authorization" not in asked.headers
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"], "audience": ["crm"], "client_id": ["kam:1"],
        "client_secret": ["sesame 1234"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (401, {"error": "invalid_client"}, "The token endpoint answered 401: invalid_client"),
        (400, {"error": "<script>"}, "The token endpoint answered 400"),
        (200, {"access_token": None}, "The token endpoint answered without an access token"),
        (200, {"access_token": "a\r\nb"}, "The token endpoint answered without an access token"),
        (200, {"token_type": "mac"}, "The token endpoint gave a token that is no bearer token"),
        (302, {}, "The token endpoint answered 302"),
    ],
)
async def test_without_a_token_nothing_is_sent_and_the_attempt_says_why(
    client: httpx.AsyncClient,
    receiver: Receiver,
    sender: Sender,
    tokens: TokenServer,
    status: int,
    said: dict[str, Any],
    told: str,
) -> None:
    tokens.status, tokens.said = status, said
    endpoint = await subscribe(client, receiver, auth=oauth(tokens))
    await make_account(client)
    await sender.send()
    assert receiver.requests == []
    [delivery] = await deliveries(client, endpoint)
    assert (delivery["state"], delivery["last_error_class"]) == ("pending", "auth")
    [attempt] = await attempts(client, delivery)
    assert (attempt["outcome"], attempt["status"], attempt["response_body"]) == ("auth", None, told)
    assert attempt["signing_key_ids"] is None


async def test_a_token_endpoint_that_is_away_is_said_so(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender, tokens: TokenServer
) -> None:
    async with listening() as gone:
        auth = oauth(tokens) | {"token_url": gone.url()}
    endpoint = await subscribe(client, receiver, auth=auth)
    await make_account(client)
    await sender.send()
    [delivery] = await deliveries(client, endpoint)
    [attempt] = await attempts(client, delivery)
    assert attempt["outcome"] == "auth" and "could not be called: " in attempt["response_body"]


def _certificate(
    *, name: str = "kam", ends: timedelta = timedelta(days=30), key: ec.EllipticCurvePrivateKey | None = None
) -> tuple[str, str]:
    """A self-signed client certificate and its key, in PEM."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + ends)
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), plain.decode()


async def test_a_client_certificate_is_checked_described_and_sealed(
    client: httpx.AsyncClient, receiver: Receiver, services: Services, sender: Sender
) -> None:
    chain, key = _certificate()
    other_key = _certificate()[1]
    expired, expired_key = _certificate(ends=timedelta(days=-1))
    for given, pointer, code in (
        ({"certificate": "x", "private_key": key}, "/client_certificate/certificate", "certificate_format"),
        ({"certificate": key, "private_key": key}, "/client_certificate/certificate", "certificate_format"),
        ({"certificate": chain, "private_key": "x"}, "/client_certificate/private_key", "key_format"),
        ({"certificate": chain, "private_key": other_key}, "/client_certificate/private_key", "key_mismatch"),
        (
            {"certificate": expired, "private_key": expired_key},
            "/client_certificate/certificate",
            "certificate_expired",
        ),
        ({"certificate": chain * 6, "private_key": key}, "/client_certificate/certificate", "chain_too_long"),
        ({"certificate": chain}, "/client_certificate/private_key", "missing"),
    ):
        assert await refusals(client, receiver, client_certificate=given) == [(pointer, code)]
    given = {"certificate": chain, "private_key": key}
    endpoint = await subscribe(client, receiver, client_certificate=given)
    told = endpoint["client_certificate"]
    assert (told["subject"], told["issuer"], told["serial_number"]) == ("CN=kam", "CN=kam", f"{4711:x}")
    assert len(told["fingerprint_sha256"]) == 64 and told["not_before"] < told["not_after"]
    assert (await patch(client, endpoint, client_certificate=given)).json()["version"] == 1
    async with services.database.reading() as reader:
        held = " ".join([str(dict(row)) for table in _TABLES for row in await reader.all(table)])
    assert key.splitlines()[1] not in held and "PRIVATE" not in held
    assert (await patch(client, endpoint, client_certificate=None)).json()["client_certificate"] is None


async def test_a_change_of_other_members_keeps_the_secrets(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    endpoint = await subscribe(client, receiver, auth={"kind": "bearer", "token": "one"})
    await patch(client, endpoint, headers={"x-a": "1"})  # keeps the secrets that are there
    await make_account(client)
    await sender.send()
    assert receiver.requests[-1].headers["authorization"] == "Bearer one"
    assert receiver.requests[-1].headers["x-a"] == "1"
