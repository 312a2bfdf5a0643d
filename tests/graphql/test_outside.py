"""Outgoing data through GraphQL: the feed of events, webhook endpoints with their deliveries, the matrix."""

from __future__ import annotations

ENDPOINT = 'mutation { createWebhookEndpoint(input: {url: "http://127.0.0.1:9999/x", eventTypes: ["account.*"]}) { secret webhookEndpoint { id enabled deliveries { nodes { id } } } } }'
ACCOUNT = 'mutation { createAccount(input: {name: "A"}) { account { id } } }'
EVENTS = """query($after: String, $types: [String!], $account: ID, $first: Int) { events(after: $after, types: $types, accountId: $account, first: $first) {
  edges { cursor node { id type position } } nodes { type data cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""


async def test_the_feed_goes_on_where_it_ended(ask):
    for _ in range(3):
        await ask.data(ACCOUNT)
    first = (await ask.data(EVENTS, {"types": ["account.*"], "first": 2}))["events"]
    assert [edge["node"]["type"] for edge in first["edges"]] == ["account.created"] * 2
    assert first["nodes"][0]["data"]["account"]["name"] == "A"
    assert first["nodes"][0]["cursor"] == first["edges"][0]["cursor"] == first["pageInfo"]["startCursor"]
    assert first["pageInfo"]["hasNextPage"] is True
    rest = (await ask.data(EVENTS, {"types": ["account.*"], "after": first["pageInfo"]["endCursor"]}))["events"]
    assert (len(rest["edges"]), rest["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasPreviousPage"]) == (
        1,
        False,
        True,
    )
    end = (await ask.data(EVENTS, {"after": rest["pageInfo"]["endCursor"]}))["events"]
    assert (end["edges"], end["pageInfo"]["startCursor"]) == ([], None)
    made = (await ask.data(ACCOUNT))["createAccount"]["account"]["id"]
    more = (await ask.data(EVENTS, {"after": end["pageInfo"]["endCursor"], "account": made}))["events"]
    event = more["edges"][0]["node"]["id"]
    assert (await ask.data("query($id: ID!) { event(id: $id) { type cause } }", {"id": event}))["event"][
        "type"
    ] == "account.created"


async def test_the_feed_refuses_what_rest_refuses(ask):
    assert await ask.code(EVENTS, {"after": "x"}) == "cursor_invalid"
    assert await ask.code(EVENTS, {"first": 201}) == "invalid_request"
    assert await ask.code(EVENTS, {"types": ["nothing.*"]}) == "invalid_request"
    assert await ask.code(EVENTS, {"types": ["\u0000"]}) == "invalid_request"
    assert await ask.code(EVENTS, scopes=["accounts:read"]) == "insufficient_scope"
    assert "account.created" in {
        kind["type"] for kind in (await ask.data("{ eventTypes { type version description } }"))["eventTypes"]
    }


async def test_an_endpoint_shows_its_secret_once_and_then_its_deliveries(ask):
    made = (await ask.data(ENDPOINT))["createWebhookEndpoint"]
    assert made["secret"].startswith("whsec_")
    identifier = made["webhookEndpoint"]["id"]
    await ask.data(ACCOUNT)
    await ask.data("mutation($id: ID!) { sendWebhookTest(id: $id) { eventId } }", {"id": identifier})
    await ask.data(EVENTS)
    query = "query($id: ID!) { webhookEndpoint(id: $id) { url deliveries(filter: {state: {in: [pending]}}) { totalCount nodes { id eventType state endpoint { url } attemptLog { nodes { outcome } } } } } }"
    shown = (await ask.data(query, {"id": identifier}))["webhookEndpoint"]
    assert ask.statements == 1
    assert {node["eventType"] for node in shown["deliveries"]["nodes"]} == {"account.created", "webhook.test"}
    assert shown["deliveries"]["nodes"][0]["endpoint"] == {"url": "http://127.0.0.1:9999/x"}
    delivery = shown["deliveries"]["nodes"][0]["id"]
    again = await ask.data(
        "mutation($id: ID!) { retryDelivery(id: $id) { outcome delivery { id state endpoint { id } } } }",
        {"id": delivery},
    )
    assert again["retryDelivery"]["delivery"] == {"id": delivery, "state": "pending", "endpoint": {"id": identifier}}
    rotated = await ask.data("mutation($id: ID!) { rotateWebhookSecret(id: $id) { secret } }", {"id": identifier})
    assert rotated["rotateWebhookSecret"]["secret"] != made["secret"]
    rotated = await ask.data(
        "mutation($id: ID!) { rotateWebhookSecret(id: $id, input: {graceSeconds: 60, signatureKind: v1a}) { secret publicKey webhookEndpoint { signatureKind } } }",
        {"id": identifier},
    )
    rotated = rotated["rotateWebhookSecret"]
    assert rotated["secret"] is None and rotated["webhookEndpoint"] == {"signatureKind": "v1a"}
    keys = await ask.data(
        "query($id: ID!) { webhookKeys(id: $id) { endpointId keys { id kind endsAt publicKey } } }", {"id": identifier}
    )
    assert keys["webhookKeys"]["endpointId"] == identifier
    assert [key["kind"] for key in keys["webhookKeys"]["keys"]] == ["v1a", "v1", "v1"]
    assert keys["webhookKeys"]["keys"][0]["publicKey"] == rotated["publicKey"]
    assert [key["endsAt"] is None for key in keys["webhookKeys"]["keys"]] == [True, False, False]
    off = await ask.data(
        "mutation($id: ID!) { updateWebhookEndpoint(id: $id, input: {enabled: false}) { webhookEndpoint { enabled } } }",
        {"id": identifier},
    )
    assert off["updateWebhookEndpoint"]["webhookEndpoint"] == {"enabled": False}
    gone = await ask.data("mutation($id: ID!) { deleteWebhookEndpoint(id: $id) { outcome } }", {"id": identifier})
    assert gone["deleteWebhookEndpoint"] == {"outcome": "deleted"}


async def test_the_matrix_counts_every_account(ask, accounts):
    data = await ask.data(
        "{ four: portfolioMatrix { view total unclassified boxes { box count accounts { name } } } nine: portfolioMatrix(view: fiocca, limit: 1) { view boxes { box verbs } } }"
    )
    assert (data["four"]["total"], data["four"]["unclassified"], len(data["four"]["boxes"])) == (5, 5, 4)
    assert (data["nine"]["view"], len(data["nine"]["boxes"])) == ("fiocca", 9)


async def test_an_endpoint_says_how_it_is_called(ask):
    made = await ask.data(
        """mutation { createWebhookEndpoint(input: {url: "http://127.0.0.1:9999/x", eventTypes: ["*"], signatureKind: both,
          format: "cloudevents-structured", bodyMap: {text: "{data.account.name}"}, headers: {xSource: "kam"},
          auth: {kind: basic, username: "kam", password: "sesame"}})
          { secret publicKey webhookEndpoint { id format bodyMap headers signatureKind handshake consent { state } clientCertificate { subject }
            auth { kind username tokenUrl } } } }"""
    )
    made = made["createWebhookEndpoint"]
    assert made["secret"].startswith("whsec_") and made["publicKey"].startswith("whpk_")
    endpoint = made["webhookEndpoint"]
    identifier = endpoint.pop("id")
    assert endpoint == {
        "format": "cloudevents-structured", "bodyMap": {"text": "{data.account.name}"}, "headers": {"xsource": "kam"},
        "signatureKind": "both", "handshake": False, "consent": None, "clientCertificate": None,
        "auth": {"kind": "basic", "username": "kam", "tokenUrl": None},
    }  # fmt: skip
    refused = await ask("mutation($id: ID!) { askWebhookConsent(id: $id) { outcome } }", {"id": identifier})
    assert refused["errors"][0]["extensions"]["code"] == "conflict"
    refused = await ask(
        "mutation($id: ID!) { updateWebhookEndpoint(id: $id, input: {auth: {kind: bearer}}) { outcome } }",
        {"id": identifier},
    )
    assert refused["errors"][0]["extensions"]["errors"][0]["pointer"] == "/input/auth/token"
