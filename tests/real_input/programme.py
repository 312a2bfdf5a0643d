"""Brings the company's customers into the key account programme, through the HTTP API alone.

Every step may be repeated: what has an id in the company's own system is upserted by it, scores are PUT, and what has
no such id (scoring model, stage, plan) is looked for first. A second run therefore changes nothing and sends nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from tests.real_input.api import Api, Record
from tests.real_input.judgement import SCORING_MODEL, Judgement, judge
from tests.real_input.source import CENT, Company, Customer, Employee

SYSTEM = "northwind"
"""The name under which the service keeps the company's ids."""

COUNTRIES = {
    "Argentina": "AR", "Austria": "AT", "Belgium": "BE", "Brazil": "BR", "Canada": "CA", "Denmark": "DK",
    "Finland": "FI", "France": "FR", "Germany": "DE", "Ireland": "IE", "Italy": "IT", "Mexico": "MX", "Norway": "NO",
    "Poland": "PL", "Portugal": "PT", "Spain": "ES", "Sweden": "SE", "Switzerland": "CH", "UK": "GB", "USA": "US",
    "Venezuela": "VE",
}  # fmt: skip

PLAN_TITLE = "Account plan from the order history"
GROWTH_AIMED_AT = Decimal("1.10")


@dataclass(slots=True)
class Brought:
    """What bringing the company in did."""

    accounts: dict[str, str] = field(default_factory=dict)
    """The account's id by the customer's."""
    results: Counter[str] = field(default_factory=Counter)
    """Upserts by what they did: created, updated, unchanged."""
    steps: list[str] = field(default_factory=list)
    """What else was done, in words; empty when everything was there."""


async def bring_in(api: Api, company: Company) -> Brought:
    """Bring people, scoring model, customers with contact, owner and scores, one stage and one plan."""
    brought = Brought()
    judgements = judge(company)
    await _use_scoring_model(api, brought)
    people = {employee.id: await _bring_person(api, employee, brought) for employee in company.employees}
    async with asyncio.TaskGroup() as group:
        for customer in company.customers:
            group.create_task(_bring_customer(api, customer, judgements[customer.id], people, brought))
    largest = max(judgements, key=lambda customer: judgements[customer].revenue)
    account = await api.get(f"/accounts/{brought.accounts[largest]}")
    await _begin_relationship(api, account, judgements[largest], brought)
    await _plan(api, account, judgements[largest], brought)
    return brought


async def _use_scoring_model(api: Api, brought: Brought) -> None:
    """Have the model active, and add it only when it is not there: activating anew would classify anew."""
    ours = [model async for model in api.listed("/scoring-models") if model["name"] == SCORING_MODEL["name"]]
    if any(model["state"] == "active" for model in ours):
        return
    draft = next((model for model in ours if model["state"] == "draft"), None)
    model = draft or await api.post("/scoring-models", SCORING_MODEL)
    await api.post(f"/scoring-models/{model['id']}/activate")
    brought.steps.append(f"scoring model {model['name']} activated")


async def _bring_person(api: Api, employee: Employee, brought: Brought) -> str:
    body = {"name": employee.name, "title": employee.title, "function": "Sales"}
    person, result = await api.upsert(f"/people/by-ref/{SYSTEM}/{employee.id}", body)
    brought.results[result] += 1
    return str(person["id"])


async def _bring_customer(
    api: Api, customer: Customer, judgement: Judgement, people: dict[str, str], brought: Brought
) -> None:
    """The account, its contact, and both sides of its classification."""
    account, result = await api.upsert(
        f"/accounts/by-ref/{SYSTEM}/{customer.id}", account_body(customer, judgement, people)
    )
    contact = {"name": customer.contact, "title": customer.contact_title, "phone": customer.phone}
    here = f"/accounts/{account['id']}"
    _, contact_result = await api.upsert(f"{here}/stakeholders/by-ref/{SYSTEM}/{customer.id}", contact)
    await api.put(f"{here}/attractiveness", judgement.attractiveness())
    await api.put(f"{here}/business-strength", judgement.business_strength())
    brought.accounts[customer.id] = account["id"]
    brought.results.update((result, contact_result))


def account_body(customer: Customer, judgement: Judgement, people: dict[str, str]) -> Record:
    """The body of an account's upsert; `people` are the ids of the sales people by their own."""
    return {
        "name": customer.name,
        "country": COUNTRIES[customer.country],
        "website": None,
        "currency": "USD",
        "revenue": str(judgement.revenue),
        "owner_id": None if judgement.seller is None else people[judgement.seller],
        "tags": [] if customer.region is None else [customer.region],
        "attributes": {"city": customer.city},
    }


async def _begin_relationship(api: Api, account: Record, judgement: Judgement, brought: Brought) -> None:
    """Move the account from pre_kam to early_kam; one that has moved already stays where it is."""
    if account["stage"] != "pre_kam":
        return
    reason = f"{judgement.orders} orders, {judgement.revenue} USD in the last twelve months: transactions have begun"
    await api.post(f"/accounts/{account['id']}/stage-transitions", {"to": "early_kam", "reason": reason})
    brought.steps.append(f"{account['name']} moved from pre_kam to early_kam")


async def _plan(api: Api, account: Record, judgement: Judgement, brought: Brought) -> None:
    """A plan with one objective and two actions; what is there by its title is left alone."""
    start = date.today() + timedelta(days=30)
    end = start + timedelta(days=364)
    owner = account["owner_id"]
    plan = await _ensure(
        api,
        f"/accounts/{account['id']}/plans",
        {"title": PLAN_TITLE, "period_start": str(start), "period_end": str(end), "owner_id": owner},
        brought,
    )
    objective = await _ensure(
        api,
        f"/plans/{plan['id']}/objectives",
        {
            "title": "Grow revenue by a tenth",
            "metric": "Revenue of twelve months",
            "unit": "USD",
            "baseline": float(judgement.revenue),
            "target": float((judgement.revenue * GROWTH_AIMED_AT).quantize(CENT)),
            "due_on": str(end),
        },
        brought,
    )
    for title, days, result in (
        ("Agree delivery windows with purchasing", 60, "Every order of a quarter shipped by its required date"),
        ("Present the categories that are bought elsewhere", 120, "A first order in one more category"),
    ):
        due_on = str(start + timedelta(days=days))
        body = {"title": title, "owner_id": owner, "due_on": due_on, "expected_result": result}
        await _ensure(api, f"/objectives/{objective['id']}/actions", body, brought)


async def _ensure(api: Api, path: str, body: Record, brought: Brought) -> Record:
    """The item of the list at `path` that has this title, made when there is none."""
    async for item in api.listed(path):
        if item["title"] == body["title"]:
            return item
    brought.steps.append(f"written: {body['title']}")
    return await api.post(path, body)
