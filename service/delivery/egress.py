"""The one way out to addresses that users typed: checked, pinned, without redirects, within a deadline, reading
little.

The resolver is ours: a name is resolved once per connection, every address must pass the policy, and the connection
goes to one of exactly those addresses (Host and SNI keep the name), so a second answer of the DNS changes nothing.
The socket factory looks at the address once more: no socket is opened past the policy, whatever the layers above
believe. aiohttp, because httpx is thirty times slower at this; it is loaded with the first call, because it takes 10 MB
and a tenth of the start, and most processes call nobody for long.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from service.platform.addresses import AddressPolicy, Blocked

FailureKind = Literal["http", "timeout", "connect", "dns", "tls", "blocked"]
Method = Literal["POST", "OPTIONS", "GET"]
Lookup = Callable[[str], Awaitable[list[str]]]

DEADLINE = 20.0
CONNECT = 5.0
LONGEST_ANSWER = 16_384
"""Seconds for a whole call, seconds to connect, bytes of an answer that are read."""

IDLE = 4.0
"""Seconds an unused connection is kept: less than servers commonly do, so that they rarely close one just as it is
used.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said, as far as it was read; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class ClientTls:
    """What we show a receiver that asks who calls (mutual TLS): a certificate chain and its key, in PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


class CallFailed(Exception):
    """No answer came of a call; `kind` says why in the words of the attempts' log."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class Egress:
    """Connections to receivers, kept alive; one instance per process.

    `lookup` gives the addresses of a name and `tls` the trust (tests set both); `connections` bounds all connections
    together.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        lookup: Lookup | None = None,
        tls: ssl.SSLContext | None = None,
        connections: int = 1000,
        deadline: float = DEADLINE,
    ) -> None:
        self._policy = policy
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="dns")
        self._lookup = lookup or self._resolve
        self._tls = tls
        self._connections = connections
        self._deadline = deadline
        self._sessions: dict[bool, Any] = {}
        self._checked = functools.lru_cache(4096)(policy.check_url)
        self._context = functools.lru_cache(32)(_identified)

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        tls: ClientTls | None = None,
        deadline: float | None = None,
    ) -> Answer:
        """POST bytes; the answer's status, headers and first 16 kB. Raises `CallFailed` for everything else."""
        return await self.request("POST", url, body, headers, tls=tls, deadline=deadline)

    async def request(
        self,
        method: Method,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        tls: ClientTls | None = None,
        deadline: float | None = None,
    ) -> Answer:
        """Call a URL once; the answer's status, headers and first 16 kB. Raises `CallFailed` for everything else.

        `tls` is shown to a receiver that asks for a certificate; `deadline` (seconds for everything together) replaces
        the instance's own.
        """
        import aiohttp  # noqa: PLC0415

        try:
            target = self._checked(url)
            options = {"ssl": self._context(tls)} if tls else {}
            async with asyncio.timeout(deadline or self._deadline):
                async with self._session(target.scheme == "https").request(
                    method, target, data=body, headers=headers, allow_redirects=False, **options
                ) as response:
                    content = await _first(response.content, LONGEST_ANSWER)
                    if not response.content.at_eof():
                        response.close()
                    return Answer(response.status, _texts(response.headers), content)
        except (Blocked, aiohttp.ClientError, aiohttp.http.HttpProcessingError, OSError, ValueError) as error:
            raise CallFailed(_kind(error), str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _session(self, secure: bool) -> Any:
        import aiohttp  # noqa: PLC0415

        session = self._sessions.get(secure)
        if session is None:
            resolver: Any = _Resolver(self._lookup, functools.partial(self._policy.check_address, secure=secure))
            session = self._sessions[secure] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._connections,
                    resolver=resolver,
                    socket_factory=functools.partial(_socket, self._policy, secure),
                    use_dns_cache=False,
                    keepalive_timeout=IDLE,
                    ssl=self._tls or True,
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "*/*", "Accept-Encoding": "identity"},
                auto_decompress=False,
                trust_env=False,
                read_bufsize=LONGEST_ANSWER,
            )
        return session

    async def _resolve(self, host: str) -> list[str]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, functools.partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
        )
        return [str(address[0]) for *_, address in found]


def _identified(tls: ClientTls) -> ssl.SSLContext:
    """Trust as usual, and the caller's certificate; raises ssl.SSLError for one that cannot be used."""
    context = ssl.create_default_context()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "client.pem")
        path.touch(0o600)
        path.write_bytes(tls.certificate + b"\n" + tls.key)
        context.load_cert_chain(path, password=lambda: b"")
    return context


class _Resolver:
    """Resolves once and lets a name through only when every one of its addresses may be connected to."""

    def __init__(self, lookup: Lookup, check: Callable[[str], None]) -> None:
        self._lookup = lookup
        self._check = check

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[dict[str, Any]]:
        try:
            async with asyncio.timeout(CONNECT):
                addresses = await self._lookup(host)
        except TimeoutError:
            raise OSError("the name was not resolved in time") from None
        if not addresses:
            raise OSError("the name has no address")
        for address in addresses:
            self._check(address)
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": socket.IPPROTO_TCP,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in dict.fromkeys(addresses)
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _socket(policy: AddressPolicy, secure: bool, info: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, address = info
    try:
        policy.check_address(str(address[0]), secure=secure)
    except Blocked as error:
        raise PermissionError(errno.EACCES, str(error)) from None  # the layers above gather errors of this kind only
    return socket.socket(family, kind, protocol)


async def _first(stream: Any, most: int) -> bytes:
    parts: list[bytes] = []
    while most > 0 and (part := await stream.read(most)):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def _texts(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as text any database holds: repeated ones joined, bytes that are no UTF-8 replaced."""
    texts: dict[str, str] = {}
    for name, value in headers.items():
        known = name.lower()
        clean = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", "")
        texts[known] = f"{texts[known]}, {clean}" if known in texts else clean
    return texts


def _kind(error: BaseException) -> FailureKind:
    import aiohttp  # noqa: PLC0415

    match error:
        case Blocked() | aiohttp.InvalidURL():
            return "blocked"
        case aiohttp.ClientConnectorDNSError():
            return "dns"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "tls"
        case aiohttp.ClientConnectorError(errno=errno.EACCES):
            return "blocked"
        case aiohttp.ConnectionTimeoutError():
            return "connect"
        case TimeoutError():
            return "timeout"
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError() | aiohttp.http.HttpProcessingError():
            return "http"
        case _:
            return "connect"
