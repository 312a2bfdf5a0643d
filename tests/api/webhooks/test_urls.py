"""Registering where webhooks go: no spelling of an address that is not public is taken, at creation or by a change."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, ip_address

import httpx
import pytest

from service.records.context import Services
from tests.api.records import make
from tests.framework.outbound.spellings import hosts_of_4, hosts_of_6, urls_to

OWN = "kam.example.com"


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()["errors"][0] if answer.status_code == 422 else {"pointer": "", "code": ""}
    return answer.status_code, error["pointer"], error["code"]


_SHAPE = re.compile(r"(?i:https?)://[^\s\0/?#@]+([/?#][^\s\0]*)?")


def code(url: str) -> str:
    """What has not even the shape of a URL without a user name is refused as such."""
    if "\0" in url:
        return "string_nul"
    return "url_not_allowed" if _SHAPE.fullmatch(url) else "string_pattern_mismatch"


def spelled() -> list[str]:
    """URLs to inner addresses and to ourselves."""
    urls: list[str] = []
    for text in ("127.0.0.1", "169.254.169.254", "::1"):
        address = ip_address(text)
        hosts = hosts_of_4(address) if isinstance(address, IPv4Address) else hosts_of_6(address)
        urls += [f"https://{host}/" for host in hosts]
    return urls + [url for host in ("10.0.0.1", "[fd00::1]", OWN) for url in urls_to(host)]


async def test_no_spelling_of_an_inner_address_is_registered(client: httpx.AsyncClient, services: Services) -> None:
    services.settings.webhook_allowed_networks = []
    services.settings.public_url = f"https://{OWN}/api"
    endpoint = await make(client, "webhook-endpoints", url="https://example.com/hook", event_types=["*"])
    path = f"/v1/webhook-endpoints/{endpoint['id']}"
    for url in spelled():
        created = await client.post("/v1/webhook-endpoints", json={"url": url, "event_types": ["*"]})
        assert refused(created) == (422, "/url", code(url)), ascii(url)
    for url in spelled()[::7]:
        assert refused(await client.patch(path, json={"url": url})) == (422, "/url", code(url)), ascii(url)
    assert sum(code(url) == "url_not_allowed" for url in spelled()) > 150
    assert (await client.get(path)).json()["url"] == "https://example.com/hook"
    assert len((await client.get("/v1/webhook-endpoints")).json()["items"]) == 1


@pytest.mark.parametrize(
    "url", ["http://10.1.2.3/", "https://10.1.2.3:8443/", "http://receiver:8080/", "https://[fd00::1]/"]
)
async def test_allowed_networks_may_be_registered(client: httpx.AsyncClient, services: Services, url: str) -> None:
    services.settings.webhook_allowed_networks = ["10.1.0.0/16", "fd00::/8"]
    assert (await make(client, "webhook-endpoints", url=url, event_types=["*"]))["url"] == url
    for other in (
        "http://10.2.0.1/",
        "https://127.0.0.1/",
        "http://8.8.8.8/",
        "http://0x0a010203/",
        "http://10.1.515/",
    ):
        answer = await client.post("/v1/webhook-endpoints", json={"url": other, "event_types": ["*"]})
        assert refused(answer) == (422, "/url", "url_not_allowed"), other


async def test_a_scheme_is_taken_in_any_case_and_kept_in_small_letters(client: httpx.AsyncClient) -> None:
    account = await client.post(
        "/v1/accounts", json={"name": "Aurelia", "website": "HTTPS://Aurelia.example/A?b=HTTP:"}
    )
    assert account.json()["website"] == "https://Aurelia.example/A?b=HTTP:", account.text
    body = {"url": "Https://example.com/hook", "event_types": ["account.*"]}
    endpoint = await client.post("/v1/webhook-endpoints", json=body)
    assert endpoint.json()["url"] == "https://example.com/hook", endpoint.text
    query = (
        'mutation { createAccount(input: {name: "Other", website: "HTTP://other.example"}) { account { website } } }'
    )
    asked = await client.post("/graphql", json={"query": query})
    assert asked.json()["data"]["createAccount"]["account"]["website"] == "http://other.example"
    refused = await client.post("/v1/accounts", json={"name": "Third", "website": "FTP://third.example"})
    assert refused.json()["errors"][0]["code"] == "string_pattern_mismatch"
