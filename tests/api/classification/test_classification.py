"""Classification through HTTP, on both databases: inputs in; quadrant, cell, history and events out, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest
import sqlalchemy as sa

from service.framework.database.statements import Statement
from service.models.events.events import events
from service.operations.classification.scoring_models import ensure_default_model
from service.records.context import Services

_EVENTS = Statement(sa.select(events.c.type, events.c.body).order_by(events.c.seq))
HIGH = [
    {"factor": "spend_available", "score": 8},
    {"factor": "growth", "score": 8},
    {"factor": "profit_potential", "score": 8},
]
BOOK_FACTORS = [
    {"key": "a", "name": "A", "weight": 50},
    {"key": "b", "name": "B", "weight": 30},
    {"key": "c", "name": "C", "weight": 20},
]
BOOK_STRENGTH = {
    "factors": [
        {"name": "Service", "weight": 60, "ours": 7, "competitors": {"X": 8, "Y": 5}},
        {"name": "Price", "weight": 40, "ours": 6, "competitors": {"X": 5, "Y": 9}},
    ]
}


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """What the first start does."""
    await ensure_default_model(services)


async def create(client: httpx.AsyncClient, **members: Any) -> str:
    """Create an account; its path."""
    answer = await client.post("/v1/accounts", json={"name": "Aurelia Robotics", **members})
    return f"/v1/accounts/{answer.json()['id']}"


async def book_model(client: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    """Activate the model of the method's worked example."""
    made = await client.post("/v1/scoring-models", json={"name": "Book", "factors": BOOK_FACTORS, **members})
    assert made.status_code == 201, made.text
    answer = await client.post(f"/v1/scoring-models/{made.json()['id']}/activate")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def scores(**given: float) -> dict[str, Any]:
    return {"scores": [{"factor": key, "score": value} for key, value in given.items()]}


def strength(ours: float, theirs: float) -> dict[str, Any]:
    return {"factors": [{"name": "Service", "weight": 100, "ours": ours, "competitors": {"X": theirs}}]}


async def told(services: Services, *types: str) -> list[dict[str, Any]]:
    """The events of these types in the outbox, in order; without types all but account.created."""
    async with services.database.reading() as reader:
        rows = await reader.all(_EVENTS)
    return [
        {"type": row["type"], **orjson.loads(row["body"])["data"]}
        for row in rows
        if (row["type"] in types if types else row["type"] not in ("account.created", "scoring_model.activated"))
    ]


async def test_the_worked_example_of_the_method(client: httpx.AsyncClient, services: Services) -> None:
    model = await book_model(client)
    account = await create(client)
    first = await client.put(f"{account}/attractiveness", json=scores(a=8, b=5, c=4))
    assert first.status_code == 200, first.text
    assert first.json()["attractiveness"]["score"] == 6.3
    assert first.json()["status"] == "incomplete" and first.json()["missing"] == ["business_strength"]
    assert first.json()["quadrant"] is None and first.json()["investment_strategy"] is None
    answer = await client.put(f"{account}/business-strength", json=BOOK_STRENGTH)
    result = answer.json()
    assert answer.status_code == 200 and result["status"] == "complete" and result["missing"] == []
    shared = {"ratings": 1}
    assert result["attractiveness"]["contributions"] == [
        {"factor": "a", "name": "A", "weight": 50, "score": 8, "total": 8, **shared, "points": 4, "share": 0.6349},
        {"factor": "b", "name": "B", "weight": 30, "score": 5, "total": 5, **shared, "points": 1.5, "share": 0.2381},
        {"factor": "c", "name": "C", "weight": 20, "score": 4, "total": 4, **shared, "points": 0.8, "share": 0.127},
    ]
    strengths = result["business_strength"]
    assert strengths["ours"] == 6.6 and strengths["competitors"] == [
        {"name": "X", "total": 6.8},
        {"name": "Y", "total": 6.6},
    ]
    assert strengths["best_competitor"] == "X" and strengths["relative_strength"] == 0.970588
    assert result["quadrant"] == result["raw_quadrant"] == "star"
    assert result["investment_strategy"] == "selective investment"
    assert result["fiocca"]["attractiveness"] == "medium" and result["fiocca"]["position"] == "average"
    assert result["fiocca"]["verbs"] == ["maintain_selectively"]
    assert [border["borderline"] for border in result["borders"]] == [False, True]
    assert result["model"] == {"id": model["id"], "name": "Book", "version": 2}
    assert result["classified_at"] == "2026-11-21T12:00:00.000000Z"
    assert (await client.get(f"{account}/classification")).json() == result
    read = (await client.get(account)).json()
    assert read["quadrant"] == "star" and read["quadrant_source"] == "computed"
    assert (read["attractiveness"], read["business_strength"], read["relative_strength"]) == (6.3, 6.6, 0.970588)
    assert read["classification_status"] == "complete" and read["fiocca"]["verbs"] == ["maintain_selectively"]
    assert answer.headers["etag"] == f'"v{read["version"]}"' and read["version"] == 3


