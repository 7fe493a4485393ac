"""A server on stdio, started and stopped by hand: does it answer in time, is its stdout clean, does it end?

Reads stdout raw, since a client skips what an examination looks for. Nothing of the process is left behind.
Source: specification, basic/transports/stdio; 2025-11-25, basic/lifecycle "Shutdown".
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from time import monotonic
from typing import Any, cast

from dragoman.doctor.endpoint import NAME, discover
from dragoman.doctor.findings import Report
from dragoman.errors import MalformedError
from dragoman.protocol.dress import undressed
from dragoman.protocol.eras import HANDSHAKE
from dragoman.protocol.lines import LineReader
from dragoman.protocol.replies import is_response, read_messages
from dragoman.transport.group import Group
from dragoman.transport.process import Command
from dragoman.wire.lifecycle import ClientCapabilities

SLOW = 5.0  # seconds
SECOND_TRY = 2.0  # seconds without an answer to the newest era's question, after which the handshake is tried
KEPT = 4096  # bytes of stderr that are remembered
MOST_NOISE = 3  # lines that are shown
LAST_WORDS = 0.1  # seconds after its end in which what a process wrote is still read
SWEEP = 0.1  # seconds for each way to end what is left of its group
_FRAME = b'"jsonrpc"'


class _Heard(asyncio.SubprocessProtocol):
    """A process, and what it wrote, sorted as it comes."""

    def __init__(self) -> None:
        self.came = asyncio.Event()  # an answer, or the end
        self.answered = False
        self.buried = False  # an answer stands in a line behind something else
        self.noise: list[str] = []
        self.stderr = bytearray()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines = LineReader()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Sort what was written. What comes after a line too long is noise as well."""
        if fd == 2:
            self.stderr += data
            del self.stderr[:-KEPT]
            return
        try:
            lines = self._lines.feed(data)
        except MalformedError as error:
            lines = [str(error).encode()]
        for line in lines:
            try:
                frames = read_messages(line)
            except MalformedError:
                self.buried = self.buried or _FRAME in line
                if len(self.noise) < MOST_NOISE:
                    self.noise.append(line[:120].decode(errors="replace"))
                continue
            if any(is_response(frame) for frame in frames):  # a program may echo what it is asked, as cat does
                self.answered = True
                self.came.set()

    def process_exited(self) -> None:
        """Note the end; what is still in its pipes comes before long."""
        self.ended.set_result(None)
        asyncio.get_running_loop().call_later(LAST_WORDS, self.came.set)

    @property
    def unfinished(self) -> bool:
        """Whether a line was begun and not ended."""
        return self._lines.pending > 0


async def examine(report: Report, command: Command, seconds: float) -> bool:
    """Return whether the command answers within `seconds`. Starts it, asks, and stops it."""
    with report.stage("start") as told:
        transport = await _start(report, command)
        told.said = command.words[0] if transport is not None else "not started"
    if transport is None:
        return False
    heard = cast("_Heard", transport.get_protocol())
    group = Group(transport.get_pid())
    try:
        with report.stage("first answer") as told:
            began = monotonic()
            await _ask(transport, heard, seconds)
            took = monotonic() - began
            told.said = f"after {took:.1f} s" if heard.answered else "none"
            _judge(report, transport, heard, took)
        if heard.answered and not heard.ended.done():
            with report.stage("end") as told:
                told.said = await _stopped(report, transport, heard, command.stop_seconds)
        return heard.answered
    finally:
        _stdin(transport).close()
        await group.end(heard.ended, SWEEP)
        transport.close()


async def _start(report: Report, command: Command) -> asyncio.SubprocessTransport | None:
    group: dict[str, Any] = {"creationflags": 0x200} if sys.platform == "win32" else {"start_new_session": True}
    try:
        transport, _ = await asyncio.get_running_loop().subprocess_exec(
            _Heard, *command.words, env=command.environment, cwd=command.cwd, **group
        )
    except (OSError, ValueError) as error:
        report.find("start-failed", f"{command.words[0]!r}: {getattr(error, 'strerror', None) or error}")
        return None
    return transport


def _stdin(transport: asyncio.SubprocessTransport) -> asyncio.WriteTransport:
    return cast("asyncio.WriteTransport", transport.get_pipe_transport(0))


async def _ask(transport: asyncio.SubprocessTransport, heard: _Heard, seconds: float) -> None:
    """Wait for any message: in answer to the newest era's first question, or to a handshake."""
    first, _ = discover()
    era = next(iter(HANDSHAKE.values()))
    hello = {"protocolVersion": era.version, "capabilities": ClientCapabilities(), "clientInfo": NAME}
    second = undressed(era).body(2, "initialize", hello, {})
    patience = min(SECOND_TRY, seconds)
    for body, wait in ((first, patience), (second, seconds - patience)):
        _stdin(transport).write(body + b"\n")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await heard.came.wait()
                return


def _judge(report: Report, transport: asyncio.SubprocessTransport, heard: _Heard, took: float) -> None:
    noise = "; ".join(repr(line) for line in heard.noise)
    said = bytes(heard.stderr).decode(errors="replace").strip()[-200:]
    last = f"it last said: {said}" if said else "it said nothing on stderr"
    ended = heard.ended.done()
    if heard.answered:
        if took > SLOW:
            report.find("start-slow", f"the first answer took {took:.1f} s")
        if noise:
            report.find("stdout-noise", f"on stdout, among the messages: {noise}")
    elif heard.buried or ((noise or heard.unfinished) and not ended):
        report.find("start-hangs", f"no answer in {took:.1f} s, but on stdout: {noise or 'a line that does not end'}")
    elif ended:
        report.find("start-ended", f"the process ended with status {transport.get_returncode()}; {last}")
    else:
        report.find("start-silent", f"no answer within {took:.1f} s; {last}")


async def _stopped(report: Report, transport: asyncio.SubprocessTransport, heard: _Heard, seconds: float) -> str:
    """Return in words how the process ended."""
    began = monotonic()
    _stdin(transport).close()
    await asyncio.wait({heard.ended}, timeout=seconds)
    if heard.ended.done():
        return f"{monotonic() - began:.1f} s after the end of its stdin"
    with contextlib.suppress(ProcessLookupError):
        transport.terminate()
    await asyncio.wait({heard.ended}, timeout=seconds)
    if heard.ended.done():
        report.find("ignores-end", f"it ran on for {seconds:g} s after the end of its stdin, and ended at SIGTERM")
        return "at SIGTERM"
    report.find("ignores-terminate", f"it ran on for {seconds:g} s after SIGTERM, and was killed")
    return "killed"
