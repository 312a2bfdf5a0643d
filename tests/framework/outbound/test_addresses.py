"""The address policy against the special-purpose registries, odd spellings of addresses, and URLs that should pass."""

import contextlib
import ipaddress
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.framework.outbound.addresses import BLOCKED, AddressPolicy, Blocked
from tests.framework.outbound.spellings import REGISTERED, hosts_of_4, hosts_of_6, urls_to, within

PUBLIC_ONLY = AddressPolicy()
OWN = AddressPolicy.of(own_hosts=["Kam.Example.com"])
ON_PREMISES = AddressPolicy.of(["10.1.0.0/16", "127.0.0.0/8", "fd00:1::/32"], own_hosts=["Kam.Example.com"])

PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450::5"]


@pytest.mark.parametrize("network", REGISTERED)
def test_no_address_of_the_special_purpose_registries_passes(network: str) -> None:
    for address in within(ipaddress.ip_network(network)):
        for zone in ("", "%lo", "%1") if address.version == 6 else ("",):
            with pytest.raises(Blocked):
                PUBLIC_ONLY.check_address(f"{address}{zone}")


@pytest.mark.parametrize("network", REGISTERED)
def test_no_spelling_of_a_special_address_passes(network: str) -> None:
    for address in within(ipaddress.ip_network(network)):
        hosts = hosts_of_4(address) if isinstance(address, ipaddress.IPv4Address) else hosts_of_6(address)
        for host in hosts:
            for url in (f"https://{host}/", f"https://{host}:8443/a"):
                with pytest.raises(Blocked):
                    PUBLIC_ONLY.check_url(url)
                    pytest.fail(f"{url!r} passed")


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "0.0.0.0", "::1", "fd00:ec2::254"])
def test_no_way_of_putting_a_special_address_into_a_url_passes(address: str) -> None:
    known = ipaddress.ip_address(address)
    for host in hosts_of_4(known) if isinstance(known, ipaddress.IPv4Address) else hosts_of_6(known):
        for url in urls_to(host):
            with pytest.raises(Blocked):
                PUBLIC_ONLY.check_url(url)
                pytest.fail(f"{url!r} passed")


@pytest.mark.parametrize("host", ["kam.example.com", "localhost", "inner.localhost", "LOCALHOST", "localhost."])
def test_no_way_of_putting_our_own_name_into_a_url_passes(host: str) -> None:
    full_width = "".join(chr(ord(letter) + 0xFEE0) if letter.isalpha() else letter for letter in host)
    for spelled in (
        host,
        host.upper(),
        host + ".",
        full_width,
        host.replace(".", "。"),
        f"%{ord(host[0]):x}{host[1:]}",
    ):
        for url in urls_to(spelled):
            with pytest.raises(Blocked):
                OWN.check_url(url)
                pytest.fail(f"{url!r} passed")


_LETTERS = st.text("0123456789abcdefxXoO.:-_%@[]/\\?#~①０。．\u00ad\u200b\t\n ", min_size=1, max_size=24)


_NUMBERS = st.integers(0, 2**33).map(str) | st.integers(0, 2**33).map(hex) | st.integers(0, 2**33).map("0{:o}".format)


@settings(max_examples=300)
@given(_LETTERS | st.lists(_NUMBERS, min_size=1, max_size=5).map(".".join))
def test_what_passes_is_a_public_address_or_a_name_that_no_library_reads_as_an_address(text: str) -> None:
    try:
        host = PUBLIC_ONLY.check_url(f"https://{text}/").host
    except Blocked:
        return
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        with pytest.raises(OSError):
            socket.inet_aton(host.removesuffix("."))
        assert host.isascii()
        assert host == host.lower()
        return
    assert address.is_global
    PUBLIC_ONLY.check_address(host)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes_with_tls_only(address: str) -> None:
    PUBLIC_ONLY.check_address(address)
    with pytest.raises(Blocked, match="allowed networks"):
        PUBLIC_ONLY.check_address(address, secure=False)


