"""`kam backup`: a consistent copy of the embedded database while the service goes on writing."""

from __future__ import annotations

import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from service.cli.console import MISUSED, Problem, read_settings, say, shown_database


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
    force: Annotated[bool, typer.Option(help="Replace the file if it is there.")] = False,
) -> None:
    """Copy the embedded database into a file."""
    settings = read_settings()
    if not settings.embedded:
        database = shown_database(settings)
        raise Problem(
            "PostgreSQL has its own tool; run: pg_dump --format=custom "
            f"--file={shlex.quote(str(file))} {shlex.quote(database)} (it asks for the user and password)",
            MISUSED,
        )
    source = Path(settings.sqlite_path)
    if not source.exists():
        raise Problem(f"there is no database at {source}")
    if file.exists() and not force:
        raise Problem(f"{file} is there already; --force replaces it", MISUSED)
    unfinished = file.with_name(file.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(source, timeout=30)) as reading, closing(sqlite3.connect(unfinished)) as writing:
            reading.backup(writing)
            (found,) = writing.execute("PRAGMA integrity_check").fetchone()
        if found != "ok":
            raise Problem(f"the copy is damaged: {found}")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    say(f"Wrote {file} ({file.stat().st_size / 1e6:.1f} MB)")
    if settings.secret_key is None:
        say(f"Keep {source}.key with it: without that file the stored webhook secrets can't be opened")
