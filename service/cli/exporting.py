"""Write every record of a kind, page by page, as NDJSON (the API's own documents) or as a CSV table (`kam export`)."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import orjson
import typer

from service.access.policy import Permission
from service.cli.cells import line
from service.cli.console import MISUSED, Problem, note
from service.cli.session import run
from service.framework.database.listing import Listing, PageRequest
from service.queries.accounts.accounts import ACCOUNTS
from service.queries.accounts.people import PEOPLE
from service.queries.accounts.stakeholders import STAKEHOLDERS
from service.queries.plans.plans import ACTIONS, OBJECTIVES, PLANS
from service.records.context import Context

PAGE = 200
KINDS: dict[str, tuple[Listing, Permission]] = {
    "accounts": (ACCOUNTS, Permission.ACCOUNT_READ),
    "stakeholders": (STAKEHOLDERS, Permission.STAKEHOLDER_READ),
    "people": (PEOPLE, Permission.PERSON_READ),
    "plans": (PLANS, Permission.PLAN_READ),
    "objectives": (OBJECTIVES, Permission.PLAN_READ),
    "actions": (ACTIONS, Permission.PLAN_READ),
}


class Format(StrEnum):
    """The format of an export."""

    NDJSON = "ndjson"
    CSV = "csv"


def export(
    kind: Annotated[str, typer.Argument(help=f"The kind of records: {', '.join(KINDS)}.")],
    form: Annotated[Format, typer.Option("--format", help="One JSON object per line, or a table.")] = Format.NDJSON,
    output: Annotated[
        Path | None, typer.Option(help="The file to write. Without it the records go to standard output.")
    ] = None,
) -> None:
    """Write every record of a kind."""
    if kind not in KINDS:
        raise Problem(f"there is no kind {kind}; choose one of {', '.join(KINDS)}", MISUSED)
    with _destination(output) as target:
        count = run(lambda ctx: _export(ctx, kind, form, target))
    note(f"{count} {kind}" + (f" in {output}" if output else ""))


@contextmanager
def _destination(output: Path | None) -> Iterator[TextIO]:
    """Open the file of the result. It gets its name only when it is complete."""
    if output is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    unfinished = output.with_name(output.name + ".unfinished")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            yield file
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)


async def _export(ctx: Context, kind: str, form: Format, target: TextIO) -> int:
    """Write the records, oldest first, and return their number. Every page is read by itself: a long export blocks
    nothing.
    """
    listing, permission = KINDS[kind]
    if form is Format.CSV:
        target.write(line(listing.members))
    count, after = 0, None
    while True:
        async with ctx.reading(permission) as reader:
            page = await listing.page(reader, PageRequest(limit=PAGE, after=after), ctx.cursors)
        for record in page.items:
            if form is Format.CSV:
                row = orjson.loads(record)
                target.write(line(row[member] for member in listing.members))
            else:
                target.write(record + "\n")
        count += len(page.items)
        if page.next_cursor is None:
            return count
        after = page.next_cursor
