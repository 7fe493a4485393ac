"""Heads of requests: one that is known is what it would be if it were written anew."""

from types import MappingProxyType

from dragoman.transport.http_heads import MOST, Heads, more
from dragoman.transport.http_route import Proxy, Route

ROUTE = Route("h", 80, "h:80", "/mcp?q=1", None, None)
ACCEPT = "accept: text/event-stream\r\n"


def test_a_head_has_what_all_share_then_its_own_fields() -> None:
    heads = Heads(ROUTE, {"x-key": "k"})
    expected = b"GET /mcp?q=1 HTTP/1.1\r\nhost: h:80\r\nuser-agent: dragoman\r\nx-key: k\r\n" + ACCEPT.encode()
    assert heads.of("GET", ACCEPT, {"mcp-method": "ping"}) == expected + b"mcp-method: ping\r\n"


def test_the_same_request_again_has_the_same_head_and_another_its_own() -> None:
    heads, fields = Heads(ROUTE, {}), MappingProxyType({"mcp-method": "ping"})
    first = heads.of("POST", "", fields)
    assert heads.of("POST", "", fields) is first
    assert heads.of("POST", "", dict(fields)) == first
    assert heads.of("GET", "", fields) == first.replace(b"POST", b"GET")
    assert heads.of("POST", ACCEPT, fields) == first.replace(b"mcp-method", ACCEPT.encode() + b"mcp-method")


def test_mappings_that_come_and_go_are_never_taken_for_each_other() -> None:
    heads = Heads(ROUTE, {})
    for number in range(3 * MOST):
        assert heads.of("POST", "", {"n": str(number)}).endswith(b"\r\nn: %d\r\n" % number)


def test_a_proxy_is_shown_its_credentials_but_not_through_a_tunnel() -> None:
    proxy = Proxy("p", 3128, "Basic abc")
    assert b"proxy-authorization: Basic abc\r\n" in Heads(ROUTE._replace(proxy=proxy), {}).of("GET", "", {})
    assert b"proxy-authorization" not in Heads(ROUTE, {}).of("GET", "", {})


def test_what_changes_with_each_request_is_written_each_time() -> None:
    assert more({"authorization": "Bearer x"}, None) == b"authorization: Bearer x\r\n"
    assert more(None, "s1") == b"mcp-session-id: s1\r\n"
    assert more({"dpop": "d"}, "s1") == b"dpop: d\r\nmcp-session-id: s1\r\n"
