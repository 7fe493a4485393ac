"""A site as an ASGI application: bounded bodies, one Host, no forms from other sites, headers that keep pages whole.

Source: OWASP CSRF prevention; WHATWG Fetch, "Origin"; W3C Fetch Metadata; CSP Level 3; RFC 9700, section 4.16.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import parse_qsl

from dragoman.errors import McpError
from dragoman.ports.site import Page, Site, Visitor
from dragoman.protocol.hosts import read_authority, read_origin
from dragoman.protocol.limits import Limits
from dragoman.transport.http_body import read_body
from dragoman.transport.http_plain import RawHeaders, Receive, Refused, Send

log = logging.getLogger("dragoman")
BODY = 64 * 1024  # bytes
SECONDS = 30.0  # for one answer, with what has to be fetched for it
FIELDS = 60
FORM = "application/x-www-form-urlencoded"
SINGLE = {b"host", b"origin", b"content-type", b"content-length", b"authorization", b"sec-fetch-site"}
CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, MCP-Protocol-Version"),
    (b"access-control-max-age", b"600"),
]
# Of every answer. The policy of a page with a form is the page's own.
GUARDS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    # Not "no-referrer": browsers would then send our own forms with the Origin "null" (Fetch, section 3.1).
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class SiteApp:
    """The ASGI application of a site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._limits = Limits(body=BODY)
        origin = read_origin(site.origin)
        authority = read_authority(site.origin.partition("://")[2])
        assert origin is not None and authority is not None, "a site has an origin"
        self._origin, self._authority = origin, authority

    def takes(self, path: str) -> bool:
        """Say whether a path is one of the site's."""
        return self._site.takes(path)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003})
        else:
            await self._http(scope, receive, send, scope["path"])

    async def _http(self, scope: Any, receive: Receive, send: Send, path: str) -> None:
        extra = CORS if self._site.is_open(path) else []
        try:
            page = await self._page(scope, receive, path)
        except Refused as refused:
            page = Page(refused.status, refused.reason.encode(), "text/plain; charset=utf-8")
        except McpError as error:
            log.error("a site cannot answer: %s", error)
            page = Page(503, b"this cannot be done now; try again later", "text/plain", {"retry-after": "1"})
        except OSError:
            log.debug("the client left before its answer", exc_info=True)
            return
        except Exception:
            # Of a function of the owner's, perhaps, that tells users apart: what fails lets nobody in.
            log.exception("a site failed")
            page = Page(500, b"this failed here; the server's log says why", "text/plain")
        await _send(send, page, extra, head=scope["method"] == "HEAD")

    async def _page(self, scope: Any, receive: Receive, path: str) -> Page:
        raw: RawHeaders = scope["headers"]
        headers: dict[bytes, bytes] = {}
        for name, value in raw:
            if name in headers and name in SINGLE:
                raise Refused(400, f"the header {name.decode('latin-1')} came twice")
            headers[name] = headers[name] + b"; " + value if name in headers and name == b"cookie" else value
        self._check(headers, scope["method"], path)
        if not self._site.takes(path):
            raise Refused(404, "nothing here")
        if scope["method"] == "OPTIONS":
            return Page(204)
        query = _fields(scope.get("query_string", b""), "query")
        form, body = {}, b""
        if scope["method"] == "POST":
            body = await read_body(headers, receive, self._limits)
            kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
            if kind == FORM:
                form, body = _fields(body, "form"), b""
            elif kind != "application/json":
                raise Refused(415, f"send {FORM}, or application/json where JSON is taken")
        texts = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
        visitor = Visitor(
            "GET" if scope["method"] == "HEAD" else scope["method"], path, query, form, texts,
            _cookies(texts.get("cookie", "")), body,
        )  # fmt: skip
        try:
            async with asyncio.timeout(SECONDS):
                return await self._site.answer(visitor)
        except TimeoutError:
            raise Refused(503, "this took too long; try again later") from None

    def _check(self, headers: dict[bytes, bytes], method: str, path: str) -> None:
        """Raise Refused for another Host, and for what a page of another site sends to where cookies count."""
        host = read_authority(headers.get(b"host", b"").decode("latin-1"))
        usual = {"http": 80, "https": 443}[self._origin.scheme]
        if host is None or (host.name, host.port or usual) != (
            self._authority.name,
            self._authority.port or usual,
        ):
            raise Refused(421, "this site goes by another name; use the one that it gives for itself")
        if method not in ("GET", "HEAD", "POST", "OPTIONS"):
            raise Refused(405, "GET and POST are what is taken here")
        if method != "POST" or self._site.is_open(path):
            return
        origin = headers.get(b"origin")
        # A browser that sends no Origin with a form would say where it comes from in Sec-Fetch-Site.
        if origin is not None and read_origin(origin.decode("latin-1")) != self._origin:
            raise Refused(403, "this form was sent by another web site")
        if headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
            raise Refused(403, "this form was sent by another web site")


def _fields(data: bytes, what: str) -> dict[str, str]:
    """Return fields by name. Raises Refused for a name that is there twice: two readers could take two values."""
    try:
        pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise Refused(400, f"the {what} cannot be read: at most {FIELDS} fields, in UTF-8, percent-encoded") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused(400, f"the {what} has a field twice")
    if any("\0" in text for pair in pairs for text in pair):
        raise Refused(400, f"the {what} has a NUL character in it")
    return found


def _cookies(header: str) -> dict[str, str]:
    """Return cookies by name, the last of those with one name (RFC 6265, section 4.2.1).

    Not by http.cookies, which takes the square of the length of a quoted value; ours have no quotes.
    """
    pairs = (pair.partition("=") for pair in header.split(";"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


async def _send(send: Send, page: Page, extra: RawHeaders, *, head: bool) -> None:
    fields = {**GUARDS, **page.headers}
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in fields.items()]
    if page.status != 204:
        headers += [(b"content-type", page.kind.encode("ascii")), (b"content-length", b"%d" % len(page.body))]
    await send({"type": "http.response.start", "status": page.status, "headers": [*headers, *extra]})
    await send({"type": "http.response.body", "body": b"" if head else page.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] == "lifespan.startup":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
