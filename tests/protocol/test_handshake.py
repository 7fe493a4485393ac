"""What a handshake-era peer has agreed with us."""

from typing import Any

import pytest
from tests.protocol.fixtures import HELLO, LEGACY, MODERN, written

from dragoman.errors import RequestError
from dragoman.protocol.envelope import read_params
from dragoman.protocol.eras import HANDSHAKE
from dragoman.protocol.exchange import Call
from dragoman.protocol.frames import read_frame
from dragoman.protocol.handshake import Handshake, sessionless
from dragoman.wire.methods import METHODS


def say(peer: Handshake, method: str, params: dict[str, Any] | None = None, methods: Any = METHODS) -> Call:
    frame = read_frame(written(method, params))
    return peer.admit(frame, *read_params(frame, methods), methods)


def refused(peer: Handshake, method: str, params: dict[str, Any] | None = None) -> RequestError:
    with pytest.raises(RequestError) as caught:
        say(peer, method, params)
    return caught.value


def greeted(version: str = LEGACY[0]) -> Handshake:
    peer = Handshake()
    say(peer, "initialize", {**HELLO, "protocolVersion": version})
    return peer


@pytest.mark.parametrize(("asked", "agreed"), [*((v, v) for v in LEGACY), (MODERN, LEGACY[0]), ("x", LEGACY[0])])
def test_the_version_that_is_agreed_lasts(asked: str, agreed: str) -> None:
    """LEG-02, LEG-04"""
    peer = Handshake()
    hello = say(peer, "initialize", {**HELLO, "protocolVersion": asked, "capabilities": {"roots": {}}})
    assert hello.era.version == agreed
    later = say(peer, "tools/list")
    assert later.era.version == later.caller.version == agreed
    assert later.caller.client is not None and later.caller.client.name == "test"
    assert later.caller.capabilities.roots == {}


def test_before_initialize_only_ping_is_served() -> None:
    """LEG-01"""
    peer = Handshake()
    assert say(peer, "ping").method == "ping"
    error = refused(peer, "tools/list")
    assert error.code == -32600 and "initialize" in error.message and "_meta" in error.message
    say(peer, "initialize", HELLO)
    assert say(peer, "tools/list").method == "tools/list"


def test_a_peer_greets_once() -> None:
    """LEG-01"""
    peer = greeted("2025-06-18")
    error = refused(peer, "initialize", HELLO)
    assert error.code == -32600 and "twice" in error.message
    assert peer.era.version == "2025-06-18"


@pytest.mark.parametrize("spoilt", ["protocolVersion", "capabilities", "clientInfo"])
def test_an_incomplete_greeting_agrees_nothing(spoilt: str) -> None:
    """LEG-01"""
    peer = Handshake()
    error = refused(peer, "initialize", {key: value for key, value in HELLO.items() if key != spoilt})
    assert error.code == -32602 and spoilt in error.message
    assert not peer.greeted
    say(peer, "initialize", HELLO)
    assert peer.greeted


@pytest.mark.parametrize("method", ["server/discover", "nope", "subscriptions/listen"])
def test_methods_of_other_eras_are_not_found(method: str) -> None:
    """VER-08"""
    assert refused(greeted(), method, {}).code == -32601
    assert refused(Handshake(), method, {}).code == -32601


def test_a_level_is_chosen_for_the_session() -> None:
    """LEG-17"""
    peer = greeted()
    assert say(peer, "tools/list").log_level is None
    say(peer, "logging/setLevel", {"level": "error"})
    assert say(peer, "tools/list").log_level == "error"
    assert refused(peer, "logging/setLevel", {"level": "loud"}).code == -32602
    assert say(peer, "tools/list").log_level == "error"


def test_a_peer_without_a_session_needs_no_greeting() -> None:
    call = say(sessionless(HANDSHAKE["2025-06-18"]), "tools/list")
    assert (call.era.version, call.caller.session, call.caller.client) == ("2025-06-18", None, None)


def test_metadata_of_the_handshake_era_is_progress_and_traces() -> None:
    """PROG-01, META-12"""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    call = say(greeted(), "tools/list", {"_meta": {"progressToken": 3, "traceparent": trace, "com.example/x": None}})
    assert (call.meta.progress_token, call.meta.traceparent) == (3, trace)
