"""Generated requests against the running service: every check of schemathesis, on SQLite and on PostgreSQL.

KAM_SCHEMATHESIS_EXAMPLES raises the number of examples per operation (15), KAM_SCHEMATHESIS_SEED repeats a run.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.conformance, pytest.mark.slow]
HERE = Path(__file__).parent
EXAMPLES = os.environ.get("KAM_SCHEMATHESIS_EXAMPLES", "15")
SEED = os.environ.get("KAM_SCHEMATHESIS_SEED", "1")


def run(live, address: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        Path(sys.executable).with_name("st"),
        "--config-file",
        HERE / "schemathesis.toml",
        "run",
        live.url + address,
    ]
    options = ["--checks", "all", "--max-examples", EXAMPLES, "--seed", SEED, "--continue-on-failure", "--no-color"]
    header = ["--header", f"Authorization:{live.headers['Authorization']}"]
    return subprocess.run(
        [*command, *options, *header], cwd=folder, capture_output=True, text=True, timeout=1500, check=False
    )


def test_rest_keeps_its_contract(live_server, tmp_path):
    result = run(live_server, "/openapi.json", tmp_path)
    print(result.stdout[-3000:])
    assert result.returncode == 0, result.stdout[-20000:] + result.stderr + live_server.logged()


def test_graphql_keeps_its_contract(live_server, tmp_path):
    result = run(live_server, "/graphql", tmp_path)
    print(result.stdout[-3000:])
    assert result.returncode == 0, result.stdout[-20000:] + result.stderr + live_server.logged()
