"""Judging what came back: a result, an error of the peer's, or no MCP at all.

JSON-RPC errors are found on every HTTP status; what has none is explained in words.
Source: requirements ERR-18, HTTP-07; specification, basic/transports/streamable-http.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from dragoman.errors import (
    AuthorizationError,
    AuthorizationNeededError,
    BusyError,
    LocalError,
    MalformedError,
    PeerError,
    TransportError,
)
from dragoman.ports.exchange import Incoming
from dragoman.protocol.addresses import shown_url
from dragoman.protocol.failures import was_not_begun
from dragoman.protocol.moments import seconds_of
from dragoman.protocol.replies import ResultReader, error_of, result_of
from dragoman.wire.methods import METHODS

# Statuses that speak of the moment, not of the request: trying again may help.
_BUSY = frozenset({429, 503})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_SHOWN = 200  # characters of a strange answer that go into the message

READERS: dict[str, ResultReader[Any]] = {name: ResultReader(method.result) for name, method in METHODS.items()}


class SessionLostError(TransportError):
    """The server no longer knows the session, so the request did not run (LEG-08). Never leaves this room."""


def judge(answer: Incoming, where: str, *, in_session: bool) -> msgspec.Raw:
    """Return the raw result in `answer`, which came from `where` for a request that was made in a session or was not.

    Raises AuthorizationError on 401 and 403, BusyError on 429 and 503 with a time
    to come again, PeerError for a JSON-RPC error,
    SessionLostError when a session is gone, and for what is no JSON-RPC
    TransportError if trying again may help, else MalformedError.
    """
    if answer.status == 200 and answer.frame is not None:
        return result_of(answer.frame)
    if answer.status in (401, 403):
        raise _unauthorized(answer, where)
    if answer.status == 404 and in_session:
        raise SessionLostError(f"{where} no longer knows the session")
    if answer.status in _BUSY and "retry-after" in answer.headers:
        raise _busy(answer, where)
    if answer.frame is not None:
        return result_of(answer.frame)
    raise _strange(answer, where)


def _unauthorized(answer: Incoming, where: str) -> AuthorizationError:
    challenge = answer.headers.get("www-authenticate", "")
    wanted = "wants credentials" if answer.status == 401 else "does not allow this"
    hint = f" ({challenge})" if challenge else ""
    said = f"{where} {wanted}: HTTP {answer.status}{hint}"
    if answer.status == 401:
        help_ = f"log in with 'dragoman login {where}', or give the client auth="
        return AuthorizationNeededError(f"{said}; {help_}", challenge=challenge)
    return AuthorizationError(f"{said}; it takes other credentials", status=answer.status, challenge=challenge)


def _busy(answer: Incoming, where: str) -> BusyError:
    after = seconds_of(answer.headers["retry-after"], datetime.now(UTC))
    text, begun = f"{where} has too much to do: HTTP {answer.status}", None
    if answer.frame is not None and answer.frame.error:
        error = error_of(answer.frame.error)
        text += f", {error}"
        begun = False if isinstance(error, PeerError) and was_not_begun(error.data) else None
    return BusyError(f"{text}; it says to come again in {after:g} s", after=after, begun=begun)


def _strange(answer: Incoming, where: str) -> TransportError | MalformedError | LocalError:
    said = " ".join(answer.body[: _SHOWN * 4].decode(errors="replace").split())[:_SHOWN]
    kind = answer.headers.get("content-type", "no content type").partition(";")[0]
    text = f"{where} answered HTTP {answer.status} with {kind}" + (f": {said}" if said else "")
    if 300 <= answer.status < 400:
        # Its query may hold secrets.
        leads = shown_url(answer.headers.get("location", "nowhere"))
        return LocalError(f"{where} redirects to {leads}; use that address if you trust it")
    if answer.status in _PASSING:
        return TransportError(text)
    return MalformedError(f"{text}; is this the address of an MCP endpoint?")
