"""The main job on real input, on both databases: classified once, with each event once, and silent the second time."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.live import ROOT, Live, serve
from tests.real_input.api import Api, Record
from tests.real_input.northwind import LOOPBACK, Run, reference, run, subscribed
from tests.real_input.source import Company, DataMissing, read_company

QUADRANTS = {"strategic": 27, "star": 25, "status": 8, "streamline": 31}
LARGEST = "SAVEA"
WITHOUT_ORDERS = ("FISSA", "PARIS")


@pytest.fixture(scope="module")
def company() -> Company:
    """The company's files; without them there is nothing to test."""
    try:
        return read_company()
    except DataMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def live(database_url: str) -> Iterator[Live]:
    """The service as a process, with its worker."""
    with serve(database_url, environment=LOOPBACK) as running:
        yield running


def test_the_files_are_read_whole(company: Company) -> None:
    assert (len(company.customers), len(company.employees), len(company.orders)) == (91, 9, 830)
    assert sum(len(order.lines) for order in company.orders) == 2155
    assert sum(order.revenue for order in company.orders) == Decimal("1265793.02")
    with_comma = next(customer for customer in company.customers if customer.id == "HANAR")
    assert (with_comma.city, with_comma.region, with_comma.country) == ("Rio de Janeiro", "RJ", "Brazil")


@pytest.mark.slow
async def test_customers_become_a_portfolio_once(live: Live, company: Company) -> None:
    async with Api(live.url, live.key) as api:
        async with subscribed(api) as subscription:
            receiver = subscription.receiver
            first = await run(api, subscription, company)
            accounts = by_reference(first)

            assert accounts.keys() == {customer.id for customer in company.customers}
            assert all(account["classification_status"] == "complete" for account in accounts.values())
            assert Counter(account["quadrant"] for account in accounts.values()) == QUADRANTS
            assert receiver.count("account.quadrant_changed") == dict.fromkeys(ids(accounts), 1)
            assert receiver.count("account.stage_changed") == {accounts[LARGEST]["id"]: 1}
            assert receiver.complaints == []
            assert receiver.delivered.keys() == subscribed_ids(first)
            assert first.told()["account.created"] == first.told()["stakeholder.created"] == 91

            calls = receiver.calls.copy()
            second = await run(api, subscription, company)
            assert second.events == []
            assert second.brought.results.keys() == {"unchanged"}
            assert second.brought.steps == []
            assert receiver.calls == calls
            assert by_reference(second) == accounts

        await the_largest_has_a_plan(api, accounts[LARGEST])
        owners = {person["id"] async for person in api.listed("/people")}
        assert len(owners) == 9
        assert all(account["owner_id"] in owners for key, account in accounts.items() if key not in WITHOUT_ORDERS)
        for customer in WITHOUT_ORDERS:
            assert (accounts[customer]["owner_id"], accounts[customer]["quadrant"]) == (None, "streamline")
    the_command_prints_the_matrix(live)
    assert '"level":"error"' not in live.log.read_text()


async def the_largest_has_a_plan(api: Api, account: Record) -> None:
    """One plan, one objective, two actions, and the stage that it moved to."""
    assert account["stage"] == "early_kam"
    (plan,) = [item async for item in api.listed(f"/accounts/{account['id']}/plans")]
    (objective,) = [item async for item in api.listed(f"/plans/{plan['id']}/objectives")]
    assert objective["baseline"] == float(account["revenue"])
    assert len([item async for item in api.listed(f"/objectives/{objective['id']}/actions")]) == 2


def the_command_prints_the_matrix(live: Live) -> None:
    """The script as a person runs it; everything is there already."""
    command = [sys.executable, "-m", "tests.real_input.northwind", "--url", live.url, "--key", live.key]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    for name, count in QUADRANTS.items():
        assert f"{name.upper()}  {count}" in done.stdout
    assert "upserts: 191 unchanged\nevents in the feed: none\n" in done.stdout


def by_reference(one: Run) -> dict[str | None, Record]:
    """The accounts of a run by the company's own ids."""
    return {reference(account): account for account in one.accounts}


def ids(accounts: dict[str | None, Record]) -> list[str]:
    """The accounts' ids in the service."""
    return [account["id"] for account in accounts.values()]


def subscribed_ids(one: Run) -> set[str]:
    """The events that the endpoint is to get."""
    return {event["id"] for event in one.events if event["type"].endswith(("quadrant_changed", "stage_changed"))}
