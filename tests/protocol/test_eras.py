"""What differs between revisions, as values."""

import json
from typing import Any

import msgspec
import pytest
from tests.protocol.fixtures import LEGACY, MODERN

from dragoman.protocol import eras
from dragoman.protocol.eras import HANDSHAKE, HEADERLESS, STATELESS, Era, Facts, negotiate, reply_bytes
from dragoman.protocol.exchange import Call, Caller, Prepared
from dragoman.wire.base import LOG_LEVELS, Implementation
from dragoman.wire.jsonrpc import Failure
from dragoman.wire.lifecycle import ClientCapabilities, RequestMeta, Result
from dragoman.wire.methods import METHODS
from dragoman.wire.tools import CallToolResult, ListToolsResult

INFO = {"io.modelcontextprotocol/serverInfo": {"name": "s", "version": "1"}}
FACTS = Facts.of(Implementation(name="s", version="1"))


def sealed(reply: Any, era: Era) -> Any:
    return json.loads(msgspec.json.encode(reply_bytes(era, reply, FACTS)))


def call(era: Era, **meta: Any) -> Call:
    return Call("ping", None, 1, era, Caller(era.version, ClientCapabilities()), RequestMeta(**meta))


def test_the_revisions_are_the_five_that_exist_newest_first() -> None:
    assert tuple(STATELESS) == (MODERN,)
    assert tuple(HANDSHAKE) == LEGACY
    assert all(version == era.version for version, era in {**STATELESS, **HANDSHAKE}.items())


def test_the_handshake_gives_the_version_asked_for_or_our_newest() -> None:
    """LEG-02"""
    assert [negotiate(version).version for version in LEGACY] == list(LEGACY)
    assert negotiate("1999-01-01").version == negotiate("").version == LEGACY[0]
    assert negotiate(MODERN).version == LEGACY[0]  # it has no handshake


def test_without_any_version_it_is_the_last_revision_without_the_header() -> None:
    """HTTP-17, LEG-06"""
    assert HEADERLESS.version == "2025-03-26"


def test_every_method_of_an_era_is_in_the_table() -> None:
    """BASE-19"""
    for era in (*STATELESS.values(), *HANDSHAKE.values()):
        assert era.methods <= set(METHODS)
    assert not STATELESS[MODERN].methods & {"initialize", "ping", "logging/setLevel", "resources/subscribe"}
    assert "server/discover" not in HANDSHAKE[LEGACY[0]].methods


def test_only_one_revision_has_batches() -> None:
    """LEG-24"""
    assert [era.version for era in HANDSHAKE.values() if era.batches] == ["2025-03-26"]


def test_every_result_of_today_says_its_kind_and_whose_it_is() -> None:
    """BASE-05, META-04"""
    expected = {"resultType": "complete", "_meta": INFO}
    modern = STATELESS[MODERN]
    assert sealed({}, modern) == expected
    assert sealed(Result(), modern) == expected
    assert sealed(CallToolResult(content=[]), modern) == {**expected, "content": []}
    assert sealed({"a": 1, "_meta": {"k": 2}}, modern) == {**expected, "a": 1, "_meta": {**INFO, "k": 2}}
    assert sealed(Result(meta={"k": 2}), modern) == {**expected, "_meta": {**INFO, "k": 2}}
    assert sealed(Result(result_type="input_required"), modern) == {**expected, "resultType": "input_required"}


def test_cacheable_results_of_today_say_how_long_and_for_whom() -> None:
    """CACHE-01"""
    modern = STATELESS[MODERN]
    bare = sealed(ListToolsResult(tools=[]), modern)
    assert (bare["ttlMs"], bare["cacheScope"]) == (0, "private")
    said = sealed(ListToolsResult(tools=[], ttl_ms=5, cache_scope="public"), modern)
    assert (said["ttlMs"], said["cacheScope"]) == (5, "public")
    assert "ttlMs" not in sealed(CallToolResult(content=[]), modern)


@pytest.mark.parametrize("version", LEGACY)
def test_earlier_results_have_none_of_that(version: str) -> None:
    """LEG-21"""
    era = HANDSHAKE[version]
    assert sealed({}, era) == {}
    assert sealed(Result(), era) == {}
    assert sealed(ListToolsResult(tools=[]), era) == {"tools": []}


def test_what_is_already_written_passes_untouched() -> None:
    raw = msgspec.Raw(b'{"x":1}')
    assert all(reply_bytes(era, raw, FACTS) is raw for era in (STATELESS[MODERN], HANDSHAKE[LEGACY[0]]))


def test_what_many_get_is_encoded_once_for_each_revision() -> None:
    prepared = Prepared(ListToolsResult(tools=[]))
    for era in (STATELESS[MODERN], *HANDSHAKE.values()):
        first = reply_bytes(era, prepared, FACTS)
        assert isinstance(first, msgspec.Raw)
        assert reply_bytes(era, prepared, FACTS) is first
    assert len({bytes(raw) for raw in prepared.sealed.values()}) == 2


def test_a_resource_that_does_not_exist_had_a_code_of_its_own() -> None:
    """LEG-21, ERR-13, ERR-05"""
    missing = Failure(-32602, "resource not found", {"uri": "a://b"})
    assert STATELESS[MODERN].fail(missing) == missing
    for era in HANDSHAKE.values():
        assert era.fail(missing) == Failure(-32002, "resource not found", {"uri": "a://b"})
        assert era.fail(Failure(-32602, "unknown tool")).code == -32602
        assert era.fail(Failure(-32603, "x", {"uri": "a://b"})).code == -32603


def test_statuses_are_of_the_stateless_era_only() -> None:
    """X-5"""
    assert STATELESS[MODERN].statuses[-32601] == 404
    assert all(not era.statuses for era in HANDSHAKE.values())


def test_logs_are_heard_from_the_level_that_the_request_names() -> None:
    """LOG-02, LOG-04"""
    modern = STATELESS[MODERN]
    for wanted in LOG_LEVELS:
        heard = [level for level in LOG_LEVELS if modern.hears_logs(call(modern, log_level=wanted), level)]
        assert heard == list(LOG_LEVELS[LOG_LEVELS.index(wanted) :])
    assert not any(modern.hears_logs(call(modern), level) for level in LOG_LEVELS)


def test_logs_are_heard_from_the_level_that_the_session_chose_and_all_before() -> None:
    """LEG-17"""
    era = HANDSHAKE[LEGACY[0]]
    asked = call(era)
    assert all(era.hears_logs(asked, level) for level in LOG_LEVELS)
    asked.log_level = "error"
    assert [level for level in LOG_LEVELS if era.hears_logs(asked, level)] == list(LOG_LEVELS[4:])


def test_nothing_else_of_the_module_is_needed_to_tell_eras_apart() -> None:
    assert {era.handshake for era in HANDSHAKE.values()} == {True}
    modern = STATELESS[MODERN]
    assert (modern.handshake, modern.mirrors, modern.close_cancels) == (False, True, True)
    assert not any(era.mirrors or era.close_cancels for era in HANDSHAKE.values())  # LEG-15
    assert eras.MODERN is modern
