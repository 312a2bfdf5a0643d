"""Generated requests against the running service: every check of schemathesis, on SQLite and on PostgreSQL.

By default SQLite gets every phase and PostgreSQL those that depend on data, with few examples: the checks stay within
minutes. The coverage phase tries every combination of a grammar, which for five operations costs as much as for the
hundred others: those are fuzzed with more examples instead. KAM_SCHEMATHESIS_FULL=1 runs every phase of everything on
both databases, KAM_SCHEMATHESIS_EXAMPLES raises the number of examples per operation (3), and KAM_SCHEMATHESIS_SEED
repeats a run.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live import ROOT

pytestmark = [pytest.mark.conformance, pytest.mark.slow]
HERE = Path(__file__).parent
EXAMPLES = os.environ.get("KAM_SCHEMATHESIS_EXAMPLES", "3")
FULL = os.environ.get("KAM_SCHEMATHESIS_FULL") == "1"
SEED = os.environ.get("KAM_SCHEMATHESIS_SEED", "1")
# The first three take the whole grammar of filters, the next thirty parameters, the last makes large answers.
COSTLY = (
    ("POST", "/v1/accounts/search"),
    ("POST", "/v1/portfolio/simulations"),
    ("POST", "/v1/portfolio/screenings"),
    ("GET", "/v1/accounts"),
    ("GET", "/v1/portfolio/movements"),
)
COSTLY_EXAMPLES = max(20, int(EXAMPLES))


def configuration(folder: Path) -> Path:
    """The file of settings for a run."""
    left_out = "".join(
        f'\n[[operations]]\ninclude-method = "{method}"\ninclude-path = "{path}"\nphases.coverage.enabled = false\n'
        f"generation.max-examples = {COSTLY_EXAMPLES}\n"
        for method, path in COSTLY
        if not FULL
    )
    made = folder / "schemathesis.toml"
    made.write_text((HERE / "schemathesis.toml").read_text() + left_out)
    return made


def run(live, kind: str, address: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        Path(sys.executable).with_name("st"),
        "--config-file",
        configuration(folder),
        "run",
        live.url + address,
    ]
    options = ["--checks", "all", "--max-examples", EXAMPLES, "--seed", SEED, "--continue-on-failure", "--no-color"]
    if not FULL and kind == "postgresql":
        options += ["--phases", "examples,fuzzing,stateful"]
    if address == "/openapi.json":
        options += ["--exclude-path", "/v1/events/stream"]  # it never ends; tests/api/events/test_streams.py judges it
    if address == "/graphql":
        # GraphQL's types can't say that an id must exist or that weights sum to 100, and the judge knows no list of
        # answers for it: a refusal with a code is right there. What fails inside is still found (ST113).
        options += ["--exclude-checks", "positive_data_acceptance"]
    header = ["--header", f"Authorization:{live.headers['Authorization']}"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.conformance.graphql_classes", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, *options, *header],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip


def kind_of(request: pytest.FixtureRequest) -> str:
    """The kind of database that the live server has."""
    return str(request.node.callspec.params["live_server"])


def test_rest_keeps_its_contract(live_server, request, tmp_path):
    result = run(live_server, kind_of(request), "/openapi.json", tmp_path)
    print(result.stdout[-3000:])
    assert result.returncode == 0, result.stdout[-20000:] + result.stderr + live_server.logged()


def test_graphql_keeps_its_contract(live_server, request, tmp_path):
    result = run(live_server, kind_of(request), "/graphql", tmp_path)
    print(result.stdout[-3000:])
    assert result.returncode == 0, result.stdout[-20000:] + result.stderr + live_server.logged()
