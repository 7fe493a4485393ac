"""What answers at a URL, before any client is made: MCP, a redirect, a web page, nothing.

One POST without credentials, and without following anything. Whether the server then talks is the greeting's affair.
"""

from __future__ import annotations

from urllib.parse import urljoin

from dragoman.doctor.findings import Report
from dragoman.errors import TransportError, UnsafeAddressError
from dragoman.ports.fetch import Fetched, Fetcher
from dragoman.protocol.discovery import origin_of, shown
from dragoman.protocol.dress import dress_of
from dragoman.protocol.eras import STATELESS
from dragoman.wire.base import Implementation
from dragoman.wire.lifecycle import ClientCapabilities

NAME = Implementation(name="dragoman-doctor", version="1")
_ACCEPT = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
_MOVED = frozenset({301, 302, 303, 307, 308})


def discover() -> tuple[bytes, dict[str, str]]:
    """Return the newest era's first question, and the header fields that it has over HTTP."""
    dress = dress_of(next(iter(STATELESS.values())), NAME, ClientCapabilities(), None)
    return dress.body(1, "server/discover", {}, {}), {**_ACCEPT, **dress.headers("server/discover", {})}


async def knock(report: Report, url: str, fetcher: Fetcher) -> Fetched | None:
    """Return what the endpoint answers to one who does not say who it is; None if that cannot be had."""
    with report.stage("endpoint") as told:
        body, headers = discover()
        try:
            answer = await fetcher.post(url, body, headers)
        except (TransportError, UnsafeAddressError) as error:
            # The client that comes next may be let where this fetcher is not, or wait longer.
            told.said, told.skipped = f"not looked at: {error}", True
            return None
        kind = answer.headers.get("content-type", "").partition(";")[0] or "no content type"
        told.said = f"HTTP {answer.status}, {kind}"
        if answer.status in _MOVED:
            _moved(report, url, answer)
        elif answer.status == 404 and "json" not in kind:
            report.find("endpoint-missing", f"{shown(url)} answers HTTP 404")
        elif "html" in kind:
            report.find("not-mcp", f"{shown(url)} answers with a web page (HTTP {answer.status})")
        return answer


def _moved(report: Report, url: str, answer: Fetched) -> None:
    leads = urljoin(url, answer.headers.get("location", ""))
    within = origin_of(url) == origin_of(leads)
    kind = "endpoint-redirects" if within else "endpoint-moved"
    report.find(kind, f"{shown(url)} redirects to {shown(leads)} (HTTP {answer.status})")
