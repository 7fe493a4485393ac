"""Which way a request goes: origin, request target, proxy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import LocalError
from dragoman.transport.http_route import route_to
from dragoman.transport.http_settings import HttpSettings

PLAIN = HttpSettings()


@pytest.mark.parametrize(
    "url, host, port, authority, target",
    [
        ("http://example.com", "example.com", 80, "example.com", "/"),
        ("http://example.com:8080/mcp?a=b", "example.com", 8080, "example.com:8080", "/mcp?a=b"),
        ("http://[::1]:81/x", "::1", 81, "[::1]:81", "/x"),
        ("https://EXAMPLE.com/a b", "example.com", 443, "example.com", "/a%20b"),
        ("http://bücher.example/ü", "xn--bcher-kva.example", 80, "xn--bcher-kva.example", "/%C3%BC"),
        ("http://example.com/a%2Fb#fragment", "example.com", 80, "example.com", "/a%2Fb"),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, authority: str, target: str) -> None:
    route = route_to(url, PLAIN, {})
    assert (route.host, route.port, route.authority, route.target) == (host, port, authority, target)
    assert (route.tls is not None) is url.startswith("https")
    assert route.proxy is None


@given(st.text(max_size=40))
def test_no_path_can_break_out_of_the_request_line(path: str) -> None:
    target = route_to(f"http://example.com/{path}".replace("[", "").replace("]", ""), PLAIN, {}).target
    assert target.isascii() and target.isprintable() and " " not in target


@pytest.mark.parametrize(
    "environ, url, through",
    [
        ({"HTTP_PROXY": "http://p:1"}, "http://a.example", "p"),
        ({"http_proxy": "http://low:1", "HTTP_PROXY": "http://up:1"}, "http://a.example", "low"),
        ({"HTTP_PROXY": "http://p:1"}, "https://a.example", None),
        ({"https_proxy": "p:1"}, "https://a.example", "p"),
        ({"ALL_PROXY": "http://p:1"}, "https://a.example", "p"),
        ({"http_proxy": ""}, "http://a.example", None),
        # In a CGI script HTTP_PROXY is a header of whoever calls.
        ({"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, "http://a.example", None),
        ({"HTTPS_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, "https://a.example", "p"),
    ],
)
def test_the_environment_names_the_proxy(environ: dict[str, str], url: str, through: str | None) -> None:
    proxy = route_to(url, PLAIN, environ).proxy
    assert (proxy.host if proxy else None) == through


@pytest.mark.parametrize(
    "rules, host, excluded",
    [
        ("*", "a.example", True),
        ("a.example", "a.example", True),
        ("a.example", "b.a.example", True),
        (".a.example", "b.a.example", True),
        ("*.a.example", "b.a.example", True),
        ("a.example", "ba.example", False),
        ("localhost, a.example", "a.example", True),
        ("a.example:80", "a.example", True),
        ("a.example:81", "a.example", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("::1", "[::1]", True),
        ("", "a.example", False),
        (",,", "a.example", False),
    ],
)
def test_no_proxy_excludes_what_it_names(rules: str, host: str, excluded: bool) -> None:
    route = route_to(f"http://{host}/", PLAIN, {"http_proxy": "http://p:1", "no_proxy": rules})
    assert (route.proxy is None) is excluded


def test_settings_win_over_the_environment() -> None:
    environ = {"http_proxy": "http://env:1", "no_proxy": "*"}
    assert route_to("http://a.example", HttpSettings(proxy=""), environ).proxy is None
    chosen = route_to("http://a.example", HttpSettings(proxy="http://set:2"), environ).proxy
    assert chosen is not None and (chosen.host, chosen.port) == ("set", 2)


@pytest.mark.parametrize("proxy", ["socks5://p:1", "https://p:1", "http://", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_refused(proxy: str) -> None:
    with pytest.raises(LocalError, match="proxy"):
        route_to("http://a.example", HttpSettings(proxy=proxy), {})


@pytest.mark.parametrize("url", ["http://[::1", "http://a.example:port", "http://" + "a" * 70 + ".example"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(LocalError, match="no URL"):
        route_to(url, PLAIN, {})
