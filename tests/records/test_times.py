"""The times of an account's changes never go back: a transaction reads the clock when it has the lock."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from service.access.policy import Permission
from service.events.accounts import AccountUpdated
from service.framework.database.statements import Statement
from service.models.accounts.accounts import AccountCreate
from service.models.accounts.stakeholders import StakeholderCreate
from service.models.events.events import events
from service.operations.accounts.accounts import ACCOUNT_RECORD
from service.operations.accounts.stakeholders import STAKEHOLDER
from service.platform.clock import Clock
from service.queries.accounts.accounts import ACCOUNTS
from service.records.context import Context, Services, system_context
from service.records.patching import patch_at_once
from service.records.rows import lock, lock_account, lock_accounts, lock_owned

_TIMES = Statement(sa.select(events.c.occurred_at).order_by(events.c.seq))


@pytest.fixture
async def ctx(services: Services) -> Context:
    """A caller on the machine's clock, on the database that has several writers."""
    if services.database.kind == "sqlite":
        pytest.skip("one writer: a transaction begins with the lock")
    services.clock = Clock()
    return system_context(services)


async def in_order(services: Services) -> bool:
    """Whether the times of all events are in the order of the events."""
    async with services.database.reading() as reader:
        times = await reader.column(_TIMES)
    return len(times) >= 3 and times == sorted(times)


@pytest.mark.parametrize("way", ["lock", "lock_account", "lock_accounts", "lock_owned"])
async def test_a_transaction_that_began_before_another_change_has_a_later_time(
    ctx: Context, services: Services, way: str
) -> None:
    account = await ACCOUNT_RECORD.add(ctx, AccountCreate(name="Aurelia"))
    stakeholder = await STAKEHOLDER.add(ctx, StakeholderCreate(name="Ines"), account.id)
    async with ctx.transaction(Permission.ACCOUNT_WRITE) as tx:
        begun = tx.now
        await STAKEHOLDER.add(ctx, StakeholderCreate(name="Jo"), account.id)
        if way == "lock":
            await lock(tx, ACCOUNTS, account.id, None, "account")
        elif way == "lock_account":
            await lock_account(tx, account.id)
        elif way == "lock_accounts":
            await lock_accounts(tx, [account.id])
        else:
            await lock_owned(tx, STAKEHOLDER.listing, stakeholder.id, None, "stakeholder")
        assert tx.now > begun
        tx.emit(AccountUpdated.between(account.data, {**account.data, "name": "Other"}))
    assert await in_order(services)


@pytest.mark.parametrize("kind", ["account", "stakeholder"])
async def test_a_patch_that_waits_for_another_change_has_a_later_time(
    ctx: Context, services: Services, kind: str
) -> None:
    account = await ACCOUNT_RECORD.add(ctx, AccountCreate(name="Aurelia"))
    stakeholder = await STAKEHOLDER.add(ctx, StakeholderCreate(name="Ines"), account.id)
    record, listing, event = {
        "account": (account, ACCOUNTS, AccountUpdated),
        "stakeholder": (stakeholder, STAKEHOLDER.listing, STAKEHOLDER.events.updated),
    }[kind]
    async with ctx.single(Permission.ACCOUNT_WRITE) as tx:
        begun = tx.now
        async with ctx.transaction(Permission.ACCOUNT_WRITE) as other:
            await lock_account(other, account.id)
            patching = asyncio.ensure_future(
                patch_at_once(tx, listing, record.id, {"name": "Other"}, None, event.between, kind)
            )
            done, _ = await asyncio.wait([patching], timeout=0.1)
            assert not done, "it waits for the account's lock"
            other.locked()  # the latest time that this transaction can have
            other.emit(AccountUpdated.between(account.data, {**account.data, "name": "First"}))
        after: Any = await patching
    assert after is not None and after.data["updated_at"] > record.data["updated_at"]
    assert await in_order(services) and begun < other.now
