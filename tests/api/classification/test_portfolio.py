"""The portfolio matrix through HTTP, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from service.operations.classification.scoring_models import ensure_default_model
from service.records.context import Services

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """What the first start does."""
    await ensure_default_model(services)


async def place(client: httpx.AsyncClient, name: str, score: float, ours: float, revenue: str | None = None) -> str:
    """An account with this attractiveness and this total of ours against 6; its id."""
    made = (await client.post("/v1/accounts", json={"name": name, "revenue": revenue, "currency": "EUR"})).json()
    path = f"/v1/accounts/{made['id']}"
    scores = [{"factor": key, "score": score} for key in ("spend_available", "growth", "profit_potential")]
    await client.put(f"{path}/attractiveness", json={"scores": scores})
    factors = [{"name": "Service", "weight": 100, "ours": ours, "competitors": {"X": 6}}]
    await client.put(f"{path}/business-strength", json={"factors": factors})
    return str(made["id"])


async def test_the_four_boxes(client: httpx.AsyncClient) -> None:
    small = await place(client, "Small", 8, 7, "10.00")
    big = await place(client, "Big", 8, 7, "20.50")
    star = await place(client, "Star", 8, 3)
    gone = await place(client, "Gone", 8, 3)
    await place(client, "Low", 2, 2)
    await client.post("/v1/accounts", json={"name": "Unscored"})
    await client.delete(f"/v1/accounts/{gone}")
    matrix = (await client.get("/v1/portfolio/matrix")).json()
    assert matrix["view"] == "four_box" and matrix["model"]["name"] == "Default"
    assert [(box["box"], box["count"]) for box in matrix["boxes"]] == [
        ("strategic", 2), ("star", 1), ("status", 0), ("streamline", 1)]  # fmt: skip
    strategic = matrix["boxes"][0]
    assert [account["id"] for account in strategic["accounts"]] == [big, small]
    assert strategic["accounts"][0] == {
        "id": big, "name": "Big", "quadrant": "strategic", "attractiveness": 8, "business_strength": 7,
        "relative_strength": 1.166667, "revenue": "20.50", "currency": "EUR",
        "quadrant_source": "computed", "raw_quadrant": "strategic", "forecast": None,
    }  # fmt: skip
    assert strategic["investment_strategy"] == "strategic investment" and strategic["strength"] == "high"
    assert [account["id"] for account in matrix["boxes"][1]["accounts"]] == [star]
    assert (matrix["classified"], matrix["unclassified"], matrix["total"]) == (4, 1, 5)
    assert matrix["cuts"] == {"attractiveness": 5, "relative_strength": 1}


async def test_the_nine_cells(client: httpx.AsyncClient) -> None:
    await place(client, "Strong", 8, 7)
    await place(client, "Weak", 5, 2)
    matrix = (await client.get("/v1/portfolio/matrix", params={"view": "fiocca"})).json()
    assert len(matrix["boxes"]) == 9 and matrix["limits"] == {"low": 3.3, "high": 6.7}
    filled = {box["box"]: (box["count"], box["verbs"], box["name"]) for box in matrix["boxes"] if box["count"]}
    assert filled == {
        "high_strong": (1, ["develop", "defend"], "Develop / Defend"),
        "medium_weak": (1, ["maintain_minimally"], "Maintain minimally"),
    }
    assert matrix["boxes"][0]["investment_strategy"] is None


async def test_an_empty_portfolio(client: httpx.AsyncClient) -> None:
    matrix = (await client.get("/v1/portfolio/matrix")).json()
    assert matrix["total"] == 0 and [box["accounts"] for box in matrix["boxes"]] == [[], [], [], []]


async def test_the_limit_cuts_the_lists_and_not_the_counts(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await place(client, f"Account {number}", 8, 7)
    box = (await client.get("/v1/portfolio/matrix", params={"limit": 2})).json()["boxes"][0]
    assert box["count"] == 3 and len(box["accounts"]) == 2


async def test_the_matrix_is_two_statements_whatever_its_size(client: httpx.AsyncClient, services: Services) -> None:
    await client.get("/v1/me")  # the key is looked up once
    for number in range(4):
        before = services.database.statements
        await client.get("/v1/portfolio/matrix")
        assert services.database.statements - before == 2
        await place(client, f"Account {number}", 8, 7)


async def test_who_may_and_what_is_refused(client: httpx.AsyncClient, make_client: Callable[..., Any]) -> None:
    assert (await client.get("/v1/portfolio/matrix", params={"view": "cube"})).status_code == 422
    assert (await client.get("/v1/portfolio/matrix", params={"limit": 201})).status_code == 422
    assert (await client.get("/v1/portfolio/matrix", params={"colour": "red"})).status_code == 422
    assert (await (await make_client("portfolio:read")).get("/v1/portfolio/matrix")).status_code == 200
    refused = await (await make_client("accounts:read")).get("/v1/portfolio/matrix")
    assert refused.status_code == 403 and refused.json()["required_scope"] == "portfolio:read"


async def test_the_matrix_as_a_picture(client: httpx.AsyncClient) -> None:
    await place(client, "Big & <b>", 8, 7, "20.50")
    answer = await client.get("/v1/portfolio/matrix", params={"format": "svg"})
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/svg+xml; charset=utf-8"
    picture = ElementTree.fromstring(answer.content)
    assert any("Big & <b>: attractiveness 8" in str(title.text) for title in picture.iter(f"{SVG}title"))
    by_header = await client.get("/v1/portfolio/matrix", headers={"Accept": "image/svg+xml"})
    assert by_header.content == answer.content and "Accept" in by_header.headers["vary"]
    cells = await client.get("/v1/portfolio/matrix", params={"format": "svg", "view": "fiocca"})
    assert "Develop / Defend" in cells.text


async def test_json_unless_the_picture_is_wanted_more(client: httpx.AsyncClient) -> None:
    for accept, media in (
        ("*/*", "application/json"),
        ("application/json, image/svg+xml", "application/json"),
        ("application/json;q=0.5, image/svg+xml", "image/svg+xml; charset=utf-8"),
        ("image/*", "image/svg+xml; charset=utf-8"),
    ):
        answer = await client.get("/v1/portfolio/matrix", headers={"Accept": accept})
        assert answer.headers["content-type"] == media, accept
    told = await client.get("/v1/portfolio/matrix", params={"format": "json"}, headers={"Accept": "image/svg+xml"})
    assert told.headers["content-type"] == "application/json"
    refused = await client.get("/v1/portfolio/matrix", headers={"Accept": "text/html"})
    assert refused.status_code == 406


@pytest.mark.parametrize("form", ["json", "svg"])
async def test_an_unchanged_portfolio_is_not_sent_again(client: httpx.AsyncClient, form: str) -> None:
    await place(client, "A", 8, 7)
    first = await client.get("/v1/portfolio/matrix", params={"format": form})
    kept = {"If-None-Match": first.headers["etag"]}
    same = await client.get("/v1/portfolio/matrix", params={"format": form}, headers=kept)
    assert same.status_code == 304 and same.content == b"" and same.headers["etag"] == first.headers["etag"]
    await place(client, "B", 8, 7)
    assert (await client.get("/v1/portfolio/matrix", params={"format": form}, headers=kept)).status_code == 200


async def test_graphql_gives_the_same_matrix_and_picture(client: httpx.AsyncClient) -> None:
    await place(client, "A", 8, 7)
    query = (
        "{ portfolioMatrix(view: fiocca) { total deadBand borderWidth { fiocca } } portfolioMatrixSvg(view: fiocca) }"
    )
    told = (await client.post("/graphql", json={"query": query})).json()["data"]
    assert told["portfolioMatrix"] == {"total": 1, "deadBand": 0, "borderWidth": {"fiocca": 0.3}}
    picture = await client.get("/v1/portfolio/matrix", params={"format": "svg", "view": "fiocca"})
    assert told["portfolioMatrixSvg"] == picture.text


async def test_the_ten_boxes_are_a_view_of_their_own_with_uncoupling_apart(client: httpx.AsyncClient) -> None:
    strong, weak = await place(client, "Strong", 8, 7), await place(client, "Weak", 8, 3)
    low, apart = await place(client, "Low", 2, 7), await place(client, "Apart", 8, 7)
    for identifier, stage in ((strong, "early_kam"), (apart, "uncoupling_kam")):
        body = {"to": stage, "reason": "As observed"}
        assert (await client.post(f"/v1/accounts/{identifier}/stage-transitions", json=body)).status_code == 201
    await client.post("/v1/accounts", json={"name": "Unscored"})
    matrix = (await client.get("/v1/portfolio/matrix", params={"view": "ten_boxes"})).json()
    assert len(matrix["boxes"]) == 11 and matrix["boxes"][-1]["box"] == "uncoupling_kam"
    stood = {box["box"]: [one["id"] for one in box["accounts"]] for box in matrix["boxes"] if box["count"]}
    assert stood == {
        "high_early_kam": [strong], "high_pre_kam": [weak], "low_pre_kam": [low], "uncoupling_kam": [apart]
    }  # fmt: skip
    assert (matrix["classified"], matrix["unclassified"], matrix["total"]) == (4, 1, 5)
    told = (await client.get(f"/v1/accounts/{weak}/classification")).json()["ten_boxes"]
    assert told["box"] == "high_pre_kam"
    picture = await client.get("/v1/portfolio/matrix", params={"view": "ten_boxes", "format": "svg"})
    assert (picture.status_code, picture.json()["errors"][0]["parameter"]) == (422, "view")
