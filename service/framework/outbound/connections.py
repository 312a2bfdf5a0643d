"""Connections to receivers: each resolves the name once, checks every address by the policy, and connects to one of
these addresses. Idle connections are kept for a while.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
import tempfile
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from service.framework.outbound.addresses import AddressPolicy, Blocked
from service.framework.outbound.http_client import CallFailed, Connection

Lookup = Callable[[str], Awaitable[list[str]]]
Trust = Callable[[], ssl.SSLContext]

CONNECT = 5.0
"""Seconds for each step: resolving the name, connecting (over all addresses), establishing TLS."""
MOST_ADDRESSES = 4
"""The most addresses of a name that are tried."""
IDLE = 4.0
"""Seconds that an idle connection is kept: fewer than servers keep it, so that they rarely close it just as it is used.
"""
AGE = 60.0
"""Seconds after which even a busy connection is replaced, so that a name with new addresses is followed."""
THREADS = 16
"""Concurrent lookups. Calls that wait for the same name share one lookup."""


@dataclass(frozen=True, slots=True)
class ClientTls:
    """A client certificate for mutual TLS: the chain and its key, in PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


class Origin(NamedTuple):
    """The key of a connection: calls that differ in any member never share one."""

    secure: bool
    host: str
    port: int
    tls: ClientTls | None


class Connections:
    """Opens connections and keeps idle ones; `most` limits all together."""

    def __init__(self, policy: AddressPolicy, lookup: Lookup | None, trust: Trust, most: int) -> None:
        self._policy = policy
        self._lookup = lookup or self._resolve
        self._trusting = functools.lru_cache(1)(lambda: _context(trust, None))
        self._identified = functools.lru_cache(32)(functools.partial(_context, trust))
        self._room = asyncio.Semaphore(most)
        self._waiting = 0
        self._threads: ThreadPoolExecutor | None = None
        self._lookups: dict[str, asyncio.Task[list[str]]] = {}
        self._idle: dict[Origin, deque[Connection]] = {}
        self._all: set[Connection] = set()
        self._sweeping: asyncio.TimerHandle | None = None

    def kept(self, origin: Origin) -> Connection | None:
        """Return the most recently used idle connection to an origin that still stands, or None."""
        queue = self._idle.get(origin)
        while queue:
            connection = queue.pop()
            if connection.usable and connection.idle_for() < IDLE:
                return connection
            connection.abort()
        return None

    def keep(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection after its call, unless it is unusable, too old, or its place is needed."""
        if not connection.usable:
            return
        if self._waiting or connection.idle_since - connection.born > AGE:
            connection.abort()
            return
        queue = self._idle.get(origin)
        if queue is None:
            queue = self._idle[origin] = deque()
        queue.append(connection)
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(1.0, self._sweep)

    async def open(self, origin: Origin) -> Connection:
        """Open a connection. When the limit is reached, close an idle one or wait. Raises `CallFailed`."""
        context = self._context(origin)
        addresses = await self._addresses(origin)
        await self._enter()
        connection = Connection(asyncio.get_running_loop(), self._gone)
        self._all.add(connection)
        try:
            plain = await self._connect(origin, addresses)
            await _establish(connection, plain, context, origin.host.removesuffix("."))
        except BaseException:
            connection.abort()
            self._gone(connection)  # a loop may drop a connection before it was made, without calling `connection_lost`
            raise
        return connection

    async def close(self) -> None:
        """Close every connection."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        self._idle.clear()
        for connection in list(self._all):
            connection.abort()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
        await asyncio.sleep(0)  # the transports close in the loop's next iteration

    def _gone(self, connection: Connection) -> None:
        if connection in self._all:
            self._all.remove(connection)
            self._room.release()

    async def _enter(self) -> None:
        """Wait for room for one more connection; close the oldest idle one to make room."""
        while self._room.locked() and (queues := [queue for queue in self._idle.values() if queue]):
            oldest = min(queues, key=_idle_since).popleft()
            if oldest.usable:
                oldest.abort()
                break
        self._waiting += 1
        try:
            await self._room.acquire()
        finally:
            self._waiting -= 1

    def _sweep(self) -> None:
        self._sweeping = None
        for origin, queue in list(self._idle.items()):
            while queue and not (queue[0].usable and queue[0].idle_for() < IDLE):
                queue.popleft().abort()
            if not queue:
                del self._idle[origin]
        if self._idle:
            self._sweeping = asyncio.get_running_loop().call_later(1.0, self._sweep)

    def _context(self, origin: Origin) -> ssl.SSLContext | None:
        if not origin.secure:
            return None
        try:
            return self._identified(origin.tls) if origin.tls else self._trusting()
        except (OSError, ValueError):  # ssl.SSLError is an OSError
            raise CallFailed("tls", "the client certificate cannot be used") from None

    async def _addresses(self, origin: Origin) -> list[str]:
        """Return the addresses of a host. Raises `CallFailed` unless the policy allows every one."""
        if ":" in origin.host or origin.host.replace(".", "").isdigit():
            found = [origin.host]
        else:
            found = await self._looked_up(origin.host)
        if not found:
            raise CallFailed("dns", "the name has no address")
        for address in found:
            self._check(address, origin.secure)
        return list(dict.fromkeys(found))

    async def _looked_up(self, host: str) -> list[str]:
        task = self._lookups.get(host)
        if task is None:
            task = self._lookups[host] = asyncio.ensure_future(self._lookup(host))
            task.add_done_callback(functools.partial(self._looked, host))
        try:
            async with asyncio.timeout(CONNECT):
                return await asyncio.shield(task)
        except TimeoutError:
            raise CallFailed("dns", "the name was not resolved in time") from None
        except (OSError, UnicodeError):
            raise CallFailed("dns", "the name cannot be resolved") from None
        except asyncio.CancelledError:
            if task.cancelled():  # the lookup was cancelled, not this call: everything is being closed
                raise CallFailed("dns", "the lookup was given up") from None
            raise

    def _looked(self, host: str, task: asyncio.Task[list[str]]) -> None:
        del self._lookups[host]
        if not task.cancelled():
            task.exception()  # mark it as seen: the calls may have stopped waiting

    async def _resolve(self, host: str) -> list[str]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="dns")
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, functools.partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
        )
        return [str(address[0]) for *_, address in found]

    async def _connect(self, origin: Origin, addresses: list[str]) -> socket.socket:
        """Return a socket connected to the first address that accepts; the addresses share the time."""
        tried = addresses[:MOST_ADDRESSES]
        failure = "the connection was not made in time"
        for address in tried:
            try:
                async with asyncio.timeout(CONNECT / len(tried)):
                    return await self._dial(address, origin.port, origin.secure)
            except TimeoutError:
                continue
            except OSError as error:
                failure = error.strerror or "the connection was refused"
        raise CallFailed("connect", failure)

    async def _dial(self, address: str, port: int, secure: bool) -> socket.socket:
        """Connect to an address. Check it before, and the peer's address after, without trust in the callers."""
        self._check(address, secure)
        plain = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            plain.setblocking(False)
            await asyncio.get_running_loop().sock_connect(plain, (address, port))
            reached = str(plain.getpeername()[0])
            if ip_address(reached) != ip_address(address):
                raise CallFailed("blocked", "another address answered than was called")
            self._check(reached, secure)
        except BaseException:
            plain.close()
            raise
        return plain

    def _check(self, address: str, secure: bool) -> None:
        try:
            self._policy.check_address(address, secure=secure)
        except Blocked as error:
            raise CallFailed("blocked", str(error)) from None


