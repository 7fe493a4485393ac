"""A server over Streamable HTTP: every request is a POST, every answer JSON or an event stream.

Follows no redirect to another origin, and sends no cookie. A handshake-era stream that ends early is taken up again.
Source: specification, basic/transports/streamable-http; 2025-11-25 basic/transports.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import urljoin, urlsplit

from dragoman.errors import ClosedError, MalformedError, McpError, TransportError, UnreachableError
from dragoman.ports.credentials import Credentials
from dragoman.ports.exchange import NO_FIELDS, Fields, Incoming, Listener, Outgoing
from dragoman.ports.watched import came
from dragoman.protocol.http_reply import ReplyReader
from dragoman.protocol.replies import answers, is_response, read_messages
from dragoman.protocol.sse import EventReader
from dragoman.transport.http_answer import again_in, incoming
from dragoman.transport.http_heads import Heads, more
from dragoman.transport.http_route import route_to
from dragoman.transport.http_settings import HttpSettings
from dragoman.transport.http_wire import Pool, Wire
from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import Frame

log = logging.getLogger("dragoman")
POST_FIELDS = "content-type: application/json\r\naccept: application/json, text/event-stream\r\n"
GET_FIELDS = "accept: text/event-stream\r\n"
EVENTS = "text/event-stream"
RETRY = 1.0  # seconds before a stream is taken up again, unless the server says another time
LONGEST_RETRY = 300.0
STANDING = 1.0  # seconds that a server gets to open the stream outside of calls before calls go on
LONGEST_STANDING = 60.0  # seconds before that stream is opened again
STOOD = 0.2  # seconds that a stream stands which was not opened in vain
TRIES = 5  # in vain, one after the other
MOVED = (307, 308)
REDIRECTS = 3
PROOFS = 4  # times that a request is sent with ever better credentials
END_SECONDS = 2.0  # that telling the server of a session's end may take


class HttpExchange:
    """The way to the endpoint at `url`. `headers` go with every request, and what `credentials` give for it."""

    over_http = True
    ended = False

    def __init__(
        self, url: str, settings: HttpSettings, headers: Fields = NO_FIELDS, credentials: Credentials | None = None
    ) -> None:
        parts = urlsplit(url)
        # Queries hold keys, now and then; they are for the server alone.
        self.where = f"{parts.scheme}://{parts.netloc}{parts.path}"
        self.session: str | None = None
        self.url = url
        self._settings = settings
        self._headers = headers
        self._credentials = credentials
        self._listener: Listener | None = None
        self._tasks: dict[asyncio.Task[None], RequestId] = {}  # with the id of the call that they belong to
        self._closing = asyncio.Event()
        self._standing: asyncio.Task[None] | None = None

    async def open(self, listener: Listener) -> None:
        """Make ready; connections are made when they are needed. Raises LocalError for settings that cannot be used."""
        self._listener = listener
        route = route_to(self.url, self._settings)
        self._pool = Pool(route, self._settings, self.where)
        self._heads = Heads(route, self._headers)

    async def close(self) -> None:
        """Close all connections."""
        if self._listener is None:
            return
        self._listener = None
        self._closing.set()
        for task in list(self._tasks):
            task.cancel()
        await self._pool.close()
        if self._credentials is not None:
            await self._credentials.close()

    # --- requests -------------------------------------------------------------------------------------------

    async def send(self, request: Outgoing) -> Incoming:
        """Return the answer to `request`, following the stream that holds it if it comes in one."""
        wire, reply = await self.ask("POST", POST_FIELDS, request.headers, request.body)
        if reply.status in MOVED:
            wire, reply = await self._followed(wire, reply, request)
        if reply.status == 200 and reply.headers.get("content-type", "").startswith(EVENTS):
            try:
                body, frame = await self._follow(wire, request)
            except BaseException:
                # What a call asks is asked no more when nobody waits for it, and nothing can tell us so but this.
                for task in [task for task, call in self._tasks.items() if call == request.id]:
                    task.cancel()
                raise
            answer = Incoming(200, body, frame, reply.headers)
        else:
            whole = wire.whole(self._settings.max_bytes)
            answer = incoming(reply, await self._body(wire) if whole is None else whole, request)
        if request.session and (session := reply.headers.get("mcp-session-id")):
            self.session = session
        return answer

    async def _followed(self, wire: Wire, reply: ReplyReader, request: Outgoing) -> tuple[Wire, ReplyReader]:
        """Send `request` again where a redirect within the origin leads; return the response so far."""
        for _ in range(REDIRECTS):
            if not self._moved(reply):
                break
            wire.finish()
            wire, reply = await self.ask("POST", POST_FIELDS, request.headers, request.body)
        return wire, reply

    async def tell(self, body: bytes, headers: Fields = NO_FIELDS) -> None:
        """Send a notification or a response. Raises TransportError if the server refuses it."""
        tries = 0
        while True:
            wire, reply = await self.ask("POST", POST_FIELDS, headers, body)
            wire.finish()
            if reply.status < 300:
                return
            tries += 1
            if (seconds := again_in(reply, tries)) is None or tries > TRIES:
                raise TransportError(f"{self.where} refused a notice: HTTP {reply.status}")
            # Some are answers that somebody waits for, and to hear one twice does no harm.
            await self._pause(seconds)

    async def forget_session(self, headers: Fields = NO_FIELDS, *, end: bool = False) -> None:
        """Use the session no more; if `end`, delete it at the server, which may refuse that (LEG-09)."""
        if self.session is not None and end:
            try:
                async with asyncio.timeout(END_SECONDS):
                    # With the credentials that are there: nobody logs in to leave.
                    known = self._credentials
                    proof = NO_FIELDS if known is None else await known.fields("DELETE", self.url)
                    wire, _ = await self.ask("DELETE", "", headers, None, proof)
                    wire.finish()
            except (McpError, TimeoutError) as error:
                log.debug("the session at %s was not ended: %s", self.where, error)
        self.session = None
        if self._standing is not None:
            self._standing.cancel()
            self._standing = None

    async def listen(self, headers: Fields = NO_FIELDS) -> None:
        """Keep a stream open on which the server says what belongs to no call, if it has one (LEG-10)."""
        if self._standing is None or self._standing.done():
            stood = asyncio.Event()
            self._standing = asyncio.get_running_loop().create_task(self._stand_until_closed(headers, stood))
            self._own(self._standing, "")
            # Some servers put the questions of calls on this stream, and drop them if it is not there yet; others send
            # its head with its first event only.
            with suppress(TimeoutError):
                await asyncio.wait_for(stood.wait(), STANDING)

    async def ask(
        self, method: str, fields: str, headers: Fields, body: bytes | None, proof: Fields | None = None
    ) -> tuple[Wire, ReplyReader]:
        """Send one request and return its response as far as it has come. Raises TransportError, MalformedError.

        `proof` is what credentials gave for it, None to ask them: AuthorizationError is theirs.
        """
        if self._listener is None:
            raise self._closed()
        if proof is None and self._credentials is not None:
            return await self._proven(self._credentials, method, fields, headers, body)
        head = self._heads.of(method, fields, headers)
        if proof or self.session is not None:
            head += more(proof, self.session)
        data = b"%b\r\n" % head if body is None else b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body)
        wire = self._pool.spare() or await self._pool.take()
        try:
            return wire, await wire.ask(data)
        except BaseException as error:
            wire.abort()
            raise self._named(error) if isinstance(error, ClosedError | MalformedError) else error from None

    async def _proven(
        self, credentials: Credentials, method: str, fields: str, headers: Fields, body: bytes | None
    ) -> tuple[Wire, ReplyReader]:
        """Send one request with credentials, with better ones as long as a refusal says that these may help."""
        tries = 0
        while True:
            tries += 1
            proof = await credentials.fields(method, self.url)
            wire, reply = await self.ask(method, fields, headers, body, proof)
            if not credentials.heard(reply.status, reply.headers, proof) or tries == PROOFS:
                return wire, reply
            wire.finish()
            await credentials.renew(reply.status, reply.headers, proof)

    def _closed(self) -> ClosedError:
        return ClosedError(f"the connection to {self.where} is closed")

    def _named(self, error: ClosedError | MalformedError) -> McpError:
        """Return `error` with the server's address in it."""
        return type(error)(f"{self.where}: {error}")

    async def _body(self, wire: Wire) -> bytes:
        """Return the rest of a body, and give the connection back. Raises MalformedError if it is too long."""
        chunks: list[bytes] = []
        size = 0
        try:
            while chunk := await wire.chunk():
                size += len(chunk)
                if size > self._settings.max_bytes:
                    raise MalformedError(
                        f"the response is longer than {self._settings.max_bytes} bytes; ask for less, "
                        "or raise max_bytes"
                    )
                chunks.append(chunk)
        except BaseException as error:
            wire.abort()
            raise self._named(error) if isinstance(error, ClosedError | MalformedError) else error from None
        wire.finish()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _moved(self, reply: ReplyReader) -> bool:
        """Follow a redirect within the origin, for this request and all further ones; returns whether there was one."""
        location = reply.headers.get("location")
        if reply.status not in MOVED or location is None:
            return False
        url = urljoin(self.url, location)
        old, new = urlsplit(self.url), urlsplit(url)
        if (old.scheme, old.netloc) != (new.scheme, new.netloc):
            return False
        self.lead_to(url)
        return True

    def lead_to(self, url: str) -> None:
        """Send all further requests to `url`, which must be of the same origin: the headers go there too."""
        self.url = url
        self._heads = Heads(route_to(url, self._settings), self._headers)

    async def _stand_until_closed(self, headers: Fields, stood: asyncio.Event) -> None:
        with suppress(ClosedError):
            await self._stand(headers, stood)

    async def _stand(self, headers: Fields, stood: asyncio.Event) -> None:
        """Hold the standing stream, opening it again as long as the server does not refuse it."""
        nothing = Outgoing("", b"", headers)
        last_id, pause, again = "", RETRY, False
        loop = asyncio.get_running_loop()
        since = loop.time()
        while True:
            events = EventReader(self._settings.max_bytes)
            try:
                wire, reply = await self.ask("GET", _resuming(last_id), headers, None)
                if reply.status != 200 or not reply.headers.get("content-type", "").startswith(EVENTS):
                    wire.abort()
                    passing = reply.status >= 500 or again_in(reply) is not None
                    if not passing and not last_id:
                        log.debug("%s has no stream outside of calls: HTTP %s", self.where, reply.status)
                        return
                    last_id = last_id if passing else ""  # it may not know that place any more
                    raise ClosedError(f"HTTP {reply.status}")
                # One that opens late was not waited for: calls went on meanwhile.
                if (again or loop.time() - since > STANDING) and not last_id and self._listener is not None:
                    self._listener.missed()
                stood.set()
                pause = RETRY
                try:
                    await self._read_events(wire, events, nothing)
                finally:
                    wire.abort()
            except (TransportError, MalformedError) as error:
                log.debug("the stream outside of calls broke: %s", error)
                pause = min(pause * 2, LONGEST_STANDING)
            finally:
                again = True
                stood.set()
            last_id = events.last_id or last_id
            pause = min(events.retry / 1000, LONGEST_RETRY) if events.retry is not None else pause
            await self._pause(pause * random.uniform(1.0, 1.5))

    # --- event streams --------------------------------------------------------------------------------------

    async def _follow(self, wire: Wire, request: Outgoing) -> tuple[bytes, Frame]:
        """Return the answer that a stream holds, taking it up again if it ends early and says where it was."""
        last_id, retry, tries = "", RETRY, 0
        loop = asyncio.get_running_loop()
        while True:
            since = loop.time()
            events = EventReader(self._settings.max_bytes)
            fault: McpError | None = None
            try:
                found = await self._read_events(wire, events, request)
            except ClosedError as error:
                found, fault = None, error
            except BaseException:
                wire.abort()
                raise
            wire.finish()
            if found is not None:
                return found
            if loop.time() - since >= STOOD:
                tries = 0  # cut by something on the way: a call may outlive that any number of times
            if events.last_id and events.last_id != last_id:
                last_id, tries = events.last_id, 0
            if not request.resumes or not last_id:
                raise fault or ClosedError(f"{self.where} ended the stream before the answer")
            retry = min(events.retry / 1000, LONGEST_RETRY) if events.retry is not None else retry
            if request.on_pause is not None and fault is None:
                request.on_pause(retry)
            wire, tries = await self._resume(request, last_id, retry, tries)

    async def _resume(self, request: Outgoing, last_id: str, retry: float, tries: int) -> tuple[Wire, int]:
        """Return a connection on which the stream goes on, and how often that was tried in vain (LEG-12, LEG-14)."""
        fields = _resuming(last_id)
        while True:
            tries += 1
            await self._pause(retry)
            try:
                wire, reply = await self.ask("GET", fields, request.headers, None)
            except (UnreachableError, ClosedError):
                if tries >= TRIES:
                    raise
                retry = min(max(retry, 0.1) * 2, LONGEST_RETRY)
                continue
            if reply.status == 200 and reply.headers.get("content-type", "").startswith(EVENTS) and tries <= TRIES:
                return wire, tries
            wire.abort()
            if tries < TRIES and (seconds := again_in(reply, tries)) is not None:
                retry = max(retry, seconds)
                continue
            raise ClosedError(
                f"{self.where} ended the stream before the answer, and does not take it up again: HTTP {reply.status}"
            )

    async def _pause(self, seconds: float) -> None:
        """Wait. Raises ClosedError when this is closed meanwhile."""
        if await came(self._closing, seconds):
            raise self._closed()

    async def _read_events(self, wire: Wire, events: EventReader, request: Outgoing) -> tuple[bytes, Frame] | None:
        """Return the response to `request` if the stream holds it; the rest goes to the listener."""
        try:
            while chunk := await wire.chunk():
                for event in events.feed(chunk):
                    for frame in self._messages(event.data):
                        if answers(frame, request.id):
                            return event.data, frame
                        self._hear(frame, request)
        except (ClosedError, MalformedError) as error:
            raise self._named(error) from None
        return None

    def _messages(self, data: bytes) -> list[Frame]:
        if not data:
            return []  # it only brings an id to resume from (LEG-13)
        try:
            return read_messages(data)
        except MalformedError as error:
            log.warning("%s sent an event that is no message (%s): %r", self.where, error, data[:200])
            return []

    def _own(self, task: asyncio.Task[None], call: RequestId) -> None:
        self._tasks[task] = call
        task.add_done_callback(self._tasks.pop)

    def _hear(self, frame: Frame, request: Outgoing) -> None:
        listener = self._listener and (request.listener or self._listener)
        if listener is None or is_response(frame):
            log.debug("%s sent a response to another request", self.where)
        elif isinstance(frame.id, int | str):
            task = asyncio.get_running_loop().create_task(self._reply(listener.answer(frame), request.headers))
            self._own(task, request.id)
        else:
            listener.hear(frame)

    async def _reply(self, answer: Coroutine[Any, Any, bytes | None], headers: Fields) -> None:
        try:
            if (response := await answer) is not None:
                await self.tell(response, headers)
        except McpError as error:
            log.debug("not answered: %s", error)


def _resuming(last_id: str) -> str:
    return f"{GET_FIELDS}last-event-id: {last_id}\r\n" if last_id else GET_FIELDS
