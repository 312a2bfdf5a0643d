"""Copy the embedded database consistently while the service goes on writing (`kam backup`)."""

import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from service.cli.console import MISUSED, Problem, read_settings, say, shown_database
from service.platform.private_files import make_private


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write. It must not exist yet.")],
    force: Annotated[bool, typer.Option(help="Replace the file if it exists.")] = False,
) -> None:
    """Copy the embedded database into a file."""
    settings = read_settings()
    if not settings.embedded:
        database = shown_database(settings)
        raise Problem(
            "backup copies the embedded database only; for PostgreSQL run: pg_dump --format=custom "
            f"--file={shlex.quote(str(file))} {shlex.quote(database)} (pg_dump asks for the user and the password)",
            MISUSED,
        )
    source = Path(settings.sqlite_path)
    if not source.exists():
        raise Problem(
            f"there is no database at {source}; set KAM_DATABASE_URL, or run the command in the database's folder"
        )
    if file.exists() and not force:
        raise Problem(f"{file} exists already; choose another file, or replace it with --force", MISUSED)
    unfinished = file.with_name(file.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    make_private(unfinished)
    try:
        with closing(sqlite3.connect(source, timeout=30)) as reading, closing(sqlite3.connect(unfinished)) as writing:
            reading.backup(writing)
            (found,) = writing.execute("PRAGMA integrity_check").fetchone()
        if found != "ok":
            raise Problem(f"the copy is damaged and was removed: {found}")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    say(f"Wrote {file} ({file.stat().st_size / 1e6:.1f} MB)")
    if settings.secret_key is None:
        say(f"Keep {source}.key with it: without that file the stored webhook secrets can't be opened")
