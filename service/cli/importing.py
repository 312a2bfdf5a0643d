"""Create or update accounts by their reference from a CSV or NDJSON file, with a result for every row (`kam import`).

The file is read row by row, so it may be larger than the memory. A bad row fails alone and is reported with its line.
Importing the same file again changes nothing and sends no event.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from service.cli import cells
from service.cli.console import FAILED, MISUSED, Problem, note, say
from service.cli.exporting import Format
from service.cli.rows import Reading, Row, Table, read_objects
from service.cli.session import run
from service.operations.accounts.imports import AttributeColumns, try_import
from service.operations.accounts.imports import import_accounts as import_batch
from service.records.context import Context

BATCH = 500  # rows per transaction: enough to be fast, few enough that other writers wait only briefly
TRIED = 2000  # rows that a dry run tries in one transaction, which is undone: each takes locks until then
SHOWN_FAILURES = 20
OUTCOMES = ("created", "updated", "unchanged", "failed")
ReportRow = Callable[[Row, dict[str, Any]], None]


class Decimal(StrEnum):
    """The decimal sign of the numbers in a table."""

    POINT = "."
    COMMA = ","


def import_accounts(
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV file with a header, or a file with one JSON object per line; - reads standard input."
        ),
    ],
    form: Annotated[
        Format | None, typer.Option("--format", help="The format. Without it the file's ending decides.")
    ] = None,
    system: Annotated[
        str | None, typer.Option(help="The other system, for example erp, when the file has no column `system`.")
    ] = None,
    id_column: Annotated[
        str, typer.Option(help="The column with the account's id in the other system.")
    ] = "external_id",
    renamed: Annotated[
        list[str] | None,
        typer.Option("--map", help='A column and the member that it fills: "Customer=name". Repeat it for more.'),
    ] = None,
    encoding: Annotated[str, typer.Option(help="The encoding of the file, for example cp1252.")] = "utf-8",
    decimal: Annotated[
        Decimal, typer.Option(help="The decimal sign of numbers in a table. With a comma, points group the digits.")
    ] = Decimal.POINT,
    clear_empty: Annotated[
        bool, typer.Option("--clear-empty", help="Let an empty cell of a table remove the account's value.")
    ] = False,
    skip_unknown: Annotated[bool, typer.Option(help="Leave out columns that accounts do not have.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would be done, and change nothing.")] = False,
    report: Annotated[Path | None, typer.Option(help="A file for the result of every row, as NDJSON.")] = None,
) -> None:
    """Create or update accounts by their reference. An empty cell leaves the account's value unchanged."""
    form = form or _form(file)
    reading = Reading(system, id_column, skip_unknown, _renamed(renamed or []), encoding, decimal.value, clear_empty)
    sums: Counter[str] = Counter()
    failures: list[str] = []
    with _source(file) as source, _report(report) as write:

        def report_row(row: Row, result: dict[str, Any]) -> None:
            sums[result["outcome"]] += 1
            write(orjson.dumps(_reported(row, result), option=orjson.OPT_APPEND_NEWLINE))
            if result["outcome"] == "failed" and len(failures) < SHOWN_FAILURES:
                failures.append(f"line {row.line}: {_words(result['error'])}")

        with _progress(source, file) as advance:
            rows = Table(source, reading) if form is Format.CSV else read_objects(source, reading)
            try:
                run(lambda ctx: _import(ctx, rows, reading, report_row, advance, dry_run), "import")
            except UnicodeError as error:
                raise Problem(f"the file is not {encoding}: {error}", MISUSED) from None
    for line in failures:
        note(line)
    if sums["failed"] > len(failures):
        note(f"... and {sums['failed'] - len(failures)} more rows; --report FILE has them all")
    say(("nothing was changed; it would be: " if dry_run else "") + _summary(sums))
    if sums["failed"]:
        raise typer.Exit(FAILED)


def _renamed(options: list[str]) -> dict[str, str]:
    """Return the members of `HEADING=MEMBER` options by heading."""
    found = {}
    for option in options:
        heading, _, member = (part.strip() for part in option.rpartition("="))
        if not heading or not member:
            raise Problem(f'--map takes HEADING=MEMBER, for example "Customer=name", not {option}', MISUSED)
        found[heading] = member
    return found


