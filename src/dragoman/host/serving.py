"""The preview on two ports of this machine, until told to stop.

Limit: loopback only; two ports are two origins, which is what keeps the server's pages apart from the host's.
"""

from __future__ import annotations

import uvicorn

from dragoman.app.http import listen
from dragoman.app.saying import say
from dragoman.app.server import Server
from dragoman.errors import LocalError
from dragoman.host.preview import Preview

HOST = "127.0.0.1"
PORT = 8850


def serve(server: Server, port: int = PORT) -> None:
    """Show the apps of `server` until SIGINT or SIGTERM. Raises LocalError if the port is taken."""
    page = listen(HOST, port)
    try:
        frames = listen(HOST, 0)
        try:
            app = Preview(server, page.getsockname()[:2], frames.getsockname()[:2])
            say(f"the apps of {server.name} are at {app.url}")
            config = uvicorn.Config(
                app, log_level="warning", access_log=False, server_header=False, ws="none", lifespan="on"
            )
            uvicorn.Server(config).run(sockets=[page, frames])
        except SystemExit:
            raise LocalError("the server could not start; the log above says why") from None
        finally:
            frames.close()
    finally:
        page.close()
