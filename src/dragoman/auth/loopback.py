"""The address on this machine to which the browser comes back, and the page that says how the login ended.

Listens on 127.0.0.1 only, for one answer: hits that are not ours (another path, another state, another Host) change
nothing. The page holds no code, no token and nothing that the server said.
Source: RFC 8252, sections 7.3 and 8.3.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from dragoman.errors import AuthorizationError
from dragoman.protocol.code_flow import read_redirect

PATH = "/callback"
MAX_HEAD = 16 * 1024  # bytes
HEAD_SECONDS = 5.0
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1rem}}
body{{color:#222;background:#fff}}h1{{font-size:1.5rem}}@media(prefers-color-scheme:dark){{body{{color:#ddd;background:#181818}}}}</style>
<main><h1>{title}</h1><p>{text}</p></main></html>
"""
PAGES = {
    True: ("You are logged in", "You can close this page and go back to the program that sent you here."),
    False: ("The login did not work", "The program that sent you here says why. You can close this page."),
    None: ("Nothing here", "No login is waiting for this page."),
}


class Loopback:
    """Waits for the browser. Made by `open`, closed by `close`."""

    def __init__(self, state: str) -> None:
        self._state = state
        self._answer: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        self._ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pages: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @classmethod
    async def open(cls, state: str, port: int = 0) -> Loopback:
        """Return one that listens on `port`, any if that is 0 or taken."""
        made = cls(state)
        for number in dict.fromkeys((port, 0)):
            try:
                made._server = await asyncio.start_server(made._serve, "127.0.0.1", number, limit=MAX_HEAD)
            except OSError:
                continue
            made.port = made._server.sockets[0].getsockname()[1]
            return made
        raise AuthorizationError("this machine gives no port to wait for the browser on")

    @property
    def uri(self) -> str:
        """The redirect address."""
        return f"http://127.0.0.1:{self.port}{PATH}"

    async def wait(self) -> dict[str, str]:
        """Return the parameters that the browser brought. Raises AuthorizationError if they cannot be read."""
        return await self._answer

    async def close(self, *, worked: bool) -> None:
        """Show the browser how it ended, and listen no more."""
        if not self._ended.done():
            self._ended.set_result(worked)
        if self._server is not None:
            self._server.close()
        if self._pages:
            await asyncio.wait(self._pages, timeout=HEAD_SECONDS)
        for task in self._pages:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pages.add(task)
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            outcome = await self._ended if self._ours(head.decode("latin-1")) else None
            writer.write(_response(outcome))
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._pages.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _ours(self, head: str) -> bool:
        """Say whether a request brings the answer, and take it if it is the first."""
        first, *lines = head.split("\r\n")
        words = first.split(" ")
        hosts = [line.partition(":")[2].strip().lower() for line in lines if line.lower().startswith("host:")]
        if (
            len(words) != 3
            or words[0] != "GET"
            or hosts not in ([f"127.0.0.1:{self.port}"], [f"localhost:{self.port}"])
        ):
            return False
        if urlsplit(words[1]).path != PATH or self._answer.done():
            return False
        try:
            answer = read_redirect(words[1])
        except AuthorizationError:
            return False
        if not hmac.compare_digest(answer.get("state", "").encode(), self._state.encode()):
            return False  # any page can send the browser here; only the answer to our question knows the state
        self._answer.set_result(answer)
        return True


def _response(outcome: bool | None) -> bytes:
    title, text = PAGES[outcome]
    body = _PAGE.format(title=title, text=text).encode()
    fields: Mapping[str, str] = {
        "content-type": "text/html; charset=utf-8",
        "content-length": str(len(body)),
        "content-security-policy": _POLICY,
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "connection": "close",
    }
    status = "404 Not Found" if outcome is None else "200 OK"
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body
