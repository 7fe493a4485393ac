"""Where an authorization server sends the browser: to the address that the client waits at, or round in a loop.

Takes the first steps of a login as a browser would, without a user: no credentials are given, and no code is used.
Registers a client only with consent, since that leaves a trace at the server; one that is kept is used without.
Source: RFC 6749, section 3.1.2; RFC 8252, section 7.3; RFC 7591, section 3.2.1.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import msgspec

from dragoman.auth.wallet import Identity, client_key, read_kept
from dragoman.doctor.authorization import ask
from dragoman.doctor.findings import Report
from dragoman.errors import MalformedError, TransportError, UnsafeAddressError
from dragoman.ports.fetch import Fetcher
from dragoman.ports.wallet import Wallet
from dragoman.protocol.authorization import ServerMetadata, read_document
from dragoman.protocol.code_flow import CodeRequest, authorization_url
from dragoman.protocol.discovery import origin_of, shown

CALLBACK = "http://127.0.0.1:{}/callback"
PORTS = 49_152, 49_153  # nothing listens there: the browser's last step is looked at, and not taken
STEPS = 8
MOST_COOKIES = 4096  # characters
_JSON = {"content-type": "application/json", "accept": "application/json"}
_MOVED = frozenset({301, 302, 303, 307, 308})


class _Registered(msgspec.Struct, frozen=True):
    client_id: str
    redirect_uris: tuple[str, ...] | None = None


class _Walk(NamedTuple):
    """How far a browser gets: a page ("page", with its status), an address of this machine ("back"), or "loop"."""

    end: str
    at: str
    status: int = 0


async def follow(
    report: Report, fetcher: Fetcher, server: ServerMetadata, resource: str, wallet: Wallet | None, *, register: bool
) -> None:
    """Find redirects that differ at `server`, for a client that is kept in `wallet`, or registered now."""
    identity = None if wallet is None else read_kept(await wallet.read(client_key(server.issuer)), Identity)
    if identity is None and not (register and server.registration_endpoint):
        why = "with --login a client is registered to try it" if server.registration_endpoint else "no client is known"
        report.skip("login redirect", why)
        return
    with report.stage("login redirect") as told:
        told.said = "not tried"
        if identity is not None:
            client, redirect = identity.client_id, identity.redirect_uri or CALLBACK.format(PORTS[0])
        else:
            redirect = CALLBACK.format(PORTS[0])
            client = await _register(report, fetcher, server, redirect)
        if not client:
            return
        told.said = await _tried(report, fetcher, server, _request(server, client, redirect, resource))


async def _register(report: Report, fetcher: Fetcher, server: ServerMetadata, redirect: str) -> str:
    """Return the name of a client that is registered now, "" if that failed."""
    where = shown(server.registration_endpoint)
    wanted = {
        "client_name": "dragoman doctor",
        "redirect_uris": [redirect],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    }
    try:
        answer = await fetcher.post(server.registration_endpoint, msgspec.json.encode(wanted), _JSON)
        if answer.status not in (200, 201):
            report.find("redirect-differs", f"no client with {redirect} is registered: HTTP {answer.status}", where)
            return ""
        given = read_document(answer.body, _Registered, f"the answer of {where}")
    except (TransportError, UnsafeAddressError, MalformedError) as error:
        report.find("documents-unread", str(error), where)
        return ""
    if given.redirect_uris is not None and redirect not in given.redirect_uris:
        said = ", ".join(given.redirect_uris) or "none"
        report.find("redirect-differs", f"asked to register {redirect}, it registered {said}", where)
        return ""
    return given.client_id


def _request(server: ServerMetadata, client: str, redirect: str, resource: str) -> CodeRequest:
    state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
    return CodeRequest(server.issuer, client, redirect, resource, None, state, verifier)


async def _tried(report: Report, fetcher: Fetcher, server: ServerMetadata, request: CodeRequest) -> str:
    """Return in words where the browser ends."""
    where, redirect = shown(server.issuer), request.redirect_uri
    walk = await _walk(report, fetcher, authorization_url(server, request), redirect)
    if walk is None:
        return "not looked at"
    if walk.end == "loop":
        report.find("redirect-differs", f"the login page leads to itself: {shown(walk.at)}", where)
    elif walk.end == "back" and not _same(walk.at, redirect):
        report.find("redirect-differs", f"the client waits at {redirect}, and is sent to {shown(walk.at)}", where)
    elif walk.end == "page" and walk.status >= 400:
        report.find("redirect-differs", f"{redirect}, as registered, is answered with HTTP {walk.status}", where)
    elif (other := _elsewhere(redirect)) is not None:
        again = msgspec.structs.replace(request, redirect_uri=other)
        second = await _walk(report, fetcher, authorization_url(server, again), other)
        if second is not None and second.end == "page" and second.status >= 400:
            report.find("redirect-differs", f"{redirect} is taken, and {other}, on another port, is not", where)
    return f"a browser ends at {shown(walk.at)}"


def _same(one: str, other: str) -> bool:
    """Say whether two addresses are the same, what was added in the query left aside."""
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.netloc, first.path) == (second.scheme, second.netloc, second.path)


def _elsewhere(redirect: str) -> str | None:
    """Return `redirect` with another port, for addresses of this machine whose port may be any."""
    parts = urlsplit(redirect)
    if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "::1"):
        return None
    host = f"[{parts.hostname}]" if parts.hostname == "::1" else parts.hostname
    return f"http://{host}:{PORTS[1]}{parts.path}"


async def _walk(report: Report, fetcher: Fetcher, url: str, redirect: str) -> _Walk | None:
    """Follow a login's redirects as a browser would. None if they lead where we may not look."""
    seen: set[tuple[str, str]] = set()
    cookies: dict[str, dict[str, str]] = {}
    for _ in range(STEPS):
        # A page that leads to itself once, to see whether cookies are kept, is no loop: the cookies then differ.
        ours = cookies.setdefault(origin_of(url), {})
        sent = "; ".join(f"{name}={value}" for name, value in ours.items())
        if (url, sent) in seen:
            return _Walk("loop", url)
        seen.add((url, sent))
        answer = await ask(report, fetcher, url, {"accept": "text/html", **({"cookie": sent} if sent else {})})
        if answer is None:
            return None
        ours.update(_cookies(answer.headers.get("set-cookie", "")))
        location = answer.headers.get("location")
        if answer.status not in _MOVED or not location:
            return _Walk("page", url, answer.status)
        url = urljoin(url, location)
        if _comes_back(url, redirect):
            return _Walk("back", url)
    return _Walk("loop", url)


def _cookies(text: str) -> dict[str, str]:
    """Return the cookies that an answer sets, read leniently; what cannot be read is left out."""
    found: SimpleCookie = SimpleCookie()
    with suppress(CookieError):
        found.load(text[:MOST_COOKIES])
    return {name: morsel.value for name, morsel in found.items() if morsel.value.isprintable()}


def _comes_back(url: str, redirect: str) -> bool:
    """Say whether an address is where a client waits, or looks as if it were meant to be."""
    parts, ours = urlsplit(url), urlsplit(redirect)
    if _same(url, redirect):
        return True
    # An answer of the server's carries one of these, whatever address it was sent to (RFC 6749, section 4.1.2).
    answered = any(name in parts.query for name in ("code=", "error="))
    return answered and "state=" in parts.query and parts.path.rstrip("/") == ours.path.rstrip("/")
