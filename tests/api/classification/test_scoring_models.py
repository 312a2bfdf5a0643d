"""Scoring models through HTTP: written once, one active, and what an activation does to the portfolio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa

from service.framework.database.statements import Statement
from service.models.classification.scoring_models import scoring_models
from service.models.events.events import events
from service.operations.classification.scoring_models import ensure_default_model
from service.records.context import Services

_m = scoring_models.c
_SET_RANGE = Statement(
    sa.update(scoring_models)
    .where(_m.id == sa.bindparam("b_id", type_=_m.id.type))
    .values(
        range_low=sa.bindparam("low", type_=_m.range_low.type),
        range_high=sa.bindparam("high", type_=_m.range_high.type),
        range_at=sa.bindparam("at", type_=_m.range_at.type),
        version=_m.version + 1,
    )
)
_EVENTS = Statement(sa.select(events.c.type, events.c.body).order_by(events.c.seq))
FACTORS = [{"key": "a", "name": "A", "weight": 60}, {"key": "b", "name": "B", "weight": 40}]
STRENGTH = {"factors": [{"name": "Service", "weight": 100, "ours": 7, "competitors": {"X": 6}}]}
BANDS = [{"to": 10, "score": 3}, {"from": 10, "to": 20, "score": 6}, {"from": 20, "score": 9}]


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """What the first start does."""
    await ensure_default_model(services)


async def add(client: httpx.AsyncClient, *, activate: bool = False, **members: Any) -> dict[str, Any]:
    """Add a model, and activate it when asked."""
    answer = await client.post("/v1/scoring-models", json={"name": "Growth", "factors": FACTORS, **members})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/scoring-models/{answer.json()['id']}"
    if activate:
        answer = await client.post(f"/v1/scoring-models/{answer.json()['id']}/activate")
        assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def scored(client: httpx.AsyncClient, a: float, b: float) -> str:
    """An account with scores on the model of FACTORS; its path."""
    made = await client.post("/v1/accounts", json={"name": "Aurelia Robotics"})
    path = f"/v1/accounts/{made.json()['id']}"
    body = {"scores": [{"factor": "a", "score": a}, {"factor": "b", "score": b}]}
    assert (await client.put(f"{path}/attractiveness", json=body)).status_code == 200
    assert (await client.put(f"{path}/business-strength", json=STRENGTH)).status_code == 200
    return path


async def told(services: Services) -> list[tuple[str, dict[str, Any]]]:
    async with services.database.reading() as reader:
        return [(row["type"], orjson.loads(row["body"])["data"]) for row in await reader.all(_EVENTS)]


async def test_a_default_model_is_active_from_the_first_start(client: httpx.AsyncClient, services: Services) -> None:
    await asyncio.gather(*(ensure_default_model(services) for _ in range(5)))
    listed = (await client.get("/v1/scoring-models")).json()["items"]
    assert [(model["name"], model["number"], model["state"]) for model in listed] == [("Default", 1, "active")]
    assert sum(factor["weight"] for factor in listed[0]["factors"]) == 100
    assert listed[0]["cuts"] == {"attractiveness": 5, "relative_strength": 1, "attractiveness_rule": "fixed"}
    assert listed[0]["border_width"] == {"attractiveness": 0.3, "relative_strength": 0.05, "fiocca": 0.3}
    assert listed[0]["fiocca"] == {"low": 3.3, "high": 6.7} and listed[0]["dead_band"] == 0
    before = services.database.statements
    await ensure_default_model(services)
    assert services.database.statements - before == 1


async def test_first_starts_at_once_make_one_default(client: httpx.AsyncClient, services: Services) -> None:
    async with services.database.transaction() as writer:
        await writer.execute(Statement(sa.text("DELETE FROM model_periods")))
        await writer.execute(Statement(sa.text("DELETE FROM scoring_models")))
    await asyncio.gather(*(ensure_default_model(services) for _ in range(5)))
    assert len((await client.get("/v1/scoring-models")).json()["items"]) == 1


async def test_a_model_reads_as_it_was_written(client: httpx.AsyncClient) -> None:
    factors = [{"key": "growth", "name": "Growth", "weight": 100, "bands": BANDS}]
    made = await add(client, factors=factors, cuts={"attractiveness": 5.5}, dead_band=0.25)
    assert made["state"] == "draft" and made["number"] == 2 and made["version"] == 1 and made["activated_at"] is None
    assert made["factors"] == [
        {"key": "growth", "name": "Growth", "weight": 100, "direction": "higher_is_better", "required": True,
         "bands": [{"from": None, "to": 10, "score": 3}, {"from": 10, "to": 20, "score": 6},
                   {"from": 20, "to": None, "score": 9}], "unit": None, "group": None, "source": None}
    ]  # fmt: skip
    assert made["cuts"] == {"attractiveness": 5.5, "relative_strength": 1, "attractiveness_rule": "fixed"}
    assert made["dead_band"] == 0.25 and made["range_low"] is made["range_high"] is made["range_at"] is None
    assert [warning["code"] for warning in made["warnings"]] == ["few_factors"]
    answer = await client.get(f"/v1/scoring-models/{made['id']}")
    assert answer.json() == made and answer.headers["etag"] == '"v1"'
    found = (await client.get("/v1/scoring-models", params={"state": "draft"})).json()["items"]
    assert [model["id"] for model in found] == [made["id"]]


@pytest.mark.parametrize(
    ("members", "pointer", "code"),
    [
        ({"factors": [{"key": "a", "name": "A", "weight": 105}]}, "/factors/0/weight", "weight_out_of_range"),
        ({"factors": [{**FACTORS[0], "weight": 70}, FACTORS[1]]}, "/factors", "weights_do_not_sum_to_100"),
        ({"factors": [FACTORS[0], {**FACTORS[1], "key": "a"}]}, "/factors/1/key", "factor_key_repeated"),
        (
            {"factors": [{"key": "business_strength", "name": "A", "weight": 100}]},
            "/factors/0/key",
            "factor_key_reserved",
        ),
        (
            {"factors": [{"key": "a", "name": "A", "weight": 100, "bands": [BANDS[0], BANDS[2]]}]},
            "/factors/0/bands/1",
            "bands_have_a_gap",
        ),
        (
            {"factors": [{"key": "a", "name": "A", "weight": 100, "bands": [BANDS[0], {**BANDS[1], "from": 9}]}]},
            "/factors/0/bands/1",
            "bands_overlap",
        ),
        ({"fiocca": {"low": 7, "high": 3}}, "/fiocca", "limits_not_ascending"),
        ({"cuts": {"relative_strength": 0}}, "/cuts/relative_strength", "greater_than"),
        ({"cuts": {"relative_strength": "1"}}, "/cuts/relative_strength", "number_type"),
        ({"dead_band": 6}, "/dead_band", "less_than_equal"),
        ({"factors": []}, "/factors", "too_short"),
    ],
)
async def test_senseless_models_are_refused_with_the_place(
    client: httpx.AsyncClient, members: dict[str, Any], pointer: str, code: str
) -> None:
    answer = await client.post("/v1/scoring-models", json={"name": "Bad", "factors": FACTORS, **members})
    assert answer.status_code == 422, answer.text
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)


async def test_activation_retires_the_model_before_and_moves_the_accounts(
    client: httpx.AsyncClient, services: Services
) -> None:
    first = await add(client, activate=True)
    moving, staying = await scored(client, 8, 2), await scored(client, 9, 9)
    before = len(await told(services))
    second = await add(client, factors=[{**FACTORS[0], "weight": 20}, {**FACTORS[1], "weight": 80}], activate=True)
    assert second["state"] == "active" and second["version"] == 2
    assert (await client.get(f"/v1/scoring-models/{first['id']}")).json()["state"] == "retired"
    result = (await client.get(f"{moving}/classification")).json()
    assert result["attractiveness"]["score"] == 3.2 and result["quadrant"] == "status"
    assert result["model"]["version"] == second["number"]
    assert (await client.get(moving)).json()["quadrant"] == "status"
    new = (await told(services))[before:]
    assert new[0][0] == "scoring_model.activated"
    assert new[0][1]["previous"] == {"id": first["id"], "name": "Growth", "number": first["number"]}
    moved = [data for kind, data in new if kind == "account.quadrant_changed"]
    assert [(data["previous"]["quadrant"], data["current"]["quadrant"], data["cause"]) for data in moved] == [
        ("strategic", "status", "scoring_model")
    ]
    assert moved[0]["factors"] == [
        {"axis": "attractiveness", "factor": "a", "previous": {"weight": 60}, "current": {"weight": 20}},
        {"axis": "attractiveness", "factor": "b", "previous": {"weight": 40}, "current": {"weight": 80}},
    ]
    history = (await client.get(f"{moving}/classification/history")).json()["items"]
    assert [entry["cause"] for entry in history] == ["scoring_model", "business_strength", "attractiveness"]
    assert [entry["model_id"] for entry in history] == [second["id"], first["id"], first["id"]]
    etag = (await client.get(f"{moving}/classification")).headers["etag"]
    assert etag == f'"v{(await client.get(moving)).json()["version"]}"'
    history = (await client.get(f"{staying}/classification/history")).json()["items"]
    assert [entry["cause"] for entry in history] == ["business_strength", "attractiveness"]  # it stands where it stood
    answer = await client.get(f"{staying}/classification")
    assert answer.json()["model"]["id"] == second["id"] and (await client.get(staying)).json()["version"] == 3
    assert "etag" not in answer.headers  # it changed with the model, and the account's version did not


async def test_activating_the_active_model_changes_nothing(client: httpx.AsyncClient, services: Services) -> None:
    model = await add(client, activate=True)
    await scored(client, 8, 2)
    before = len(await told(services))
    again = await client.post(f"/v1/scoring-models/{model['id']}/activate")
    assert again.status_code == 200 and again.json() == model
    assert len(await told(services)) == before


async def test_a_retired_model_can_come_back_and_scores_it_needs_were_kept(client: httpx.AsyncClient) -> None:
    first = await add(client, activate=True)
    account = await scored(client, 8, 8)
    await add(client, factors=[{"key": "z", "name": "Z", "weight": 100}], activate=True)
    result = (await client.get(f"{account}/classification")).json()
    assert result["status"] == "incomplete" and result["missing"] == ["z"] and result["quadrant"] is None
    await client.put(f"{account}/attractiveness", json={"scores": [{"factor": "z", "score": 1}]})
    assert (await client.get(f"{account}/classification")).json()["quadrant"] == "status"
    kept = (await client.get(f"{account}/attractiveness")).json()["scores"]
    assert [score["factor"] for score in kept] == ["a", "b", "z"]
    await client.post(f"/v1/scoring-models/{first['id']}/activate")
    assert (await client.get(f"{account}/classification")).json()["quadrant"] == "strategic"


async def test_a_metric_is_read_through_the_new_bands(client: httpx.AsyncClient) -> None:
    await add(client, factors=[{"key": "a", "name": "A", "weight": 100, "bands": BANDS}], activate=True)
    made = await client.post("/v1/accounts", json={"name": "Aurelia Robotics"})
    path = f"/v1/accounts/{made.json()['id']}"
    await client.put(f"{path}/attractiveness", json={"scores": [{"factor": "a", "metric": 12}]})
    higher = [{"to": 12, "score": 4}, {"from": 12, "score": 8}]
    await add(client, factors=[{"key": "a", "name": "A", "weight": 100, "bands": higher}], activate=True)
    assert (await client.get(f"{path}/classification")).json()["attractiveness"]["score"] == 8


async def test_the_dead_band_holds_an_account_and_a_new_model_does_not(
    client: httpx.AsyncClient, services: Services
) -> None:
    await add(client, dead_band=0.5, activate=True)
    account = await scored(client, 5, 5)
    held = await client.put(
        f"{account}/attractiveness", json={"scores": [{"factor": "a", "score": 4.8}, {"factor": "b", "score": 4.8}]}
    )
    assert held.json()["quadrant"] == "strategic" and held.json()["raw_quadrant"] == "status"
    await add(client, name="Without", activate=True)
    assert (await client.get(f"{account}/classification")).json()["quadrant"] == "status"


async def test_a_cut_in_the_middle_of_the_range_is_never_a_stale_one(
    client: httpx.AsyncClient, services: Services
) -> None:
    """Until there is a range the model's own number stands; a range that is read anew counts at once."""
    model = await add(client, cuts={"attractiveness_rule": "range_middle"}, activate=True)
    account = await scored(client, 5, 5)
    assert (await client.get(f"{account}/classification")).json()["quadrant"] == "strategic"
    for number, (low, high, cut, quadrant) in enumerate(
        [("2", "9", 5.5, "status"), ("2", "7.9998", 4.9999, "strategic")]
    ):
        async with services.database.transaction() as writer:
            now = datetime(2026, 11, 22, tzinfo=UTC)
            await writer.execute(_SET_RANGE, b_id=model["id"], low=Decimal(low), high=Decimal(high), at=now)
        scores = [{"factor": "a", "score": 5}, {"factor": "b", "score": 5, "evidence": f"Report {number}"}]
        result = (await client.put(f"{account}/attractiveness", json={"scores": scores})).json()
        assert (result["quadrant"], result["borders"][0]["cut"]) == (quadrant, cut)
        matrix = (await client.get("/v1/portfolio/matrix")).json()
        assert matrix["cuts"] == {"attractiveness": cut, "relative_strength": 1}
        read = (await client.get(f"/v1/scoring-models/{model['id']}")).json()
        assert (read["range_low"], read["range_high"], read["cuts"]["attractiveness"]) == (float(low), float(high), 5)
        assert read["range_at"] == "2026-11-22T00:00:00.000000Z"