async def test_a_quadrant_change_is_told_with_what_led_to_it(client: httpx.AsyncClient, services: Services) -> None:
    model = await book_model(client)
    account = await create(client, refs=[{"system": "erp", "external_id": "A1"}])
    await client.put(f"{account}/attractiveness", json=scores(a=8, b=5, c=4))
    await client.put(f"{account}/business-strength", json=strength(7, 6))
    await client.put(f"{account}/attractiveness", json=scores(a=2, b=5, c=4))
    types = [event["type"] for event in await told(services)]
    assert types == [
        "portfolio.reclassified",  # when the model was activated
        "account.classified",
        "account.classified",
        "account.quadrant_changed",
        "account.classified",
        "account.quadrant_changed",
    ]
    first, second = await told(services, "account.quadrant_changed")
    assert first["previous"] == {"quadrant": None, "attractiveness": 6.3, "relative_strength": None}
    assert first["current"] == {"quadrant": "strategic", "attractiveness": 6.3, "relative_strength": 1.166667}
    assert first["changed"] == ["quadrant", "relative_strength"] and first["cause"] == "business_strength"
    assert first["account"]["refs"] == [{"system": "erp", "external_id": "A1"}] and first["account"]["version"] == 3
    assert second["previous"]["quadrant"] == "strategic" and second["current"]["quadrant"] == "status"
    assert second["factors"] == [
        {
            "axis": "attractiveness",
            "factor": "a",
            "previous": {"weight": 50, "score": 8},
            "current": {"weight": 50, "score": 2},
        }
    ]
    assert second["model"] == {"id": model["id"], "name": "Book", "version": 2} and second["cause"] == "attractiveness"


async def test_the_same_values_twice_write_and_send_nothing(client: httpx.AsyncClient, services: Services) -> None:
    await book_model(client)
    account = await create(client)
    bodies = {"attractiveness": scores(a=8.123456789, b=5, c=1 / 3), "business-strength": BOOK_STRENGTH}
    for path, body in bodies.items():
        await client.put(f"{account}/{path}", json=body)
    before = (await client.get(account)).json()
    events_before = len(await told(services))
    for path, body in bodies.items():
        answer = await client.put(f"{account}/{path}", json=body)
        assert answer.status_code == 200 and answer.json()["quadrant"] == "star"
        assert answer.json() == (await client.get(f"{account}/classification")).json()
    assert (await client.get(account)).json() == before
    assert len(await told(services)) == events_before
    history = (await client.get(f"{account}/classification/history")).json()
    assert len(history["items"]) == 2


async def test_the_history_is_newest_first_also_within_one_instant(client: httpx.AsyncClient) -> None:
    await book_model(client)
    account = await create(client)
    for value in (1, 2, 3, 4):
        await client.put(f"{account}/attractiveness", json=scores(a=value, b=5, c=4))
    first = (await client.get(f"{account}/classification/history", params={"limit": 3})).json()
    rest = (await client.get(f"{account}/classification/history", params={"after": first["next_cursor"]})).json()
    listed = [*first["items"], *rest["items"]]
    assert [entry["account_version"] for entry in listed] == [5, 4, 3, 2] and rest["has_more"] is False
    now = (await client.get(f"{account}/classification")).json()
    assert [entry["attractiveness"] for entry in listed] == [4.3, 3.8, 3.3, 2.8]
    last = listed[0]
    assert last["cause"] == "attractiveness" and last["reason"] is None and last["recorded_by"]
    assert last["model_id"] == now["model"]["id"] and last["missing"] == now["missing"] == ["business_strength"]
    assert last["attractiveness"] == now["attractiveness"]["score"] and last["classified_at"] == now["classified_at"]
    kept = {"a": {"total": "4", "ratings": 1}, "b": {"total": "5", "ratings": 1}, "c": {"total": "4", "ratings": 1}}
    assert last["inputs"] == {"scores": kept, "strength": None}
    await client.put(f"{account}/business-strength", json=strength(7, 6))
    (newest, *_) = (await client.get(f"{account}/classification/history")).json()["items"]
    assert newest["inputs"] == {"scores": kept, "strength": {**strength(7, 6), "no_known_competitor": False}}
    assert (newest["quadrant"], newest["quadrant_source"], newest["raw_quadrant"]) == ("status", "computed", "status")


