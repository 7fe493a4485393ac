"""Where a request came from, as far as trusted proxies say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import LocalError
from dragoman.protocol.proxies import MOST, Proxies

OURS = Proxies(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("address", "forwarded", "caller"),
    [
        ("203.0.113.9", b"198.51.100.1", "203.0.113.9"),  # a stranger's word
        ("10.1.2.3", None, "10.1.2.3"),
        ("10.1.2.3", b"", "10.1.2.3"),
        ("10.1.2.3", b"198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", b"6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", b"6.6.6.6, 198.51.100.1, 192.0.2.7", "198.51.100.1"),
        ("10.1.2.3", b"10.9.9.9,192.0.2.7", "10.9.9.9"),  # all of them ours
        ("10.1.2.3", b"198.51.100.1:4711", "198.51.100.1"),
        ("10.1.2.3", b"[2001:db9::1]:4711", "2001:db9::1"),
        ("2001:db8::5", b"2001:0DB9:0::1", "2001:db9::1"),
        ("::ffff:10.1.2.3", b"198.51.100.1", "198.51.100.1"),
        ("10.1.2.3", b"198.51.100.1, unknown", "10.1.2.3"),
        ("10.1.2.3", b"198.51.100.1, ", "10.1.2.3"),
        ("", b"198.51.100.1", ""),
        ("unix", b"198.51.100.1", "unix"),
    ],
)
def test_the_last_address_that_a_trusted_proxy_gives_counts(address: str, forwarded: bytes | None, caller: str) -> None:
    assert OURS.caller(address, forwarded) == caller


@given(st.binary(max_size=200), st.text(max_size=20))
def test_whatever_a_stranger_writes_changes_nothing(forwarded: bytes, address: str) -> None:
    assert OURS.caller("203.0.113.9", forwarded) == "203.0.113.9"
    assert isinstance(OURS.caller(address, forwarded), str)


def test_so_many_hops_are_looked_at() -> None:
    assert OURS.caller("10.0.0.1", b"198.51.100.1," + b"10.0.0.2," * (MOST - 2) + b"10.0.0.3") == "198.51.100.1"
    assert OURS.caller("10.0.0.1", b"198.51.100.1," + b"10.0.0.2," * MOST + b"10.0.0.3") == "10.0.0.2"


@pytest.mark.parametrize("text", ["", "proxy", "10.0.0.0/33", "*", "10.0.0"])
def test_what_is_no_address_cannot_be_trusted(text: str) -> None:
    with pytest.raises(LocalError, match="trusted_proxies"):
        Proxies([text])
