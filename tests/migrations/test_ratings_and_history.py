"""Scores and classifications from before several raters: they become ratings, columns and inputs, and go back."""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from service.framework.database import migrate
from tests import postgres
from tests.migrations.test_migrations import downgrade, run, server  # noqa: F401 - the server is a fixture

BEFORE, AFTER = "202611220910", "202611220920"
MODEL, ACCOUNT, ENTRY = (f"01890000-0000-7000-8000-00000000000{digit}" for digit in (1, 2, 3))
FACTORS = [
    {"name": "Service", "weight": 60.5, "ours": 7, "competitors": {"X": 8.25, "Y": 5}},
    {"name": "Price", "weight": 39.5, "ours": 6, "competitors": {"X": 5, "Y": 9}},
]
RESULT = {
    "status": "complete",
    "missing": [],
    "quadrant": "star",
    "raw_quadrant": "star",
    "attractiveness": {"score": 6.3, "contributions": [{"factor": "a", "weight": 100, "score": 6.3, "points": 6.3}]},
    "business_strength": {
        "ours": 6.605,
        "competitors": [{"name": "X", "total": 6.9663}, {"name": "Y", "total": 6.58}],
        "best_competitor": "X",
        "relative_strength": 0.948136,
        "no_known_competitor": False,
    },
    "fiocca": {"attractiveness": "medium", "position": "average", "verbs": ["maintain_selectively"]},
}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/kam.db"
    return postgres.create_database(request.getfixturevalue("server"), f"ratings_{os.getpid()}")


def fill(url: str) -> None:
    """One classified account as it was stored before."""
    postgresql = url.startswith("postgresql")
    at = "'2026-11-21 01:02:03.004+00'" if postgresql else "'2026-11-21T01:02:03.004000Z'"
    score = "4.99999999999999999" if postgresql else "499999999999999999"
    definition = json.dumps({"factors": [], "cuts": {}, "fiocca": {}, "dead_band": 0, "warnings": []})
    run(
        url,
        "INSERT INTO scoring_models (id, version, created_at, updated_at, name, number, state, definition) "
        f"VALUES ('{MODEL}', 1, {at}, {at}, 'Old', 1, 'active', '{definition}')",
    )
    run(
        url,
        "INSERT INTO accounts (id, version, created_at, updated_at, name, tags, attributes, status, stage, quadrant, "
        f"quadrant_source, classification_status) VALUES ('{ACCOUNT}', 3, {at}, {at}, 'A', '[]', '{{}}', 'customer', "
        "'pre_kam', 'star', 'computed', 'complete')",
    )
    run(
        url,
        "INSERT INTO attractiveness_scores (account_id, factor, score, metric, evidence, scored_at) "
        f"VALUES ('{ACCOUNT}', 'a', {score}, '12.5', 'seen', {at})",
    )
    run(
        url,
        "INSERT INTO business_strengths (account_id, factors, no_known_competitor, updated_at) "
        f"VALUES ('{ACCOUNT}', '{json.dumps(FACTORS)}', false, {at})",
    )
    run(
        url,
        "INSERT INTO classifications (id, account_id, account_version, model_id, classified_at, cause, quadrant, "
        f"quadrant_source, result) VALUES ('{ENTRY}', '{ACCOUNT}', 3, '{MODEL}', {at}, 'attractiveness', 'star', "
        f"'computed', '{json.dumps(RESULT)}')",
    )


def test_what_was_stored_before_is_read_today_and_goes_back(url: str):
    migrate.upgrade(url, BEFORE)
    fill(url)
    migrate.upgrade(url, AFTER)
    postgresql = url.startswith("postgresql")
    ((identifier, rater, score, metric, evidence, chosen),) = run(
        url, "SELECT id, rater_key, score, metric, evidence, chosen FROM ratings WHERE superseded_at IS NULL"
    )
    assert (rater, metric, evidence, bool(chosen)) == ("", "12.5", "seen", False)
    assert score == (Decimal("4.99999999999999999") if postgresql else 499999999999999999)
    assert str(identifier)[:13] == "01a1fb9f-e6fc" and str(identifier)[14] == "7" and str(identifier)[19] == "8"
    ((ours, best, weights),) = run(url, "SELECT ours_points, best_points, weight_sum FROM business_strengths")
    assert [Decimal(ours), Decimal(best), Decimal(weights)] == [Decimal("660.5"), Decimal("696.625"), Decimal(100)]
    ((computed,),) = run(url, "SELECT computed_quadrant FROM accounts")
    ((raw, source, appeal, ratio, cell, status, missing, inputs),) = run(
        url,
        "SELECT raw_quadrant, quadrant_source, attractiveness, relative_strength, fiocca_position, "
        "classification_status, missing, inputs FROM classifications",
    )
    assert (computed, raw, source, cell, status) == ("star", "star", "computed", "average", "complete")
    scale = 1 if postgresql else 1_000_000
    assert (Decimal(appeal) / scale, Decimal(ratio) / scale) == (Decimal("6.3"), Decimal("0.948136"))
    assert json.loads(missing) == [] and json.loads(inputs) == {
        "scores": {"a": {"total": "6.3", "ratings": 1}},
        "strength": {
            "ours_points": "6.605",
            "best_points": "6.9663",
            "weight_sum": "1",
            "best_competitor": "X",
            "no_known_competitor": False,
        },
    }
    downgrade(url, BEFORE)
    ((factor, back),) = run(url, "SELECT factor, score FROM attractiveness_scores")
    assert (factor, back) == ("a", score)
    ((result,),) = run(url, "SELECT result FROM classifications")
    told = json.loads(result)
    assert told["attractiveness"]["score"] == 6.3 and told["business_strength"]["relative_strength"] == 0.948136
    assert told["raw_quadrant"] == "star" and told["fiocca"]["position"] == "average"
