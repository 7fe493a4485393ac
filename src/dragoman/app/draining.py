"""uvicorn that stops without losing a request: behind a load balancer, nobody sees that a process was replaced.

Who asks before the port is closed is answered, who comes later is refused and goes elsewhere, and who listens is told.
Limit: what comes on a kept connection while it is being closed is lost, as everywhere in HTTP/1.1 (RFC 9112, 9.5).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import uvicorn

from dragoman.ports.service import Service


class DrainingServer(uvicorn.Server):
    """Serves `service` until it is told to stop; then calls have the configured time to end."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the port, tell whoever listens for changes to leave, and wait for what is under way."""
        await self._close(sockets or [])
        self._service.closing()
        await super().shutdown(sockets)

    async def _close(self, sockets: list[socket.socket]) -> None:
        """Close the port, and take in who stood at it: closing resets connections that nobody has accepted."""
        loop = asyncio.get_running_loop()
        copies: list[socket.socket] = []
        for each in sockets:
            # Neither is there where the loop has no readers, and who stands there is reset, then.
            with contextlib.suppress(NotImplementedError, OSError):
                copies.append(each.dup())
                loop.remove_reader(each)
        # Connections that the loop has accepted have a transport after that; without the server they would get none.
        for _ in range(2):
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        found = [connection for copy in copies for connection in _accepted(copy)]
        for connection in found:
            with contextlib.suppress(OSError):
                await loop.connect_accepted_socket(self._protocol, connection, ssl=self.config.ssl)

    def _protocol(self) -> asyncio.Protocol:
        """Return what uvicorn makes for each connection."""
        make: Any = self.config.http_protocol_class
        made: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state, _loop=None
        )
        return made


def _accepted(listener: socket.socket) -> list[socket.socket]:
    """Return the connections that wait at `listener`, and close it in the same moment."""
    found: list[socket.socket] = []
    with listener, contextlib.suppress(OSError):
        listener.setblocking(False)
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            found.append(connection)
    return found