def _summary(sums: Counter[str]) -> str:
    shown = [*OUTCOMES, *sorted(sums.keys() - set(OUTCOMES))]
    return ", ".join(f"{sums[outcome]} {outcome}" for outcome in shown)


async def _import(
    ctx: Context,
    rows: Iterable[Row],
    reading: Reading,
    report_row: ReportRow,
    advance: Callable[[], None],
    dry_run: bool,
) -> None:
    columns = None
    if isinstance(rows, Table) and rows.attributes:

        def convert(text: str, present: Any) -> Any:
            return cells.attribute(text, cells.kind_of(present), reading.decimal)

        columns = AttributeColumns(rows.attributes, rows.untyped, convert)
    left = iter(rows)
    while many := list(islice(left, TRIED if dry_run else BATCH)):
        batches = [many[start : start + BATCH] for start in range(0, len(many), BATCH)]
        sent = [items for batch in batches if (items := [row.item for row in batch if not row.errors])]
        if dry_run:
            answers = [answer async for answer in try_import(ctx, sent, columns)]
        else:
            answers = [await import_batch(ctx, items, columns) for items in sent]
        results = iter([result for answer in answers for result in answer.data["items"]])
        for row in many:
            result = _failed(row) if row.errors else next(results)
            if dry_run and result["outcome"] == "created":
                result |= {"id": None, "version": None}
            report_row(row, result)
        advance()


def _failed(row: Row) -> dict[str, Any]:
    """Return the result of a row that could not be read and was not sent."""
    error = {"code": "malformed_request", "detail": row.errors[0]["message"], "errors": list(row.errors)}
    return {"outcome": "failed", "id": None, "version": None, "error": error}


def _reported(row: Row, result: dict[str, Any]) -> dict[str, Any]:
    """Return the line of a row in the report: where it stands, what was done, and each wrong member with its value."""
    system, identifier = (row.item.get(name) for name in ("system", "external_id"))
    errors = []
    for wrong in (result["error"] or {}).get("errors", []):
        if "member" not in wrong:
            parts = (wrong.pop("pointer", "") or "").split("/")[3:]  # without the prefix /items/{index}
            path = [part.replace("~1", "/").replace("~0", "~") for part in parts]
            value = cells.member_value(row.item, path)
            path = path[path[:1] == ["account"] :]
            wrong |= {"member": ".".join(path), "value": _shown(row, path, value)}
        errors.append(wrong)
    if result["error"] is not None:
        result["error"]["errors"] = errors
    first = errors[0] if errors else {}
    kept = {name: result[name] for name in ("outcome", "id", "version")}
    where = {"line": row.line, "system": system, "external_id": identifier}
    return {**where, **kept, "member": first.get("member"), "value": first.get("value"), "error": result["error"]}


def _shown(row: Row, path: list[str], value: Any) -> Any:
    """Return the cell that a wrong member was read from; its value where there is none."""
    names = (".".join(path[:2]), *path[:1])
    return next((row.cells[name] for name in names if name in row.cells), value)


def _words(error: dict[str, Any]) -> str:
    """Return a row's error in one line: the wrong members with their values, or the error's own sentence."""
    members = []
    for one in error["errors"]:
        value = "" if one["value"] in (None, "") else f" ({str(one['value'])[:60]})"
        members.append(f"{one['member']}{value}: {one['message']}" if one["member"] else str(one["message"]))
    return "; ".join(members) or str(error["detail"])


def _form(file: Path) -> Format:
    endings = {".csv": Format.CSV, ".ndjson": Format.NDJSON, ".jsonl": Format.NDJSON}
    found = endings.get(file.suffix.lower())
    if found is None:
        raise Problem(
            f"{file.name} ends in none of .csv, .ndjson and .jsonl; add --format csv or --format ndjson", MISUSED
        )
    return found


@contextmanager
def _source(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with file.open("rb") as source:
        yield source


@contextmanager
def _report(path: Path | None) -> Iterator[Callable[[bytes], object]]:
    if path is None:
        yield len
        return
    with path.open("wb") as file:
        yield file.write


@contextmanager
def _progress(source: BinaryIO, file: Path) -> Iterator[Callable[[], None]]:
    """Show a bar over the bytes that were read, on a terminal only."""
    console = Console(stderr=True)
    if not console.is_terminal or str(file) == "-":
        yield lambda: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size or 1)
        yield lambda: progress.update(task, completed=source.tell())