async def test_the_border_width_is_the_models(client: httpx.AsyncClient) -> None:
    await add(client, border_width={"attractiveness": 1, "relative_strength": 0.2}, activate=True)
    account = await scored(client, 5.9, 5.9)
    result = (await client.get(f"{account}/classification")).json()
    assert [border["borderline"] for border in result["borders"]] == [True, True]
    assert result["fiocca"]["attractiveness_near_limit"] is False


async def test_activations_and_writers_at_once_leave_everybody_on_one_model(
    client: httpx.AsyncClient, services: Services
) -> None:
    await add(client, activate=True)
    accounts = [await scored(client, 8, 2) for _ in range(3)]
    fresh = f"/v1/accounts/{(await client.post('/v1/accounts', json={'name': 'Fresh'})).json()['id']}"
    models = [await add(client, name=f"Model {number}") for number in range(3)]
    answers = await asyncio.gather(
        *(client.post(f"/v1/scoring-models/{model['id']}/activate") for model in models),
        *(
            client.put(
                f"{path}/attractiveness", json={"scores": [{"factor": "a", "score": 3}, {"factor": "b", "score": 3}]}
            )
            for path in [*accounts, fresh]
        ),
    )
    assert [answer.status_code for answer in answers] == [200] * 7
    active = (await client.get("/v1/scoring-models", params={"state": "active"})).json()["items"]
    assert len(active) == 1
    for path in [*accounts, fresh]:
        result = (await client.get(f"{path}/classification")).json()
        assert result["model"]["id"] == active[0]["id"] and result["attractiveness"]["score"] == 3


