"""Record a release for tests/migrations/test_releases.py: its demo's database, and what its API answers over it.

    python -m tests.migrations.record_release 0.2.0 [--checkout PATH]

It serves the checkout (by default this one) with `kam serve --demo` on SQLite, adds one of each kind that the demo does
not have, reads every GET path of the release's own openapi.json, and writes `releases/NAME/database.jsonl` (a table, its
columns and its rows a line) and `answers.jsonl` (a path and its answer a line). Run it once, when a release is made.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.postgres import free_port

ROOT = Path(__file__).parents[2]
RELEASES = Path(__file__).parent / "releases"
KEY = "kam_" + "r" * 43
SECRET = "a secret key that only these recordings use"
NOT_RECORDED = (
    "/secret",
    "/by-ref/",
    "/comparison",
    "/metrics",
    "/errors",
    "/event-types",
    "/v1/events",
    "/livez",
    "/readyz",
)
NOT_IN_THE_DATABASE = {"alembic_version", "sqlite_sequence"}
ADDED: dict[str, dict[str, Any]] = {
    "/v1/webhook-endpoints": {"url": "https://example.com/kam", "event_types": ["account.*"], "enabled": False},
    "/v1/event-consumers": {"name": "warehouse", "event_types": ["plan.*"], "begin": "start"},
    "/v1/api-keys": {"name": "Reports", "scopes": ["accounts:read"]},
}
"""What the demo does not have: bodies to post."""


def main() -> None:
    """Record the release that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--checkout", type=Path, default=ROOT)
    given = parser.parse_args()
    folder = RELEASES / given.name
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        url, file = f"http://127.0.0.1:{free_port()}", Path(scratch) / "kam.db"
        environment = {
            "PYTHONPATH": str(given.checkout.resolve()),
            "KAM_DATABASE_URL": f"sqlite:///{file}",
            "KAM_BOOTSTRAP_KEY": KEY,
            "KAM_SECRET_KEY": SECRET,
            "KAM_ACCESS_LOG": "false",
        }
        command = [sys.executable, "-P", "-m", "service", "serve", "--demo", "--port", url.rpartition(":")[2]]
        process = subprocess.Popen(command, cwd=scratch, env=environment)
        try:
            _wait(url)
            for path, body in ADDED.items():
                _ask(url, path, body)
            _wait_for_retention(url)
            paths = json.loads((given.checkout / "openapi" / "openapi.json").read_text())["paths"]
            now = datetime.now(UTC)
            answers = [{"recorded_at": now.isoformat()}]
            answers += [{"path": path, "answer": answer} for path, answer in _crawl(url, list(paths), now)]
        finally:
            process.terminate()
            process.wait(30)
        _write(folder / "answers.jsonl", answers)
        _write(folder / "database.jsonl", _tables(file))


def _wait(url: str) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=2).close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the release did not start")


def _wait_for_retention(url: str) -> None:
    """Wait until the worker has removed the events that are older than the release keeps them."""
    for _ in range(300):
        if (
            not _ask(url, "/v1/events?limit=1")["items"][0]["timestamp"]
            < (datetime.now(UTC) - timedelta(days=91)).isoformat()
        ):
            return
        time.sleep(0.2)
    raise SystemExit("the worker removed no old events")


def _ask(url: str, path: str, body: Any = None) -> Any:
    """Return the answer of a path, None for one that has none."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=60) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        if body is not None:
            raise SystemExit(f"{path}: {error.read().decode()}") from error
        return None


def _crawl(url: str, templates: list[str], now: datetime) -> Iterator[tuple[str, Any]]:
    """Yield every readable path with its answer: collections first, then what stands under each record."""
    ids: dict[str, list[str]] = defaultdict(list)
    past = [(now - timedelta(days=days)).date().isoformat() for days in (300, 100)]
    asked = [f"/v1/{what}?as_of={day}" for day in past for what in ("portfolio/matrix", "accounts")]
    asked += [f"/v1/portfolio/movements?from={day}&limit=200" for day in past]
    for path in asked:
        yield path, _ask(url, path)
    for template in sorted(templates, key=lambda path: path.count("/")):
        if "{" in template.replace("{id}", "") or any(part in template for part in NOT_RECORDED):
            continue
        before, _, after = template.partition("{id}")
        collection = before.strip("/").rpartition("/")[2]
        for identifier in ids[collection] if "{id}" in template else [""]:
            path = f"{before}{identifier}{after}"
            query = "" if template.endswith("}") else "?limit=3" if identifier else "?limit=200"
            answer = _ask(url, path + query)
            if answer is None and query:
                query, answer = "", _ask(url, path)
            if answer is None:
                continue
            items = answer.get("items") if isinstance(answer, dict) else None
            if isinstance(items, list) and template.endswith(tuple("abcdefghijklmnopqrstuvwxyz")):
                known = ids[template.rpartition("/")[2]]
                known += [item["id"] for item in items if "id" in item and item["id"] not in known]
            yield path + query, answer


def _tables(file: Path) -> Iterator[dict[str, Any]]:
    database = sqlite3.connect(file)
    yield {"revision": database.execute("SELECT version_num FROM alembic_version").fetchone()[0]}
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
        found = database.execute(f'SELECT * FROM "{table}" ORDER BY rowid')
        rows = found.fetchall()
        if rows and table not in NOT_IN_THE_DATABASE:
            yield {"table": table, "columns": [column[0] for column in found.description], "rows": rows}


def _write(file: Path, lines: Any) -> None:
    with file.open("w", encoding="utf-8") as target:
        for line in lines:
            target.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