async def test_evidence_alone_changes_the_inputs_and_tells_nothing(
    client: httpx.AsyncClient, services: Services
) -> None:
    await book_model(client)
    account = await create(client)
    rater = (await client.post("/v1/people", json={"name": "Ada"})).json()["id"]
    body = {"scores": [{"factor": "a", "score": 8, "evidence": "Annual report", "rater_id": rater}]}
    await client.put(f"{account}/attractiveness", json=scores(a=8))
    count = len(await told(services))
    answer = await client.put(f"{account}/attractiveness", json=body)
    assert answer.status_code == 200, answer.text
    stored = await client.get(f"{account}/attractiveness")
    (rating,) = stored.json()["scores"]
    assert rating.pop("id") and rating == (
        {"factor": "a", "score": 8, "metric": None, "evidence": "Annual report", "rater_id": rater,
         "scored_at": "2026-11-21T12:00:00.000000Z", "chosen": False}
    )  # fmt: skip
    assert stored.headers["etag"] == answer.headers["etag"] == '"v3"'
    assert len(await told(services)) == count
    assert len((await client.get(f"{account}/classification/history")).json()["items"]) == 1


async def test_metrics_are_read_through_the_bands(client: httpx.AsyncClient) -> None:
    account = await create(client)
    body = {"scores": [{"factor": "growth", "metric": 9.99999}, {"factor": "spend_available", "metric": 250000}]}
    result = (await client.put(f"{account}/attractiveness", json=body)).json()
    assert [(one["factor"], one["score"]) for one in result["attractiveness"]["contributions"]] == [
        ("spend_available", 5),
        ("growth", 5),
    ]
    assert result["missing"] == ["profit_potential", "business_strength"]
    stored = (await client.get(f"{account}/attractiveness")).json()["scores"]
    assert [(one["factor"], one["score"], one["metric"]) for one in stored] == [
        ("growth", 5, 9.99999),
        ("spend_available", 5, 250000),
    ]


@pytest.mark.parametrize("score", [4.99999, 4.9999999, 4.999999999999999])
async def test_no_rounding_moves_an_account_across_a_border(client: httpx.AsyncClient, score: float) -> None:
    await book_model(client)
    account = await create(client)
    await client.put(f"{account}/business-strength", json=strength(7, 7))
    below = (await client.put(f"{account}/attractiveness", json=scores(a=score, b=5, c=5))).json()
    assert below["quadrant"] == "status"
    assert (await client.get(f"{account}/attractiveness")).json()["scores"][0]["score"] == score
    on_it = (await client.put(f"{account}/attractiveness", json=scores(a=5, b=5, c=5))).json()
    assert on_it["quadrant"] == "strategic"
    weaker = (await client.put(f"{account}/business-strength", json=strength(6.9999999999, 7))).json()
    assert weaker["quadrant"] == "star"


async def test_scores_left_out_are_gone_and_make_the_account_incomplete(
    client: httpx.AsyncClient, services: Services
) -> None:
    await book_model(client)
    account = await create(client)
    await client.put(f"{account}/attractiveness", json=scores(a=8, b=5, c=4))
    await client.put(f"{account}/business-strength", json=strength(7, 6))
    result = (await client.put(f"{account}/attractiveness", json=scores(a=8, b=5))).json()
    assert result["status"] == "incomplete" and result["missing"] == ["c"] and result["quadrant"] is None
    read = (await client.get(account)).json()
    assert (
        read["quadrant"] is None and read["quadrant_source"] is None and read["classification_status"] == "incomplete"
    )
    last = (await told(services, "account.quadrant_changed"))[-1]
    assert last["previous"]["quadrant"] == "strategic" and last["current"]["quadrant"] is None


