"""A language model made of a script, which speaks the real wire formats over real HTTP: for tests without a network.

Answers /v1/chat/completions as OpenAI's and /v1/messages as Anthropic's, streamed in small pieces, with the faults that
real ones have: errors, rate limits, cut streams, malformed calls. Limit: its tokens are counted as four bytes each.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Any, Self, TypeAlias, cast

import msgspec

from dragoman.errors import LocalError
from dragoman.testing.model_wires import WIRES, Seen, Turn

MAX_HEAD, MAX_BODY = 64 * 1024, 32 * 1024 * 1024


class Say(msgspec.Struct, frozen=True):
    """It says this."""

    text: str


class Use(msgspec.Struct, frozen=True):
    """It wants a tool. `arguments` that are a text go out as they are, JSON or not."""

    name: str
    arguments: dict[str, Any] | str = {}


class Refuse(msgspec.Struct, frozen=True):
    """The endpoint answers with an HTTP status; `after` is its Retry-After, "" for none."""

    status: int
    message: str = "no"
    after: str = ""


class Cut(msgspec.Struct, frozen=True):
    """It says this, and the connection breaks."""

    text: str = ""


class Drop(msgspec.Struct, frozen=True):
    """The connection breaks before anything is said."""


class Stall(msgspec.Struct, frozen=True):
    """It says this, and nothing more, and does not end."""

    text: str = ""


class Raw(msgspec.Struct, frozen=True):
    """These bytes are the body of its event stream."""

    body: bytes


Move: TypeAlias = "Say | Use | Refuse | Cut | Drop | Stall | Raw | Sequence[Say | Use]"
Script: TypeAlias = "Iterable[Move] | Callable[[Seen], Move]"


class ScriptedModel:
    """A model on 127.0.0.1: `async with ScriptedModel([Use("add", {"a": 1}), Say("2")]) as model:`.

    The script is what it does, one move for each time it is asked (a list of `Say` and `Use` is one move), or a
    function from what it `Seen` to a move. `url` is the base of both interfaces, `name` what `dragoman --model` takes,
    `seen` all that it was asked. Raises LocalError in its answer when the script is at its end.
    """

    def __init__(self, script: Script, *, port: int = 0, pieces: int = 7) -> None:
        """`pieces` is how many characters each event holds; `port` 0 takes a free one."""
        self._script: Callable[[Seen], Move] = script if callable(script) else _following(script)
        self._port, self._pieces = port, pieces
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[Any]] = set()
        self.seen: list[Seen] = []
        self.url = ""

    @property
    def name(self) -> str:
        """What names it to a host: `http://127.0.0.1:PORT/v1#scripted`."""
        return f"{self.url}#scripted"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Listen. Raises OSError for a port that is taken."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=MAX_HEAD)
        port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"

    async def close(self) -> None:
        """Stop listening, and break off what is under way."""
        if self._server is not None:
            self._server.close()
            for task in list(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await self._server.wait_closed()

    # --- HTTP -----------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while await self._request(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # whoever asked is gone, or we are
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; returns whether another may come on the connection."""
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        size = int(fields.get("content-length", "0"))
        if size > MAX_BODY:
            return False
        body = await reader.readexactly(size)
        method, _, rest = lines[0].partition(" ")
        path = rest.partition(" ")[0]
        wire = next((one for end, one in WIRES.items() if path.endswith(end)), None)
        if method != "POST" or wire is None:
            await _plain(writer, 404, msgspec.json.encode({"error": {"message": f"nothing at {path}"}}))
            return True
        seen = wire.seen(msgspec.json.decode(body), fields)
        self.seen.append(seen)
        move = self._move(seen)
        if isinstance(move, Refuse):
            await _plain(writer, move.status, wire.refusal(move.status, move.message), move.after)
            return True
        if isinstance(move, Drop):
            return False
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        async for event in self._events(move, wire, seen):
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
        if isinstance(move, Stall):
            await reader.read(1)  # until whoever waits has had enough
        if isinstance(move, Cut | Stall):
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    def _move(self, seen: Seen) -> Move:
        try:
            return self._script(seen)
        except Exception as error:  # of the script's author's making: told where it is seen
            return Refuse(400, f"the script of this model failed: {type(error).__name__}: {error}")

    async def _events(self, move: Move, wire: Any, seen: Seen) -> AsyncGenerator[bytes]:
        if isinstance(move, Raw):
            yield move.body
            return
        whole = not isinstance(move, Cut | Stall)
        for event in wire.events(_turn(move), seen, self._pieces, whole):
            yield event


def _turn(move: Any) -> Turn:
    """Return what a move says, and which tools it wants."""
    moves: Sequence[Any] = cast("Sequence[Any]", move) if isinstance(move, list | tuple) else [move]
    words = "".join(one.text for one in moves if not isinstance(one, Use))
    calls = [
        (one.name, one.arguments if isinstance(one.arguments, str) else msgspec.json.encode(one.arguments).decode())
        for one in moves
        if isinstance(one, Use)
    ]
    return Turn(words, calls)


def _following(script: Iterable[Move]) -> Callable[[Seen], Move]:
    moves = iter(script)

    def move(seen: Seen) -> Move:
        try:
            return next(moves)
        except StopIteration:
            return Refuse(400, "the script of this model is at its end")

    return move


async def _plain(writer: asyncio.StreamWriter, status: int, body: bytes, after: str = "") -> None:
    again = f"retry-after: {after}\r\n" if after else ""
    head = f"HTTP/1.1 {status} -\r\ncontent-type: application/json\r\n{again}content-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


async def serve(script: Script, port: int, told: Callable[[str], None]) -> None:
    """Serve a script at `port` until cancelled; `told` gets the model's name for hosts. Raises LocalError."""
    try:
        async with ScriptedModel(script, port=port) as model:
            told(model.name)
            await asyncio.Event().wait()
    except OSError as error:
        raise LocalError(f"port {port} cannot be listened at: {error.strerror or error}") from None
