"""Create or update accounts by their reference from a CSV or NDJSON file, with a result for every row (`kam import`).

The file is read row by row, so it may be larger than the memory. A bad row fails alone and is reported with its line.
Importing the same file again changes nothing and sends no event.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from service.cli.console import FAILED, MISUSED, Problem, note, read_settings, say
from service.cli.exporting import Format
from service.cli.rows import Keys, Row, read_rows
from service.cli.session import session
from service.operations.accounts.accounts import ACCOUNT_RECORD
from service.platform.settings import Settings
from service.records.context import Context, system_context

BATCH = 500  # rows per transaction: enough to be fast, few enough that other writers wait only briefly
SHOWN_FAILURES = 20
OUTCOMES = ("created", "updated", "unchanged", "failed")
ReportRow = Callable[[Row, dict[str, Any]], None]


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
    skip_unknown: Annotated[bool, typer.Option(help="Leave out columns that accounts do not have.")] = False,
    report: Annotated[Path | None, typer.Option(help="A file for the result of every row, as NDJSON.")] = None,
) -> None:
    """Create or update accounts by their reference. An empty cell leaves the account's value unchanged."""
    form = form or _form(file)
    keys = Keys(system, id_column, skip_unknown)
    sums: Counter[str] = Counter()
    failures: list[str] = []
    with _source(file) as source, _report(report) as write:

        def report_row(row: Row, result: dict[str, Any]) -> None:
            sums[result["outcome"]] += 1
            write(orjson.dumps({"line": row.line, **result}, option=orjson.OPT_APPEND_NEWLINE))
            if result["outcome"] == "failed" and len(failures) < SHOWN_FAILURES:
                failures.append(f"line {row.line}: {_words(result['error'])}")

        with _progress(source, file) as advance:
            asyncio.run(_import(read_settings(), read_rows(source, form is Format.CSV, keys), report_row, advance))
    for line in failures:
        note(line)
    if sums["failed"] > len(failures):
        note(f"... and {sums['failed'] - len(failures)} more rows; --report FILE has them all")
    say(", ".join(f"{sums[outcome]} {outcome}" for outcome in OUTCOMES))
    if sums["failed"]:
        raise typer.Exit(FAILED)


async def _import(settings: Settings, rows: Iterator[Row], report_row: ReportRow, advance: Callable[[], None]) -> None:
    async with session(settings) as services:
        ctx = system_context(services, "import")
        while batch := list(islice(rows, BATCH)):
            good = [row for row in batch if row.error is None]
            results = iter(await _upsert(ctx, good) if good else [])
            for row in batch:
                report_row(row, _unread(row.error) if row.error is not None else next(results))
            advance()


async def _upsert(ctx: Context, rows: list[Row]) -> list[dict[str, Any]]:
    body = ACCOUNT_RECORD.batch.body(items=[row.item for row in rows])
    answer = await ACCOUNT_RECORD.batch_upsert(ctx, body)
    return [{name: value for name, value in one.items() if name != "index"} for one in answer.data["items"]]


def _unread(error: str) -> dict[str, Any]:
    """Return the result of a row that could not be read and was not sent."""
    problem = {"code": "malformed_request", "detail": error, "errors": []}
    return {"outcome": "failed", "id": None, "version": None, "error": problem}


def _form(file: Path) -> Format:
    endings = {".csv": Format.CSV, ".ndjson": Format.NDJSON, ".jsonl": Format.NDJSON}
    found = endings.get(file.suffix.lower())
    if found is None:
        raise Problem(
            f"{file.name} ends in none of .csv, .ndjson and .jsonl; add --format csv or --format ndjson", MISUSED
        )
    return found


def _words(error: dict[str, Any]) -> str:
    """Return a row's error in one line: the members that are wrong, or the error's own sentence."""
    members = []
    for one in error["errors"]:
        path = (one.get("pointer") or "").split("/")[3:]  # without the prefix /items/{index}
        members.append(f"{'.'.join(path).removeprefix('account.') or 'row'}: {one['message']}")
    return "; ".join(members) or str(error["detail"])


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
