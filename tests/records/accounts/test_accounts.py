"""Changing an account in one statement, without a lock, emits the same events as with one, and loses no change."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from service.framework.database.statements import Statement
from service.models.accounts.accounts import AccountCreate, AccountPatch
from service.models.events.events import events
from service.operations.accounts.accounts import ACCOUNT_RECORD, get_account
from service.platform.errors import StaleVersion
from service.platform.idempotency import Idempotency
from service.platform.types import Shape
from service.queries.accounts.accounts import ACCOUNTS
from service.records.context import Context, Services, system_context

_EVENTS = Statement(sa.select(events).where(events.c.type == "account.updated").order_by(events.c.seq))
CHANGES = {
    "name": 'Aurelia "Robotics" \\u0000 \\ {}',
    "revenue": "1234567.80",
    "service_level": 4,
    "tags": ["a", "\\u0000"],
    "attributes": {"b": 1.5, "a": "x"},
    "industry": None,
    "country": "DE",
}


def patch(members: dict[str, Any]) -> Shape:
    """The patch that a request with these members is."""
    model: Any = AccountPatch
    validated: Shape = model.__pydantic_validator__.validate_json(orjson.dumps(members))
    return validated


async def told(services: Services) -> list[dict[str, Any]]:
    """The rows of the account.updated events."""
    async with services.database.reading() as reader:
        return await reader.all(_EVENTS)


async def test_the_event_is_the_one_that_the_lock_would_have_told(services: Services) -> None:
    rows, ids = [], []
    for key in (None, Idempotency("once", "fingerprint")):
        ctx = Context(services, system_context(services).principal, key, "request")
        plain = Context(services, ctx.principal)
        account = await ACCOUNT_RECORD.add(plain, AccountCreate(name="Aurelia", industry="Robots"))
        after = await ACCOUNT_RECORD.change(ctx, account.id, patch(CHANGES))
        assert after.outcome == "updated" and after.version == 2
        assert after.data == (await get_account(plain, account.id)).data
        rows.append((await told(services))[-1])
        ids.append(account.id)
    documents = [orjson.loads(row["body"]) for row in rows]
    for row, document, identifier in zip(rows, documents, ids, strict=True):
        assert document["id"] == row["id"] and row["account_id"] == row["subject_id"] == identifier
        assert document["data"]["account"].pop("id") == identifier
    private = ("seq", "id", "account_id", "subject_id", "body")
    assert [{k: v for k, v in row.items() if k not in private} for row in rows[:1]] == [
        {k: v for k, v in row.items() if k not in private} for row in rows[1:]
    ]
    assert {**documents[0], "id": 0} == {**documents[1], "id": 0}
    assert list(documents[0]["data"]) == list(documents[1]["data"])
    assert documents[0]["data"]["changed"] == documents[1]["data"]["changed"]


async def test_writers_that_meet_change_one_after_the_other(services: Services) -> None:
    ctx = system_context(services)
    account = await ACCOUNT_RECORD.add(ctx, AccountCreate(name="Aurelia"))
    names = [f"Aurelia {number}" for number in range(8)]
    written = await asyncio.gather(*(ACCOUNT_RECORD.change(ctx, account.id, patch({"name": name})) for name in names))
    assert sorted(each.version for each in written) == list(range(2, 10))
    documents = [orjson.loads(row["body"])["data"] for row in await told(services)]
    assert [each["account"]["version"] for each in documents] == list(range(2, 10))
    for earlier, later in itertools.pairwise(documents):
        assert later["previous"] == earlier["current"]


async def test_who_comes_second_with_the_same_version_is_stale(services: Services) -> None:
    ctx = system_context(services)
    account = await ACCOUNT_RECORD.add(ctx, AccountCreate(name="Aurelia"))
    results = await asyncio.gather(
        *(ACCOUNT_RECORD.change(ctx, account.id, patch({"name": name}), (1,)) for name in ("One", "Two")),
        return_exceptions=True,
    )
    assert sorted(type(result).__name__ for result in results) == ["Resource", "StaleVersion"]
    assert len(await told(services)) == 1


async def test_a_change_that_came_in_between_is_found_by_the_lock(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = system_context(services)
    account = await ACCOUNT_RECORD.add(ctx, AccountCreate(name="Aurelia"))

    async def too_late(*_: Any) -> None:
        return None

    monkeypatch.setattr("service.records.plain.patch_at_once", too_late)
    after = await ACCOUNT_RECORD.change(ctx, account.id, patch({"name": "Borealis"}), (1,))
    assert after.version == 2 and after.data["name"] == "Borealis"
    with pytest.raises(StaleVersion):
        await ACCOUNT_RECORD.change(ctx, account.id, patch({"name": "Cassiopeia"}), (1,))


def test_members_on_which_something_else_depends_take_the_lock() -> None:
    assert not any(ACCOUNT_RECORD.is_free({name: None}) for name in ("owner_id", "parent_id"))
    assert all(ACCOUNT_RECORD.is_free({name: None}) for name in ("name", "revenue", "attributes"))
    assert "refs" not in ACCOUNTS.own_columns
