"""Write the documents from which clients generate code into `openapi/`, where they are committed (`kam contract`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import orjson
import typer

from service.app import document, events_document
from service.cli.console import Problem, say
from service.events.catalogue import catalogue
from service.events.compatibility import broken_by
from service.events.schemas import schemas
from service.framework.graph.schema import sdl
from service.framework.web.older_contract import openapi_30
from service.graphql.graph import GRAPH

FOLDER = Path(__file__).resolve().parents[2] / "openapi"


def contract(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing. Fail when the files differ from what the service serves.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="The folder of the documents.")] = FOLDER,
) -> None:
    """Write the API's documents, or compare them with what the service serves."""
    made = documents()
    broken = _broken(folder, made)
    if broken:
        message = "\n".join(broken)
        raise Problem(
            f"receivers of these events would break; raise the event's version, or restore its schema:\n{message}"
        )
    changed = [name for name, text in made.items() if not _same(folder / name, text)]
    if check and changed:
        raise Problem(f"{', '.join(changed)} in {folder} differ from what the service serves; run `kam contract`")
    if not check:
        for name in changed:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(made[name])
    if check or not changed:
        say(f"{len(made)} documents in {folder} are as served")
    for name in () if check else changed:
        say(f"{folder / name} written")


def _broken(folder: Path, made: Mapping[str, bytes]) -> list[str]:
    """Return each promise of a committed event schema that the new schema breaks."""
    found = []
    for name, text in made.items():
        if name.startswith("events/") and (folder / name).exists():
            before = orjson.loads((folder / name).read_bytes())
            found += [f"{name}: {problem}" for problem in broken_by(before, orjson.loads(text))]
    return found


def documents() -> dict[str, bytes]:
    """Return every committed document by its file name."""
    openapi, made = document(), schemas()
    return {
        "openapi.json": _pretty(openapi),
        "openapi-3.0.json": _pretty(openapi_30(openapi)),
        "asyncapi.json": _pretty(events_document()),
        "schema.graphql": sdl(GRAPH).encode(),
        **{f"events/{name}.v{kind.version}.json": _pretty(made[name]) for name, kind in catalogue().items()},
    }


def _pretty(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _same(path: Path, text: bytes) -> bool:
    return path.exists() and path.read_bytes() == text
