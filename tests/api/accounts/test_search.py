"""Searches compare texts by full case folding, the same on both databases."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.framework.database.columns import bind
from service.framework.database.folding import SHARED_LETTERS, SHARED_OTHERS, contains, contains_binds, rare_parts
from service.framework.database.statements import Statement
from service.records.context import Services
from tests.api.records import make_account

NAMES = ("Ärzte Bund", "Straße 7", "ΟΔΟΣ", "Granite 100%_x", "İzmir", "ﬁne ﬀects", "\u212aelvin", "Łódź", "STRAẞE 8")
LIST = "query($filter: AccountFilter) { accounts(filter: $filter) { nodes { name } } }"


async def found(client: httpx.AsyncClient, text: str) -> list[str]:
    """Return the names of the accounts that contain a text, the same by `q`, by a search and in GraphQL."""
    listed = await client.get("/v1/accounts", params={"q": text})
    searched = await client.post("/v1/accounts/search", json={"filter": {"name": {"contains": text}}})
    asked = await client.post("/graphql", json={"query": LIST, "variables": {"filter": {"name": {"contains": text}}}})
    names = sorted(item["name"] for item in listed.json()["items"])
    assert sorted(item["name"] for item in searched.json()["items"]) == names
    assert sorted(node["name"] for node in asked.json()["data"]["accounts"]["nodes"]) == names, asked.text
    return names


async def test_a_search_folds_the_case_of_every_script(client: httpx.AsyncClient) -> None:
    for name in NAMES:
        await make_account(client, name=name)
    for text, expected in (
        ("ärzte", ["Ärzte Bund"]), ("ÄRZTE", ["Ärzte Bund"]), ("strasse", ["STRAẞE 8", "Straße 7"]),
        ("STRASSE", ["STRAẞE 8", "Straße 7"]), ("straße 7", ["Straße 7"]), ("οδος", ["ΟΔΟΣ"]), ("οδοσ", ["ΟΔΟΣ"]),
        ("i̇zmir", ["İzmir"]), ("fine FF", ["ﬁne ﬀects"]), ("KELVIN", ["Kelvin"]), ("łódź", ["Łódź"]),
        ("100%_", ["Granite 100%_x"]), ("0__x", []), ("bund ", []), ("ärzte bund", ["Ärzte Bund"]),
    ):  # fmt: skip
        assert await found(client, text) == expected, text


def test_the_shared_letters_are_those_that_more_characters_fold_to_than_their_capital() -> None:
    spellings: dict[str, set[str]] = {}
    for letter in map(chr, (*range(0xD800), *range(0xE000, 0x110000))):
        for folded in letter.casefold():
            spellings.setdefault(folded, set()).add(letter)
    shared = {folded for folded, letters in spellings.items() if not letters <= {folded, folded.upper()}}
    assert "".join(sorted(letter for letter in shared if letter < "\x80")) == SHARED_LETTERS
    others = re.compile(f"[{SHARED_OTHERS}]")
    assert {letter for letter in shared if letter > "\x7f"} <= {letter for letter in spellings if others.match(letter)}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Granite", ("gr",)), ("strasse", ("r",)), ("Ärzte", ("ärz", "Ärz")), ("заря", ("з", "З")), ("οδος", ("ο", "Ο")),
        ("lahti", ("",)), ("A 12-3", (" 12-3",)), ("日本", ("日",)), ("müller", ("mü", "mÜ")), ("ως", ("",)),
    ],
)  # fmt: skip
def test_rare_parts_are_the_longest_that_few_texts_fold_to(text: str, parts: tuple[str, ...]) -> None:
    assert rare_parts(text) == parts


TEXTS = st.text(st.sampled_from("aAsSßẞſkK\u212aiIİıσςΣﬀﬁfflΐΐᾈἀιŉʼnǰẖÄäгГд%_\\ 1") | st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)  # fmt: skip


async def test_a_text_contains_another_when_its_folding_does(services: Services) -> None:
    """On both databases as `needle.casefold() in text.casefold()`."""
    column = bind("value", sa.Text())
    found = {
        either: Statement(sa.select(contains(column, "f0", either=either).label("holds"))) for either in (False, True)
    }

    async def holds(text: str, needle: str) -> bool:
        binds = contains_binds("f0", needle)
        async with services.database.reading() as reader:
            return bool(await reader.value(found[len(binds) == 3], value=text, **binds))

    examples: list[Any] = []
    collect = settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))

    @collect
    @given(TEXTS, TEXTS, TEXTS)
    def draw(before: str, needle: str, after: str) -> None:
        examples.append((before + needle.swapcase() + after, needle))
        examples.append((before + after, needle))

    draw()
    for text, needle in examples:
        if needle:
            assert await holds(text, needle) == (needle.casefold() in text.casefold()), (text, needle)


async def test_every_letter_is_folded_as_python_folds_it(services: Services) -> None:
    """Letters that this Python does not know yet are left out: databases may know them."""
    folded = sa.type_coerce(sa.func.kam_fold(bind("value", sa.Text())), sa.Text()).label("folded")
    statement = Statement(sa.select(folded))
    letters = [letter for letter in map(chr, range(1, 0x20000)) if unicodedata.category(letter) not in ("Cn", "Cs")]
    async with services.database.reading() as reader:
        for start in range(0, len(letters), 1000):
            text = "".join(letters[start : start + 1000])
            assert await reader.value(statement, value=text) == text.casefold(), f"from U+{ord(text[0]):04X}"
