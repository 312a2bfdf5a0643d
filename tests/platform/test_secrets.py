"""The secret key: long enough or refused, slow to guess, fast to use; and files that only the service's user reads."""

from __future__ import annotations

import hashlib
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from service.framework.database.pagination import Cursors
from service.platform.errors import CursorInvalid
from service.platform.private_files import make_private
from service.platform.settings import Settings

SECRET = "a key of 32 characters for tests"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_key_has_at_least_32_characters():
    with pytest.raises(ValidationError, match="has 31 characters and needs at least 32"):
        Settings(_env_file=None, secret_key=SECRET[:31])
    assert Settings(_env_file=None, secret_key=SECRET).resolved_secret_key() == SECRET


def test_a_short_key_in_the_key_file_is_refused_and_a_made_one_is_private(tmp_path: Path):
    settings = Settings(_env_file=None, database_url=f"sqlite:///{tmp_path / 'kam.db'}")
    made = settings.resolved_secret_key()
    assert len(made) == 44 and settings.resolved_secret_key() == made
    file = tmp_path / "kam.db.key"
    assert mode(file) == 0o600
    file.write_text("short\n")
    with pytest.raises(ValueError, match="KAM_SECRET_KEY, has 5 characters"):
        settings.resolved_secret_key()


def test_cursors_are_signed_with_a_key_that_scrypt_derived_once(monkeypatch: pytest.MonkeyPatch):
    fresh = "another key of 32 characters, used only here"
    calls: list[dict[str, Any]] = []
    scrypt = hashlib.scrypt

    def counted(*given: Any, **named: Any) -> bytes:
        calls.append(named)
        return scrypt(*given, **named)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    cursor = Cursors(fresh).encode("accounts", [1, "a"])
    began = time.perf_counter()
    for _ in range(1000):
        assert Cursors(fresh).decode("accounts", cursor) == [1, "a"]
    assert len(calls) == 1 and calls[0]["n"] >= 2**12
    assert time.perf_counter() - began < 1.0
    with pytest.raises(CursorInvalid):
        Cursors(SECRET).decode("accounts", cursor)


def test_a_cursor_of_the_first_release_is_still_read():
    cursor = "yQOGyyyThYxlWzRd"  # made by version 0.1.0
    assert Cursors(SECRET).decode("events", cursor) == [4]


def test_a_database_file_and_what_lies_beside_it_lose_the_rights_of_others(tmp_path: Path):
    file = tmp_path / "kam.db"
    make_private(file)
    assert mode(file) == 0o600 and not file.with_name("kam.db-wal").exists()
    beside = tmp_path / "kam.db-wal"
    beside.touch()
    for each in (file, beside):
        each.chmod(0o664)
    make_private(file)
    assert (mode(file), mode(beside)) == (0o600, 0o600)
