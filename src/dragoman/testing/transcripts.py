"""Conversations with a server, recorded frame by frame as JSON lines, and replayed against a server as a test.

Replay sends the requests one after the other and compares what comes back, on any transport. Limit: calls that ran at
once are replayed in turn, so notices are compared as a whole and not by when they came.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dragoman.app.target import Options, Target, way_to
from dragoman.errors import LocalError, TransportError
from dragoman.ports.exchange import Exchange, Fields, Incoming, Outgoing
from dragoman.protocol.dress import dress_of, undressed
from dragoman.protocol.eras import HANDSHAKE, STATELESS, Era, negotiate
from dragoman.protocol.frames import encode, write_failure
from dragoman.serving.shapes import is_object
from dragoman.testing.normal import learn, normal, translated
from dragoman.transport.tapped import TappedExchange
from dragoman.wire.base import Implementation
from dragoman.wire.jsonrpc import INTERNAL_ERROR, Failure, Frame
from dragoman.wire.lifecycle import PROTOCOL_VERSION, ClientCapabilities

MIRRORED = "mcp-param-"  # header fields that repeat arguments; the others are made anew
LATE = 0.5  # seconds that notices get which belong to no call
_NOBODY = Implementation(name="transcript", version="1")


class Difference(NamedTuple):
    """What came otherwise than recorded; `line` is that of the request in the file, 0 for notices."""

    line: int
    asked: str
    recorded: Any
    live: Any

    def __str__(self) -> str:
        return f"line {self.line}, {self.asked}:\n  recorded {_shown(self.recorded)}\n  came     {_shown(self.live)}"


class TranscriptError(AssertionError):
    """A server answered otherwise than recorded; `differences` has each."""

    def __init__(self, path: Path, differences: list[Difference]) -> None:
        super().__init__("\n".join([f"{path}: {len(differences)} differences", *map(str, differences[:10])]))
        self.differences = differences


class Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One line of a transcript: a frame that was sent or heard, with the header fields that repeat arguments."""

    sent: Any = None
    heard: Any = None
    headers: dict[str, str] = {}


def record(path: str | Path) -> Callable[[Exchange], Exchange]:
    """Return what writes all that passes to a new file at `path`: `Client(target, options=Options(wrap=record(path)))`.

    The file holds everything as it was sent, secrets too: record with data made for tests.
    """
    file = Path(path)
    file.write_bytes(b"")
    return lambda exchange: TappedExchange(exchange, _Recorder(file))


