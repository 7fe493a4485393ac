"""How the HTTP client reaches out: proxy, certificates, limits.

Apart from the client itself, which is loaded only when one is opened.
"""

from __future__ import annotations

import msgspec


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one HTTP client.

    `proxy` is a URL, "" for none, None for what the environment says. `ca` and
    `certificate` are paths of PEM files: further authorities to trust, and the
    client's own certificate with its key. `max_bytes` bounds one response, or
    one event of a stream. `connect_seconds` bounds making a connection;
    `connections` is how many may be open at a time.
    """

    proxy: str | None = None
    ca: str | None = None
    certificate: str | None = None
    max_bytes: int = 4 * 1024 * 1024
    connect_seconds: float = 10.0
    connections: int = 100
