"""Imports of broken and unusual files: a bad row fails alone and is reported; every good row arrives as it was meant."""

from __future__ import annotations

import asyncio
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli import cells, rows
from service.cli.main import main
from service.cli.session import session
from service.models.accounts.accounts import AccountCreate
from service.operations.accounts.accounts import ACCOUNT_RECORD
from service.platform.settings import Settings
from service.records.context import system_context

BROKEN = Path(__file__).parent / "broken"
SECRET = "a key of 32 characters for tests"
Kam = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kam(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kam:
    """Runs a command line in an empty folder on a migrated database: exit code, output, what was said beside it."""
    for name in [name for name in os.environ if name.startswith("KAM_") and "TEST" not in name]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KAM_DATABASE_URL", database_url)
    monkeypatch.setenv("KAM_SECRET_KEY", SECRET)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = 0
        try:
            main(list(arguments))
        except SystemExit as end:
            code = int(end.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def accounts(kam: Kam) -> dict[str, dict[str, Any]]:
    """Every account by its name."""
    read = [json.loads(line) for line in kam("export", "accounts")[1].splitlines()]
    return {account["name"]: account for account in read}


def table(kam: Kam, text: str, *options: str) -> list[dict[str, Any]]:
    """Import a table; the lines of the report."""
    Path("table.csv").write_text(text, encoding="utf-8")
    kam("import", "table.csv", "--system", "erp", "--report", "report.ndjson", *options)
    return [json.loads(line) for line in Path("report.ndjson").read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "failed", "message", "arrive"),
    [
        ("stray_quote.csv", 3, "a quote stands inside a quoted cell", ["Aurelia", "Copper; Sons"]),
        ("open_quote.csv", 3, "a quote stands inside a quoted cell", ["Aurelia", "Copper; Sons", "Delta"]),
        ("open_quote_at_the_end.csv", 2, "a quote opens a cell and nothing closes it", ["Copper", "Delta"]),
        ("wrong_byte.csv", 3, "the byte 0xe4 is not UTF-8; see --encoding", ["Aurelia", "Cöpper"]),
        ("wrong_byte.ndjson", 2, "the byte 0xe4 is not UTF-8; see --encoding", ["Aurelia", "Copper"]),
        ("empty_columns.csv", 3, "a value without a heading: lost", ["Aurelia"]),
    ],
)
def test_a_row_that_cannot_be_read_fails_alone(kam: Kam, name: str, failed: int, message: str, arrive: list[str]):
    code, out, said = kam("import", str(BROKEN / name), "--report", "report.ndjson")
    assert code == 1 and out == f"{len(arrive)} created, 0 updated, 0 unchanged, 1 failed\n"
    assert f"line {failed}: {message}" in said
    assert sorted(accounts(kam)) == arrive
    (row,) = [row for line in Path("report.ndjson").read_text().splitlines() if (row := json.loads(line))["error"]]
    assert (row["line"], row["outcome"], row["external_id"]) == (failed, "failed", None)


def test_rows_with_too_many_or_too_few_cells_fail_alone(kam: Kam):
    code, _, said = kam("import", str(BROKEN / "shifted.csv"))
    assert code == 1 and list(accounts(kam)) == ["Copper"]
    assert "line 2: 5 cells under 4 headings" in said and "line 3: 3 cells under 4 headings" in said


def test_a_cell_that_is_too_long_fails_alone(kam: Kam):
    rows = table(kam, f"external_id,name\n1,{'A' * 1_000_001}\n2,Blau\n")
    assert [(row["line"], row["outcome"]) for row in rows] == [(2, "failed"), (3, "created")]


def test_headings_hold_line_breaks_and_match_in_any_case(kam: Kam):
    file = str(BROKEN / "headings_with_line_breaks.csv")
    assert "Customer name" in kam("import", file)[2]
    assert kam("import", file, "--map", "customer NAME=Name")[0] == 0
    ((name, account),) = accounts(kam).items()
    assert (name, account["country"]) == ("Aurelia\r\nRobotics", "DE")
    assert account["attributes"] == {"Head Office": "Ulm"}


def test_blanks_around_cells_are_cut(kam: Kam):
    assert kam("import", str(BROKEN / "blanks.csv"))[0] == 0
    account = accounts(kam)["Aurelia"]
    assert account["country"] == "DE" and account["refs"] == [{"system": "erp", "external_id": "1"}]


def test_a_first_line_names_the_separator(kam: Kam):
    assert kam("import", str(BROKEN / "separator_line.csv"))[0] == 0
    assert accounts(kam)["Aurelia; Sons"]["tags"] == ["a", "b"]
    assert [row["line"] for row in table(kam, "sep=;\nexternal_id;name\n2;A, B\n")] == [3]


def test_another_encoding_and_decimal_commas_are_read(kam: Kam):
    file = str(BROKEN / "cp1252.csv")
    options = ("--map", "Kunde=external_id", "--map", "UMSATZ=revenue", "--map", "Währung=currency")
    code, out, said = kam("import", file, "--encoding", "cp1252", "--decimal", ",", *options)
    assert (code, out) == (1, "2 created, 0 updated, 0 unchanged, 1 failed\n")
    assert "line 4: revenue (1.5): Not a number with a decimal comma, such as 1.234,50" in said
    found = {name: account["revenue"] for name, account in accounts(kam).items()}
    assert found == {"Köhler € AG": "1234567.50", "Bär": "12.50"}
    assert "there is no encoding klingon" in kam("import", file, "--encoding", "klingon")[2]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("name", "--map takes HEADING=MEMBER"),
        ("Nowhere=name", "the file has no column nowhere, which --map names"),
        ("Firm=colour", "accounts have no colour"),
        ("Firm=external_id", "two columns have the same heading or fill external_id"),
    ],
)
def test_a_wrong_map_is_refused_with_what_is_wrong(kam: Kam, option: str, message: str):
    Path("a.csv").write_text("system,external_id,Firm\nerp,1,A\n")
    code, _, said = kam("import", "a.csv", "--map", option)
    assert code == 2 and message in said


