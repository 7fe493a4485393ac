"""Authorization at the door of HTTP: who a request comes from is known before its body is read.

The token stays here: what goes on are the headers without it, and the identity that it proved.
Source: specification, basic/authorization "Token Handling", "Error Handling".
"""

from __future__ import annotations

from typing import Any

from dragoman.errors import AuthorizationError
from dragoman.ports.verifier import Gate
from dragoman.protocol.exchange import Call, Headers, sign
from dragoman.protocol.identity import Admitted
from dragoman.protocol.proofs import Shown
from dragoman.transport.http_door import FORBIDDEN as FORBIDDEN
from dragoman.transport.http_plain import RawHeaders, Refused, Send, not_now

RETRY_SECONDS = 5


async def admitted(gate: Gate, headers: Headers, scope: Any) -> Admitted:
    """Return the headers of a request with whom it comes from. Raises Refused with a challenge."""
    authorization = headers.get(b"authorization")
    identity = gate.known(authorization)
    if identity is None:
        shown = Shown(headers.get(b"dpop"), scope["method"], scope["path"])
        try:
            identity = await gate.admit(authorization, shown)
        except AuthorizationError as error:
            if not error.challenge:
                raise not_now(error.status, str(error), RETRY_SECONDS) from None
            raise Refused(error.status, str(error), _fields(error)) from None
    return Admitted(headers, identity, gate.step_up)


def _fields(error: AuthorizationError) -> RawHeaders:
    fields = [(b"www-authenticate", error.challenge.encode("ascii")), (b"cache-control", b"no-store")]
    return [*fields, (b"dpop-nonce", error.nonce.encode("ascii"))] if error.nonce else fields


def mark(call: Call, headers: Headers) -> None:
    """Note on a call what it came with, and from whom."""
    call.headers = headers
    if isinstance(headers, Admitted):
        sign(call, headers)


def step_up(call: Call, extra: RawHeaders) -> None:
    """Add the challenge for what a refused call needs to the headers of its answer (AUTHRS-06)."""
    headers = call.headers
    if call.needs is not None and isinstance(headers, Admitted):
        challenge = headers.step_up(call.needs, bool(headers.identity.bound_to))
        extra.append((b"www-authenticate", challenge.encode("ascii")))


def metadata(gate: Gate, scope: Any) -> bytes | None:
    """Return the document that a GET asks for, if it is one of the gate's; None otherwise."""
    if scope["method"] not in ("GET", "HEAD"):
        return None
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    found = gate.document(path)
    if found is None and root and path.startswith(root):
        found = gate.document(path[len(root) :])
    return found


async def send_metadata(send: Send, document: bytes, extra: RawHeaders, *, head: bool) -> None:
    """Answer with a metadata document, which anybody may keep for a while."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(document)),
        (b"cache-control", b"public, max-age=300"),
        *extra,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else document})
