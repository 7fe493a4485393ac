"""The protocol versions, under the names of `mcp.types.version`. They are Dragoman's own, from the table of eras."""

from __future__ import annotations

from dragoman.protocol.eras import HANDSHAKE, MODERN, STATELESS

LATEST_MODERN_VERSION = MODERN.version
MODERN_PROTOCOL_VERSIONS = tuple(STATELESS)
LATEST_PROTOCOL_VERSION = next(iter(HANDSHAKE))
