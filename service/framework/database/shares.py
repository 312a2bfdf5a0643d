"""How many connections one caller may hold, so that a caller's slow requests leave some to the others."""

import asyncio
from collections import deque


class Shares:
    """Lets each caller hold four fifths of `connections`, at least one; further requests of theirs wait in turn."""

    def __init__(self, connections: int) -> None:
        self.most = max(1, connections * 4 // 5)
        self._held: dict[str, int] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def take(self, caller: str) -> None:
        """Wait until the caller holds fewer than its share, and count one more."""
        while self._held.get(caller, 0) >= self.most:
            waiting = self._waiting.setdefault(caller, deque())
            turn = asyncio.get_running_loop().create_future()
            waiting.append(turn)
            try:
                await turn
            except BaseException:
                if turn.done() and not turn.cancelled():
                    self._wake(caller)  # its turn goes to the next one
                raise
        self._held[caller] = self._held.get(caller, 0) + 1

    def give(self, caller: str) -> None:
        """Count one less, and let the next one that waits go on."""
        left = self._held[caller] - 1
        if left:
            self._held[caller] = left
        else:
            del self._held[caller]
        if caller in self._waiting:
            self._wake(caller)

    def _wake(self, caller: str) -> None:
        waiting = self._waiting[caller]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                break
        if not waiting:
            del self._waiting[caller]
