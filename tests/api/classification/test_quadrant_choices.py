"""A manager's choices beside the scores, through HTTP: overrides and their end, confirmations, leading verbs."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import Any

import httpx
import pytest

from service.operations.classification.quadrant_choices import expire_overrides
from service.operations.classification.scoring_models import ensure_default_model
from service.records.context import Services
from service.worker import Worker
from tests.api.classification.test_classification import book_model, create, scores, strength, told

OSCILLATIONS = 1000 if os.environ.get("KAM_TEST_LONG") == "1" else 200

OVERRIDE = {"quadrant": "star", "reason": "A merger is under way", "expires_at": "2027-02-01T00:00:00Z"}


@pytest.fixture(autouse=True)
async def default_model(services: Services) -> None:
    """What the first start does."""
    await ensure_default_model(services)


async def placed(
    client: httpx.AsyncClient, value: float = 8, ours: float = 7, theirs: float = 6, **members: Any
) -> str:
    """A classified account on the book's model."""
    await book_model(client, **members)
    account = await create(client)
    await client.put(f"{account}/attractiveness", json=scores(a=value, b=value, c=value))
    await client.put(f"{account}/business-strength", json=strength(ours, theirs))
    return account


async def history(client: httpx.AsyncClient, account: str) -> list[dict[str, Any]]:
    return list((await client.get(f"{account}/classification/history")).json()["items"])


async def test_an_override_holds_with_the_scores_judged_underneath(
    client: httpx.AsyncClient, services: Services
) -> None:
    account = await placed(client)
    assert (await client.get(f"{account}/quadrant-override")).status_code == 404
    before = len(await told(services))
    answer = await client.put(f"{account}/quadrant-override", json=OVERRIDE)
    result = answer.json()
    assert answer.status_code == 200, answer.text
    assert (result["quadrant"], result["quadrant_source"]) == ("star", "override")
    assert result["computed_quadrant"] == result["raw_quadrant"] == "strategic"
    assert (
        result["investment_strategy"] == "selective investment" and result["override"]["reason"] == OVERRIDE["reason"]
    )
    assert (await client.get(f"{account}/classification")).json() == result
    new = (await told(services))[before:]
    assert [event["type"] for event in new] == ["account.classified", "account.quadrant_changed"]
    assert new[1]["cause"] == "override" and new[1]["reason"] == OVERRIDE["reason"]
    assert (new[1]["previous"]["quadrant"], new[1]["current"]["quadrant"]) == ("strategic", "star")
    read = (await client.get(account)).json()
    assert (read["quadrant"], read["quadrant_source"]) == ("star", "override")
    stored = (await client.get(f"{account}/quadrant-override")).json()
    assert stored["expires_at"] == "2027-02-01T00:00:00.000000Z" and stored["recorded_by"]
    lower = (await client.put(f"{account}/attractiveness", json=scores(a=2, b=2, c=2))).json()
    assert (lower["quadrant"], lower["computed_quadrant"], lower["raw_quadrant"]) == ("star", "status", "status")
    assert [event["type"] for event in (await told(services))[before + 2 :]] == ["account.classified"]
    gone = await client.delete(f"{account}/quadrant-override")
    assert gone.status_code == 204 and (await client.delete(f"{account}/quadrant-override")).status_code == 404
    read = (await client.get(account)).json()
    assert (read["quadrant"], read["quadrant_source"]) == ("status", "computed")
    assert [entry["cause"] for entry in await history(client, account)][:3] == [
        "override_removed", "attractiveness", "override"
    ]  # fmt: skip


async def test_the_same_override_twice_is_silent_and_another_reason_is_kept(
    client: httpx.AsyncClient, services: Services
) -> None:
    account = await placed(client)
    first = await client.put(f"{account}/quadrant-override", json=OVERRIDE)
    count = len(await told(services))
    again = await client.put(f"{account}/quadrant-override", json=OVERRIDE)
    assert again.json() == first.json() and again.headers["etag"] == first.headers["etag"]
    other = await client.put(f"{account}/quadrant-override", json={**OVERRIDE, "reason": "It goes on"})
    assert other.json()["override"]["reason"] == "It goes on" and len(await told(services)) == count
    assert [entry["reason"] for entry in await history(client, account)][:2] == ["It goes on", OVERRIDE["reason"]]


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"expires_at": "2026-11-21T12:00:00Z"}, "/expires_at", "in_the_past"),
        ({"expires_at": "2027-11-23T12:00:00Z"}, "/expires_at", "too_far_ahead"),
        ({"expires_at": None}, "/expires_at", "instant_format"),
        ({"reason": ""}, "/reason", "string_too_short"),
        ({"quadrant": "lead"}, "/quadrant", "enum"),
    ],
)
async def test_an_override_needs_a_reason_and_an_end(
    client: httpx.AsyncClient, change: dict[str, Any], pointer: str, code: str
) -> None:
    account = await create(client)
    answer = await client.put(f"{account}/quadrant-override", json={**OVERRIDE, **change})
    assert answer.status_code == 422, answer.text
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)


