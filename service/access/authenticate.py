"""Find the caller of an Authorization header. A key is looked up once every few seconds and kept in the process
meanwhile.

A revoked key stops at once in the process that revoked it, and after at most `KEEP_SECONDS` in the others. The time of
last use is collected in memory and written by the worker, to the minute, so that a read causes no write.
"""

import hashlib
from datetime import datetime

import sqlalchemy as sa

from service.access.principal import Principal
from service.framework.database.columns import Instant, bind
from service.framework.database.database import Database
from service.framework.database.statements import Statement
from service.models.access.api_keys import api_keys
from service.platform.clock import Clock
from service.platform.errors import Unauthenticated
from service.platform.kept import Kept

KEEP_SECONDS = 5.0

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
        digest = hashlib.sha256(authorization[7:])
        async with self._database.reading() as reader:
            row = await reader.one(_BY_HASH, hash=digest.hexdigest())
        if row is None:
            raise Unauthenticated
        principal = Principal.of(row["id"], row["name"], row["scopes"], row["expires_at"])
        if self._expired(principal):
            raise Unauthenticated
        self._known.put(digest.digest(), (now, principal))
        self._used[principal.id] = self._clock.now()
        return principal

    def forget(self) -> None:
        """Look up every key again at its next use. Called when a key was revoked or changed."""
        self._known.clear()

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
