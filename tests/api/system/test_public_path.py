"""The service behind a proxy that strips a path: links and documents lead back through the proxy."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from service.access.api_keys import new_key
from service.app import create_app
from service.models.access.api_keys import ApiKeyCreate
from service.operations.access.api_keys import create_api_key
from service.operations.classification.scoring_models import ensure_default_model
from service.platform.settings import Settings
from service.records.context import Services, system_context

HOST = "https://example.com"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"public_url": f"{HOST}/kam/"})


def stripping(app: Any) -> Any:
    """Return a proxy that answers below /kam only, and passes on the rest of the path."""

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        assert scope["path"].startswith("/kam/"), scope["path"]
        raw = scope["raw_path"].removeprefix(b"/kam")
        await app({**scope, "path": scope["path"].removeprefix("/kam"), "raw_path": raw}, receive, send)

    return proxy


@pytest.fixture(params=[True, False], ids=["edge", "without edge"])
async def proxied(services: Services, settings: Settings, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    await ensure_default_model(services)
    value = new_key()
    await create_api_key(system_context(services), ApiKeyCreate(name="test", scopes=["*"]), value)
    app = create_app(services.settings, services=services, edge=request.param)
    transport = httpx.ASGITransport(stripping(app), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {value}"}
    async with httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers) as client:
        yield client


async def test_links_and_locations_lead_back_through_the_proxy(proxied: httpx.AsyncClient) -> None:
    for name in ("One", "Two"):
        made = await proxied.post("/kam/v1/accounts", json={"name": name})
        assert made.headers["location"] == f"/kam/v1/accounts/{made.json()['id']}"
        assert (await proxied.get(made.headers["location"])).json()["name"] == name
    first = await proxied.get("/kam/v1/accounts", params={"limit": 1})
    following = re.fullmatch(r'<(/kam/v1/accounts\?[^>]+)>; rel="next"', first.headers["link"])
    assert following is not None
    assert len((await proxied.get(following[1])).json()["items"]) == 1
    job = await proxied.post("/kam/v1/portfolio/reclassifications", json={})
    assert job.headers["location"] == f"/kam/v1/jobs/{job.json()['id']}", job.text


async def test_documents_load_relatively(proxied: httpx.AsyncClient) -> None:
    contract = (await proxied.get("/kam/openapi.json")).json()
    assert contract["servers"][0]["url"] == "/kam"
    pages = {"/kam/docs": {}, "/kam/graphql": {"Accept": "text/html"}}
    for path, headers in pages.items():
        shown = (await proxied.get(path, headers=headers)).text
        found = re.findall(r'(?:href|src)="([^"]+)"', shown)
        assert len(found) >= 3, shown
        for reference in set(found) - {"data:,"}:
            assert (await proxied.get(urljoin(f"{HOST}{path}", reference))).status_code == 200, reference
    script = (await proxied.get("/kam/docs/assets/open-reference.js")).text
    described = re.search(r'url: "([^"]+)"', script)
    assert described is not None
    assert (await proxied.get(urljoin(f"{HOST}/kam/docs", described[1]))).json() == contract