def test_empty_cells_leave_values_alone_unless_they_are_to_clear_them(kam: Kam):
    heading = "external_id,name,industry,tags,attributes.region,attributes.size\n"
    table(kam, f"{heading}1,A,robots,x,north,big\n")
    (row,) = table(kam, f"{heading}1,A,,,,small\n")
    account = accounts(kam)["A"]
    assert (row["outcome"], account["industry"], account["tags"]) == ("updated", "robots", ["x"])
    assert account["attributes"] == {"region": "north", "size": "small"}
    (row,) = table(kam, f"{heading}1,A,,,,small\n", "--clear-empty")
    account = accounts(kam)["A"]
    assert (row["outcome"], account["industry"], account["tags"]) == ("updated", None, [])
    assert account["attributes"] == {"size": "small"}
    (row,) = table(kam, f"{heading}1,,,,,small\n", "--clear-empty")
    assert (row["outcome"], row["member"], row["value"]) == ("failed", "name", "")


def test_an_attribute_keeps_its_kind_and_a_heading_can_state_it(kam: Kam):
    table(
        kam,
        "external_id,name,attributes.employees:number,attributes.listed:Boolean,attributes.zip\n1,A,500,TRUE,01067\n",
    )
    assert accounts(kam)["A"]["attributes"] == {"employees": 500, "listed": True, "zip": "01067"}
    rows = table(
        kam,
        "external_id,name,attributes.Employees,attributes.employees,attributes.listed\n"
        "1,A,x,650,false\n2,B,,650,\n1,A,,many,\n",
    )
    assert [row["outcome"] for row in rows] == ["updated", "created", "failed"]
    assert (rows[2]["member"], rows[2]["value"], rows[2]["external_id"]) == ("attributes.employees", "many", "1")
    found = {name: account["attributes"] for name, account in accounts(kam).items()}
    assert found["A"] == {"employees": 650, "listed": False, "zip": "01067", "Employees": "x"}
    assert found["B"] == {"employees": "650"}  # a new one is text
    (row,) = table(kam, "external_id,name,attributes.employees:number\n3,C,1.5e3\n")
    assert (row["member"], row["value"]) == ("attributes.employees", "1.5e3")
    (row,) = table(kam, "external_id;name;attributes.employees\n1;A;1.650,5\n", "--decimal", ",")
    assert accounts(kam)["A"]["attributes"]["employees"] == 1650.5


