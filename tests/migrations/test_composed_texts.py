"""Stored texts get Unicode's composed form; of two references that become one, the older record keeps it."""

import json
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from service.framework.database import migrate
from tests import postgres
from tests.migrations.test_migrations import downgrade, run, server  # noqa: F401 - the server is a fixture

BEFORE, AFTER = "202611271530", "202611271540"
OLD, NEW, THIRD = (f"01890000-0000-7000-8000-00000000000{digit}" for digit in (1, 2, 3))
SPLIT, WHOLE = unicodedata.normalize("NFD", "Ärzte Bund"), "Ärzte Bund"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kam.db"
    return postgres.create_database(request.getfixturevalue("server"), f"composed_{os.getpid()}")


def add_account(url: str, identifier: str, name: str, attributes: dict[str, Any]) -> None:
    at = "'2026-11-21 00:00:00+00'" if url.startswith("postgresql") else "'2026-11-21T00:00:00.000000Z'"
    values = {"id": identifier, "name": name, "tags": json.dumps([name], ensure_ascii=False)}
    values |= {"attributes": json.dumps(attributes, ensure_ascii=False), "status": "customer", "stage": "pre_kam"}
    values |= {"classification_status": "incomplete"}
    listed = ", ".join(f"'{value}'" for value in values.values())
    run(
        url,
        f"INSERT INTO accounts (version, created_at, updated_at, {', '.join(values)}) VALUES (1, {at}, {at}, {listed})",
    )


def add_reference(url: str, identifier: str, system: str, external_id: str, live: str = "true") -> None:
    values = f"'{identifier}', '{system}', '{external_id}', 'account', {live}"
    run(url, f"INSERT INTO refs (entity_id, system, external_id, kind, live) VALUES ({values})")


def stored(url: str, column: str, identifier: str) -> Any:
    (row,) = run(url, f"SELECT {column} FROM accounts WHERE id = '{identifier}'")
    return row[0]


def test_stored_texts_are_composed(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    migrate.upgrade(url, BEFORE)
    add_account(url, OLD, SPLIT, {SPLIT: SPLIT, "plain": 1.5})
    add_account(url, NEW, "Plain", {SPLIT: "first", WHOLE: "second"})
    add_account(url, THIRD, "K\u00f6ln", {})
    add_reference(url, OLD, "sf", SPLIT)
    add_reference(url, NEW, "sf", WHOLE)
    add_reference(url, OLD, "hs", "K7")
    add_reference(url, NEW, "hs", "\u212a7")
    add_reference(url, THIRD, "ns", SPLIT)
    add_reference(url, NEW, "ns", SPLIT, "false")
    migrate.upgrade(url, AFTER)
    assert (stored(url, "name", OLD), stored(url, "name", THIRD)) == (WHOLE, "Köln")
    assert json.loads(stored(url, "tags", OLD)) == [WHOLE]
    assert json.loads(stored(url, "attributes", OLD)) == {WHOLE: WHOLE, "plain": 1.5}
    assert list(json.loads(stored(url, "attributes", NEW))) == [WHOLE]
    found = run(url, "SELECT entity_id, system, external_id FROM refs ORDER BY entity_id, system")
    assert [(str(row[0]), *row[1:]) for row in found] == [
        (OLD, "hs", "K7"), (OLD, "sf", WHOLE), (NEW, "ns", WHOLE), (THIRD, "ns", WHOLE),
    ]  # fmt: skip
    printed = capsys.readouterr().err
    assert f"account {NEW} loses its reference in sf, {WHOLE}: account {OLD} has it already" in printed
    assert f"account {NEW} loses its reference in hs, K7" in printed
    downgrade(url, BEFORE)
    migrate.upgrade(url)
    assert stored(url, "name", OLD) == WHOLE
