"""Work that takes the processor longer than the event loop may wait: in a thread, one piece at a time.

Pieces of Python run in turns with the loop. One piece beside it takes half of the processor at most; several would take
more, so they wait for each other.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Beside:
    """Runs functions beside the event loop."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def run(
        self, function: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Result:
        """Return what the function returns; raises what it raises."""
        async with self._turn:
            return await asyncio.to_thread(function, *arguments, **named)
