"""The rows of `yardsticks` are kept as `model_periods`, and SQLite's counter of events outlives a copied table."""

import os
from pathlib import Path

import pytest

from service.framework.database import migrate
from tests import postgres
from tests.migrations.test_migrations import downgrade, run, server  # noqa: F401 - the server is a fixture

BEFORE, AFTER = "202611221100", "202611271410"
MODEL, PERIOD = (f"01890000-0000-7000-8000-00000000000{digit}" for digit in (1, 2))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kam.db"
    return postgres.create_database(request.getfixturevalue("server"), f"periods_{os.getpid()}")


def test_model_periods_keep_their_rows_up_and_down(url: str):
    migrate.upgrade(url, BEFORE)
    postgresql = url.startswith("postgresql")
    at = "'2026-11-21 00:00:00+00'" if postgresql else "'2026-11-21T00:00:00.000000Z'"
    run(
        url,
        "INSERT INTO scoring_models (id, version, created_at, updated_at, name, number, state, definition) "
        f"VALUES ('{MODEL}', 1, {at}, {at}, 'Old', 1, 'active', '{{}}')",
    )
    values = f"'{PERIOD}', '{MODEL}', {at}, {'1.5, 9.25' if postgresql else '15000, 92500'}"
    run(url, f"INSERT INTO yardsticks (id, model_id, since, range_low, range_high) VALUES ({values})")
    kept = run(url, "SELECT * FROM yardsticks")
    migrate.upgrade(url, AFTER)
    assert run(url, "SELECT * FROM model_periods") == kept
    downgrade(url, BEFORE)
    assert run(url, "SELECT * FROM yardsticks") == kept


def test_no_number_of_an_event_is_given_twice_on_sqlite(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/kam.db"
    columns = "id, type, schema_version, subject_kind, subject_id, subject_version, occurred_at, cause, body"
    insert = f"INSERT INTO events ({columns}) VALUES ('{PERIOD}', 'a.b', 1, 'a', '{MODEL}', 1, '2026', '{{}}', '{{}}')"
    migrate.upgrade(url, BEFORE)
    run(url, insert)
    run(url, "DELETE FROM events")
    for revision in (AFTER, BEFORE):
        (migrate.upgrade if revision == AFTER else downgrade)(url, revision)
        run(url, insert)
        run(url, "DELETE FROM events")
    run(url, insert)
    assert run(url, "SELECT seq FROM events") == [(4,)]
