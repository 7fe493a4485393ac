"""Finding out which era a server speaks: probe with the newest, fall back to the handshake, remember.

A modern error means a modern server and never leads to the handshake; any other answer, or none, may (VER-10 to 14).
Source: specification, basic/versioning; transports/stdio and streamable-http "Backward Compatibility".
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import msgspec
from msgspec import UNSET, structs

from dragoman.calling.answers import READERS
from dragoman.calling.line import Line
from dragoman.calling.terms import Greeting, Terms
from dragoman.errors import (
    AuthorizationError,
    BusyError,
    ClosedError,
    LocalError,
    MalformedError,
    McpError,
    PeerError,
    UnreachableError,
    VersionError,
)
from dragoman.protocol.dress import Dress, dress_of, undressed
from dragoman.protocol.eras import HANDSHAKE, STATELESS, Era
from dragoman.wire.base import Implementation
from dragoman.wire.jsonrpc import HEADER_MISMATCH, METHOD_NOT_FOUND, MISSING_CAPABILITY, UNSUPPORTED_VERSION
from dragoman.wire.lifecycle import (
    SERVER_INFO,
    DiscoverResult,
    Initialize,
    InitializeResult,
    ServerCapabilities,
    SetLevel,
)
from dragoman.wire.notices import INITIALIZED

log = logging.getLogger("dragoman")
MODERN_ERRORS = frozenset({HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION})
MODES = ("auto", "modern", "legacy")
REMEMBERED = 1000  # targets
# Target -> the handshake era it spoke last. Others are probed anyway, which costs them nothing.
_spoken: dict[str, Era] = {}
_info = msgspec.json.Decoder(dict[str, Any]).decode


def check_mode(mode: str) -> None:
    """Raise LocalError unless `mode` is one that `agree` knows."""
    if mode not in MODES and mode not in STATELESS and mode not in HANDSHAKE:
        versions = ", ".join([*STATELESS, *HANDSHAKE])
        raise LocalError(f"unknown mode {mode!r}: use auto, modern, legacy or a version, one of {versions}")


async def agree(line: Line, terms: Terms) -> Greeting:
    """Return what the server says of itself, in the era that both speak.

    Raises VersionError if there is none, and whatever the requests raise.
    """
    mode = terms.mode
    if mode == "legacy" or mode in HANDSHAKE:
        return await initialize(line, terms, HANDSHAKE.get(mode) or _newest_handshake())
    if mode == "modern" or mode in STATELESS:
        return await _modern_only(line, terms, STATELESS.get(mode) or _newest())
    remembered = _spoken.get(terms.key)
    if remembered is not None:
        try:
            return await initialize(line, terms, remembered)
        except (PeerError, MalformedError):
            # It was upgraded since; or the remembered era was a mistake (VER-14).
            del _spoken[terms.key]
    greeting = await _probe(line, terms)
    if terms.key and greeting.dress.era.handshake:
        if len(_spoken) >= REMEMBERED:
            del _spoken[next(iter(_spoken))]
        _spoken[terms.key] = greeting.dress.era
    return greeting


def _newest() -> Era:
    return next(iter(STATELESS.values()))


def _newest_handshake() -> Era:
    return next(iter(HANDSHAKE.values()))


async def _modern_only(line: Line, terms: Terms, era: Era) -> Greeting:
    try:
        return await discover(line, terms, era)
    except VersionError as error:
        if mutual := next((version for version in STATELESS if version in error.supported), None):
            return await discover(line, terms, STATELESS[mutual])
        raise
    except PeerError as error:
        if error.code != METHOD_NOT_FOUND:
            raise
        # Discovery is a courtesy to us: a server without it can still be called (VER-04).
        return Greeting(_dress(terms, era), ServerCapabilities())


async def _probe(line: Line, terms: Terms) -> Greeting:
    """Try the newest era, then the handshake; on stdio, also when the probe stays without an answer."""
    probe = asyncio.ensure_future(discover(line, terms, _newest()))
    try:
        if not line.exchange.over_http:
            await asyncio.wait({probe}, timeout=terms.probe_seconds)
            if not probe.done():
                return await _race(line, terms, probe)
        return await probe
    except VersionError as error:
        return await _mutual(line, terms, error)
    except (AuthorizationError, BusyError, UnreachableError, LocalError):
        raise
    except McpError as error:
        if isinstance(error, PeerError) and error.code in MODERN_ERRORS:
            raise
        return await _fall_back(line, terms, error)
    finally:
        probe.cancel()


async def _mutual(line: Line, terms: Terms, error: VersionError) -> Greeting:
    for version in error.supported:
        if version in STATELESS:
            return await discover(line, terms, STATELESS[version])
    for version in error.supported:
        if version in HANDSHAKE:
            return await initialize(line, terms, HANDSHAKE[version])
    raise error


async def _fall_back(line: Line, terms: Terms, error: McpError) -> Greeting:
    if isinstance(error, ClosedError):
        if line.exchange.over_http:
            raise error
        # Some servers end when the first message is not the handshake.
        log.debug("%s ended at the probe; starting it again", line.exchange.where)
        await line.redial()
    try:
        return await initialize(line, terms, _newest_handshake())
    except ClosedError as second:
        # Both attempts ended it; the words it ended with are the same, so either error will do.
        raise second from None
    except PeerError as second:
        if second.code == METHOD_NOT_FOUND and isinstance(error, PeerError) and error.code == METHOD_NOT_FOUND:
            return Greeting(_dress(terms, _newest()), ServerCapabilities())
        raise


async def _race(line: Line, terms: Terms, probe: asyncio.Future[Greeting]) -> Greeting:
    """The server is slow or silent: offer the handshake as well, and take what is answered first."""
    hello = asyncio.ensure_future(initialize(line, terms, _newest_handshake()))
    waiting: set[asyncio.Future[Greeting]] = {probe, hello}
    try:
        while True:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for winner in (probe, hello):
                if winner in done and winner.exception() is None:
                    return winner.result()
            if not waiting:
                return hello.result()
    finally:
        for attempt in (probe, hello):
            attempt.cancel()
            if attempt.done() and not attempt.cancelled():
                attempt.exception()  # it lost; nobody else will ask for it


def _dress(terms: Terms, era: Era) -> Any:
    return dress_of(era, terms.client, terms.callbacks.capabilities, terms.log_level)


async def discover(line: Line, terms: Terms, era: Era) -> Greeting:
    """Return what `server/discover` says. Raises VersionError, PeerError, MalformedError and TransportError."""
    dress = _dress(terms, era)
    raw = await line.ask(dress, "server/discover", {})
    result: DiscoverResult = READERS["server/discover"].read(raw, "server/discover")
    if result.supported_versions and era.version not in result.supported_versions:
        # Some answer discovery in any version, and nothing else: what they list counts, not that they answered.
        raise VersionError(
            f"{line.exchange.where} speaks other protocol versions than {era.version}",
            supported=tuple(result.supported_versions),
        )
    found = greeting_of(dress, result)
    if found.server is None:
        # Drafts had the name in the body.
        return structs.replace(found, server=_implementation(_info(raw).get("serverInfo")))
    return found


def greeting_of(dress: Dress, result: DiscoverResult) -> Greeting:
    """Return what a server said of itself, from the result of `server/discover`."""
    meta = result.meta if isinstance(result.meta, dict) else {}
    server = _implementation(meta.get(SERVER_INFO))
    return Greeting(dress, result.capabilities, server, _text(result.instructions))


async def initialize(line: Line, terms: Terms, era: Era) -> Greeting:
    """Shake hands, offering `era`, and return what the server says.

    Raises VersionError when it answers with a version that nobody here speaks.
    """
    capabilities = terms.callbacks.capabilities
    if capabilities.roots is not UNSET:
        # A session can be told that they changed; a request of the stateless era names them as they are.
        capabilities = structs.replace(capabilities, roots={"listChanged": True})
    hello = Initialize(protocol_version=era.version, capabilities=capabilities, client_info=terms.client)
    params = {
        "protocolVersion": hello.protocol_version,
        "capabilities": hello.capabilities,
        "clientInfo": hello.client_info,
    }
    raw = await line.ask(undressed(era), "initialize", params)
    result: InitializeResult = READERS["initialize"].read(raw, "initialize")
    agreed = HANDSHAKE.get(result.protocol_version)
    if agreed is None:
        spoken = result.protocol_version[:100]
        raise VersionError(
            f"{line.exchange.where} speaks protocol version {spoken!r}, this client {', '.join(HANDSHAKE)}",
            supported=(spoken,),
        )
    dress = _dress(terms, agreed)
    await line.tell(dress, INITIALIZED)
    if terms.log_level is not None and result.capabilities.logging is not UNSET:
        level = SetLevel(level=terms.log_level)
        await line.ask(dress, "logging/setLevel", {"level": level.level})
    return Greeting(dress, result.capabilities, result.server_info, _text(result.instructions))


def _implementation(info: Any) -> Implementation | None:
    try:
        return msgspec.convert(info, Implementation) if info is not None else None
    except msgspec.ValidationError:
        return None  # self-reported and for show only


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