async def test_an_override_ends_by_itself_once_and_that_is_told(client: httpx.AsyncClient, services: Services) -> None:
    account, other = await placed(client), await create(client)
    await client.put(f"{account}/quadrant-override", json=OVERRIDE)
    await client.put(f"{other}/quadrant-override", json={**OVERRIDE, "expires_at": "2027-06-01T00:00:00Z"})
    count = len(await told(services))
    assert await expire_overrides(services) == 0
    services.clock.advance(timedelta(days=80))  # type: ignore[attr-defined]
    assert sum(await asyncio.gather(*(expire_overrides(services) for _ in range(4)))) == 1
    new = (await told(services))[count:]
    assert [event["type"] for event in new] == ["account.classified", "account.quadrant_changed"]
    assert new[1]["cause"] == "override_expired" and new[1]["current"]["quadrant"] == "strategic"
    assert (await client.get(account)).json()["quadrant_source"] == "computed"
    assert (await client.get(f"{account}/quadrant-override")).status_code == 404
    assert (await client.get(other)).json()["quadrant"] == "star"  # nobody scored it, somebody placed it
    assert (await history(client, account))[0]["cause"] == "override_expired"


async def test_a_running_worker_ends_an_override_within_its_poll(client: httpx.AsyncClient, services: Services) -> None:
    account = await placed(client)
    await client.put(f"{account}/quadrant-override", json=OVERRIDE)
    services.settings.delivery_poll_seconds = 0.05
    services.clock.advance(timedelta(days=80))  # type: ignore[attr-defined]
    async with Worker(services).running(), asyncio.timeout(10):
        while (await client.get(account)).json()["quadrant_source"] == "override":
            await asyncio.sleep(0.01)
    assert (await history(client, account))[0]["cause"] == "override_expired"


async def test_looking_for_lapsed_overrides_is_one_read(client: httpx.AsyncClient, services: Services) -> None:
    account = await placed(client)
    await client.put(f"{account}/quadrant-override", json=OVERRIDE)
    before = services.database.statements
    assert await expire_overrides(services) == 0
    assert services.database.statements - before == 1


async def test_the_dead_band_holds_until_a_manager_confirms(client: httpx.AsyncClient, services: Services) -> None:
    account = await placed(client, 5.2, dead_band=0.5)
    none = await client.post(f"{account}/classification/confirm", json={"reason": "Sure"})
    assert none.status_code == 409 and none.json()["code"] == "nothing_to_confirm"
    held = (await client.put(f"{account}/attractiveness", json=scores(a=4.8, b=4.8, c=4.8))).json()
    assert (held["quadrant"], held["computed_quadrant"], held["raw_quadrant"]) == ("strategic", "strategic", "status")
    count = len(await told(services))
    answer = await client.post(f"{account}/classification/confirm", json={"reason": "They said so"})
    assert answer.status_code == 200 and answer.json()["quadrant"] == "status"
    new = (await told(services))[count:]
    assert [event["type"] for event in new] == ["account.classified", "account.quadrant_changed"]
    assert new[1]["cause"] == "confirmation" and new[1]["reason"] == "They said so"
    (entry, *_) = await history(client, account)
    assert (entry["cause"], entry["reason"]) == ("confirmation", "They said so") and entry["recorded_by"]
    again = (await client.put(f"{account}/attractiveness", json=scores(a=5.2, b=5.2, c=5.2))).json()
    assert again["quadrant"] == "status" and again["raw_quadrant"] == "strategic"  # held on the confirmed side now
    assert (await client.get(f"{account}/classification")).json() == again


async def test_an_account_that_oscillates_inside_the_dead_band_sends_nothing(
    client: httpx.AsyncClient, services: Services
) -> None:
    account = await placed(client, 5.2, 7, 6.9, dead_band=0.5)
    count = len(await told(services))
    bodies = [scores(a=value, b=value, c=value) for value in (4.6, 5.1, 4.9, 5.4)]
    for number in range(OSCILLATIONS):
        answer = await client.put(f"{account}/attractiveness", json=bodies[number % 4])
        assert answer.status_code == 200 and answer.json()["quadrant"] == "strategic"
    assert answer.json()["raw_quadrant"] == "strategic" and answer.json()["version"] == OSCILLATIONS + 3
    assert await told(services) == (await told(services))[:count]
    for ours in (6.8, 7.1):  # the other axis is inside the band as well
        await client.put(f"{account}/business-strength", json=strength(ours, 6.9))
    assert len(await told(services)) == count
    out = (await client.put(f"{account}/attractiveness", json=scores(a=4.4, b=4.4, c=4.4))).json()
    assert out["quadrant"] == "status" and len(await told(services)) == count + 2


