"""Addresses that must never be called, and their spellings: the IANA special-purpose address registries row by row,
and the spellings that URL parsers, resolvers and C libraries are known to read as an address.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

REGISTERED: dict[str, str] = {
    # IPv4 Special-Purpose Address Registry, with the rows inside other rows
    "0.0.0.0/8": "this network",
    "0.0.0.0/32": "this host on this network",
    "10.0.0.0/8": "private use",
    "100.64.0.0/10": "shared address space",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link local",
    "172.16.0.0/12": "private use",
    "192.0.0.0/24": "IETF protocol assignments",
    "192.0.0.0/29": "IPv4 service continuity prefix",
    "192.0.0.8/32": "IPv4 dummy address",
    "192.0.0.9/32": "port control protocol anycast",
    "192.0.0.10/32": "traversal using relays around NAT anycast",
    "192.0.0.170/31": "NAT64/DNS64 discovery",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "AS112-v4",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "6to4 relay anycast",
    "192.88.99.2/32": "6a44 relay anycast",
    "192.168.0.0/16": "private use",
    "192.175.48.0/24": "direct delegation AS112",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "240.0.0.0/4": "reserved",
    "255.255.255.255/32": "limited broadcast",
    # IPv6 Special-Purpose Address Registry
    "::1/128": "loopback",
    "::/128": "unspecified",
    "::ffff:0:0/96": "IPv4-mapped",
    "64:ff9b::/96": "IPv4-IPv6 translation",
    "64:ff9b:1::/48": "local IPv4-IPv6 translation",
    "100::/64": "discard-only",
    "100:0:0:1::/64": "dummy prefix",
    "2001::/23": "IETF protocol assignments",
    "2001::/32": "Teredo",
    "2001:1::1/128": "port control protocol anycast",
    "2001:1::2/128": "traversal using relays around NAT anycast",
    "2001:1::3/128": "DNS-SD service registration anycast",
    "2001:2::/48": "benchmarking",
    "2001:3::/32": "AMT",
    "2001:4:112::/48": "AS112-v6",
    "2001:10::/28": "ORCHID",
    "2001:20::/28": "ORCHIDv2",
    "2001:30::/28": "drone remote identification",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "direct delegation AS112",
    "3fff::/20": "documentation",
    "5f00::/16": "segment routing SIDs",
    "fc00::/7": "unique local",
    "fe80::/10": "link-local unicast",
    # not in those registries, and not to be called either
    "224.0.0.0/4": "multicast",
    "ff00::/8": "multicast",
    "fec0::/10": "site-local",
    "::/96": "IPv4-compatible",
    "::ffff:0:0:0/96": "IPv4-translated",
    "4000::/2": "not given out",
    "8000::/1": "not given out",
    "168.63.129.16/32": "a cloud's host",
    "100.100.100.200/32": "a cloud's metadata",
    "169.254.169.254/32": "clouds' metadata",
    "169.254.170.2/32": "a cloud's task credentials",
    "fd00:ec2::254/128": "a cloud's metadata",
    "fd20:ce::254/128": "a cloud's metadata",
}


def within(network: IPv4Network | IPv6Network) -> set[IPv4Address | IPv6Address]:
    """Return the first, the last and three addresses between."""
    size = network.num_addresses
    return {network[0], network[-1], network[size // 2], network[size // 3], network[min(1, size - 1)]}


SPECIAL = sorted({str(address) for text in REGISTERED for address in within(ip_network(text))})
"""Addresses of every row."""

_FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９．")
_CIRCLED = str.maketrans("123456789", "①②③④⑤⑥⑦⑧⑨")
_BOLD = str.maketrans("0123456789", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")
_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def hosts_of_4(address: IPv4Address) -> Iterator[str]:
    """Yield spellings of an IPv4 address as the host of a URL."""
    dotted, number = str(address), int(address)
    octets = list(address.packed)
    a, b, c, d = octets
    yield dotted
    yield dotted + "."
    yield dotted + ".."
    for whole in (f"{number}", f"{number:#x}", f"{number:#X}", f"0{number:o}", f"{number:#o}", f"{number + 2**32}"):
        yield whole
        yield whole + "."
    for one in ("{}", "0{:o}", "{:#x}", "{:#04x}", "{:03d}", "{:010o}"):
        yield ".".join(one.format(octet) for octet in octets)
        yield f"{one.format(a)}.{one.format(b)}.{one.format(c << 8 | d)}"
        yield f"{one.format(a)}.{one.format(number & 0xFFFFFF)}"
    yield f"{a:#x}.{b}.0{c:o}.{d}"
    yield f"{a + 256}.{b}.{c}.{d + 256}"
    yield "".join(f"%{ord(character):02x}" for character in dotted)
    yield dotted.replace(".", "%2e")
    for digits in (_FULL_WIDTH, _CIRCLED, _BOLD, _ARABIC):
        yield dotted.translate(digits)
        yield str(number).translate(digits)
    for stop in "。．｡":
        yield dotted.replace(".", stop)
    for invisible in ("\u00ad", "\u200b", "\u200d", "\u2060", "\ufeff", "\ufe0f"):
        yield dotted[0] + invisible + dotted[1:]
    for break_ in ("\t", "\n", "\r", " ", "\0", "\x85", "\u2028", "\u3000"):
        yield dotted[:2] + break_ + dotted[2:]
    if number:
        high, low = number >> 16, number & 0xFFFF
        for text in (
            f"::ffff:{dotted}", f"::ffff:{high:x}:{low:x}", f"0:0:0:0:0:FFFF:{high:04X}:{low:04X}", f"::{dotted}",
            f"::ffff:0:{dotted}", f"64:ff9b::{dotted}", f"64:ff9b::{high:x}:{low:x}", f"64:ff9b:1::{dotted}",
            f"2002:{high:x}:{low:x}::", f"2001:0:{high:x}:{low:x}::", f"2001::{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",
            f"fe80::5efe:{dotted}", f"::ffff:{dotted}%25lo", f"::ffff:{dotted}%1", dotted, f"v1.{dotted}",
        ):  # fmt: skip
            yield f"[{text}]"


def hosts_of_6(address: IPv6Address) -> Iterator[str]:
    """Yield spellings of an IPv6 address as the host of a URL."""
    for text in (address.compressed, address.exploded, address.exploded.upper()):
        yield f"[{text}]"
        yield text
    yield f"[{address}%25lo]"
    yield f"[{address}%lo]"
    yield f"[{address}%251]"
    yield f"[{address}"
    yield f"{address}]"
    yield f"[[{address}]]"
    yield f"[{address}]."
    yield f"%5b{address}%5d"
    yield "[" + str(address).translate(_FULL_WIDTH) + "]"


def urls_to(host: str) -> Iterator[str]:
    """Yield URLs that some parser reads as going to a host."""
    yield f"https://{host}/"
    yield f"https://{host}"
    yield f"HTTPS://{host}:8443/a?b#c"
    yield f"https://{host}?x"
    yield f"https://{host}#@example.com/"
    yield f"https://{host}\\@example.com/"
    yield f"https://example.com\\@{host}/"
    yield f"https://example.com@{host}/"
    yield f"https://example.com%40{host}/"
    yield f"https://user:word@{host}:443/"
    yield f"https://{host}@example.com/"
    yield f"https://{host}:443@example.com/"
    yield f"https://@{host}/"
    yield f"https:{host}/"
    yield f"https:/{host}/"
    yield f"https:///{host}/"
    yield f"https:\\\\{host}/"
    yield f"https://\\{host}/"
    yield f"//{host}/"
    yield f" https://{host}/"
    yield f"ht\ntps://{host}/"
    yield f"https://{host}:/"
    yield f"https://{host}:0443/"
    yield f"https://{host}:+443/"
    yield f"https://{host}:４４３/"
    yield f"https://{host}:443:443/"
    yield f"https://example.com,{host}/"
    yield f"https://example.com;{host}/"
