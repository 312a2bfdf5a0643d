"""The commands on one page, and how their failures are told: a sentence and an exit code, no traceback for a mistake.

Exit codes: 0 done, 1 it did not succeed (rows failed, something to mend was found, the database can't be reached),
2 a mistake in the command or in the settings.
"""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from service import __version__
from service.cli.console import FAILED, MISUSED, Problem, explain, say


@dataclass(frozen=True)
class Entry:
    """A command: the module and the name of its function or group there, and its line in `kam --help`."""

    module: str
    name: str
    line: str


COMMANDS = {
    "serve": Entry("serving", "serve", "Serve REST, GraphQL and the docs; migrates first and runs the worker too."),
    "worker": Entry("working", "worker", "Deliver webhooks and run jobs, without the API; any number of them."),
    "migrate": Entry("migrating", "migrate", "Bring the database to the newest migration, or write a new one."),
    "keys": Entry("keys", "keys", "Create, list and revoke API keys."),
    "import": Entry("importing", "import_accounts", "Upsert accounts from a CSV or NDJSON file."),
    "export": Entry("exporting", "export", "Write accounts, stakeholders, plans ... as NDJSON or CSV."),
    "listen": Entry("listening", "listen", "Receive webhooks on this machine, check and print them: to try them."),
    "contract": Entry("contracts", "contract", "Write the API's documents into openapi/, or compare them."),
    "backup": Entry("backup", "backup", "Copy the embedded database into a file while it is in use."),
    "doctor": Entry("doctor", "doctor", "Show every setting with its source, and check what the service needs."),
}


class Commands(TyperGroup):
    """Knows every command's line; loads a command's module when that command is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A stand-in with the command's line, enough for the list."""
        entry = COMMANDS.get(cmd_name)
        return TyperCommand(name=cmd_name, help=entry.line) if entry else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that was called, loaded."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name) if found is not None and name is not None else found, rest


def load(name: str) -> Any:
    """A command as typer runs it, from its module."""
    entry = COMMANDS[name]
    # What is imported stays, so each object is looked at once; Python's own thresholds take a seventh of the start.
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 1000, 1000)
    # httpx imports its command line (rich, pygments) when it can: 35 ms and 3 MB. None makes that import fail, and
    # httpx goes on without, as it does where these packages are not installed.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    try:
        target = getattr(import_module(f"service.cli.{entry.module}"), entry.name)
    finally:
        gc.freeze()
        gc.set_threshold(*usual)
    if not isinstance(target, typer.Typer):
        alone = typer.Typer(add_completion=False)
        alone.command(name, help=entry.line)(target)
        target = alone
    command = typer.main.get_command(target)
    command.name = name
    return command


app = typer.Typer(
    cls=Commands,
    name="kam",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"kam {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """A headless key account management service: REST, GraphQL and signed webhooks."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command line and exit with its code."""
    try:
        app(arguments, prog_name="kam")
    except Problem as problem:
        told, code = str(problem), problem.exit_code
    except KeyboardInterrupt:
        sys.exit(FAILED)
    except BrokenPipeError:  # the reader of our output went away (`| head`); nothing is left to be flushed to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except Exception as error:
        explained = explain(error)
        if explained is None:
            raise
        told, code = explained, MISUSED if isinstance(error, ValueError) else FAILED
    else:
        return
    sys.stderr.write(f"kam: {told}\n")
    sys.exit(code)
