"""Measure the service beside PostGraphile 5.1.5 on one PostgreSQL database, interleaved, and print the ratios.

    python -m tests.bench.side_by_side                       all workloads, 5 rounds of 4 s, 100,000 accounts
    python -m tests.bench.side_by_side --rounds 3 --seconds 2 --workloads W1,W4
    python -m tests.bench.side_by_side --folder ~/peer       keep what npm installs, for the next run

Needs npm: PostGraphile is installed into a temporary folder, with a Node 22 from npm where the installed one is older.
Nothing else is fetched. Without KAM_BENCH_POSTGRES_URL (an empty database, or one that tests.bench.data filled) a
cluster is started as the tests do; its durability settings stand in the output. wrk sends the load where it is installed.

PostGraphile has its Amber preset and ten connections, as the service has. It checks no key and has no ETag, rate limit
or log; the service has all of them on.

W1   read one account             W3   50 accounts -> stakeholders, objectives -> actions
W2   list of 50                   W3b  one account -> stakeholders
W4   change one member: the service checks the version, raises it and writes the event row; PostGraphile's plain update
     does none of that
W4t  the same against an update of a copy of the table whose trigger raises the version, sets updated_at and inserts an
     event row with both row images

PostGraphile sorts by indexed columns only: for the run, accounts has an index more. It and the copy are removed at the
end. A ratio is the service's rate by PostGraphile's, median of the rounds' own ratios (lowest - highest).
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from service.rules.vocabulary import Quadrant
from tests import postgres
from tests.bench import load, processes
from tests.bench.data import ACCOUNTS, fill, identifier
from tests.bench.run import KEY, database, describe, service
from tests.bench.workloads import Request, listed, reads, writes

PACKAGE = "postgraphile@5.1.5"
NODE = 22
WORKLOADS = ("W1", "W2", "W3", "W3b", "W4", "W4t")
GOALS = {"W4t": 1.05}

_FIELDS = (
    "rowId name industry country currency revenue quadrant stage status website ownerId parentId tags attributes"
    " version createdAt updatedAt attractiveness businessStrength relativeStrength"
)
_PEOPLE = "stakeholdersByAccountId { nodes { rowId name roles influence stance } }"
_PLANS = (
    "objectivesByAccountId { nodes { rowId title metric target dueOn"
    " actionsByObjectiveId { nodes { rowId title ownerId dueOn state } } } }"
)
_LIST = "allAccounts(first: 50, condition: {quadrant: $q}, orderBy: [REVENUE_DESC])"


def _update(kind: str, name: str) -> str:
    values = f"input: {{rowId: $id, {name}Patch: {{serviceLevel: $level}}}}"
    return f"mutation($id: UUID!, $level: BigInt!) {{ update{kind}ByRowId({values}) {{ {name} {{ {_FIELDS} }} }} }}"


QUERIES = {
    "W1": f"query($id: UUID!) {{ accountByRowId(rowId: $id) {{ {_FIELDS} }} }}",
    "W2": f"query($q: String!) {{ {_LIST} {{ nodes {{ {_FIELDS} }} pageInfo {{ hasNextPage endCursor }} }} }}",
    "W3": f"query($q: String!) {{ {_LIST} {{ nodes {{ rowId name industry quadrant revenue {_PEOPLE} {_PLANS} }} }} }}",
    "W3b": f"query($id: UUID!) {{ accountByRowId(rowId: $id) {{ rowId name industry quadrant revenue {_PEOPLE} }} }}",
    "W4": _update("Account", "account"),
    "W4t": _update("SideBySideTriggeredAccount", "sideBySideTriggeredAccount"),
}

_PRESET = """
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { makePgService } from "postgraphile/adaptors/pg";
export default {
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({
    connectionString: process.env.DATABASE_URL, schemas: ["public", "side_by_side"], poolConfig: { max: 10 },
  })],
  grafserv: { port: Number(process.env.PORT), host: "127.0.0.1", graphiql: false, watch: false },
};
"""

_PREPARE = """
DROP SCHEMA IF EXISTS side_by_side CASCADE;
CREATE SCHEMA side_by_side;
CREATE INDEX IF NOT EXISTS side_by_side_revenue ON accounts (quadrant, revenue DESC, id);
CREATE TABLE side_by_side.triggered_accounts (LIKE accounts INCLUDING ALL);
INSERT INTO side_by_side.triggered_accounts SELECT * FROM accounts;
CREATE FUNCTION side_by_side.record() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    event uuid := gen_random_uuid();
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    INSERT INTO events (id, type, schema_version, account_id, subject_kind, subject_id, subject_version, occurred_at,
        cause, content, body)
    VALUES (event, 'account.updated', 1, NEW.id, 'account', NEW.id, NEW.version, NEW.updated_at,
        '{"kind": "user"}'::jsonb, '{}', json_build_object('id', event, 'type', 'account.updated',
        'timestamp', NEW.updated_at, 'data', json_build_object('previous', row_to_json(OLD), 'current',
        row_to_json(NEW)))::text);
    RETURN NEW;
