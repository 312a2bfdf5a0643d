"""PostgreSQL folds the case of texts as Python does, by whichever collation a server has."""

from __future__ import annotations

import importlib.util
import os
import unicodedata
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.conftest import _SERVER

FILE = Path(__file__).parents[2] / "migrations" / "versions" / "2026-11-27-1510_case_folding.py"


def migration() -> Any:
    spec = importlib.util.spec_from_file_location("case_folding", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("way", [*migration().COLLATIONS, None, "casefold"])
async def test_every_way_folds_as_python(way: str | None, postgres_template: str) -> None:
    connection = await asyncpg.connect(os.environ[_SERVER])
    try:
        version = int(await connection.fetchval("SELECT current_setting('server_version_num')"))
        known = "SELECT count(*) FROM pg_collation WHERE collname = $1"
        if way == "casefold" and version < 180000:
            pytest.skip("PostgreSQL folds since version 18")
        if way not in (None, "casefold") and not await connection.fetchval(known, way):
            pytest.skip("this server lacks the collation")
        folding = connection.transaction()
        await folding.start()
        await connection.execute("CREATE SCHEMA folding_test; SET LOCAL search_path = folding_test, pg_catalog")
        made = migration().functions(180000, None) if way == "casefold" else migration().functions(150000, way)
        for statement in made:
            await connection.execute(statement)
        letters = [letter for letter in map(chr, range(1, 0x20000)) if unicodedata.category(letter) not in ("Cn", "Cs")]
        for start in range(0, len(letters), 500):
            text = "".join(letters[start : start + 500])
            folded = await connection.fetchval("SELECT kam_fold($1)", text)
            assert folded == text.casefold(), f"from U+{ord(text[0]):04X}"
        for text in ("ΟΔΟΣ", "Straße 7", "STRAẞE", "ὈΔΥΣΣΕΎΣ", "ΐ", "ﬃ", "plain"):
            assert await connection.fetchval("SELECT kam_fold($1)", text) == text.casefold()
        assert await connection.fetchval("SELECT kam_fold(NULL)") is None
        await folding.rollback()
    finally:
        await connection.close()