async def test_an_activation_is_a_constant_number_of_statements_per_batch(
    client: httpx.AsyncClient, services: Services
) -> None:
    async def counted() -> int:
        model = await add(client)
        before = services.database.statements
        assert (await client.post(f"/v1/scoring-models/{model['id']}/activate")).status_code == 200
        return services.database.statements - before

    await add(client, activate=True)
    for _ in range(2):
        await scored(client, 8, 2)
    few = await counted()
    for _ in range(6):
        await scored(client, 8, 2)
    assert await counted() == few


async def test_models_need_their_scopes_and_versions(
    client: httpx.AsyncClient, make_client: Callable[..., Any]
) -> None:
    model = await add(client)
    reader = await make_client("classification:read")
    assert (await reader.get("/v1/scoring-models")).status_code == 200
    assert (await reader.post("/v1/scoring-models", json={"name": "G", "factors": FACTORS})).status_code == 403
    path = f"/v1/scoring-models/{model['id']}/activate"
    assert (await client.post(path, headers={"If-Match": '"v9"'})).status_code == 412
    assert (await client.post(path, headers={"If-Match": '"v1"'})).status_code == 200
    nobody = "/v1/scoring-models/01890000-0000-7000-8000-000000000000"
    assert (await client.get(nobody)).status_code == 404
    assert (await client.post(f"{nobody}/activate")).status_code == 404
