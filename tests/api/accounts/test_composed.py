"""Incoming texts and external ids become Unicode's composed form (NFC), in both APIs; secrets stay as they were sent."""

from __future__ import annotations

import unicodedata
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from service.models.webhooks.transport import ClientId, Password, UserName
from tests.api.records import make_account, make_person, make_plan

WHOLE = "Ärzte Bund"
SPLIT = unicodedata.normalize("NFD", WHOLE)
FIND = "query($filter: AccountFilter) { accounts(filter: $filter) { nodes { name } } }"


async def test_texts_are_composed_wherever_they_stand(client: httpx.AsyncClient) -> None:
    assert SPLIT != WHOLE
    made = await make_account(
        client, name=SPLIT, industry=SPLIT, tags=[SPLIT], attributes={SPLIT: SPLIT}, benefit_to_us=SPLIT
    )
    for member in ("name", "industry", "benefit_to_us"):
        assert made[member] == WHOLE
    assert made["tags"] == [WHOLE] and made["attributes"] == {WHOLE: WHOLE}
    patched = await client.patch(f"/v1/accounts/{made['id']}", json={"industry": SPLIT})
    assert patched.json()["industry"] == WHOLE and patched.json()["version"] == made["version"]
    assert (await make_person(client, name=SPLIT))["name"] == WHOLE
    assert (await make_plan(client, made, title=SPLIT, summary=SPLIT))["summary"] == WHOLE


async def test_an_external_id_is_the_same_however_it_was_typed(client: httpx.AsyncClient) -> None:
    first = await client.put(f"/v1/accounts/by-ref/sf/{SPLIT}", json={"name": "One"})
    assert first.status_code == 201
    second = await client.put(f"/v1/accounts/by-ref/sf/{WHOLE}", json={"name": "One"})
    assert second.status_code == 200 and second.json()["id"] == first.json()["id"]
    assert second.json()["refs"] == [{"system": "sf", "external_id": WHOLE}]
    read = await client.get(f"/v1/accounts/by-ref/sf/{SPLIT}")
    assert read.json()["id"] == first.json()["id"]
    rows = [{"system": "sf", "external_id": SPLIT, "account": {"name": "Two"}}]
    batch = await client.post("/v1/accounts/batch", json={"items": rows})
    assert batch.json()["items"][0]["id"] == first.json()["id"], batch.text
    query = """mutation($id: String!) { upsertAccount(system: "sf", externalId: $id, input: {name: "Three"}) {
        account { id name } } }"""
    asked = await client.post("/graphql", json={"query": query, "variables": {"id": SPLIT}})
    assert asked.json()["data"]["upsertAccount"]["account"] == {"id": first.json()["id"], "name": "Three"}


@pytest.mark.parametrize("text", [SPLIT, WHOLE, SPLIT.upper()])
async def test_a_text_is_found_however_it_was_typed(client: httpx.AsyncClient, text: str) -> None:
    await make_account(client, name=SPLIT)
    trees: list[Any] = [{"name": {"contains": text}}]
    if text != SPLIT.upper():
        trees += [{"name": {"eq": text}}, {"name": {"in": [text]}}]
    for tree in trees:
        searched = await client.post("/v1/accounts/search", json={"filter": tree})
        assert [item["name"] for item in searched.json()["items"]] == [WHOLE]
        asked = await client.post("/graphql", json={"query": FIND, "variables": {"filter": tree}})
        assert [node["name"] for node in asked.json()["data"]["accounts"]["nodes"]] == [WHOLE]
    listed = await client.get("/v1/accounts", params={"q": text})
    assert [item["name"] for item in listed.json()["items"]] == [WHOLE]


def test_a_secret_stays_as_it_was_sent() -> None:
    for kind in (Password, UserName, ClientId):
        assert TypeAdapter(kind).validate_python(SPLIT) == SPLIT
