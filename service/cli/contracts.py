"""`kam contract`: the documents that clients generate code from, written into openapi/ and committed there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from service.app import document
from service.cli.console import Problem, say
from service.graphql.schema import sdl
from service.rest.older_contract import openapi_30

FOLDER = Path(__file__).resolve().parents[2] / "openapi"


def contract(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when the files are not what the service serves.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Where the documents are.")] = FOLDER,
) -> None:
    """Write the API's documents, or compare them with what is served."""
    made = documents()
    changed = [name for name, text in made.items() if not _same(folder / name, text)]
    if check and changed:
        raise Problem(f"{', '.join(changed)} in {folder} differ from what is served; `kam contract` writes them")
    if not check:
        folder.mkdir(parents=True, exist_ok=True)
        for name in changed:
            (folder / name).write_bytes(made[name])
    verb = "is as served" if check or not changed else "written"
    for name in made if check or not changed else changed:
        say(f"{folder / name} {verb}")


def documents() -> dict[str, bytes]:
    """Every document by its file name, as it is committed."""
    openapi = document()
    return {
        "openapi.json": _pretty(openapi),
        "openapi-3.0.json": _pretty(openapi_30(openapi)),
        "schema.graphql": sdl().encode(),
    }


def _pretty(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _same(path: Path, text: bytes) -> bool:
    return path.exists() and path.read_bytes() == text
