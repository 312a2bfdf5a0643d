"""Find the caller of an Authorization header. A key is looked up once every few seconds and kept in the process
meanwhile.

A revoked key stops at once in the process that revoked it, and after at most `KEEP_SECONDS` in the others. The time of
last use is collected in memory and written by the worker, to the minute, so that a read causes no write.
"""

import asyncio
import hashlib
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime

import sqlalchemy as sa

from service.access.principal import Principal
from service.framework.database.columns import Instant, bind
from service.framework.database.database import Database
from service.framework.database.statements import Statement
from service.models.access.api_keys import api_keys
from service.platform.clock import Clock
from service.platform.errors import Unauthenticated, Unavailable
from service.platform.kept import Kept

KEEP_SECONDS = 4.0
"""How long a look-up is good for: a revocation by another process is seen within five seconds, its look-up included."""

_BY_HASH = Statement(
    sa.select(api_keys.c.id, api_keys.c.name, api_keys.c.scopes, api_keys.c.expires_at).where(
        api_keys.c.hash == bind("hash", sa.Text),
        api_keys.c.revoked_at.is_(None),
        api_keys.c.deleted_at.is_(None),
    )
)
_USED = Statement(
    sa.update(api_keys).where(api_keys.c.id == bind("key_id", api_keys.c.id)).values(last_used_at=bind("at", Instant()))
)


class Authenticator:
    """The callers of one process, by key."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: Kept[bytes, tuple[float, Principal]] = Kept(10_000)
        self._used: dict[str, datetime] = {}
        self._forgotten = asyncio.Event()
        self._looking = asyncio.Lock()

    def known(self, authorization: bytes | None, now: float) -> Principal | None:
        """Return the caller of a header that was looked up less than KEEP_SECONDS ago. `now` is monotonic seconds.
        Reads no database and never waits.
        """
        if authorization is None or not authorization.startswith(b"Bearer "):
            return None
        kept = self._known.get(hashlib.sha256(authorization[7:]).digest())
        if kept is None or now - kept[0] > KEEP_SECONDS or self._expired(kept[1]):
            return None
        return kept[1]

    async def look_up(self, authorization: bytes | None, now: float) -> Principal:
        """Return the caller of a header, read from the database. Raises Unauthenticated."""
        if authorization is None or authorization[:7].lower() != b"bearer ":
            raise Unauthenticated
        digest, forgotten = hashlib.sha256(authorization[7:]), self._forgotten
        async with self._database.reading() as reader:
            row = await reader.one(_BY_HASH, hash=digest.hexdigest())
        if row is None:
            raise Unauthenticated
        principal = Principal.of(row["id"], row["name"], row["scopes"], row["expires_at"])
        if self._expired(principal):
            raise Unauthenticated
        if forgotten is self._forgotten:  # else the row may be of before the revocation
            self._known.put(digest.digest(), (now, principal))
        self._used[principal.id] = self._clock.now()
        return principal

    async def until_refused(self, authorization: bytes | None) -> None:
        """Return when the key of a header expires (at once), is revoked by this process (at once) or by another one
        (within five seconds). Nobody is refused because the database does not answer.
        """
        digest = hashlib.sha256((authorization or b"")[7:]).digest()
        while True:
            forgotten, now, wait = self._forgotten, time.monotonic(), KEEP_SECONDS
            with suppress(Unavailable):
                try:
                    async with self._looking:  # of many streams with one key the first one looks it up for all
                        principal = self.known(authorization, now) or await self.look_up(authorization, now)
                except Unauthenticated:
                    return
                looked_up, _ = self._known.get(digest) or (now - KEEP_SECONDS, None)
                wait = looked_up + KEEP_SECONDS - now
                if principal.expires_at is not None:
                    wait = min(wait, (principal.expires_at - self._clock.now()).total_seconds())
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await forgotten.wait()

    def forget(self, keys: Collection[str]) -> None:
        """Look up these keys, given by their ids, again at their next use, and end their streams if they are revoked.
        Called when a key was revoked or changed.
        """
        for digest, (_, principal) in self._known.items():
            if principal.id in keys:
                self._known.pop(digest)
        self._forgotten.set()
        self._forgotten = asyncio.Event()

    async def write_last_use(self) -> None:
        """Write the time of each key's last look-up."""
        used, self._used = self._used, {}
        if used:
            async with self._database.transaction() as writer:
                await writer.many(
                    _USED, [{"key_id": key, "at": at.replace(second=0, microsecond=0)} for key, at in used.items()]
                )

    def _expired(self, principal: Principal) -> bool:
        return principal.expires_at is not None and principal.expires_at <= self._clock.now()
