"""Host and Origin: the usual values pass, look-alikes do not, and each refusal has its status."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import LocalError
from dragoman.protocol.hosts import HostPolicy, cors_headers, read_authority, read_origin

LOCAL = HostPolicy.for_bind("127.0.0.1")
PUBLIC = HostPolicy(["api.example.com", "other.example.com:8443"], ["https://app.example.com", "http://dev.test:*"])


def status(policy: HostPolicy, host: bytes | None, origin: bytes | None = None) -> int:
    refused = policy.refusal(host, origin)
    return 200 if refused is None else refused[0]


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"localhost:8000",
        b"LocalHost:8000",
        b"localhost.:8000",
        b"127.0.0.1",
        b"127.0.0.1:1",
        b"[::1]",
        b"[::1]:65535",
        b"[0:0:0:0:0:0:0:1]:80",
        b"localhost:",
    ],
)
def test_a_loopback_server_answers_to_its_names_on_any_port(host: bytes) -> None:
    for _ in range(2):  # judged, then remembered
        assert LOCAL.refusal(host, None) is None


@pytest.mark.parametrize(
    "host",
    [
        b"evil.test",
        b"localhost.evil.test",
        b"127.0.0.1.evil.test",
        b"evil.test.localhost",
        b"xlocalhost",
        b"localhost..",
        b"127.0.0.2",
        b"127.1",
        b"0x7f.0.0.1",
        b"2130706433",
        b"0.0.0.0",
        b"192.168.1.5",
        b"[::ffff:127.0.0.1]",
        b"[::]",
        b"_",
    ],
)
def test_another_name_is_misdirected(host: bytes) -> None:
    for _ in range(2):
        assert status(LOCAL, host) == 421
    assert status(HostPolicy(["*"]), host) == 200


@pytest.mark.parametrize(
    "host",
    [
        None,
        b"",
        b" localhost",
        b"localhost ",
        b"localhost, evil.test",
        b"localhost:80:80",
        b"localhost:1@evil.test",
        b"user@localhost",
        b"localhost:65536",
        b"localhost:-1",
        b"localhost:8o",
        b"localhost:\xb2",
        b"localhost/",
        b"http://localhost",
        b"[::1",
        b"[::1]x",
        b"[:::1]",
        b"[::1%25lo]",
        b"::1",
        b".localhost",
        b"local\xfchost",
        b"a" * 254,
        b"localhost\n",
        b"localhost\x00",
        b"*",
    ],
)
def test_a_host_that_is_missing_or_no_host_is_bad(host: bytes | None) -> None:
    assert status(LOCAL, host) == 400
    assert status(HostPolicy(["*"], ["*"]), host) == 400


@pytest.mark.parametrize(
    "origin",
    [
        b"http://localhost",
        b"http://localhost:8000",
        b"http://localhost:3000",
        b"https://127.0.0.1:8443",
        b"http://[::1]:8000",
        b"HTTP://LOCALHOST:8000",
    ],
)
def test_a_page_of_this_machine_may_call_a_server_of_this_machine(origin: bytes) -> None:
    assert status(LOCAL, b"127.0.0.1:8000", origin) == 200


@pytest.mark.parametrize(
    "origin",
    [
        b"",
        b"null",
        b"http://evil.test",
        b"http://localhost.evil.test",
        b"http://localhost:1@evil.test",
        b"http://evil.test#localhost",
        b"http://localhost:8000/",
        b"http://localhost:8000/path",
        b"http://localhost http://evil.test",
        b"http://localhost, http://evil.test",
        b"localhost:8000",
        b"//localhost",
        b"http:localhost",
        b"http://",
        b"file://localhost",
        b"javascript://localhost",
        b"http://localhost\n",
    ],
)
def test_a_foreign_page_is_refused(origin: bytes) -> None:
    for _ in range(2):
        assert status(LOCAL, b"localhost:8000", origin) == 403
    assert cors_headers(origin, LOCAL) == []


@pytest.mark.parametrize(
    "host, origin, expected",
    [
        (b"api.example.com", None, 200),
        (b"api.example.com:8000", None, 200),
        (b"API.Example.COM.", None, 200),
        (b"other.example.com:8443", None, 200),
        (b"other.example.com", None, 421),
        (b"other.example.com:8444", None, 421),
        (b"api.example.com.evil.test", None, 421),
        (b"xapi.example.com", None, 421),
        (b"localhost", None, 421),
        (b"api.example.com", b"https://api.example.com", 200),
        (b"api.example.com:443", b"https://api.example.com", 200),
        (b"api.example.com", b"https://api.example.com:443", 200),
        (b"api.example.com", b"https://api.example.com:444", 403),
        (b"api.example.com:8000", b"http://api.example.com:8000", 200),
        (b"api.example.com", b"http://localhost", 403),
        (b"api.example.com", b"https://app.example.com", 200),
        (b"api.example.com", b"https://app.example.com:443", 200),
        (b"api.example.com", b"https://app.example.com:8443", 403),
        (b"api.example.com", b"http://app.example.com", 403),
        (b"api.example.com", b"https://app.example.com.evil.test", 403),
        (b"api.example.com", b"http://dev.test:3000", 200),
        (b"api.example.com", b"http://dev.test", 200),
        (b"api.example.com", b"https://dev.test:3000", 403),
        (b"api.example.com", b"null", 403),
    ],
)
def test_listed_hosts_and_origins_are_compared_whole(host: bytes, origin: bytes | None, expected: int) -> None:
    assert status(PUBLIC, host, origin) == expected


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "[::]", ""])
def test_a_server_on_all_addresses_answers_to_addresses_but_not_to_names(address: str) -> None:
    policy = HostPolicy.for_bind(address, ["mcp.example.com"])
    for host in (b"192.168.1.5:8000", b"[fe80::1]", b"localhost", b"mcp.example.com"):
        assert status(policy, host) == 200
    for host in (b"evil.test", b"192.168.1.5.evil.test", b"192.168.1.256", b"192.168.1"):
        assert status(policy, host) == 421


@pytest.mark.parametrize("address, host", [("192.168.1.5", b"192.168.1.5"), ("fe80::1", b"[fe80::1]"), ("box", b"box")])
def test_a_server_on_one_address_answers_to_that(address: str, host: bytes) -> None:
    policy = HostPolicy.for_bind(address)
    assert status(policy, host) == 200
    assert status(policy, b"localhost") == 421


def test_a_server_on_another_loopback_address_answers_to_it() -> None:
    assert status(HostPolicy.for_bind("127.0.0.2"), b"127.0.0.2:80") == 200


def test_an_origin_that_passed_with_one_host_does_not_pass_with_another() -> None:
    policy = HostPolicy(["a.test", "b.test"])
    assert status(policy, b"a.test", b"http://a.test") == 200
    assert status(policy, b"b.test", b"http://a.test") == 403


def test_what_is_remembered_stays_bounded_and_right() -> None:
    policy = HostPolicy(["a.test"])
    for port in range(1000):
        assert policy.refusal(b"a.test:%d" % port, None) is None
    assert len(policy._accepted) <= 256
    assert status(policy, b"a.test:7") == 200
    assert status(policy, b"b.test:7") == 421


def test_allowing_every_origin_still_refuses_null() -> None:
    policy = HostPolicy(["a.test"], ["*"])
    assert status(policy, b"a.test", b"https://any.test") == 200
    assert status(policy, b"a.test", b"null") == 403


def test_an_application_with_a_scheme_of_its_own_must_be_listed() -> None:
    origin = b"vscode-webview://0abc"
    assert status(LOCAL, b"localhost", origin) == 403
    assert status(HostPolicy.for_bind("localhost", origins=[origin.decode()]), b"localhost", origin) == 200


@pytest.mark.parametrize("entry", ["", "http://a.test", "a.test/", "a b", "a.test:x", "**", "*.a.test"])
def test_a_host_rule_that_is_none_is_refused(entry: str) -> None:
    with pytest.raises(LocalError, match="no host to allow"):
        HostPolicy([entry])
    HostPolicy(["a.test", "a.test:*", "[::1]:80", "*"])


@pytest.mark.parametrize("entry", ["", "null", "a.test", "https://*.a.test", "https://a.test/path", "https://"])
def test_an_origin_rule_that_is_none_is_refused(entry: str) -> None:
    with pytest.raises(LocalError, match="no origin to allow"):
        HostPolicy([], [entry])
    HostPolicy([], ["https://a.test", "https://a.test/", "http://a.test:*", "*"])


def test_a_listed_origin_gets_what_a_browser_asks_for() -> None:
    headers = dict(cors_headers(b"https://app.example.com", PUBLIC))
    assert headers[b"access-control-allow-origin"] == b"https://app.example.com"
    assert headers[b"vary"] == b"Origin"
    for name in (b"Mcp-Session-Id", b"WWW-Authenticate", b"MCP-Protocol-Version"):
        assert name in headers[b"access-control-expose-headers"].split(b", ")
    for name in (b"Mcp-Method", b"Mcp-Name", b"MCP-Protocol-Version", b"Content-Type", b"Authorization", b"*"):
        assert name in headers[b"access-control-allow-headers"].split(b", ")
    assert b"access-control-allow-credentials" not in headers


@pytest.mark.parametrize("origin", [b"https://api.example.com", b"https://evil.test", b"null"])
def test_an_origin_that_is_not_listed_gets_no_cors_headers(origin: bytes) -> None:
    assert cors_headers(origin, PUBLIC) == []


@given(st.text(st.sampled_from("localhst127.0:[]@/%\\#? \n\t,A"), max_size=24).map(str.encode) | st.binary(max_size=12))
def test_whatever_passes_is_one_of_the_names(value: bytes) -> None:
    if LOCAL.refusal(value, None) is None:
        authority = read_authority(value.decode("latin-1"))
        assert authority is not None
        assert authority.name in ("localhost", "127.0.0.1", "[::1]")
    if LOCAL.refusal(b"localhost", b"http://" + value) is None:
        origin = read_origin("http://" + value.decode("latin-1"))
        assert origin is not None
        assert origin.name in ("localhost", "127.0.0.1", "[::1]")