def test_a_report_names_line_id_member_and_value(kam: Kam):
    rows = table(kam, "external_id,name,country,service_level\n1,A,DE,3\n\n2,B,DEU,9\n,C,DE,\n")
    assert {name: rows[0][name] for name in ("line", "system", "external_id", "outcome", "member", "value")} == {
        "line": 2, "system": "erp", "external_id": "1", "outcome": "created", "member": None, "value": None,
    }  # fmt: skip
    wrong = rows[1]
    assert (wrong["line"], wrong["external_id"], wrong["member"], wrong["value"]) == (4, "2", "country", "DEU")
    assert [(each["member"], each["value"]) for each in wrong["error"]["errors"]] == [
        ("country", "DEU"), ("service_level", "9"),
    ]  # fmt: skip
    assert all(each["code"] and each["message"] for each in wrong["error"]["errors"])
    assert (rows[2]["line"], rows[2]["member"]) == (5, "external_id")
    table(kam, "external_id,name,attributes.a/b:number\n1,A,5\n")
    (row,) = table(kam, "external_id,name,attributes.a/b\n1,A,many\n")
    assert (row["member"], row["value"]) == ("attributes.a/b", "many")


def test_a_dry_run_reports_the_same_and_changes_nothing(kam: Kam):
    text = "external_id,name,refs\n1,A,\n2,B,crm:x\n3,,\n2,B2,\n4,C,crm:x\n1,A,\n"
    tried = table(kam, text, "--dry-run")
    assert accounts(kam) == {}
    code, out, _ = kam("import", "table.csv", "--system", "erp", "--dry-run")
    assert code == 1
    assert out == "nothing was changed; it would be: 2 created, 1 updated, 1 unchanged, 2 failed\n"
    done = table(kam, text)
    assert [row["outcome"] for row in done] == ["created", "created", "failed", "updated", "failed", "unchanged"]
    made = {row["id"] for row in done if row["outcome"] == "created"}
    for row in (*tried, *done):
        row.pop("id")
        row.pop("version")
        if row["error"]:
            row["error"].pop("holder_id", None)
    assert tried == done and len(made) == 2


