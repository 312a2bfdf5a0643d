"""Create, list and revoke API keys from the command line, which has every permission (`kam keys`)."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from service.cli.console import MISUSED, Problem, say
from service.cli.session import run
from service.framework.database.listing import PageRequest
from service.models.access.api_keys import ApiKeyCreate
from service.operations.access.api_keys import create_api_key, list_api_keys, revoke_api_key
from service.platform.clock import instant_text
from service.platform.pointers import reasons
from service.records.context import Context

keys = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True, add_completion=False)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="The purpose of the key.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="A scope of the key: resource:read, resource:write, resource:* or *. Repeat the option for more."
        ),
    ],
    days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="The number of days after which the key stops working.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the key as JSON.")] = False,
) -> None:
    """Create a key and print its value, which is shown only now."""
    expires = None if days is None else instant_text(datetime.now(UTC) + timedelta(days=days))
    try:
        data = ApiKeyCreate.model_validate_json(orjson.dumps({"name": name, "scopes": scope, "expires_at": expires}))
    except ValidationError as error:
        wrong = [f"{found['loc'][0]}: {found['msg']}" for found in reasons(error)]
        raise Problem("; ".join(wrong), MISUSED) from None
    made = run(lambda ctx: create_api_key(ctx, data)).data
    say(orjson.dumps(made).decode() if as_json else f"Key {made['id']}, shown this once: {made['key']}")


@keys.command("list")
def listed(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False) -> None:
    """List every key, without its value."""
    found = run(_every_key)
    if as_json:
        for key in found:
            say(orjson.dumps(key).decode())
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "begins with", "scopes", "expires", "last used", "made by", "state"):
        table.add_column(heading, no_wrap=heading in ("id", "begins with", "made by"))
    prefixes = {key["id"]: key["prefix"] for key in found}
    for key in found:
        maker = prefixes.get(key["created_by"], "command line")
        state = "revoked" if key["revoked"] else "works"
        times = [(key[member] or "never")[:16].replace("T", " ") for member in ("expires_at", "last_used_at")]
        table.add_row(key["id"], key["name"], key["prefix"], " ".join(key["scopes"]), *times, maker, state)
    Console(width=None if Console().is_terminal else 200).print(table)


@keys.command()
def revoke(
    identifier: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, or the beginning of its value.")],
    descendants: Annotated[
        bool,
        typer.Option("--descendants", help="Also revoke every key that it created, that those created, and so on."),
    ] = False,
) -> None:
    """Revoke a key: it stops working."""
    for key in run(lambda ctx: _revoke(ctx, identifier, descendants)):
        say(f"Revoked {key['id']} ({key['name']})")


async def _every_key(ctx: Context) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    request: PageRequest | None = PageRequest(limit=200)
    while request is not None:
        page = await list_api_keys(ctx, request)
        found += [orjson.loads(item) for item in page.items]
        request = None if page.next_cursor is None else PageRequest(limit=200, after=page.next_cursor)
    return found


async def _revoke(ctx: Context, wanted: str, descendants: bool) -> list[dict[str, Any]]:
    """Revoke the key that a person named. Return the keys that are revoked now and were not before; always the named
    one, which comes first.
    """
    before = await _every_key(ctx)
    matching = [key for key in before if wanted in (key["id"], key["prefix"])]
    if not matching:
        raise Problem(f"there is no key {wanted}; `kam keys list` shows all keys")
    if len(matching) > 1:
        raise Problem(f"{len(matching)} keys begin with {wanted}; name one by its id")
    named = (await revoke_api_key(ctx, matching[0]["id"], descendants)).data
    stopped = {key["id"] for key in before if key["revoked"]} | {named["id"]}
    return [named, *(key for key in await _every_key(ctx) if key["revoked"] and key["id"] not in stopped)]