async def test_a_compound_cell_has_a_leading_verb_with_a_reason(client: httpx.AsyncClient, services: Services) -> None:
    account = await placed(client, 8, 8, 6)
    first = (await client.get(f"{account}/classification")).json()["fiocca"]
    assert first["verbs"] == ["develop", "defend"] and first["leading_verb"] is None and first["choice"] is None
    count = len(await told(services))
    body = {"verb": "defend", "reason": "A rival is at the door"}
    answer = await client.put(f"{account}/leading-verb", json=body)
    cell = answer.json()["fiocca"]
    assert answer.status_code == 200 and cell["leading_verb"] == "defend"
    assert cell["choice"]["reason"] == body["reason"] and cell["choice"]["recorded_by"]
    assert (await client.get(f"{account}/classification")).json() == answer.json()
    assert (await client.get(account)).json()["fiocca"]["leading_verb"] == "defend"
    (event,) = (await told(services))[count:]
    assert (event["type"], event["cause"], event["changed"]) == ("account.classified", "leading_verb", ["fiocca"])
    again = await client.put(f"{account}/leading-verb", json=body)
    assert again.headers["etag"] == answer.headers["etag"] and len(await told(services)) == count + 1
    await client.put(f"{account}/leading-verb", json={**body, "reason": "It goes on"})
    assert (await client.get(f"{account}/classification")).json()["fiocca"]["choice"]["reason"] == "It goes on"
    refused = await client.put(f"{account}/leading-verb", json={"verb": "withdraw", "reason": "No"})
    assert refused.status_code == 422 and refused.json()["errors"][0] == {
        "pointer": "/verb", "code": "verb_not_permitted",
        "message": "The account's cell does not permit withdraw. Choose develop or defend",
    }  # fmt: skip
    moved = (await client.put(f"{account}/attractiveness", json=scores(a=5, b=5, c=5))).json()
    assert moved["fiocca"]["verbs"] == ["defend", "maintain"] and moved["fiocca"]["leading_verb"] == "defend"
    single = (await client.put(f"{account}/attractiveness", json=scores(a=1, b=1, c=1))).json()
    assert single["fiocca"]["leading_verb"] == "defend_selectively" and single["fiocca"]["choice"] is None
    assert (await client.get(account)).json()["fiocca"]["leading_verb"] == "defend_selectively"
    entries = await history(client, account)
    assert [entry["leading_verb"] for entry in entries][:4] == [None, "defend", "defend", "defend"]
    back = (await client.put(f"{account}/attractiveness", json=scores(a=8, b=8, c=8))).json()
    assert back["fiocca"]["leading_verb"] is None


async def test_the_choice_of_a_leading_verb_is_withdrawn(client: httpx.AsyncClient, services: Services) -> None:
    account = await placed(client, 8, 8, 6)
    assert (await client.delete(f"{account}/leading-verb")).status_code == 404
    chosen = await client.put(f"{account}/leading-verb", json={"verb": "defend", "reason": "A rival is at the door"})
    count = len(await told(services))
    stale = await client.delete(f"{account}/leading-verb", headers={"If-Match": 'W/"1"'})
    assert stale.status_code == 412
    gone = await client.delete(f"{account}/leading-verb", headers={"If-Match": chosen.headers["etag"]})
    assert gone.status_code == 204
    cell = (await client.get(f"{account}/classification")).json()["fiocca"]
    assert cell["verbs"] == ["develop", "defend"] and cell["leading_verb"] is None and cell["choice"] is None
    assert (await client.get(account)).json()["fiocca"]["leading_verb"] is None
    (event,) = (await told(services))[count:]
    assert (event["type"], event["cause"], event["changed"]) == ("account.classified", "leading_verb", ["fiocca"])
    (latest, earlier, *_) = await history(client, account)
    assert (latest["cause"], latest["leading_verb"], earlier["leading_verb"]) == ("leading_verb", None, "defend")
    assert (await client.delete(f"{account}/leading-verb")).status_code == 404


async def test_without_a_cell_no_verb_leads(client: httpx.AsyncClient) -> None:
    account = await create(client)
    refused = await client.put(f"{account}/leading-verb", json={"verb": "develop", "reason": "x"})
    assert refused.status_code == 422 and refused.json()["errors"][0]["code"] == "verb_not_permitted"


async def test_success_factors_to_begin_with(client: httpx.AsyncClient) -> None:
    items = (await client.get("/v1/success-factors")).json()["items"]
    assert sum(item["weight"] or 0 for item in items) == 100 and all(item["source"] for item in items)
    chosen = [{"name": item["name"], "weight": item["weight"], "ours": 5, "competitors": {"X": 4}}
              for item in items if item["weight"]]  # fmt: skip
    account = await create(client)
    assert (await client.put(f"{account}/business-strength", json={"factors": chosen})).status_code == 200
