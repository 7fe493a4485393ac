"""One request of a known head, which uvicorn's parser never saw: its scope, its body, and the way back.

To whoever asks in ASGI's way it is what uvicorn makes of other requests. Promise: what is asked for by few is made for
those. Limit: for requests whose body is there as a whole (`repeated`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from dragoman.app.head_lines import Fields, Head, Known
from dragoman.app.whole import write_answer


class Again(RequestResponseCycle):
    """One request whose body is there. It is its own `send`."""

    # What uvicorn sets for each, where it is the same for all of these.
    disconnected = False
    keep_alive = True
    waiting_for_100_continue = False
    access_log = False
    body = bytearray()
    more_body = False
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    _event: asyncio.Event | None = None

    def __init__(self, head: Head, fields: Fields, connection: Any, body: bytes) -> None:
        # And not uvicorn's: it would set all of them.
        self._head = head
        self.fields = fields  # of the head; other requests may have the same
        self._connection = connection
        self._unread: bytes | None = body

    def __getattr__(self, name: str) -> Any:
        # What few requests need is made for those.
        connection = self._connection
        if name == "scope":
            self.scope = self._scope(connection)
            return self.scope
        if name == "default_headers":
            return connection.server_state.default_headers
        if name == "on_response":
            return connection.on_response_complete
        if name in ("transport", "flow", "logger"):
            return getattr(connection, name)
        raise AttributeError(name)

    def _scope(self, connection: Any) -> Any:
        return {
            **self._head.scope,
            "server": connection.server,
            "client": connection.client,
            "scheme": connection.scheme,
            "state": connection.app_state.copy(),
            "headers": list(self._head.pairs or self.fields.items()),
        }

    @property
    def client(self) -> tuple[str, int] | None:
        """Address and port of whoever sent it."""
        found: tuple[str, int] | None = self._connection.client
        return found

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that it came in by."""
        found: asyncio.AbstractEventLoop = self._connection.loop
        return found

    @property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]  # pyright: ignore
        """What tells `receive` that there is something; made for those who ask for more than the body."""
        if self._event is None:
            self._event = asyncio.Event()
            if self.disconnected or self.response_complete:
                self._event.set()
        return self._event

    @property
    def send(self) -> Any:  # pyright: ignore
        """What the application answers with."""
        return self

    def __call__(self, message: Any) -> Awaitable[None]:
        """Send one ASGI message."""
        return RequestResponseCycle.send(self, message)

    def whole(self, body: bytes) -> bool:
        """Answer with 200 and this JSON, and return True; or do nothing and return False."""
        connection = self._connection
        if self.response_started or self.disconnected or not self.keep_alive or connection.flow.write_paused:
            return False
        self.response_started = self.response_complete = True
        write_answer(connection, body)
        if self._event is not None:
            self._event.set()
        return True

    def abort(self) -> None:
        """Break the connection off: its client does not read, and to close it would wait until it does."""
        self.disconnected = True
        self.transport.abort()

    def body_of(self) -> bytes:
        """Return the body, which nobody else gets then."""
        body, self._unread = self._unread, None
        return body or b""

    async def receive(self) -> Any:
        """Return the next ASGI message: the body, and then that the client left."""
        if self._unread is None or self.disconnected:
            return await super().receive()
        return {"type": "http.request", "body": self.body_of(), "more_body": False}

    async def answer(self, known: Known) -> None:
        """Answer as what knows the head does, in a task of its own."""
        await self.run_asgi(lambda scope, receive, send: known(self, self.fields, self.body_of()))

    async def finish(self, error: BaseException | None) -> None:
        """Do what uvicorn does after an application that is over, by `error` if there is one."""

        async def over(scope: Any, receive: Any, send: Any) -> None:
            if error is not None:
                raise error

        await self.run_asgi(over)
