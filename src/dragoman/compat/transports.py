"""Transports as server files set them up by hand: what carries the bytes is Dragoman's own transport all the same.

Promise: entering one of these while a file is loaded says which server to run. Limit: the streams they give are tokens
for `Server.run`, and are not to be read or written.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeAlias

from dragoman.compat.refusal import unsupported_name
from dragoman.compat.stage import capture

EventId: TypeAlias = str
StreamId: TypeAlias = str
EventCallback: TypeAlias = Callable[[Any], Awaitable[None]]


@contextlib.asynccontextmanager
async def stdio_server(stdin: Any = None, stdout: Any = None) -> AsyncGenerator[tuple[Any, Any]]:
    """Yield two tokens that mean stdio to `Server.run`."""
    yield "stdio", "stdio"


class EventMessage:
    """A message kept for a client that comes back."""

    def __init__(self, message: Any, event_id: EventId | None = None) -> None:
        self.message = message
        self.event_id = event_id


class EventStore:
    """The base of a server's own replay log; Dragoman keeps one itself, so this one is not asked."""

    async def store_event(self, stream_id: StreamId, message: Any) -> EventId:
        """Keep a message."""
        raise NotImplementedError

    async def replay_events_after(self, last_event_id: EventId, send_callback: EventCallback) -> StreamId | None:
        """Send what came after an event."""
        raise NotImplementedError


class StreamableHTTPSessionManager:
    """Serves a low-level server over HTTP: as an ASGI application through `handle_request`."""

    def __init__(self, app: Any, event_store: Any = None, json_response: bool = False, **options: Any) -> None:
        self.app = app
        self._asgi: Any = None

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncGenerator[None]:
        """Keep the server's own lifespan for as long as this is entered."""
        capture(self.app)
        yield

    async def handle_request(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one HTTP request, whatever path it was mounted under."""
        if self._asgi is None:
            self._asgi = self.app.streamable_http_app(streamable_http_path="/")
        await self._asgi({**scope, "path": "/", "root_path": ""}, receive, send)


class SseServerTransport:
    """Stands for the HTTP+SSE transport of 2024, which is not served; always raises UnsupportedNameError."""

    def __init__(self, endpoint: str, **options: Any) -> None:
        raise unsupported_name("mcp.server.sse.SseServerTransport", "serve streamable HTTP: dragoman run FILE --http")
