"""The addresses and URLs that the service may call: the guard against server-side request forgery, as pure rules.

The table holds the IANA special-purpose address registries (`ipaddress.is_global` disagrees with them for many
addresses) and a few more networks. URLs are read by our own grammar, which accepts fewer spellings than any other, and
the parts that it reads are the parts that are connected to: no second parser can disagree. The rules apply when a URL
is registered and at every call, to the addresses that the name then resolves to (connections.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import quote

Network = IPv4Network | IPv6Network

LONGEST_URL = 2048
"""The longest URL, in characters."""

BLOCKED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), name)
    for network, name in (
        # IANA IPv4 Special-Purpose Address Registry
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared address space"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local and cloud metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved and broadcast"),
        # a public address that Azure's hosts answer on from inside
        ("168.63.129.16/32", "cloud platform"),
        # IANA IPv6 Special-Purpose Address Registry
        ("::1/128", "loopback"),
        ("::/128", "unspecified"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("100::/64", "discard-only"),
        ("100:0:0:1::/64", "dummy prefix"),
        ("2001::/23", "protocol assignments (Teredo, ORCHID, benchmarking)"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "unique local"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
        # the rest of IPv6 outside 2000::/3, which alone is given out as global unicast
        ("::/3", "not global unicast"),
        ("4000::/2", "not global unicast"),
        ("8000::/1", "not global unicast"),
    )
)

_DOTTED = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0[xo][0-9a-f]*")
_URL = re.compile(r"(https?)://([^/?#]*)([^#]*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[^\[\]:@%]+)(?::([1-9][0-9]{0,4}))?")
_IN_A_PATH = "!$%&'()*+,-./:;=?@[]_~"
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f-\xa0\\]")


class Blocked(Exception):
    """Raised for a URL or address that may not be called. The text gives the reason and repeats no part of the URL."""


class Target(NamedTuple):
    """The parts of a URL."""

    secure: bool
    """Whether the URL is called over TLS."""
    host: str
    """A name in ASCII and lower case, or an address without brackets."""
    port: int
    path: str
    """Path and query, percent-encoded as far as a request line needs it."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Allows the public internet over https, and the networks in `allowed` over https and http. Refuses `own_hosts` by
    name.
    """

    allowed: tuple[Network, ...] = ()
    own_hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, networks: Iterable[str] = (), own_hosts: Iterable[str] = ()) -> AddressPolicy:
        """Make a policy from settings: CIDRs as text, host names in any case. Raises ValueError for an invalid CIDR."""
        own = frozenset(_in_ascii(host).removesuffix(".") for host in own_hosts)
        return cls(tuple(ip_network(network) for network in networks), own)

    def is_allowed(self, address: IPv4Address | IPv6Address) -> bool:
        """Whether the address lies in an allowed network."""
        return any(address in network for network in self.allowed if network.version == address.version)

    def check_address(self, text: str, *, secure: bool = True) -> None:
        """Raise `Blocked` unless the address may be connected to: without TLS only one in an allowed network may."""
        try:
            address = ip_address(text)
        except ValueError:
            raise Blocked("the host is not a valid address") from None
        if self.is_allowed(address):
            return
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            raise Blocked("an address with a zone may not be called")
        for network, name in BLOCKED:
            if address.version == network.version and address in network:
                raise Blocked(f"the address is not public ({name})")
        if not secure:
            raise Blocked("http:// is allowed inside the allowed networks only")

    def check_url(self, text: str) -> Target:
        """Return the parts of a URL. Raises `Blocked` for a scheme, host, port, spelling or literal address that is not
        allowed.

        Checks syntax only; the addresses of a host name are checked at every call. `http` with a name passes when any
        network is allowed.
        """
        target = _parsed(text)
        if not target.secure and not self.allowed:
            raise Blocked("the URL must begin with https://")
        port = target.port
        if not (port in (443, 8443) or 1024 <= port <= 65535 or (port == 80 and not target.secure)):
            raise Blocked("the port must be 443, 8443 or from 1024 up")
        if ":" in target.host or _DOTTED.fullmatch(target.host):
            self.check_address(target.host, secure=target.secure)
        else:
            _check_name(target.host)
            name = target.host.removesuffix(".")
            if name in self.own_hosts:
                raise Blocked("the URL points back at this service")
            if name == "localhost" or name.endswith(".localhost"):
                self.check_address("127.0.0.1", secure=target.secure)  # RFC 6761: never another host
        return target


def _parsed(text: str) -> Target:
    if len(text) > LONGEST_URL:
        raise Blocked(f"the URL is longer than {LONGEST_URL} characters")
    if _NOT_IN_A_URL.search(text):
        raise Blocked("the URL holds a space, a control character or a backslash")
    parts = _URL.match(text)
    if parts is None:
        raise Blocked("the URL must begin with https://")
    secure, authority = len(parts[1]) == 5, parts[2]
    if "@" in authority:
        raise Blocked("the URL must not hold a user name or a password")
    place = _AUTHORITY.fullmatch(authority)
    if place is None:
        raise Blocked("the URL has no host and port that can be read")
    host = place[1]
    try:
        path = quote(parts[3], safe=_IN_A_PATH)
        host = str(IPv6Address(host[1:-1])) if host[0] == "[" else _in_ascii(host)
    except ValueError:
        raise Blocked("the URL cannot be read") from None
    return Target(secure, host, int(place[2] or (443 if secure else 80)), path if path[:1] == "/" else "/" + path)


def _in_ascii(host: str) -> str:
    """Return a host name in lower case and ASCII (IDNA 2008 with the mapping of UTS 46). Raises ValueError for a name
    without such a form.
    """
    if host.isascii():
        return host.lower()
    import idna  # noqa: PLC0415

    name = str(idna.encode(host, uts46=True, std3_rules=True), "ascii")
    if _DOTTED.fullmatch(name):
        raise ValueError("an address in other digits than ours")
    return name


def _check_name(host: str) -> None:
    """Raise `Blocked` unless the host has ordinary labels and the last one is not a number: C libraries read `127.1`,
    `2130706433` and `0x7f.1` as addresses.
    """
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Blocked("the host is not a valid name")
    if _NUMERIC.fullmatch(labels[-1]):
        raise Blocked("the host is a number, not a name")
