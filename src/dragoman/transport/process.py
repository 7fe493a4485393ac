"""A server in a process of its own, spoken to over its stdin and stdout.

The process gets a group of its own, and the whole group is gone when this is closed. Its stderr is always read.
What it writes to stdout that is no message is skipped and logged.
Source: specification, basic/transports/stdio; requirements STDIO-01 to STDIO-09.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import msgspec

from dragoman.errors import ClosedError, LocalError, MalformedError, TransportError, UnreachableError
from dragoman.ports.exchange import NO_FIELDS, Fields, Incoming, Listener, Outgoing
from dragoman.protocol.lines import LineReader
from dragoman.protocol.replies import is_response, read_messages
from dragoman.transport.group import Group
from dragoman.transport.handed import Handed
from dragoman.transport.pipes import Reader
from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import Frame

log = logging.getLogger("dragoman")
KEPT = 64 * 1024  # bytes of stderr that are remembered
TOLD = 2000  # characters of it that go into an error
_WINDOWS = (
    "APPDATA COMSPEC HOMEDRIVE HOMEPATH LOCALAPPDATA PATH PATHEXT PROCESSOR_ARCHITECTURE PROGRAMFILES SYSTEMDRIVE "
    "SYSTEMROOT TEMP TMP USERNAME USERPROFILE"
)
_POSIX = "HOME LANG LC_ALL LC_CTYPE LOGNAME PATH SHELL TERM TMPDIR TZ USER XDG_RUNTIME_DIR"
_INHERITED = (_WINDOWS if sys.platform == "win32" else _POSIX).split()


# Makes the error that ends everything, fresh for each who gets it: a shared one would gather all their tracebacks.
Fault: TypeAlias = Callable[[], TransportError | MalformedError]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What to start, and how.

    `env` is added to the few variables that every program needs; the rest of
    ours, which may hold secrets, is not passed on.
    """

    words: tuple[str, ...]
    env: Mapping[str, str] = {}
    cwd: str | None = None
    show_stderr: bool = False
    stop_seconds: float = 2.0
    max_bytes: int = 4 * 1024 * 1024

    @property
    def environment(self) -> dict[str, str]:
        """Return all variables that the process gets."""
        kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        # A shell function exported by bash is code, not a value.
        return {**{name: value for name, value in kept.items() if not value.startswith("()")}, **self.env}


