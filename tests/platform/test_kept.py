"""The bounded cache."""

from __future__ import annotations

import pytest

from service.platform.kept import Kept


def test_the_least_recently_used_value_goes_first() -> None:
    kept: Kept[str, int] = Kept(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert "b" not in kept and kept.get("b") is None
    assert kept.get("a") == 1 and kept.get("c") == 3 and len(kept) == 2


def test_a_value_is_made_once() -> None:
    kept: Kept[str, list[int]] = Kept(2)
    first = kept.made("a", list)
    assert kept.made("a", list) is first


def test_a_later_value_replaces_an_earlier_one() -> None:
    kept: Kept[str, int] = Kept(1)
    kept.put("a", 1)
    assert kept.put("a", 2) == 2
    assert len(kept) == 1 and kept.pop("a") == 2 and kept.pop("a") is None


def test_clear_removes_everything() -> None:
    kept: Kept[str, int] = Kept(3)
    kept.put("a", 0)
    assert kept.get("a") == 0
    kept.clear()
    assert len(kept) == 0


def test_a_cache_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Kept(0)
