"""The first words with a server: which era and revision, who it is, or why it does not come to that.

Every error of the package's tree that opening may raise has its finding here.
"""

from __future__ import annotations

from dragoman.app.client import Client
from dragoman.doctor.findings import Report
from dragoman.errors import (
    AuthorizationError,
    AuthorizationNeededError,
    ClosedError,
    DeadlineError,
    MalformedError,
    McpError,
    PeerError,
    TransportError,
    UnreachableError,
    VersionError,
)
from dragoman.protocol.eras import STATELESS

# The first class that fits decides, so the narrower ones stand first.
_KINDS: tuple[tuple[type[McpError], str], ...] = (
    (VersionError, "version-unknown"),
    (PeerError, "server-refused"),
    (UnreachableError, "no-connection"),
    (ClosedError, "connection-lost"),
    (DeadlineError, "no-answer"),
    (TransportError, "connection-lost"),
    (MalformedError, "not-mcp"),
)


async def greet(report: Report, client: Client, *, given: bool) -> AuthorizationError | None:
    """Open `client`, and note how far it came; returns the refusal if the server wants a login.

    `given` says that the client sends an Authorization field of the user's.
    """
    with report.stage("greeting") as told:
        try:
            await client.open()
        except AuthorizationError as error:
            report.reached = "refused"
            needed = isinstance(error, AuthorizationNeededError) and not given
            report.find("login-needed" if needed else "login-refused", str(error))
            told.said = f"a login is wanted (HTTP {error.status})"
            return error
        except McpError as error:
            fault(report, error)
            told.said = "no greeting"
            return None
        report.reached = "server"
        told.said = _met(report, client)
        return None


def fault(report: Report, error: McpError) -> None:
    """Note why a server could not be greeted."""
    kind = next((kind for family, kind in _KINDS if isinstance(error, family)), "connection-lost")
    if kind not in ("not-mcp", "connection-lost") or not report.has("endpoint-missing", "endpoint-moved", "not-mcp"):
        report.find(kind, str(error))


def _met(report: Report, client: Client) -> str:
    newest = next(iter(STATELESS))
    about = client.server_info
    name = f"{about.name} {about.version}" if about else "a server that did not say its name"
    report.facts["protocolVersion"] = client.version
    report.facts["server"] = name
    report.facts["instructionsCharacters"] = len(client.instructions or "")
    if client.version != newest:
        report.find("older-version", f"{name} speaks {client.version}; the newest revision is {newest}")
    return f"{name}, protocol {client.version}"
