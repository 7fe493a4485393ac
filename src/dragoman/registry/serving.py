"""A private registry on a port of this machine, until told to stop.

Limit: plain HTTP and no authorization; for other machines, put a proxy with TLS before it, and say its name.
"""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

import uvicorn

from dragoman.app.heads import configured
from dragoman.app.http import IDLE
from dragoman.errors import LocalError
from dragoman.registry.site import RegistrySite
from dragoman.transport.site import SiteApp

HEAD_SECONDS = 10.0


def site(folder: Path, origin: str) -> RegistrySite:
    """Return the registry of a folder. Raises EntryError that names a file with a fault."""
    return RegistrySite(folder, origin)


def serve(made: RegistrySite, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    app: Any = SiteApp(made)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = configured(
        app, HEAD_SECONDS, log_level="warning", access_log=False, server_header=False, ws="none",
        timeout_keep_alive=IDLE, proxy_headers=False, lifespan="on",
    )  # fmt: skip
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except SystemExit:
        raise LocalError("the registry could not start; the log above says why") from None