def _idle_since(queue: deque[Connection]) -> float:
    return queue[0].idle_since


async def _establish(connection: Connection, plain: socket.socket, context: ssl.SSLContext | None, host: str) -> None:
    """Attach a connected socket to the loop, over TLS with the certificate verified if there is a context."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT):
            await loop.create_connection(
                lambda: connection, sock=plain, ssl=context, server_hostname=host if context else None
            )
    except TimeoutError:
        plain.close()
        raise CallFailed("tls", "TLS was not established in time") from None
    except (OSError, ValueError) as error:  # ValueError: a name that TLS cannot check
        plain.close()
        reason = getattr(error, "verify_message", None) or getattr(error, "reason", None) or "it was broken off"
        raise CallFailed("tls" if context else "connect", f"TLS was not established: {reason}") from None
    except BaseException:
        plain.close()
        raise


def _context(trust: Trust, tls: ClientTls | None) -> ssl.SSLContext:
    """Make a TLS context for HTTP/1.1, with the client certificate if given. Raises OSError or ValueError when that is
    unusable.
    """
    context = trust()
    context.set_alpn_protocols(["http/1.1"])
    if tls is not None:
        with tempfile.TemporaryDirectory() as folder:  # OpenSSL's binding reads certificates from files only
            path = Path(folder, "client.pem")
            path.touch(0o600)
            path.write_bytes(tls.certificate + b"\n" + tls.key)
            context.load_cert_chain(path, password=lambda: b"")  # an encrypted key must not prompt at a terminal
    return context