async def test_without_a_competitor_our_own_total_decides(client: httpx.AsyncClient) -> None:
    await book_model(client)
    account = await create(client)
    await client.put(f"{account}/attractiveness", json=scores(a=8, b=8, c=8))
    alone = {"factors": [{"name": "Service", "weight": 100, "ours": 5}], "no_known_competitor": True}
    result = (await client.put(f"{account}/business-strength", json=alone)).json()
    assert result["quadrant"] == "strategic" and result["business_strength"]["rule"] == "absolute"
    assert (
        result["business_strength"]["relative_strength"] is None
        and result["business_strength"]["best_competitor"] is None
    )


async def test_a_best_competitor_of_zero_leaves_the_account_incomplete_and_says_so(client: httpx.AsyncClient) -> None:
    await book_model(client)
    account = await create(client)
    await client.put(f"{account}/attractiveness", json=scores(a=8, b=8, c=8))
    result = (await client.put(f"{account}/business-strength", json=strength(7, 0))).json()
    assert result["status"] == "incomplete" and result["missing"] == ["relative_strength"]
    assert result["reasons"][0]["code"] == "relative_strength_undefined" and result["fiocca"]["position"] == "strong"


async def test_a_tiny_competitor_gives_a_huge_ratio_and_no_failure(client: httpx.AsyncClient) -> None:
    await book_model(client)
    account = await create(client)
    await client.put(f"{account}/attractiveness", json=scores(a=1e-17, b=8, c=8))
    result = await client.put(f"{account}/business-strength", json=strength(10, 1e-17))
    assert result.status_code == 200 and result.json()["quadrant"] is not None
    assert (await client.get(account)).json()["relative_strength"] == 99999999


@pytest.mark.parametrize(
    ("score", "pointer", "code"),
    [
        ({"factor": "nowhere", "score": 5}, "/scores/0/factor", "unknown_factor"),
        ({"factor": "growth"}, "/scores/0", "score_or_metric"),
        ({"factor": "growth", "score": 5, "metric": 5}, "/scores/0", "score_or_metric"),
        ({"factor": "prestige", "metric": 5}, "/scores/0/metric", "factor_has_no_bands"),
        ({"factor": "growth", "score": 10.00000001}, "/scores/0/score", "less_than_equal"),
        ({"factor": "growth", "score": "5"}, "/scores/0/score", "number_type"),
        ({"factor": "growth", "score": 5, "rater_id": "01890000-0000-7000-8000-000000000000"}, "/scores/0/rater_id",
         "unknown_reference"),
        ({"factor": "growth", "score": 5, "points": 1}, "/scores/0/points", "extra_forbidden"),
    ],
)  # fmt: skip
async def test_bad_scores_are_refused_by_name(client: httpx.AsyncClient, score: Any, pointer: str, code: str) -> None:
    account = await create(client)
    answer = await client.put(f"{account}/attractiveness", json={"scores": [score]})
    assert answer.status_code == 422, answer.text
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)
    assert (await client.get(f"{account}/attractiveness")).json()["scores"] == []


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"weight": 99}, "/factors", "weights_do_not_sum_to_100"),
        ({"weight": 105}, "/factors/0/weight", "weight_out_of_range"),
        ({"competitors": {}}, "/factors", "competitor_needed"),
        ({"ours": 11}, "/factors/0/ours", "less_than_equal"),
        ({"competitors": {"X/Y": 11}}, "/factors/0/competitors/X~1Y", "less_than_equal"),
    ],
)
async def test_bad_success_factors_are_refused_by_name(
    client: httpx.AsyncClient, change: dict[str, Any], pointer: str, code: str
) -> None:
    account = await create(client)
    body = strength(7, 6)
    body["factors"][0] |= change
    answer = await client.put(f"{account}/business-strength", json=body)
    assert answer.status_code == 422, answer.text
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)


async def test_only_a_live_stakeholder_of_this_account_confirms(client: httpx.AsyncClient) -> None:
    account, other = await create(client), await create(client)
    ours = (await client.post(f"{account}/stakeholders", json={"name": "Bo"})).json()["id"]
    theirs = (await client.post(f"{other}/stakeholders", json={"name": "Cy"})).json()["id"]
    refused = await client.put(f"{account}/business-strength", json={**strength(7, 6), "confirmed_by_id": theirs})
    assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "/confirmed_by_id"
    taken = await client.put(f"{account}/business-strength", json={**strength(7, 6), "confirmed_by_id": ours})
    assert taken.status_code == 200
    stored = (await client.get(f"{account}/business-strength")).json()
    assert stored["confirmed_by_id"] == ours and stored["no_known_competitor"] is False
    assert stored["factors"] == [{"name": "Service", "weight": 100, "ours": 7, "competitors": {"X": 6}}]
    await client.delete(f"/v1/stakeholders/{ours}")
    again = await client.put(f"{account}/business-strength", json={**strength(7, 5), "confirmed_by_id": ours})
    assert again.status_code == 422


