"""The PATCH of plain members in two statements answers and emits what the locked path does, for every such member."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from service.access.policy import Permission
from service.events.accounts import PERSON, STAKEHOLDER, AccountUpdated
from service.framework.database.columns import Day, Exact, Instant, Money
from service.framework.database.database import Resource
from service.framework.database.dialects import json_value
from service.framework.database.listing import Listing
from service.framework.database.statements import Statement
from service.models.accounts.accounts import AccountCreate, AccountPatch
from service.models.accounts.people import PersonCreate
from service.models.accounts.stakeholders import StakeholderCreate
from service.models.events.events import events
from service.operations.accounts.accounts import ACCOUNT_RECORD
from service.operations.accounts.people import PERSON as PEOPLE_RECORD
from service.operations.accounts.stakeholders import STAKEHOLDER as STAKEHOLDER_RECORD
from service.platform.errors import NotFound, StaleVersion
from service.platform.ids import new_id
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.accounts.people import PEOPLE
from service.queries.accounts.stakeholders import STAKEHOLDERS
from service.records.context import Context, Services, system_context
from service.records.patching import patch_at_once

_EVENTS = Statement(sa.select(events).order_by(events.c.seq))
ACCOUNT_CHANGES: dict[str, Any] = {
    "name": 'Borealis "Ünïcode" \\u0000 {}',
    "scope": "key_global",
    "industry": "Retail",
    "country": "DE",
    "website": "https://borealis.example",
    "currency": "EUR",
    "revenue": Decimal("1234567.8"),
    "service_level": 4,
    "supplier_status": "preferred",
    "perception_level": 2,
    "benefit_to_us": "Volume",
    "benefit_to_customer": "Reach",
    "tags": ["a", "channel:emea"],
    "attributes": {"b": 1.5, "a": "x", "c": True},
}
PERSON_CHANGES: dict[str, Any] = {"name": "Ada", "email": "ada@example.com", "title": None, "function": "sales"}
STAKEHOLDER_CHANGES: dict[str, Any] = {"name": "Grace", "influence": Decimal("0.75"), "stance": -2}


async def rows(services: Services) -> list[dict[str, Any]]:
    """Every event, in order."""
    async with services.database.reading() as reader:
        return await reader.all(_EVENTS)


async def read(services: Services, listing: Listing, identifier: str) -> Resource:
    """A record as it reads."""
    async with services.database.reading() as reader:
        found = await listing.find(reader, identifier)
    assert found is not None
    return found


async def patch(
    ctx: Context, listing: Listing, identifier: str, values: dict[str, Any], event: Any, expected: Any = None
) -> Resource | None:
    """Patch in the door that operations use."""
    async with ctx.single(Permission.ACCOUNT_WRITE) as tx:
        return await patch_at_once(tx, listing, identifier, values, expected, event.between, "record")


async def account(ctx: Context) -> Resource:
    """An account to patch."""
    return await ACCOUNT_RECORD.add(ctx, AccountCreate(name="Aurelia", tags=["seeded"]))


def test_every_plain_member_of_an_account_is_tried() -> None:
    plain = {name for name in AccountPatch.model_fields if ACCOUNT_RECORD.is_free({name: None})}
    assert ACCOUNT_CHANGES.keys() == plain & ACCOUNTS.own_columns


def test_members_that_others_are_computed_from_are_not_plain() -> None:
    assert not ACCOUNTS.own_columns & {"refs", "fiocca", "stage", "stage_cranfield", "id", "as_of"}


async def check(ctx: Context, listing: Listing, before: Resource, values: dict[str, Any], build: type[Any]) -> None:
    """The answer is what a read shows, and the event is the one that the class builds from both documents."""
    services = ctx.services
    summary = None
    if "account_id" in before.data:
        owner = (await read(services, ACCOUNTS, before.data["account_id"])).data
        summary = {"account": owner}
    patched = await patch(ctx, listing, before.id, values, build)
    after = await read(services, listing, before.id)
    assert patched is not None and patched.outcome == "updated"
    assert patched.data == after.data == orjson.loads(patched.body) and patched.version == after.version
    row = (await rows(services))[-1]
    expected = build.between(before.data, after.data, *(summary or {}).values())
    document = orjson.loads(row["body"])
    assert document["data"] == orjson.loads(orjson.dumps(expected.data))
    assert (row["content"] and orjson.loads(row["content"])) == expected.content
    assert (document["id"], document["type"]) == (row["id"], expected.type)
    assert (row["account_id"], row["subject_id"]) == (expected.account_id, before.id)
    assert (row["subject_kind"], row["subject_version"]) == (expected.subject_kind, after.version)
    assert row["cause"] == document["cause"] and row["position"] is None


@pytest.mark.parametrize("member", sorted(ACCOUNT_CHANGES))
async def test_a_member_of_an_account_changes_as_its_event_says(services: Services, member: str) -> None:
    ctx = system_context(services)
    before = await account(ctx)
    await check(ctx, ACCOUNTS, before, {member: ACCOUNT_CHANGES[member]}, AccountUpdated)


async def test_all_members_change_together(services: Services) -> None:
    ctx = system_context(services)
    await check(ctx, ACCOUNTS, await account(ctx), ACCOUNT_CHANGES, AccountUpdated)


async def test_a_record_without_an_account_takes_the_same_path(services: Services) -> None:
    ctx = system_context(services)
    person = await PEOPLE_RECORD.add(ctx, PersonCreate(name="Bea", title="KAM"))
    await check(ctx, PEOPLE, person, PERSON_CHANGES, PERSON.updated)


async def test_a_record_of_an_account_sums_its_account_up(services: Services) -> None:
    ctx = system_context(services)
    owner = await account(ctx)
    stakeholder = await STAKEHOLDER_RECORD.add(ctx, StakeholderCreate(name="Hopper"), owner.id)
    await check(ctx, STAKEHOLDERS, stakeholder, STAKEHOLDER_CHANGES, STAKEHOLDER.updated)


async def test_it_costs_two_statements_and_one_without_a_difference(services: Services) -> None:
    ctx = system_context(services)
    before = await account(ctx)
    extra = services.database.kind == "sqlite"  # BEGIN counts there
    for outcome, cost in (("updated", 2), ("unchanged", 1)):
        counted, emitted = services.database.statements, len(await rows(services))
        counted += 1
        patched = await patch(ctx, ACCOUNTS, before.id, {"service_level": 3}, AccountUpdated)
        assert services.database.statements - counted == cost + extra
        assert patched is not None and patched.outcome == outcome and patched.version == 2
        assert len(await rows(services)) - emitted == (outcome == "updated")


async def test_an_account_that_changed_in_between_leaves_the_record_alone(services: Services) -> None:
    if services.database.kind == "sqlite":
        pytest.skip("one writer: nothing comes in between")
    ctx = system_context(services)
    owner = await account(ctx)
    stakeholder = await STAKEHOLDER_RECORD.add(ctx, StakeholderCreate(name="Hopper"), owner.id)
    async with ctx.single(Permission.ACCOUNT_WRITE) as tx:
        between: list[Any] = [
            asyncio.ensure_future(ACCOUNT_RECORD.change(ctx, owner.id, AccountPatch(name="Borealis")))
        ]

        class Late:
            """Lets the other change commit after the read."""

            reader = tx.reader
            now, live, cause = tx.now, tx.live, tx.cause
            one = staticmethod(tx.one)

            @staticmethod
            async def value(statement: Statement, **values: Any) -> Any:
                await asyncio.gather(*between)
                return await tx.value(statement, **values)

        late: Any = Late()
        values = {"name": "Grace"}
        event = STAKEHOLDER.updated.between
        assert await patch_at_once(late, STAKEHOLDERS, stakeholder.id, values, None, event, "stakeholder") is None
    assert (await read(services, STAKEHOLDERS, stakeholder.id)).version == 1
    assert (await rows(services))[-1]["type"] == "account.updated"


async def test_other_members_are_left_to_the_lock(services: Services) -> None:
    ctx = system_context(services)
    before = await account(ctx)
    assert await patch(ctx, ACCOUNTS, before.id, {"refs": [], "name": "Borealis"}, AccountUpdated) is None
    assert await patch(ctx, ACCOUNTS, before.id, {"stage": "early_kam"}, AccountUpdated) is None
    assert (await read(services, ACCOUNTS, before.id)).version == 1


async def test_stale_and_absent_records_are_refused(services: Services) -> None:
    ctx = system_context(services)
    before = await account(ctx)
    with pytest.raises(StaleVersion):
        await patch(ctx, ACCOUNTS, before.id, {"name": "Borealis"}, AccountUpdated, (7,))
    with pytest.raises(NotFound):
        await patch(ctx, ACCOUNTS, new_id(), {"name": "Borealis"}, AccountUpdated)


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (Decimal("-0"), Money(), "0.00"),
        (Decimal("1e3"), Money(), "1000.00"),
        (Decimal("2.50"), Exact(12, 6), 2.5),
        (Decimal("3"), Exact(12, 6), 3),
        (date(2026, 2, 1), Day(), "2026-02-01"),
        (None, Instant(), None),
    ],
)
def test_values_are_shown_as_the_database_shows_them(value: Any, kind: Any, shown: Any) -> None:
    assert json_value(value, kind) == shown and type(json_value(value, kind)) is type(shown)