def test_a_dry_run_over_several_transactions_sees_what_is_there(kam: Kam, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("service.cli.importing.BATCH", 2)
    monkeypatch.setattr("service.cli.importing.TRIED", 4)
    text = "external_id,name\n" + "".join(f"{number},A{number}\n" for number in range(9))
    assert {row["outcome"] for row in table(kam, text, "--dry-run")} == {"created"}
    assert {row["outcome"] for row in table(kam, text)} == {"created"} and len(accounts(kam)) == 9
    assert {row["outcome"] for row in table(kam, text, "--dry-run")} == {"unchanged"}


ODD = [
    " blanks around ", "\u00a0no-break\u00a0", '"quoted"', '" quoted with blanks "', "'apostrophe", "''two", "=1+1", "'=1+1",
    "-5", "-x", "+49 30", "@home", "a;b", "a, b", "a:b", "line\nbreak", "[list]", '["x"]', "{}", '""', "\\", "tab\tinside",
    "a\rb", "Ärzte Straße 7", "\ttab first", "12,5", "007", '"', '" ', "null", "true",
]  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_what_is_exported_and_imported_again_is_the_same(kam: Kam, database_url: str, form: str):
    settings = Settings(_env_file=None, database_url=database_url, secret_key=SECRET)
    attributes: dict[str, Any] = {"text": " 5 ", "number": 1.5, "whole": -3, "flag": False, "none": None, "quote": "'"}

    async def fill() -> None:
        async with session(settings) as services:
            for number, text in enumerate(ODD):
                body = {
                    "name": text,
                    "industry": text,
                    "benefit_to_us": text,
                    "revenue": f"{number}.50",
                    "service_level": number % 5 + 1,
                    "tags": [text.replace(",", ""), "x"],
                    "attributes": {**attributes, text: text},
                    "refs": [
                        {"system": "erp", "external_id": text},
                        {"system": "crm", "external_id": f"{text}{number}"},
                    ],
                }
                await ACCOUNT_RECORD.add(system_context(services), AccountCreate.model_validate_json(json.dumps(body)))

    asyncio.run(fill())
    before = accounts(kam)
    assert sorted(before) == sorted(ODD)
    assert kam("export", "accounts", "--format", form, "--output", f"a.{form}")[0] == 0
    code, out, said = kam("import", f"a.{form}", "--skip-unknown")
    assert (code, out) == (0, f"0 created, 0 updated, {len(ODD)} unchanged, 0 failed\n"), said
    other = Path("other.db").resolve()
    os.environ["KAM_DATABASE_URL"] = f"sqlite:///{other}"
    assert kam("import", f"a.{form}", "--skip-unknown")[1].startswith(f"{len(ODD)} created")
    own = ("name", "industry", "benefit_to_us", "revenue", "service_level", "tags", "attributes", "refs")
    after = accounts(kam)
    assert {name: [one[member] for member in own] for name, one in after.items()} == {
        name: [one[member] for member in own] for name, one in before.items()
    }


@pytest.mark.parametrize(
    ("refs", "shown"),
    [
        ([("erp", " 7 ")], 'erp:" 7 "'),
        ([("erp", "7"), ("crm", "'8")], "erp:7; crm:'8"),
        ([("erp", "a;b")], '[{"system":"erp","external_id":"a;b"}]'),
        ([("erp", 'say "hi"'), ("crm", '" x"')], 'erp:say "hi"; crm:"\\" x\\""'),
    ],
)
def test_references_are_written_short_and_read_back(refs: list[tuple[str, str]], shown: str):
    listed = [{"system": system, "external_id": identifier} for system, identifier in refs]
    assert cells.cell(listed) == shown
    assert cells.references(cells.plain(shown)) == listed


@pytest.mark.parametrize(("text", "shown"), [("'x", "''x"), (" x ", '" x "'), ("=1", "'=1"), ('"x"', '"x"')])
def test_texts_are_written_so_that_they_read_back(text: str, shown: str):
    assert cells.cell(text) == shown
    assert cells.unquoted(cells.plain(f" {shown}\u00a0")) == text


_ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
_TRICKY = st.text(st.sampled_from("'\"=;:,[]{} \t\n\r\\a1-+@\u00a0"), min_size=1)
_TEXT = st.one_of(_ANY, _TRICKY).filter(lambda text: text.strip() != "")


@given(st.lists(st.tuples(_TEXT, _TEXT), min_size=1, max_size=4))
def test_any_text_is_written_and_read_back(texts: list[tuple[str, str]]):
    written = cells.line(["external_id", "name"]) + "".join(cells.line(pair) for pair in texts)
    read = rows.Table(io.BytesIO(written.encode()), rows.Reading("erp"))
    assert [(row.item["external_id"], row.item["account"]["name"]) for row in read] == texts


@given(st.lists(st.tuples(st.sampled_from(["erp", "crm"]), _TEXT), min_size=1, max_size=3))
def test_any_references_are_written_and_read_back(refs: list[tuple[str, str]]):
    listed = [{"system": system, "external_id": identifier} for system, identifier in refs]
    assert cells.references(cells.plain(cells.cell(listed))) == listed
