"""URLs are taken with their scheme in any case, wherever the contract has a URL."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from service.app import document
from tests.api.records import make, make_account
from tests.api.subscribing import Sender, subscribe
from tests.delivery.receivers import Receiver


def patterns(node: Any) -> set[str]:
    """Every pattern below a node of the contract."""
    if isinstance(node, list):
        return {each for item in node for each in patterns(item)}
    if not isinstance(node, dict):
        return set()
    own = node.get("pattern")
    return {each for item in node.values() for each in patterns(item)} | ({own} if isinstance(own, str) else set())


def test_no_pattern_of_a_url_asks_for_small_letters() -> None:
    of_urls = [each for each in patterns(document()) if "://" in each]
    assert of_urls
    for pattern in of_urls:
        readable = pattern.replace("\\u0000", "\x00")
        for scheme in ("http", "https", "HTTP", "HTTPS", "Http", "hTTps"):
            assert re.search(readable, f"{scheme}://example.com/path"), (pattern, scheme)
        for other in ("ftp://example.com", "httpss://example.com", "HTTPS:/example.com", "javascript://example.com"):
            assert not re.search(readable, other), (pattern, other)


@pytest.mark.parametrize("url", ["HTTPS://example.com/kim", "Https://example.com", "HTTP://example.com/"])
async def test_websites_in_both_apis(client: httpx.AsyncClient, url: str) -> None:
    account = await make_account(client, website=url)
    kept = url[: url.index(":")].lower() + url[url.index(":") :]
    assert account["website"] == kept
    document = "mutation ($input: CreateAccountInput!) { createAccount(input: $input) { account { website } } }"
    variables = {"input": {"name": "A", "website": url}}
    answer = (await client.post("/graphql", json={"query": document, "variables": variables})).json()
    assert answer["data"]["createAccount"]["account"]["website"] == kept


async def test_a_webhook_goes_to_a_url_with_a_scheme_in_capitals(
    client: httpx.AsyncClient, receiver: Receiver, sender: Sender
) -> None:
    url = receiver.url().replace("http://", "HTTP://")
    endpoint = await make(client, "webhook-endpoints", url=url, event_types=["person.created"])
    assert endpoint["url"] == receiver.url()
    await make(client, "people", name="Ada")
    assert await sender.send() == 1
    assert len(receiver.requests) == 1


async def test_the_same_origin_in_another_case_keeps_the_credentials(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    endpoint = await subscribe(client, receiver, auth={"kind": "bearer", "token": "secret"})
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    same = await client.patch(path, json={"url": endpoint["url"].replace("http://", "HTTP://")})
    assert same.status_code == 200
    other = await client.patch(path, json={"url": endpoint["url"].replace("http://", "HTTPS://")})
    assert other.json()["errors"][0]["code"] == "needed_with_url"
