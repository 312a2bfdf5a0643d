"""Bring the tables of the database up to date, or write a new migration for a change of the models (`kam migrate`)."""

import asyncio
from typing import Annotated

import typer

from service.cli.console import read_settings, say, shown_database
from service.framework.database.migrate import ensure_migrated, new_migration, revisions


def migrate(
    new: Annotated[
        str | None, typer.Option(help='Write a migration for the changes in models/, named by these "words".')
    ] = None,
) -> None:
    """Bring the database to the newest migration."""
    settings = read_settings()
    done = asyncio.run(ensure_migrated(settings.database_url))
    say(f"{shown_database(settings)} {'is now' if done else 'is'} at revision {revisions()[-1]}")
    if new is None:
        return
    path = new_migration(settings.database_url, new)
    if path is None:
        say("The models and the migrations agree: there is nothing to write")
    else:
        say(f"Wrote {path}. Read it before you commit it: a rename shows as a drop and an addition")
