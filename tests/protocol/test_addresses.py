"""Where addresses lead (threats 4 and 44): every form that hides one, and the legal twin of each."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import UnsafeAddressError
from dragoman.protocol.addresses import Reach, allowed_from, place_of, reach_of, shown_url


def words(text: str) -> list[str]:
    return text.split()


PUBLIC = words("""
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0
172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0
198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255 1.0.0.0 93.184.215.14
::ffff:8.8.8.8 ::ffff:0808:0808 64:ff9b::8.8.8.8 64:ff9b::101:101 2600:: 2606:4700:4700::1111 2001:4860:4860::8888
2001:200::1 2001:db7:ffff::1 2001:db9::1 2003::1 2a00:1450:4001:80b::200e 2a02:26f0::1 3ffe::1 2400:cb00::1
""")
PRIVATE = words("""
10.0.0.0 10.0.0.1 10.255.255.255 172.16.0.0 172.20.1.1 172.31.255.255 192.168.0.0 192.168.1.1 192.168.255.255
100.64.0.0 100.64.0.1 100.127.255.255 ::ffff:10.0.0.1 ::ffff:192.168.0.1 ::ffff:172.16.0.1
::ffff:100.64.0.1 fc00:: fc00::1 fd00::1 fd12:3456:789a:1::1 fdff:ffff::1
""")
LOOPBACK = words("127.0.0.0 127.0.0.1 127.1.2.3 127.255.255.255 ::1 0:0:0:0:0:0:0:1 ::ffff:127.0.0.1 ::ffff:7f00:1")
NEVER = words("""
0.0.0.0 0.0.0.1 0.255.255.255 169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255 192.0.0.0 192.0.0.1 192.0.0.170
192.0.0.192 192.0.0.255 192.0.2.0 192.0.2.1 192.0.2.255 192.88.99.1 198.18.0.0 198.18.0.1 198.19.255.255 198.51.100.1
203.0.113.1 224.0.0.1 224.0.0.251 239.255.255.250 239.255.255.255 240.0.0.1 255.255.255.254 255.255.255.255
:: ::0 ::2 ::127.0.0.1 ::7f00:1 ::8.8.8.8 ::10.0.0.1 ::169.254.169.254 ::ffff:0.0.0.0 ::ffff:169.254.169.254
::ffff:a9fe:a9fe ::ffff:224.0.0.1 ::ffff:255.255.255.255 ::ffff:192.0.2.1 ::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8
::ffff:0:a9fe:a9fe 64:ff9b::127.0.0.1 64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b::a9fe:a9fe
64:ff9b::192.168.1.1 64:ff9b::0.0.0.0 64:ff9b::100.64.0.1 64:ff9b:1::7f00:1 64:ff9b:1::8.8.8.8 64:ff9b:1:ffff::1
64:ff9b:1:fffe:a00:1:: 64:ff9b:0:0:0:1:7f00:1 100::1 100:0:0:1::1 2001:: 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2
2001:0:7f00:1::1 2001:1::1 2001:2::1 2001:10::1 2001:20::1 2001:30::1 2001:1ff:ffff::1 2001:db8::1 2001:db8:ffff::1
2002:: 2002:7f00:1:: 2002:7f00:0001::1 2002:a00:1:: 2002:a9fe:a9fe:: 2002:c0a8:101::1 2002:808:808::1 3fff::1
3fff:fff::1 4000::1 5f00::1 8000::1 fe80::1 fe80::a9fe:a9fe febf::1 fec0::1 feff::1 ff00::1 ff02::1 ff02::fb ff05::1:3
ffff::1 fe00::1 fe80::5efe:7f00:1 2600::5efe:7f00:1 2600::5efe:127.0.0.1 2600::5efe:8.8.8.8 2600::200:5efe:10.0.0.1
fd00::5efe:127.0.0.1 fe80::1%lo fe80::1%25lo ::1%lo ::ffff:127.0.0.1%1 2606:4700::1%eth0 localhost example.com 127.1
127.0.1 0x7f.1 0x7f000001 017700000001 2130706433 0177.0.0.1 0x7f.0.0.1 127.0.0.01 127.0.0.1. 127.0.0.1:80 1.2.3
1.2.3.4.5 100.100.100.200 fd00:ec2::254 ::ffff:100.100.100.200 256.1.1.1 -1.0.0.1 1.1.1.1/32
[::1] ::1::1 :: 12345::1
::ffff:256.0.0.1 ::ffff:127.1 ::0x7f 1 0 0x0
""")


@pytest.mark.parametrize(
    "reach, addresses",
    [(Reach.PUBLIC, PUBLIC), (Reach.PRIVATE, PRIVATE), (Reach.LOOPBACK, LOOPBACK), (Reach.NEVER, NEVER)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_addresses_lead_where_the_registries_say(reach: Reach, addresses: list[str]) -> None:
    assert [address for address in addresses if reach_of(address) is not reach] == []


def test_the_table_is_long() -> None:
    assert len({*PUBLIC, *PRIVATE, *LOOPBACK, *NEVER}) >= 200


@given(st.ip_addresses(v=4))
def test_an_address_in_another_coat_is_never_nearer_than_allowed(address: IPv4Address) -> None:
    bare = reach_of(str(address))
    assert reach_of(f"::ffff:{address}") is bare
    assert reach_of(f"64:ff9b::{address}") is (Reach.PUBLIC if bare is Reach.PUBLIC else Reach.NEVER)
    high, low = divmod(int(address), 65536)
    for coat in (f"2002:{high:x}:{low:x}::1", f"::ffff:0:{address}", f"2600::5efe:{address}", f"64:ff9b:1::{address}"):
        assert reach_of(coat) is Reach.NEVER


@given(st.ip_addresses())
def test_what_the_registries_call_special_is_never_public(address: IPv4Address | IPv6Address) -> None:
    if address.is_private or address.is_reserved or address.is_multicast or address.is_link_local:
        mapped = isinstance(address, IPv6Address) and address.ipv4_mapped
        # A translator's address leads to what is in it; the property above holds that.
        assert mapped or str(address).startswith("64:ff9b::") or reach_of(str(address)) is not Reach.PUBLIC


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    assert reach_of(text) in Reach
    try:
        place = place_of(text)
    except UnsafeAddressError:
        return
    assert place.host == place.host.lower()


@pytest.mark.parametrize(
    "url, host, port",
    [
        ("https://example.com", "example.com", 443),
        ("https://Example.COM./a?b#c", "example.com", 443),
        ("http://example.com:8080/", "example.com", 8080),
        ("https://[2606:4700::1111]/x", "2606:4700::1111", 443),
        ("https://[2606:4700:0:0:0:0:0:1111]:444/x", "2606:4700::1111", 444),
        ("https://[::FFFF:7f00:1]/", "::ffff:7f00:1", 443),
        ("https://1.1.1.1/", "1.1.1.1", 443),
        ("https://1.1.1.1./", "1.1.1.1", 443),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443),
        ("https://my_host.example/@x", "my_host.example", 443),
        ("https://1a.example/", "1a.example", 443),
        ("https://0x.example/", "0x.example", 443),
    ],
)
def test_where_a_url_leads_is_read_in_one_way(url: str, host: str, port: int) -> None:
    place = place_of(url)
    assert (place.host, place.port) == (host, port)


@pytest.mark.parametrize(
    "url",
    [
        "", "/", "example.com", "//example.com", "http:example.com", "http:/example.com", "http://", "https:///x", "https://:80",
        "ftp://example.com", "file:///etc/passwd", "gopher://example.com", "data:text/plain,x", "javascript:alert(1)",
        "unix:/run/x.sock", "jar:https://example.com", "http+unix://x", "https://user@example.com", "https://@example.com",
        "https://user:secret@example.com", "https://example.com@127.0.0.1", "https://example.com:80@127.0.0.1:80/",
        "https://exa mple.com", "https://example.com\t", "https://exam\nple.com", "https://example.com\r\nhost: x", "https://a\0b",
        "https://example.com\\@127.0.0.1", "https:\\\\127.0.0.1", "https://127.0.0.1\\.example.com", "https://example.com:0",
        "https://example.com:65536", "https://example.com:-1", "https://example.com:80:80", "https://example.com:x",
        "https://example.com:", "https://2130706433", "https://0x7f000001", "https://0x7f.0.0.1", "https://017700000001",
        "https://0177.0.0.1", "https://127.1", "https://127.0.1", "https://127.0.0.0x1", "https://127.0.0.01", "https://0",
        "https://0x", "https://127.0.0.256", "https://1.2.3.4.5", "https://4294967296", "https://example.0x7f", "https://a.1",
        "https://[::1", "https://::1", "https://[::1%lo]", "https://[::1%25lo]", "https://[fe80::1%25eth0]/", "https://[v1.x]",
        "https://[::ffff:127.0.0.1%25lo]", "https://[127.0.0.1]", "https://[]", "https://[::1]x", "https://[::1]:",
"https://[::g]",
        "https://127。0。0。1", "https://127．0．0．1", "https://１２７.0.0.1", "https://ⓛocalhost", "https://loc\u00adalhost",
        "https://bücher.example", "https://127%2e0.0.1", "https://%6cocalhost", "https://example.com%00.evil", "https://a..b",
        "https://.example.com", "https://-a.example", "https://a-.example", "https://example.com..", "https://a,b", "https://a;b",
        "https://a'b", "https://$(calc)", "https://*", "https://" + "a" * 64,
        "https://" + "a." * 130 + "a", "https://x/" + "a" * 2048,
        "https://127\u30020\uff0e0\uff611/", "https://\u2488\u2488\u2488\u2488", "https://①②⑦.0.0.1", "https://localhost\u200b",
    ],
)  # fmt: skip
def test_a_url_with_two_readings_or_none_is_refused(url: str) -> None:
    with pytest.raises(UnsafeAddressError):
        place_of(url)


@pytest.mark.parametrize(
    "url, reach",
    [
        ("http://localhost:8000/mcp", Reach.LOOPBACK),
        ("http://a.localhost/", Reach.LOOPBACK),
        ("http://127.0.0.1:8000/mcp", Reach.LOOPBACK),
        ("http://[::1]:8000/mcp", Reach.LOOPBACK),
        ("http://10.1.2.3/mcp", Reach.PRIVATE),
        ("http://[fd00::1]/mcp", Reach.PRIVATE),
        ("http://intranet/mcp", Reach.PRIVATE),
        ("http://keys.corp.internal", Reach.PRIVATE),
        ("http://printer.local", Reach.PRIVATE),
        ("https://example.com/mcp", Reach.PUBLIC),
        ("https://localhost.example.com", Reach.PUBLIC),
        ("https://notlocalhost.example", Reach.PUBLIC),
        ("https://8.8.8.8/", Reach.PUBLIC),
        ("http://169.254.169.254/", Reach.PUBLIC),
    ],
)
def test_what_may_be_reached_follows_from_the_address_that_the_user_gave(url: str, reach: Reach) -> None:
    assert allowed_from(url) is reach


def test_a_shown_url_has_no_secrets_and_no_control_characters() -> None:
    assert shown_url("https://me:hunter2@example.com/a?token=hunter2#hunter2") == "https://example.com/a"
    assert shown_url("https://example.com/\x1b[31m\u202e") == "https://example.com/\\x1b[31m\\u202e"
    assert shown_url("https://example.com/a") == "https://example.com/a"
    assert len(shown_url("https://example.com/" + "a" * 10_000)) == 200
