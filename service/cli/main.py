"""Give the commands as one table, and turn their failures into a sentence and an exit code.

A mistake of the person shows no traceback. Exit codes: 0 done; 1 failed (rows were refused, `doctor` found a fault, the
database cannot be reached); 2 a mistake in the command or in the settings.
"""

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
    """A command: its module, the name of its function or group in that module, and its line in `kam --help`."""

    module: str
    name: str
    line: str


COMMANDS = {
    "serve": Entry(
        "serving",
        "serve",
        "Migrate the database, then serve REST, GraphQL and the docs, and deliver webhooks in the same process.",
    ),
    "worker": Entry(
        "working", "worker", "Deliver webhooks and run jobs without the API. Start as many workers as the load needs."
    ),
    "migrate": Entry("migrating", "migrate", "Bring the database to the newest migration, or write a new one."),
    "keys": Entry("keys", "keys", "Create, list and revoke API keys."),
    "import": Entry("importing", "import_accounts", "Create or update accounts from a CSV or NDJSON file."),
    "export": Entry("exporting", "export", "Write the records of one kind (accounts, plans ...) as NDJSON or CSV."),
    "listen": Entry("listening", "listen", "Receive webhooks on this machine, check their signatures and print them."),
    "contract": Entry(
        "contracts",
        "contract",
        "Write the API's documents into openapi/, or compare them with what the service serves.",
    ),
    "backup": Entry("backup", "backup", "Copy the embedded database into a file while the service runs."),
    "doctor": Entry("doctor", "doctor", "Show every setting with its source, and check what the service needs."),
}


class Commands(TyperGroup):
    """List every command by its line in the table, and load a command's module when the command is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a placeholder with the command's line, which is enough for `kam --help`."""
        entry = COMMANDS.get(cmd_name)
        return TyperCommand(name=cmd_name, help=entry.line) if entry else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that was called, loaded from its module."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name) if found is not None and name is not None else found, rest


def load(name: str) -> Any:
    """Return a command as typer runs it, loaded from its module."""
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
        message, code = str(problem), problem.exit_code
    except KeyboardInterrupt:
        sys.exit(FAILED)
    except BrokenPipeError:  # the reader of our output has ended (`| head`): flushing what is left would fail again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except Exception as error:
        explained = explain(error)
        if explained is None:
            raise
        message, code = explained, MISUSED if isinstance(error, ValueError) else FAILED
    else:
        return
    sys.stderr.write(f"kam: {message}\n")
    sys.exit(code)