async def test_an_account_that_nobody_scored_says_what_is_missing(client: httpx.AsyncClient) -> None:
    account = await create(client)
    answer = await client.get(f"{account}/classification")
    assert answer.status_code == 200 and "etag" not in answer.headers
    result = answer.json()
    assert result["missing"] == ["spend_available", "growth", "profit_potential", "business_strength"]
    assert result["classified_at"] is None and result["model"]["name"] == "Default" and result["quadrant"] is None
    empty = (await client.get(f"{account}/business-strength")).json()
    assert empty["factors"] == [] and empty["updated_at"] is None
    assert (await client.get(f"{account}/classification/history")).json()["items"] == []


async def test_a_stale_version_is_refused_and_a_retry_gets_the_first_answer(
    client: httpx.AsyncClient, services: Services
) -> None:
    account = await create(client)
    stale = await client.put(f"{account}/attractiveness", json={"scores": HIGH}, headers={"If-Match": '"v7"'})
    assert stale.status_code == 412 and stale.json()["current_version"] == 1
    headers = {"If-Match": '"v1"', "Idempotency-Key": "once"}
    first = await client.put(f"{account}/attractiveness", json={"scores": HIGH}, headers=headers)
    again = await client.put(f"{account}/attractiveness", json={"scores": HIGH}, headers=headers)
    assert first.status_code == again.status_code == 200 and first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true" and again.headers["etag"] == first.headers["etag"] == '"v2"'
    assert len(await told(services)) == 1


async def test_unknown_accounts_are_404_everywhere(client: httpx.AsyncClient) -> None:
    path = "/v1/accounts/01890000-0000-7000-8000-000000000000"
    for part in ("attractiveness", "business-strength", "classification", "classification/history"):
        assert (await client.get(f"{path}/{part}")).status_code == 404
    assert (await client.put(f"{path}/attractiveness", json={"scores": HIGH})).status_code == 404
    assert (await client.put(f"{path}/business-strength", json=strength(7, 6))).status_code == 404


async def test_scopes(client: httpx.AsyncClient, make_client: Callable[..., Any]) -> None:
    account = await create(client)
    reader = await make_client("classification:read")
    assert (await reader.get(f"{account}/classification")).status_code == 200
    refused = await reader.put(f"{account}/attractiveness", json={"scores": HIGH})
    assert refused.status_code == 403 and refused.json()["required_scope"] == "classification:write"
    stranger = await make_client("accounts:*")
    assert (await stranger.get(f"{account}/classification")).status_code == 403


async def test_a_write_is_few_statements(client: httpx.AsyncClient, services: Services) -> None:
    account, kind = await create(client), services.database.kind
    await client.put(f"{account}/attractiveness", json={"scores": HIGH})

    async def counted(path: str, body: dict[str, Any]) -> int:
        before = services.database.statements
        assert (await client.put(f"{account}/{path}", json=body)).status_code == 200
        return services.database.statements - before

    lower = [{**score, "score": 3} for score in HIGH]
    postgresql = kind == "postgresql"
    assert await counted("attractiveness", {"scores": lower}) == (10 if postgresql else 9)
    assert await counted("attractiveness", {"scores": lower}) == (5 if postgresql else 4)
    assert await counted("business-strength", strength(7, 6)) == (9 if postgresql else 8)
    before = services.database.statements
    await client.get(f"{account}/classification")
    assert services.database.statements - before == 1


async def test_writers_of_both_axes_at_once_end_with_both(client: httpx.AsyncClient, services: Services) -> None:
    await book_model(client)
    account = await create(client)
    await asyncio.gather(
        *(client.put(f"{account}/attractiveness", json=scores(a=8, b=8, c=value)) for value in (6, 7, 8)),
        *(client.put(f"{account}/business-strength", json=strength(7, value)) for value in (4, 5, 6)),
    )
    read = (await client.get(f"{account}/classification")).json()
    assert read["quadrant"] == "strategic" and read["version"] == 7
    changes = await told(services, "account.quadrant_changed")
    assert [change["current"]["quadrant"] for change in changes] == ["strategic"]
    versions = [event["account"]["version"] for event in await told(services, "account.classified")]
    assert versions == [2, 3, 4, 5, 6, 7]