@given(st.ip_addresses())
def test_nothing_that_the_standard_library_calls_private_passes(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    try:
        PUBLIC_ONLY.check_address(str(address))
    except Blocked:
        return
    assert address.is_global
    assert not address.is_multicast


@pytest.mark.parametrize(("network", "name"), BLOCKED)
def test_first_and_last_address_of_every_blocked_network_are_refused(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network, name: str
) -> None:
    for address in (network[0], network[-1]):
        with pytest.raises(Blocked):
            PUBLIC_ONLY.check_address(str(address))


REFUSED_URLS = [
    "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "example.com/hook", "https://", "https:///x", "",
    "//example.com/", "https://user@example.com/", "https://user:pw@example.com/", "https://@example.com/",
    "https://example.com:80/", "https://example.com:22/", "https://example.com:0/", "https://example.com:65536/",
    "https://example.com:444/", "https://127.0.0.1/", "https://localhost:x/", "https://127.1/", "https://2130706433/",
    "https://0x7f.1/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.0.0.1./", "https://0/",
    "https://①②⑦.0.0.1/", "https://127。0。0。1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[fe80::1%25lo]/",
    "https://[::]/", "https://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "https://1.2.3.4.5/",
    "https://256.1.1.1/", "https://1.2.3.08/", "https://example.com\\@127.0.0.1/", "https://127.0.0.1\t/",
    "https://exa mple.com/", " https://example.com/", "https://example.com/\r\nX: y", "https://ex%61mple.com/",
    "https://example.com%00.evil/", "https://-example.com/", "https://a..b/", "https://" + "a" * 64 + ".com/",
    "https://example.com/" + "a" * 2048, "https://[v1.x]/", "https://[::1", "https://exa\u00admple.1/",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_url_that_may_not_be_called_is_refused(url: str) -> None:
    with pytest.raises(Blocked):
        PUBLIC_ONLY.check_url(url)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://example.com", "example.com", 443),
        ("https://EXAMPLE.com:8443/hook?x=1", "example.com", 8443),
        ("https://hooks.example.com.:10443/a", "hooks.example.com.", 10443),
        ("https://bäckerei.example/", "xn--bckerei-5wa.example", 443),
        ("https://my_receiver.example.com/%20", "my_receiver.example.com", 443),
        ("https://93.184.216.34/hook", "93.184.216.34", 443),
        ("https://[2606:4700:4700::1111]:8443/", "2606:4700:4700::1111", 8443),
    ],
)
def test_an_ordinary_url_passes(url: str, host: str, port: int) -> None:
    parsed = PUBLIC_ONLY.check_url(url)
    assert (parsed.host, parsed.port) == (host, port)


def test_allowed_networks_open_http_and_private_addresses_and_nothing_else() -> None:
    for url in ("http://10.1.2.3/", "http://10.1.2.3:8080/", "https://127.0.0.1:9000/", "http://[fd00:1::5]:8080/"):
        ON_PREMISES.check_url(url)
    ON_PREMISES.check_url("http://receiver:8080/")  # its addresses are checked when it is called
    for url in (
        "http://10.2.0.1/",
        "http://8.8.8.8/",
        "https://169.254.169.254/",
        "http://10.1.2.3:22/",
        "http://127.1/",
    ):
        with pytest.raises(Blocked):
            ON_PREMISES.check_url(url)


def test_our_own_host_is_refused_by_name() -> None:
    for url in ("https://kam.example.com/v1", "https://KAM.example.com.:8443/"):
        with pytest.raises(Blocked, match="this service"):
            ON_PREMISES.check_url(url)


@given(st.text(max_size=50))
def test_any_text_is_a_url_or_blocked_never_another_error(text: str) -> None:
    for url in (text, "https://" + text, f"https://[{text}]/"):
        with contextlib.suppress(Blocked):
            ON_PREMISES.check_url(url)