END $$;
CREATE TRIGGER record BEFORE UPDATE ON side_by_side.triggered_accounts FOR EACH ROW
    EXECUTE FUNCTION side_by_side.record();
ANALYZE accounts;
ANALYZE side_by_side.triggered_accounts
"""
_CLEAR = "DROP INDEX IF EXISTS side_by_side_revenue; DROP SCHEMA IF EXISTS side_by_side CASCADE"


@dataclass
class Side:
    """One of the two servers: its port, its key, its requests so far, and the figures of its rounds by workload."""

    name: str
    server: processes.Running
    key: str = ""
    runs: dict[str, list[dict[str, float]]] = field(default_factory=dict)


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql, timeout=600)
    finally:
        await connection.close()


@contextmanager
def prepared(url: str) -> Iterator[None]:
    """The database with what PostGraphile needs besides, for the length of a block."""
    asyncio.run(_execute(url, _PREPARE))
    try:
        yield
    finally:
        asyncio.run(_execute(url, _CLEAR))


def install(folder: Path) -> list[str]:
    """Install PostGraphile into the folder unless it is there; return the command that starts it. Raises SystemExit
    without npm.
    """
    if shutil.which("npm") is None:
        raise SystemExit("npm is not installed: PostGraphile can't be fetched")
    folder.mkdir(parents=True, exist_ok=True)
    node = shutil.which("node")
    packages = [PACKAGE]
    if node is None or _major(node) < NODE:
        packages.append(f"node@{NODE}")
        node = str(folder / "node_modules" / ".bin" / "node")
    started = folder / "node_modules" / "postgraphile" / "dist" / "cli-run.js"
    if not started.exists() or not Path(node).exists():
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        npm = ["npm", "install", "--no-audit", "--no-fund", "--loglevel", "error", *packages]
        subprocess.run(npm, cwd=folder, check=True)
    preset = folder / "graphile.config.mjs"
    preset.write_text(_PRESET)
    return [node, str(started), "-C", str(preset)]


def _major(node: str) -> int:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.strip().lstrip("v").split(".")[0])


def own_requests(name: str, url: str, accounts: int, count: int, after: int) -> list[Request]:
    """The service's requests of a workload; writes expect the versions that the accounts have now."""
    return asyncio.run(writes(url, count, after)) if name.startswith("W4") else reads(name, accounts)


def peer_requests(name: str, accounts: int) -> list[Request]:
    """PostGraphile's requests of a workload."""
    dice = random.Random(7)
    values: list[dict[str, str]]
    if name in {"W2", "W3"}:
        values = [{"q": str(quadrant)} for quadrant in Quadrant]
    else:
        values = [{"id": identifier("accounts", dice.randint(1, accounts))} for _ in range(20_000)]
    if name.startswith("W4"):
        values = [{**each, "level": str(dice.randint(1, 5))} for each in values]
    query = QUERIES[name]
    return [Request("POST", "/graphql", json.dumps({"query": query, "variables": each}).encode()) for each in values]