class _Recorder:
    """A tap that writes lines."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def opened(self, where: str) -> None:
        """Frames only: where it leads differs from run to run."""

    def sent(self, body: bytes, headers: Fields | None) -> None:
        """Write what goes out."""
        repeated = {name: text for name, text in (headers or {}).items() if name.startswith(MIRRORED)}
        self._write(Line(sent=_frame(body), headers=repeated))

    def heard(self, body: bytes, status: int, headers: Fields | None) -> None:
        """Write what came in."""
        self._write(Line(heard=_frame(body)))

    def failed(self, error: BaseException) -> None:
        """A request without an answer says so by itself."""

    def ended(self, how: str) -> None:
        """Frames only."""

    def _write(self, line: Line) -> None:
        # Opened for each line: nothing is left open, and nothing is lost when the test fails.
        with self._file.open("ab") as stream:
            stream.write(encode(line) + b"\n")


async def replay(
    path: str | Path, target: Target, *, timeout: float = 10.0, also: Callable[[Any], Any] = lambda frame: frame
) -> None:
    """Ask `target` what the transcript at `path` asks, and compare what comes back.

    Times, random ids and sealed handles are no difference; `also` may take more
    out of each frame. `timeout` is in seconds, for each answer. Raises
    TranscriptError with every difference, LocalError for a file that is no
    transcript, and TransportError when an answer does not come.
    """
    file = Path(path)
    lines = _read(file)
    exchange = way_to(target, {}, Options()).dial()
    replayer = _Replayer(exchange, lines, timeout, lambda frame: normal(also(frame)))
    await exchange.open(replayer)
    try:
        for number, line in enumerate(lines, 1):
            if line.sent is not None:
                await replayer.say(number, line)
        await replayer.finish()
    finally:
        await exchange.close()
    if replayer.differences:
        raise TranscriptError(file, replayer.differences)


class _Replayer:
    """The client's side of a transcript, and what it hears."""

    def __init__(self, exchange: Exchange, lines: list[Line], timeout: float, compared: Callable[[Any], Any]) -> None:
        frames = [line.heard for line in lines if is_object(line.heard)]
        self._exchange = exchange
        self._timeout = timeout
        self._compared = compared
        self._answers = {frame["id"]: frame for frame in frames if "id" in frame and "method" not in frame}
        self._said = [frame for frame in frames if "method" in frame]
        self._replies = [line.sent for line in lines if line.sent is not None and "method" not in line.sent]
        self._heard: list[Any] = []
        self._complete = asyncio.Event()
        if not self._said:
            self._complete.set()
        self._known: dict[str, str] = {}
        self._era: Era | None = None
        self._endless: list[asyncio.Future[Incoming]] = []
        self.differences: list[Difference] = []

    # --- what the client said -----------------------------------------------------------------------------------

    async def say(self, number: int, line: Line) -> None:
        """Send one recorded frame, and compare the answer to it if it is a request."""
        frame = translated(line.sent, self._known)
        if "method" not in frame:
            return  # an answer: given when the server asks
        headers = self._headers(frame) | line.headers if self._exchange.over_http else {}
        if "id" not in frame:
            await self._exchange.tell(encode(frame), headers)
            if frame["method"] == "notifications/initialized" and self._said:
                await self._exchange.listen(headers)
            return
        handshake = self._era is not None and self._era.handshake
        out = Outgoing(frame["id"], encode(frame), headers, frame["method"] == "initialize", handshake)
        recorded = self._answers.get(frame["id"])
        if recorded is None:
            # Given up, or never meant to end: it lives as long as the rest.
            self._endless.append(asyncio.ensure_future(self._exchange.send(out)))
            await asyncio.sleep(0)  # it goes out before what was sent after it
            return
        try:
            async with asyncio.timeout(self._timeout):
                live = _frame((await self._exchange.send(out)).body)
        except TimeoutError:
            raise TransportError(f"line {number}: no answer to {frame['method']} in {self._timeout:g} s") from None
        learn(recorded, live, self._known)
        self._agree(frame, live)
        before, now = self._compared(_outcome(recorded)), self._compared(_outcome(live))
        if before != now:
            self.differences.append(Difference(number, frame["method"], before, now))

    def _agree(self, frame: dict[str, Any], live: Any) -> None:
        if frame["method"] == "initialize" and is_object(live):
            self._era = negotiate(str(live.get("result", {}).get("protocolVersion")))

    def _headers(self, frame: dict[str, Any]) -> dict[str, str]:
        params = frame.get("params", {})
        stated = params.get("_meta", {}).get(PROTOCOL_VERSION)
        era = STATELESS.get(stated) or self._era
        if era is None:
            return dict(undressed(next(iter(HANDSHAKE.values()))).fields)
        return dress_of(era, _NOBODY, ClientCapabilities(), None).headers(frame["method"], params)

    # --- what the server says -----------------------------------------------------------------------------------

    def hear(self, notice: Frame) -> None:
        """Take a notification."""
        self._hears(notice)

    def _hears(self, frame: Frame) -> None:
        self._heard.append(_plain(frame))
        if len(self._heard) >= len(self._said):
            self._complete.set()

    def missed(self) -> None:
        """Nothing is told twice here."""

    def lost(self) -> None:
        """The next request will say so."""

    async def answer(self, request: Frame) -> bytes | None:
        """Give the answer that was given then."""
        self._hears(request)
        number = request.id
        if not self._replies:
            return write_failure(number, Failure(INTERNAL_ERROR, "the transcript has no further answer"))
        return encode({**translated(self._replies.pop(0), self._known), "id": number})

    async def finish(self) -> None:
        """Wait a little for notices that belong to no call, and compare all of them."""
        try:
            async with asyncio.timeout(LATE):
                await self._complete.wait()
        except TimeoutError:
            pass
        for task in self._endless:
            task.cancel()
        await asyncio.gather(*self._endless, return_exceptions=True)
        before, now = (Counter(map(self._key, frames)) for frames in (self._said, self._heard))
        if before != now:
            missing, further = list((before - now).elements()), list((now - before).elements())
            self.differences.append(Difference(0, "notices and questions of the server's", missing, further))

    def _key(self, frame: dict[str, Any]) -> str:
        kept = {name: value for name, value in frame.items() if name in ("method", "params")}
        return msgspec.json.encode(self._compared(kept), order="sorted").decode()


def _read(file: Path) -> list[Line]:
    try:
        texts = file.read_bytes().splitlines()
    except OSError as error:
        raise LocalError(f"cannot read the transcript {str(file)!r}: {error.strerror or error}") from None
    lines: list[Line] = []
    for number, text in enumerate(texts, 1):
        try:
            line = msgspec.json.decode(text, type=Line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise LocalError(f"{file}, line {number}, is no line of a transcript: {error}") from None
        if line.sent is not None and not is_object(line.sent):
            raise LocalError(f"{file}, line {number}: what was sent is no frame")
        lines.append(line)
    return lines


def _frame(body: bytes) -> Any:
    """Return a frame as data, or the text of what is none."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode(errors="replace")


def _plain(frame: Frame) -> dict[str, Any]:
    params = bytes(frame.params)
    found: dict[str, Any] = {"method": str(frame.method)}
    return {**found, "params": msgspec.json.decode(params)} if params else found


def _outcome(frame: Any) -> Any:
    return {name: frame[name] for name in ("result", "error") if name in frame} if is_object(frame) else frame


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value, order="sorted").decode()
    return text if len(text) <= 600 else f"{text[:600]}... ({len(text)} characters)"
