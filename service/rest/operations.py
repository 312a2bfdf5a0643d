"""Declare a route that runs one operation: its signature gives the arguments, its docstring the description."""

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, get_type_hints

from fastapi import Body

from service.framework.database.database import Resource
from service.framework.graph.calls import description_of
from service.framework.web.answers import Answer, created, found, no_content
from service.framework.web.router import Inquiry, Part, PathId
from service.records.context import Context
from service.rest.dependencies import Caller
from service.rest.plain import endpoint


def declare(
    part: Part,
    method: str,
    path: str,
    operation: Callable[..., Awaitable[Resource]],
    summary: str,
    *,
    body: Any = None,
    name: str | None = None,
    description: str | None = None,
    **options: Any,
) -> None:
    """Declare a route on a part, with the part's options.

    The operation's `identifier` is the path's `id`, `data` or `patch` the body, and `expected` the versions of
    If-Match. The answer is the record with its ETag, 201 where the options have a `location`, 204 for DELETE. `body`,
    `name` and `description` replace what the operation's signature, name and docstring give.
    """
    hints, taken = get_type_hints(operation), inspect.signature(operation).parameters
    sent = next((each for each in ("data", "patch") if each in taken), None)
    takes: dict[str, Any] = {"ctx": Caller}
    if "identifier" in taken:
        takes["id"] = PathId
    if sent is not None:
        takes[sent] = Annotated[body or hints[sent], Body()]
    if "expected" in taken:
        takes["info"] = Inquiry
    answer = created if "location" in options else no_content if method == "delete" else found

    async def run(ctx: Context, **given: Any) -> Answer:
        arguments = {name: value for name, value in given.items() if name == sent}
        if "id" in given:
            arguments["identifier"] = given["id"]
        if "info" in given:
            arguments["expected"] = given["info"].expected
        return answer(await operation(ctx, **arguments))

    name = name or re.sub("^get_", "read_", operation.__name__)
    getattr(part, method)(path, summary=summary, **options)(
        endpoint(name, description or description_of(operation), run, takes)
    )