def check(side: Side, request: Request) -> None:
    """Send a request once and raise SystemExit unless it is answered with data: GraphQL answers errors with 200 too."""
    connection = http.client.HTTPConnection("127.0.0.1", side.server.port, timeout=60)
    headers = {"Authorization": f"Bearer {side.key}", "Content-Type": "application/json"}
    if request.expected is not None:
        headers["If-Match"] = f'"v{request.expected}"'
    connection.request(request.method, request.path, request.body or None, headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200 or b'"errors"' in body or b":null}}" in body:
        raise SystemExit(f"{side.name} answered {answer.status} to {request.body.decode()}: {body[:800].decode()}")


def measure(side: Side, name: str, requests: list[Request], folder: Path, seconds: int, pid: int | None) -> int:
    """Load one side for some seconds, keep the figures, and return how many requests were answered."""
    file = folder / "requests"
    file.write_text(listed(requests))
    once = requests[0].expected is not None

    def spent() -> tuple[float, float]:
        return processes.cpu_seconds(side.server.pid), processes.cpu_seconds(pid) if pid else 0.0

    before = spent()
    done = load.run(side.server.port, file, key=side.key, once=once, seconds=seconds)
    own, base = ((b - a) / max(done.requests, 1) * 1e6 for a, b in zip(before, spent(), strict=True))
    figures = {"rate": done.rate, "p50": done.p50, "p99": done.p99, "bytes": done.bytes / max(done.requests, 1)}
    figures |= {"cpu": own, "database": base, "bad": done.bad + done.errors}
    side.runs.setdefault(name, []).append(figures)
    return done.requests


def rounds(own: Side, peer: Side, url: str, pid: int | None, given: argparse.Namespace, folder: Path) -> None:
    """Warm up, then the rounds; in each, both sides take every workload in random order."""
    names = given.workloads.split(",")
    patched = 0
    for number in range(given.rounds + 1):
        seconds = given.seconds if number else 1
        for name in names:
            for side in random.sample([own, peer], 2):
                if side is peer:
                    requests = peer_requests(name, given.accounts)
                else:
                    requests = own_requests(name, url, given.accounts, 9000 * seconds, patched)
                if not number:
                    check(side, requests.pop(0))
                count = measure(side, name, requests, folder, seconds, pid)
                patched += count + 64 if side is own and name.startswith("W4") else 0
        if not number:
            own.runs.clear()
            peer.runs.clear()
        print(f"round {number} of {given.rounds}" if number else "warm", flush=True)


def table(own: Side, peer: Side) -> Iterator[str]:
    """The medians of both sides, and the ratios."""
    yield (
        f"{'':5}{'':14}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'cpu us':>9}{'db us':>9}{'bytes':>9}{'bad':>6}"
        "   service / PostGraphile"
    )
    for name, runs in own.runs.items():
        ratios = sorted(mine["rate"] / other["rate"] for mine, other in zip(runs, peer.runs[name], strict=True))
        middle = statistics.median(ratios)
        verdict = f"{middle:.2f} ({ratios[0]:.2f} - {ratios[-1]:.2f})"
        if name in GOALS:
            verdict += f", goal {GOALS[name]:.2f}: {'reached' if middle >= GOALS[name] else 'MISSED'}"
        for side in (own, peer):
            m = {key: statistics.median(run[key] for run in side.runs[name]) for key in runs[0]}
            line = f"{name if side is own else '':5}{side.name:14}{m['rate']:9.0f}{m['p50']:9.2f}{m['p99']:9.2f}"
            line += f"{m['cpu']:9.0f}{m['database']:9.0f}{m['bytes']:9.0f}{m['bad']:6.0f}"
            yield f"{line}   {verdict if side is own else ''}".rstrip()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run and report."""
    given = _arguments(arguments)
    with tempfile.TemporaryDirectory(prefix="kam-side-") as temporary, database() as (url, origin):
        folder = Path(temporary)
        command = install(given.folder.expanduser().resolve() if given.folder else folder / "peer")
        made = asyncio.run(fill(url, given.accounts))
        print(f"{given.accounts} accounts {'made' if made else 'found'}; {origin}", flush=True)
        settings, pid = asyncio.run(describe(url))
        port = postgres.free_port()
        environment = {"DATABASE_URL": url, "PORT": str(port), "GRAPHILE_ENV": "production"}
        with service(url):  # makes the key
            pass
        with (
            prepared(url),
            service(url, ["--no-worker"]) as own_target,
            processes.started(command, port, "/graphql", environment) as peer_server,
        ):
            own = Side("service", own_target.server, KEY)
            peer = Side("PostGraphile", peer_server)
            rounds(own, peer, url, pid, given, folder)
    print(
        f"\n{given.accounts} accounts, {given.rounds} rounds of {given.seconds} s, 16 connections, {load.tool()},",
        end="",
    )
    print(f" {os.cpu_count()} cores; PostgreSQL " + ", ".join(f"{key} {value}" for key, value in settings.items()))
    print("\n".join(table(own, peer)))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS, help="rows of the main table (default 100,000)")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds (default 5)")
    parser.add_argument("--seconds", type=int, default=4, help="length of a round per workload and side (default 4)")
    parser.add_argument("--workloads", default=",".join(WORKLOADS), help="comma-separated (default all)")
    parser.add_argument("--folder", type=Path, help="where npm installs (default: a temporary folder)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
