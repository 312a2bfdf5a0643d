"""Looking back through HTTP, on both databases: what was read at an instant is read again as of that instant, after any
later change.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from service.operations.classification.scoring_models import ensure_default_model
from service.platform.clock import SetClock, instant_text
from service.records.context import Services
from tests.api.records import make_account, pointers

FACTORS = ("spend_available", "growth", "profit_potential")
OF_THEN = (
    "id", "quadrant", "quadrant_source", "fiocca", "attractiveness", "business_strength", "relative_strength",
    "classification_status", "stage", "stage_cranfield",
)  # fmt: skip
STAGES = ("early_kam", "mid_kam", "partnership_kam", "uncoupling_kam", "pre_kam")


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """What the first start does."""
    await ensure_default_model(services)


async def score(client: httpx.AsyncClient, identifier: str, value: float) -> None:
    scores = [{"factor": key, "score": value} for key in FACTORS]
    answer = await client.put(f"/v1/accounts/{identifier}/attractiveness", json={"scores": scores})
    assert answer.status_code == 200, answer.text


async def compare(client: httpx.AsyncClient, identifier: str, ours: float) -> None:
    factors = [{"name": "Service", "weight": 100, "ours": ours, "competitors": {"X": 6}}]
    answer = await client.put(f"/v1/accounts/{identifier}/business-strength", json={"factors": factors})
    assert answer.status_code == 200, answer.text


class Life:
    """Random writes to a portfolio, and what was read of it at some instants."""

    def __init__(self, client: httpx.AsyncClient, clock: SetClock, seed: int) -> None:
        self.client, self.clock, self.chance = client, clock, random.Random(seed)
        self.live: list[str] = []
        self.gone: list[str] = []
        self.models = 0

    async def step(self) -> None:
        """One write; what does not fit is refused, and that is no matter."""
        self.clock.advance(timedelta(seconds=self.chance.choice((0, 1, 60, 86_400))))
        if not self.live or self.chance.random() < 0.15:
            made = await make_account(self.client, name=f"Account {len(self.live) + len(self.gone)}", revenue="5.00")
            self.live.append(made["id"])
            return
        identifier = self.chance.choice(self.live)
        path = f"/v1/accounts/{identifier}"
        kind = self.chance.choice(
            ("score", "score", "compare", "compare", "stage", "forecast", "forget", "override", "free", "delete",
             "restore", "model")
        )  # fmt: skip
        if kind == "score":
            await score(self.client, identifier, self.chance.choice((0, 2.5, 4.999, 5, 6.7, 6.75, 9)))
        elif kind == "compare":
            await compare(self.client, identifier, self.chance.choice((0, 3.3, 5.9, 6, 6.1, 8)))
        elif kind == "stage":
            step = {"to": self.chance.choice(STAGES), "reason": "Seen", "skip": True}
            await self.client.post(f"{path}/stage-transitions", json=step)
        elif kind == "forecast":
            forecast = {"attractiveness": self.chance.randrange(11), "relative_strength": 1.1, "reason": "Likely"}
            await self.client.put(f"{path}/forecast-position", json=forecast)
        elif kind == "forget":
            await self.client.delete(f"{path}/forecast-position")
        elif kind == "override":
            until = instant_text(self.clock.now() + timedelta(days=400))
            body = {"quadrant": self.chance.choice(("star", "status")), "reason": "By hand", "expires_at": until}
            await self.client.put(f"{path}/quadrant-override", json=body)
        elif kind == "free":
            await self.client.delete(f"{path}/quadrant-override")
        elif kind == "delete":
            assert (await self.client.delete(path)).status_code == 204
            self.live.remove(identifier)
            self.gone.append(identifier)
        elif kind == "restore" and self.gone:
            back = self.gone.pop()
            assert (await self.client.post(f"/v1/accounts/{back}/restore")).status_code == 200
            self.live.append(back)
        elif kind == "model":
            await self.another_model()

    async def another_model(self) -> None:
        """Another scoring model: other weights and cuts."""
        self.models += 1
        weights = self.chance.choice(((40, 30, 30), (20, 20, 60), (98, 1, 1)))
        factors = [{"key": key, "name": key, "weight": weight} for key, weight in zip(FACTORS, weights, strict=True)]
        cuts = {"attractiveness": self.chance.choice((4, 5, 6)), "relative_strength": 1}
        body = {"name": f"Model {self.models}", "factors": factors, "cuts": cuts}
        made = (await self.client.post("/v1/scoring-models", json=body)).json()
        answer = await self.client.post(f"/v1/scoring-models/{made['id']}/activate")
        assert answer.status_code == 200, answer.text

    async def seen(self, as_of: str | None = None) -> dict[str, Any]:
        """What is read of the portfolio: the list, the matrices, the boxes' lists, every account's explanation."""
        query = {} if as_of is None else {"as_of": as_of}
        items = (await self.client.get("/v1/accounts", params={"limit": 200, "sort": "name", **query})).json()["items"]
        found: dict[str, Any] = {"accounts": [{name: item[name] for name in OF_THEN} for item in items]}
        for view in ("four_box", "fiocca"):
            asked = {"view": view, "forecast": "true", **query}
            found[view] = (await self.client.get("/v1/portfolio/matrix", params=asked)).json()
            found[view].pop("as_of")
        for name in ("star", "strategic"):
            asked = {"quadrant": name, "sort": "-attractiveness", **query}
            listed = (await self.client.get("/v1/accounts", params=asked)).json()["items"]
            found[f"those in {name}"] = [item["id"] for item in listed]
        for item in items:
            explained = (await self.client.get(f"/v1/accounts/{item['id']}/classification", params=query)).json()
            explained.pop("version")
            for name in ("as_of", "inputs", "warnings"):  # ages, and what they warn of, are told of the present only
                explained.pop(name, None)
            if explained["override"] is not None:
                explained["override"].pop("expires_at")
            found[item["id"]] = explained
        return found


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_as_of_an_instant_reads_what_was_read_then(client: httpx.AsyncClient, clock: SetClock, seed: int) -> None:
    life = Life(client, clock, seed)
    kept: list[tuple[datetime, dict[str, Any]]] = []
    for _ in range(14):
        for _ in range(5):
            await life.step()
        kept.append((clock.now(), await life.seen()))
        clock.advance(timedelta(seconds=1))
    assert len({str(found) for _, found in kept}) > 10
    for at, found in kept:
        again = await life.seen(instant_text(at))
        for name, value in found.items():
            assert again[name] == value, (instant_text(at), name)


async def test_a_day_is_its_last_moment(client: httpx.AsyncClient, clock: SetClock) -> None:
    account = await make_account(client)
    await score(client, account["id"], 8)
    clock.advance(timedelta(hours=2))
    await compare(client, account["id"], 8)
    clock.advance(timedelta(days=1))
    await score(client, account["id"], 2)
    path = f"/v1/accounts/{account['id']}"
    assert (await client.get(path)).json()["quadrant"] == "status"
    assert "as_of" not in (await client.get(path)).json()
    then = (await client.get(path, params={"as_of": "2026-11-21"})).json()
    assert (then["quadrant"], then["as_of"]) == ("strategic", "2026-11-21T23:59:59.999999Z")
    before = (await client.get(path, params={"as_of": "2026-11-21T13:00:00+00:00"})).json()
    assert (before["quadrant"], before["attractiveness"]) == (None, 8)
    today = await client.get(path, params={"as_of": "2026-11-22"})
    assert today.json()["quadrant"] == "status" and today.headers["etag"] == '"v4"'


async def test_who_was_there_then(client: httpx.AsyncClient, clock: SetClock) -> None:
    account = await make_account(client)
    path = f"/v1/accounts/{account['id']}"
    times = []
    for write in (client.delete(path), client.post(f"{path}/restore"), client.delete(path)):
        clock.advance(timedelta(days=1))
        times.append(instant_text(clock.now() - timedelta(seconds=1)))
        assert (await write).status_code in (200, 204)
    times.append(instant_text(clock.now()))
    found = [(await client.get(path, params={"as_of": at})).status_code for at in times]
    assert found == [200, 404, 200, 404]
    listed = [len((await client.get("/v1/accounts", params={"as_of": at})).json()["items"]) for at in times]
    assert listed == [1, 0, 1, 0]
    assert (await client.get(path, params={"as_of": "2026-11-20"})).status_code == 404


async def test_search_judges_the_position_of_then(client: httpx.AsyncClient, clock: SetClock) -> None:
    for number, value in enumerate((2, 4, 6, 8)):
        account = await make_account(client, name=f"Account {number}")
        await score(client, account["id"], value)
    clock.advance(timedelta(days=1))
    for item in (await client.get("/v1/accounts")).json()["items"]:
        await score(client, item["id"], 10 - item["attractiveness"])
    body = {"filter": {"attractiveness": {"gte": 6}}, "sort": ["-attractiveness"], "as_of": "2026-11-21"}
    found = (await client.post("/v1/accounts/search", json=body)).json()["items"]
    assert [item["name"] for item in found] == ["Account 3", "Account 2"]
    now = (await client.post("/v1/accounts/search", json={**body, "as_of": None})).json()["items"]
    assert [item["name"] for item in now] == ["Account 0", "Account 1"]
    counted = await client.get(
        "/v1/accounts", params={"attractiveness_gte": 7, "as_of": "2026-11-21", "count": "exact"}
    )
    assert counted.json()["count"] == 1


async def test_pages_of_the_past_are_bound_to_their_instant(client: httpx.AsyncClient, clock: SetClock) -> None:
    for number in range(5):
        await make_account(client, name=f"Account {number}")
    clock.advance(timedelta(days=1))
    query: dict[str, Any] = {"limit": 2, "sort": "name", "as_of": "2026-11-21"}
    names, after = [], None
    while True:
        page = (await client.get("/v1/accounts", params={**query, **({"after": after} if after else {})})).json()
        names += [item["name"] for item in page["items"]]
        first, after = after or page["next_cursor"], page["next_cursor"]
        if after is None:
            break
    assert names == [f"Account {number}" for number in range(5)]
    others: list[dict[str, Any]] = [{**query, "as_of": "2026-11-22"}, {"limit": 2, "sort": "name"}]
    for other in others:
        refused = await client.get("/v1/accounts", params={**other, "after": first})
        assert refused.status_code == 400 and refused.json()["code"] == "cursor_invalid"


@pytest.mark.parametrize(
    ("as_of", "code"),
    [
        ("2026-11-22", "in_the_future"), ("2026-11-21T12:00:00.000001Z", "in_the_future"), ("yesterday", "moment_format"),
        ("2026-02-30", "moment_format"), ("2026-11-21T10:00:00", "moment_format"), ("20261121", "moment_format"),
    ],
)  # fmt: skip
async def test_what_is_refused(client: httpx.AsyncClient, as_of: str, code: str) -> None:
    account = await make_account(client)
    for path in (
        "/v1/accounts", f"/v1/accounts/{account['id']}", "/v1/portfolio/matrix",
        f"/v1/accounts/{account['id']}/classification", f"/v1/accounts/{account['id']}/hierarchy",
    ):  # fmt: skip
        answer = await client.get(path, params={"as_of": as_of})
        assert answer.status_code == 422 and pointers(answer) == [("as_of", code)], path


async def test_looking_back_costs_as_many_statements_as_looking(
    client: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    await client.get("/v1/me")
    for number in range(4):
        account = await make_account(client, name=f"Account {number}")
        await score(client, account["id"], number)
        await compare(client, account["id"], number)
    clock.advance(timedelta(days=1))
    path = f"/v1/accounts/{account['id']}"
    for asked, statements in (
        ("/v1/accounts", 1), (path, 1), ("/v1/portfolio/matrix", 2), (f"{path}/classification", 1),
    ):  # fmt: skip
        before = services.database.statements
        assert (await client.get(asked, params={"as_of": "2026-11-21"})).status_code == 200
        assert services.database.statements - before == statements, asked


async def test_graphql_looks_back_too(client: httpx.AsyncClient, clock: SetClock) -> None:
    parent = await make_account(client, name="Parent")
    child = await make_account(client, name="Child", parent_id=parent["id"])
    for each in (parent, child):
        await score(client, each["id"], 8)
        await compare(client, each["id"], 8)
    clock.advance(timedelta(days=1))
    for each in (parent, child):
        await score(client, each["id"], 1)
    query = """query($id: ID!, $at: String) {
      account(id: $id, asOf: $at) { asOf quadrant attractiveness parent { quadrant } classification { quadrant attractiveness { score } } }
      accounts(asOf: $at, filter: {quadrant: {eq: strategic}}, orderBy: [{field: attractiveness, direction: desc}]) {
        totalCount nodes { name quadrant children { nodes { name quadrant fiocca { position } } } } }
      portfolioMatrix(asOf: $at) { asOf boxes { box count } } }"""

    async def ask(at: str | None) -> Any:
        answer = (
            await client.post("/graphql", json={"query": query, "variables": {"id": child["id"], "at": at}})
        ).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    now, then = await ask(None), await ask("2026-11-21")
    assert now["account"] == {
        "asOf": None, "quadrant": "status", "attractiveness": 1, "parent": {"quadrant": "status"},
        "classification": {"quadrant": "status", "attractiveness": {"score": 1}},
    }  # fmt: skip
    assert now["accounts"] == {"totalCount": 0, "nodes": []} and now["portfolioMatrix"]["asOf"] is None
    assert then["account"] == {
        "asOf": "2026-11-21T23:59:59.999999Z", "quadrant": "strategic", "attractiveness": 8,
        "parent": {"quadrant": "strategic"}, "classification": {"quadrant": "strategic", "attractiveness": {"score": 8}},
    }  # fmt: skip
    assert then["accounts"]["totalCount"] == 2
    below = {"name": "Child", "quadrant": "strategic", "fiocca": {"position": "strong"}}
    assert {"name": "Parent", "quadrant": "strategic", "children": {"nodes": [below]}} in then["accounts"]["nodes"]
    assert then["portfolioMatrix"]["boxes"][0] == {"box": "strategic", "count": 2}


async def test_graphql_refuses_what_it_can_not_look_back_to(client: httpx.AsyncClient, clock: SetClock) -> None:
    account = await make_account(client)
    clock.advance(timedelta(days=1))

    async def code(field: str, at: str) -> str:
        query = f'{{ account(id: "{account["id"]}", asOf: "{at}") {{ {field} }} }}'
        error = (await client.post("/graphql", json={"query": query})).json()["errors"][0]["extensions"]
        return str(error["errors"][0]["code"])

    assert await code("name", "2026-11-23") == "in_the_future"
    assert await code("name", "soon") == "moment_format"
    assert await code("stageDetail { stage }", "2026-11-21") == "present_only"
