"""Transactions that the database ends in favour of others: tried again, and then refused so that the client may."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import httpx
import pytest

from service.framework.database import postgresql
from service.framework.database.database import Resource
from service.records import context
from service.records.context import Services
from tests.api.records import make_account, told_types
from tests.live import ROOT

WRITERS = ("accounts", "plans", "relationship", "classification", "access", "webhooks", "system")


@pytest.mark.slow
def test_every_operation_is_tried_again_and_gives_the_same_answer_and_events() -> None:
    """The tests of all operations, while each operation's first transaction ends before its commit."""
    folders = [f"tests/api/{folder}" for folder in WRITERS] + ["tests/graphql/test_mutations.py"]
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--quick"]
    ended = subprocess.run([*command, "--in-conflict", *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:]
    assert " passed" in ended.stdout


async def test_an_operation_in_conflict_for_the_fourth_time_answers_503(
    client: httpx.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def flush(_: Any) -> None:
        nonlocal tries
        tries += 1
        raise postgresql._in_conflict()

    monkeypatch.setattr(context.Transaction, "flush", flush)
    since = len(await told_types(services))
    answer = await client.post("/v1/accounts", json={"name": "Borealis"})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "1")
    assert tries == 1 + context.TRIED_AGAIN
    document = 'mutation { createAccount(input: {name: "Borealis"}) { account { id } } }'
    error = (await client.post("/graphql", json={"query": document})).json()["errors"][0]
    assert error["extensions"]["code"] == "unavailable"
    assert len(await told_types(services)) == since


async def test_a_deadlock_is_tried_again(services: Services) -> None:
    """Two transactions that lock two accounts in opposite order."""
    if services.database.kind != "postgresql":
        pytest.skip("SQLite has one writer")
    ctx = context.system_context(services)
    tries = 0

    async def cross(first: str, second: str, met: asyncio.Barrier) -> Any:
        @context.operation
        async def run(ctx: context.Context) -> Any:
            nonlocal tries
            tries += 1
            async with ctx.opened() as tx:
                await tx.serialize([first])
                if tries <= 2:
                    await met.wait()
                await tx.serialize([second])
                return tx.answer(Resource.of(1, {"id": first}, "updated"))

        return await run(ctx)

    met = asyncio.Barrier(2)
    answers = await asyncio.gather(cross("a", "b", met), cross("b", "a", met))
    assert [answer.id for answer in answers] == ["a", "b"]
    assert tries == 3


@pytest.mark.parametrize("way", ["patch", "graphql", "upsert", "batch"])
async def test_changes_of_parents_that_cross_never_form_a_circle(client: httpx.AsyncClient, way: str) -> None:
    made = [
        await make_account(client, name=name, refs=[{"system": "s", "external_id": name}]) for name in ("A", "B", "C")
    ]

    async def move(number: int) -> httpx.Response:
        account, parent = made[number], made[(number + 1) % 3]["id"]
        path, body = f"/v1/accounts/{account['id']}", {"parent_id": parent}
        if way == "patch":
            return await client.patch(path, json=body)
        if way == "upsert":
            return await client.put(f"/v1/accounts/by-ref/s/{account['name']}", json={"name": account["name"], **body})
        if way == "batch":
            row = {"system": "s", "external_id": account["name"], "account": {"name": account["name"], **body}}
            return await client.post("/v1/accounts/batch", json={"items": [row]})
        document = "mutation ($id: ID!, $input: UpdateAccountInput!) { updateAccount(id: $id, input: $input) { account { id } } }"
        variables = {"id": account["id"], "input": {"parentId": parent}}
        return await client.post("/graphql", json={"query": document, "variables": variables})

    for _ in range(10):
        for account in made:
            (await client.patch(f"/v1/accounts/{account['id']}", json={"parent_id": None})).raise_for_status()
        answers = await asyncio.gather(*(move(number) for number in range(3)))
        assert all(answer.status_code in (200, 422) for answer in answers), [answer.text for answer in answers]
        assert sum("circular_hierarchy" in answer.text for answer in answers) == 1
        parents = [(await client.get(f"/v1/accounts/{account['id']}")).json()["parent_id"] for account in made]
        assert parents.count(None) == 1