class ProcessExchange(asyncio.SubprocessProtocol):
    """The way to the server that `command` starts."""

    over_http = False
    session: str | None = None

    @property
    def command(self) -> Command:
        """What is started."""
        return self._command

    @property
    def ended(self) -> bool:
        """Whether the process is gone, or the conversation with it over."""
        return self._fault is not None or self._transport is None

    def __init__(self, command: Command) -> None:
        self.where = f"the command {' '.join(command.words)[:200]!r}"
        self._command = command
        self._listener: Listener | None = None
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._stdout: Reader | None = None
        self._lines = LineReader(command.max_bytes)
        self._waiting: dict[RequestId, Handed[Incoming]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stderr = bytearray()
        self._writable: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[None] | None = None
        self._open_pipes = {1, 2}
        self._fault: Fault | None = None

    # --- opening and closing --------------------------------------------------------------------------------

    async def open(self, listener: Listener) -> None:
        """Start the process. Raises UnreachableError, naming the command, if it cannot be."""
        loop = asyncio.get_running_loop()
        self._listener = listener
        self._ended = loop.create_future()
        group: dict[str, Any] = {"creationflags": 0x200} if sys.platform == "win32" else {"start_new_session": True}
        command = self._command
        try:
            transport, _ = await loop.subprocess_exec(
                lambda: self, *command.words, env=command.environment, cwd=command.cwd, **group
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UnreachableError(f"{self.where} cannot be started: {reason}") from None
        self._transport = transport
        self._stdin = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))
        self._read_ourselves(cast("asyncio.ReadTransport", transport.get_pipe_transport(1)))

    def _read_ourselves(self, stdout: asyncio.ReadTransport) -> None:
        """Read stdout without asyncio's transport: its way costs one more turn of the loop and three system calls.

        It keeps the pipe, and is told to read on when the end has come, which it then sees as well.
        """
        pipe = stdout.get_extra_info("pipe")
        if isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop) and not stdout.is_closing():
            stdout.pause_reading()
            self._stdout = Reader(pipe.fileno(), lambda data: self._heard(data) if data else stdout.resume_reading())
            self._stdout.start()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch over the process: before anything that it does, and be that its end, is told."""
        self._group = Group(cast("asyncio.SubprocessTransport", transport).get_pid())

    async def close(self) -> None:
        """End the process: close its stdin, wait, ask it to terminate, wait, kill. Safe to call twice."""
        transport, self._transport = self._transport, None
        if transport is None or self._ended is None:
            return
        self._fail(lambda: ClosedError(f"the connection to {self.where} was closed"))
        if self._stdin is not None:
            self._stdin.close()
        try:
            await self._group.end(self._ended, self._command.stop_seconds)
        finally:
            if self._stdout is not None:
                self._stdout.stop()
            transport.close()
            for task in self._tasks:
                task.cancel()

    # --- requests -------------------------------------------------------------------------------------------

    async def send(self, request: Outgoing) -> Incoming:
        """Return the answer to `request`."""
        if request.headers:
            raise LocalError(f"headers travel over HTTP only, and {self.where} speaks over stdio; use meta or env")
        if self._ended is None:
            raise ClosedError(f"{self.where} is not running")
        future: Handed[Incoming] = Handed(loop=self._ended.get_loop())
        self._waiting[request.id] = future
        try:
            self._push(request.body)
            if self._writable is not None:
                await asyncio.shield(self._writable)
            return await future
        finally:
            self._waiting.pop(request.id, None)

    async def tell(self, body: bytes, headers: Fields = NO_FIELDS) -> None:
        """Send a notification or a response."""
        await self._write(body)

    async def forget_session(self, headers: Fields = NO_FIELDS, *, end: bool = False) -> None:
        """Do nothing: there are no sessions here."""

    async def listen(self, headers: Fields = NO_FIELDS) -> None:
        """Do nothing: all that the server says comes over its one stdout."""

    async def _write(self, body: bytes) -> None:
        self._push(body)
        if self._writable is not None:
            await asyncio.shield(self._writable)

    def _push(self, body: bytes) -> None:
        stdin = self._stdin
        if self._fault is not None:
            raise self._fault()
        if stdin is None:
            raise ClosedError(f"{self.where} is not running")
        stdin.write(body + b"\n")

    # --- what the process does ------------------------------------------------------------------------------

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what the process wrote."""
        if fd == 2:
            self._complain(data)
        else:
            self._heard(data)

    def _heard(self, data: bytes) -> None:
        try:
            lines = self._lines.feed(data)
        except MalformedError as error:
            text, code = f"{self.where} sent a {error.reason}", error.code
            self._lose(lambda: MalformedError(text, code=code))
            self._group.kill()
            return
        answered: list[tuple[Handed[Incoming], Incoming]] = []
        for line in lines:
            self._receive(line, answered)
        if len(answered) == 1:
            future, answer = answered[0]
            if not future.done():
                future.hand(answer)
            return
        # Not one after the other: what the first task does then may end the others.
        for future, answer in answered:
            if not future.done():
                future.set_result(answer)

    def _complain(self, data: bytes) -> None:
        self._stderr += data
        if len(self._stderr) > KEPT:
            del self._stderr[: len(self._stderr) - KEPT]
        if self._command.show_stderr:
            sys.stderr.write(data.decode(errors="replace"))

    def _receive(self, line: bytes, answered: list[tuple[Handed[Incoming], Incoming]]) -> None:
        """Add to `answered` what the messages in a line answer, and how; the others are heard."""
        try:
            frames = read_messages(line)
        except MalformedError as error:
            log.warning("%s wrote to stdout what is no message (%s): %r", self.where, error, line[:200])
            return
        for frame in frames:
            if not is_response(frame):
                if self._listener is not None:
                    self._asked(frame, self._listener)
            elif (future := self._asker(frame)) is not None:
                answered.append((future, Incoming(200, line, frame)))
            else:
                log.debug("%s answered a request that nobody waits for: %r", self.where, line[:200])

    def _asker(self, frame: Frame) -> Handed[Incoming] | None:
        """Return what waits for a response."""
        key = frame.id
        if key is msgspec.UNSET and len(self._waiting) == 1:
            # An error that names no request can only mean the one that is under way (BASE-04).
            key = next(iter(self._waiting))
        return self._waiting.get(key) if not isinstance(key, msgspec.UnsetType) else None

    def _asked(self, frame: Frame, listener: Listener) -> None:
        if frame.id is msgspec.UNSET:
            listener.hear(frame)
            return
        if frame.method in _OURS_ALONE:
            text = f"{self.where} {_ECHOES}"
            self._fail(lambda: MalformedError(text))
            return
        task = asyncio.get_running_loop().create_task(self._reply(frame, listener))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, frame: Frame, listener: Listener) -> None:
        try:
            if (response := await listener.answer(frame)) is not None:
                await self._write(response)
        except (TransportError, MalformedError) as error:
            log.debug("not answered: %s", error)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Notice that a pipe closed; without stdin or stdout the conversation is over."""
        self._open_pipes.discard(fd)
        if self._ended is not None and self._ended.done():
            if not self._open_pipes:
                self._settle()
        elif fd != 2 and self._transport is not None:
            # It may be about to exit: wait for its status and last words. If it lives on without them, that is all.
            asyncio.get_running_loop().call_later(0.5, self._settle)

    def process_exited(self) -> None:
        """Notice that the process exited. What it still has in its pipes is read first."""
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
            self._group.leader_ended()
        if not self._open_pipes:
            self._settle()
        else:
            # A grandchild may hold the pipes open for ever.
            asyncio.get_running_loop().call_later(0.2, self._settle)

    def _settle(self) -> None:
        if self._fault is not None:
            return
        code = self._transport.get_returncode() if self._transport is not None else None
        ended = "closed its stdin or stdout" if code is None else f"ended with {_status(code)}"
        said = bytes(self._stderr).decode(errors="replace").strip()[-TOLD:]
        text = f"{self.where} {ended}; " + (f"it last said:\n{said}" if said else "it said nothing on stderr")
        self._lose(lambda: ClosedError(text))

    def _lose(self, fault: Fault) -> None:
        """The conversation is over, and nobody here ended it."""
        first = self._fault is None
        self._fail(fault)
        if first and self._listener is not None:
            self._listener.lost()

    def _fail(self, fault: Fault) -> None:
        """End every request under way, and refuse further ones."""
        if self._fault is None:
            self._fault = fault
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(fault())
        self.resume_writing()

    def pause_writing(self) -> None:
        """The process does not keep up with reading: writers wait."""
        if self._writable is None and self._fault is None:
            self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Writers go on."""
        waiting, self._writable = self._writable, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


# What clients begin with, and no server asks. An answer to it would come back as well, and be taken for the server's.
_OURS_ALONE = frozenset({"server/discover", "initialize"})
_ECHOES = (
    "sends back what it is sent: it is no MCP server, or a terminal lies between, which repeats what is typed;"
    " leave that out, as in docker run -i instead of -it"
)


def _status(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"status {code}"
