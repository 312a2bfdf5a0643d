"""The command line as a person and a script see it: output and exit codes, on both databases."""

import asyncio
import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service import __version__
from service.access.principal import Principal
from service.cli import doctor
from service.cli.cells import cell
from service.cli.main import COMMANDS, load, main
from service.cli.session import session, wait_for_database
from service.models.access.api_keys import ApiKeyCreate
from service.operations.access.api_keys import create_api_key
from service.platform.settings import Settings
from service.records.context import Context
from tests.postgres import free_port

ROOT = Path(__file__).parents[2]
Kam = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and nothing set."""
    for name in [name for name in os.environ if name.startswith("KAM_") and "TEST" not in name]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def kam(folder: Path, capsys: pytest.CaptureFixture[str]) -> Kam:
    """Runs a command line in this process: its exit code, what it printed, what it said beside it."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            main(list(arguments))
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def on(kam: Kam, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Kam:
    """The same, on a migrated database of either kind."""
    monkeypatch.setenv("KAM_DATABASE_URL", database_url)
    monkeypatch.setenv("KAM_SECRET_KEY", "a key of 32 characters for tests")
    return kam


def test_every_command_can_be_loaded_and_says_what_it_is_for():
    for name in COMMANDS:
        assert load(name).help, name


def test_help_loads_neither_the_database_nor_the_application():
    asked = (
        "import sys\nfrom service.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "print({'sqlalchemy', 'fastapi', 'uvicorn', 'strawberry'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "doctor" in found.stdout
    assert found.stdout.splitlines()[-1] == "set()"


def test_serve_loads_neither_the_command_line_of_httpx_nor_strawberry():
    asked = (
        "import sys\nfrom service.cli.main import load\nload('serve')\nimport httpx\n"
        "print({'httpx._main', 'pygments', 'httpcore', 'strawberry'} & {name for name in sys.modules if sys.modules[name]})"
    )
    found = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "set()"


def test_a_command_that_is_not_there_is_a_mistake_of_the_caller(kam: Kam):
    code, _, told = kam("nope")
    assert code == 2
    assert "nope" in told


def test_the_version_is_told(kam: Kam):
    assert kam("--version") == (0, f"kam {__version__}\n", "")


def test_a_wrong_setting_is_named(kam: Kam, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KAM_RATE_LIMIT", "many")
    code, _, told = kam("migrate")
    assert code == 2
    assert told.startswith("kam: settings: KAM_RATE_LIMIT: ")


def test_a_start_waits_for_the_database_and_says_so_once(capsys: pytest.CaptureFixture[str]):
    url = f"postgresql://kam:secret@127.0.0.1:{free_port()}/kam"
    settings = Settings(
        _env_file=None, database_url=url, secret_key="a key of 32 characters for tests", database_wait_seconds=1.2
    )
    begun = time.monotonic()
    asyncio.run(wait_for_database(settings))
    assert 1.0 < time.monotonic() - begun < 10
    told = capsys.readouterr().err
    assert told.startswith("kam: waiting for the database, 1.2 s at most: ") and told.count("\n") == 1
    assert "secret" not in told


def test_a_database_that_does_not_answer_is_told_in_one_line(kam: Kam, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KAM_DATABASE_URL", "postgresql://kam:secret@127.0.0.1:1/kam")
    monkeypatch.setenv("KAM_SECRET_KEY", "a key of 32 characters for tests")
    for command in (["migrate"], ["keys", "list"]):
        code, _, told = kam(*command)
        assert code == 1
        assert told.startswith("kam: the database can't be reached")
        assert told.count("\n") == 1
        assert "secret" not in told


def test_postgresql_without_a_secret_key_is_refused_before_anything_is_touched(
    kam: Kam, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KAM_DATABASE_URL", "postgresql://kam@127.0.0.1:1/kam")
    code, _, told = kam("keys", "list")
    assert code == 2
    assert "KAM_SECRET_KEY" in told


def test_migrate_makes_the_tables_and_has_nothing_to_do_the_second_time(kam: Kam, folder: Path):
    assert "is now at revision" in kam("migrate")[1]
    assert (folder / "kam.db").exists()
    assert "is at revision" in kam("migrate")[1]


def test_migrate_new_writes_nothing_when_tables_and_migrations_say_the_same(kam: Kam):
    before = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    code, out, _ = kam("migrate", "--new", "nothing at all")
    assert code == 0
    assert "nothing to write" in out
    assert sorted((ROOT / "migrations" / "versions").glob("*.py")) == before


def test_a_key_is_made_listed_and_revoked(on: Kam):
    code, out, _ = on("keys", "create", "Reports", "--scope", "accounts:read", "--scope", "events:read", "--json")
    assert code == 0
    made = json.loads(out)
    assert made["scopes"] == ["accounts:read", "events:read"]
    (listed,) = [json.loads(line) for line in on("keys", "list", "--json")[1].splitlines()]
    assert listed["id"] == made["id"]
    assert "key" not in listed
    assert made["prefix"] in on("keys", "list")[1]
    assert "Revoked" in on("keys", "revoke", made["prefix"])[1]
    assert "revoked" in on("keys", "list")[1]
    assert on("keys", "revoke", "kam_nothing")[0] == 1


@pytest.mark.parametrize("scope", ["everything", "unicorns:read"])
def test_a_scope_that_is_not_there_is_refused(on: Kam, scope: str):
    code, out, told = on("keys", "create", "Reports", "--scope", scope)
    assert code in (1, 2)
    assert "scopes" in told
    assert out == ""


TABLE = """system;external_id;name;country;revenue;service_level;tags;attributes.region
erp;1;Aurelia;DE;100.50;3;a, b;north
erp;2;'=Blau; GmbH;;;;;
erp;3;"Blau; GmbH";DEU;;;;
erp;4;Copper;FR;7;9;;

erp;5;Delta;FR;;;;
"""


def test_a_table_is_imported_row_by_row_and_the_second_time_changes_nothing(on: Kam, folder: Path):
    (folder / "accounts.csv").write_bytes(b"\xef\xbb\xbf" + TABLE.encode())
    code, out, told = on("import", "accounts.csv", "--report", "report.ndjson")
    assert code == 1
    assert out.strip() == "2 created, 0 updated, 0 unchanged, 3 failed"
    assert "line 3: 9 cells under 8 headings" in told
    assert "line 4: country (DEU): " in told
    assert "line 5: service_level (9): " in told
    rows = [json.loads(line) for line in (folder / "report.ndjson").read_text().splitlines()]
    assert [(row["line"], row["outcome"]) for row in rows] == [
        (2, "created"), (3, "failed"), (4, "failed"), (5, "failed"), (7, "created"),
    ]  # fmt: skip
    assert on("import", "accounts.csv")[1].strip() == "0 created, 0 updated, 2 unchanged, 3 failed"
    exported = sorted(
        (json.loads(line) for line in on("export", "accounts")[1].splitlines()), key=lambda one: one["name"]
    )
    assert [(one["name"], one["revenue"], one["tags"], one["attributes"]) for one in exported] == [
        ("Aurelia", "100.50", ["a", "b"], {"region": "north"}),
        ("Delta", None, [], {}),
    ]


def test_objects_are_imported_flat_or_whole_and_empty_cells_leave_members_alone(on: Kam, folder: Path):
    (folder / "a.ndjson").write_text(
        '{"number": "7", "name": "Aurelia", "industry": "robots"}\n'
        '{"system": "erp", "external_id": "8", "account": {"name": "Blau"}}\n'
        "\n[1]\n{broken\n"
    )
    code, out, told = on("import", "a.ndjson", "--system", "erp", "--id-column", "number")
    assert (code, out.strip()) == (1, "2 created, 0 updated, 0 unchanged, 2 failed")
    assert "line 4: not a JSON object" in told
    assert "line 5: not JSON" in told
    (folder / "a.csv").write_text("number,name,industry\n7,Aurelia Robotics,\n")
    assert on("import", "a.csv", "--system", "erp", "--id-column", "number")[1].startswith("0 created, 1 updated")
    exported = [json.loads(line) for line in on("export", "accounts")[1].splitlines()]
    assert {one["name"]: one["industry"] for one in exported} == {"Aurelia Robotics": "robots", "Blau": None}


def test_an_exported_table_can_be_imported_again(on: Kam, folder: Path):
    (folder / "a.csv").write_text('system,external_id,name,tags,refs\nerp,1,=1+1,"a,b",crm:x\n')
    assert on("import", "a.csv")[0] == 0
    code, out, _ = on("export", "accounts", "--format", "csv", "--output", "b.csv")
    assert (code, out) == (0, "")
    (row,) = csv.DictReader(io.StringIO((folder / "b.csv").read_text()))
    assert (row["name"], row["tags"]) == ("'=1+1", "a, b")
    assert row["refs"] in ("crm:x; erp:1", "erp:1; crm:x")
    code, out, told = on("import", "b.csv")
    assert code == 2
    assert "--skip-unknown" in told
    assert on("import", "b.csv", "--skip-unknown")[1].startswith("0 created, 0 updated, 1 unchanged, 0 failed")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"external_id,name\n1,A\n", "--system"),
        (b"system,name\nerp,A\n", "--id-column"),
        (b"system,external_id,nmae\nerp,1,A\n", "nmae"),
        (b"system,external_id,name,name\nerp,1,A,B\n", "same heading"),
        (b"system,external_id,\xff\nerp,1,A\n", "0xff is not UTF-8; see --encoding"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused_with_what_to_do(kam: Kam, folder: Path, content: bytes, told: str):
    (folder / "a.csv").write_bytes(content)
    code, _, said = kam("import", "a.csv")
    assert code == 2
    assert told in said


def test_files_and_kinds_that_are_not_there_are_told(kam: Kam):
    assert "nothing.csv" in kam("import", "nothing.csv")[2]
    assert "--format" in kam("import", "nothing")[2]
    assert "choose one of accounts" in kam("export", "unicorns")[2]


@pytest.mark.parametrize("kind", ["accounts", "stakeholders", "people", "plans", "objectives", "actions"])
def test_every_kind_can_be_exported(kam: Kam, kind: str):
    code, out, told = kam("export", kind, "--format", "csv")
    assert code == 0
    assert out.startswith("id,version,")
    assert f"0 {kind}" in told


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ([{"system": "a", "external_id": "1;2"}], '[{"system":"a","external_id":"1;2"}]'),
        (None, ""),
        (True, "true"),
        (-5, "-5"),
        ("-5.00", "-5.00"),
        ("-x", "'-x"),
        ("@a", "'@a"),
        ({"a": 1}, '{"a":1}'),
    ],
)
def test_a_cell_is_never_a_formula(value: object, shown: str):
    assert cell(value) == shown


def test_a_backup_is_a_whole_database_and_replaces_nothing_unasked(kam: Kam, folder: Path):
    assert kam("backup", "b.db")[0] == 1
    kam("migrate")
    assert kam("backup", "b.db")[0] == 0
    assert sqlite3.connect(folder / "b.db").execute("SELECT count(*) FROM accounts").fetchone() == (0,)
    assert kam("backup", "b.db")[0] == 2
    assert kam("backup", "b.db", "--force")[0] == 0
    assert not (folder / "b.db.unfinished").exists()


def test_a_key_is_revoked_with_what_came_from_it(on: Kam, database_url: str):
    first = json.loads(on("keys", "create", "First", "--scope", "*", "--json")[1])
    settings = Settings(_env_file=None, database_url=database_url, secret_key="a key of 32 characters for tests")

    async def create_from(maker: dict[str, Any], name: str) -> dict[str, Any]:
        async with session(settings) as services:
            ctx = Context(services, Principal.of(maker["id"], maker["name"], maker["scopes"]))
            return (await create_api_key(ctx, ApiKeyCreate(name=name, scopes=["*"]))).data

    child = asyncio.run(create_from(first, "Child"))
    grandchild = asyncio.run(create_from(child, "Grandchild"))
    lines = on("keys", "list")[1].splitlines()
    (made_by_hand,) = [line for line in lines if first["id"] in line]
    assert "command line" in made_by_hand
    assert any(child["id"] in line and line.count(first["prefix"]) == 1 for line in lines)
    code, out, _ = on("keys", "revoke", first["prefix"], "--descendants")
    assert code == 0
    assert out.splitlines() == [f"Revoked {key['id']} ({key['name']})" for key in (first, child, grandchild)]
    listed = [json.loads(line) for line in on("keys", "list", "--json")[1].splitlines()]
    assert all(key["revoked"] for key in listed)
    assert on("keys", "revoke", first["id"])[1] == f"Revoked {first['id']} (First)\n"


def test_database_and_backup_are_for_nobody_else_even_when_they_were(kam: Kam, folder: Path):
    before = os.umask(0o002)
    try:
        assert kam("migrate")[0] == 0 and kam("keys", "list")[0] == 0
        (folder / "kam.db").chmod(0o644)
        assert kam("keys", "list")[0] == 0 and kam("backup", "b.db")[0] == 0
        (folder / "b.db").chmod(0o644)
        assert kam("backup", "b.db", "--force")[0] == 0
    finally:
        os.umask(before)
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in folder.iterdir()}
    assert set(modes) >= {"kam.db", "b.db"} and set(modes.values()) == {"0o600"}, modes


@pytest.mark.parametrize("command", ["serve", "worker", "keys list"])
def test_a_short_secret_key_refuses_the_start(kam: Kam, folder: Path, monkeypatch: pytest.MonkeyPatch, command: str):
    monkeypatch.setenv("KAM_SECRET_KEY", "k" * 31)
    code, _, told = kam(*command.split())
    assert code == 2 and not (folder / "kam.db").exists()
    assert told.startswith("kam: settings: KAM_SECRET_KEY: has 31 characters and needs at least 32; make one with ")


def test_a_backup_of_postgresql_names_the_tool_and_shows_no_password(kam: Kam, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KAM_DATABASE_URL", "postgresql+asyncpg://kam:secret@db.example/kam")
    code, _, told = kam("backup", "b.dump")
    assert code == 2
    assert "pg_dump --format=custom --file=b.dump postgresql://db.example/kam" in told
    assert "secret" not in told


def test_the_doctor_shows_every_setting_with_its_source_and_no_secret(
    on: Kam, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    (folder / ".env").write_text("KAM_RATE_LIMIT=5\n")
    monkeypatch.setenv("KAM_BOOTSTRAP_KEY", "kam_" + "s" * 43)
    code, out, _ = on("doctor")
    assert code == 0
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith("KAM_")}
    assert lines["KAM_RATE_LIMIT"] == ["5", ".env"]
    assert lines["KAM_LOG_LEVEL"] == ["info", "default"]
    assert lines["KAM_SECRET_KEY"] == ["set,", "32", "characters", "environment"]
    assert "sss" not in out
    assert "a key of 32 characters for tests" not in out
    for name in ("database", "migrations", "clock", "secrets", "worker, events", "worker, deliveries"):
        assert f"ok   {name}: " in out


def test_the_doctor_changes_nothing_and_finds_what_is_missing(kam: Kam, folder: Path, monkeypatch: pytest.MonkeyPatch):
    assert kam("doctor")[0] == 0
    assert list(folder.iterdir()) == []
    monkeypatch.setenv("KAM_DATABASE_URL", "postgresql://kam:secret@127.0.0.1:1/kam")
    code, out, _ = kam("doctor")
    assert code == 1
    assert "BAD  database: the database can't be reached" in out
    assert "secret@" not in out


def test_the_doctor_tells_an_old_schema_and_a_wrong_key(kam: Kam, folder: Path, monkeypatch: pytest.MonkeyPatch):
    kam("migrate")
    monkeypatch.setattr(doctor, "revisions", lambda: ["209901010000"])
    code, out, _ = kam("doctor")
    assert code == 1
    assert "`kam migrate`" in out


@pytest.mark.slow
def test_the_documents_are_written_and_compared(kam: Kam, folder: Path):
    assert kam("contract", "--check", "--folder", "openapi")[0] == 1
    assert kam("contract", "--folder", "openapi")[0] == 0
    assert json.loads((folder / "openapi" / "openapi.json").read_text())["openapi"] == "3.1.0"
    assert kam("contract", "--check", "--folder", "openapi")[0] == 0
    (folder / "openapi" / "schema.graphql").write_text("type Query { other: Int }\n")
    code, _, told = kam("contract", "--check", "--folder", "openapi")
    assert code == 1
    assert "schema.graphql in openapi differ" in told


@pytest.mark.slow
def test_an_event_that_would_break_its_receivers_is_not_written(kam: Kam, folder: Path):
    kam("contract", "--folder", "openapi")
    path = folder / "openapi" / "events" / "account.stage_changed.v1.json"
    promised = json.loads(path.read_text())
    promised["properties"]["data"]["properties"]["weather"] = {"type": "string"}
    path.write_text(json.dumps(promised))
    code, _, told = kam("contract", "--folder", "openapi")
    assert code == 1
    assert "account.stage_changed.v1.json: data.weather is gone" in told
    assert json.loads(path.read_text()) == promised
