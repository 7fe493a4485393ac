"""What the user approved, and what it was then: servers and tools by their digests, with the words they had.

One file of mode 0600, read anew for each decision, so that what another process of the user's wrote counts.
Limit: it holds definitions that servers sent; who shows them makes control characters visible.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from dragoman.app.launching import Launch, described
from dragoman.auth import private_files
from dragoman.auth.wallet_disk import config_home
from dragoman.auth.wallet_lock import locked_here
from dragoman.errors import LocalError
from dragoman.wire.tools import Tool

MOST = 16 * 1024 * 1024  # bytes of the file
MAX_KEPT = 64 * 1024  # bytes of one definition that are kept for showing a difference
MAX_LINES = 1000  # of a definition: comparing takes the square of it
MAX_SHOWN = 200  # lines of a difference
_DIGITS = 32


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is, for its user: its name in the settings, and the lines that say what it consists of.

    `launch` is there if it is started as a program. Make one with `of_launch`, `of_url` or `in_process`.
    """

    name: str
    parts: tuple[str, ...]
    launch: Launch | None = None

    @property
    def digest(self) -> str:
        """What approvals are bound to, as 32 hexadecimal digits; the name is not in it."""
        return self.launch.digest if self.launch is not None else _digest(msgspec.json.encode(self.parts))


def of_launch(name: str, launch: Launch) -> Served:
    """Return what is known of a server that is started as a program."""
    return Served(name=name, parts=tuple(described(launch)), launch=launch)


def of_url(name: str, url: str) -> Served:
    """Return what is known of a server over HTTP."""
    return Served(name=name, parts=(f"URL        {url!r}",))


def in_process(name: str, what: str) -> Served:
    """Return what is known of a server in this process: `what` says where its data is."""
    return Served(name=name, parts=(f"in process {what!r}",))


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as it was when it was allowed. `approved` if the user said so, and not only a rule."""

    server: str
    tool: str
    approved: bool
    parts: tuple[str, ...]
    definition: str


class _Start(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    parts: tuple[str, ...]


class _File(msgspec.Struct, kw_only=True):
    starts: dict[str, _Start] = {}
    tools: dict[str, dict[str, Pin]] = {}


class Book:
    """The file of approvals; by default the user's own. Raises LocalError for one that others could have written."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = config_home() / "consent.json" if path is None else path

    def pin(self, server: str, tool: str) -> Pin | None:
        """Return what a tool was when it was last allowed, None if it never was."""
        return self._read().tools.get(server, {}).get(tool)

    def remember(self, server: Served, tool: Tool, *, approved: bool) -> None:
        """Keep what a tool is now; an approval of the very same stays one."""
        digest = tool_digest(tool)
        old = self.pin(server.name, tool.name)
        if old is not None and (old.server, old.tool) == (server.digest, digest) and (old.approved or not approved):
            return
        text = tool_text(tool)
        pin = Pin(
            server=server.digest, tool=digest, approved=approved, parts=server.parts,
            definition=text if len(text) <= MAX_KEPT else "",
        )  # fmt: skip
        self._change(lambda file: file.tools.setdefault(server.name, {}).update({tool.name: pin}))

    def starts(self, server: Served) -> bool:
        """Say whether the user approved that exactly this is started."""
        kept = self._read().starts.get(server.name)
        return kept is not None and kept.digest == server.digest

    def start_difference(self, server: Served) -> tuple[str, ...]:
        """Return the lines in which a server differs from what was approved under its name; () if nothing was."""
        kept = self._read().starts.get(server.name)
        return () if kept is None else tuple(_lines(kept.parts, server.parts))

    def remember_start(self, server: Served) -> None:
        """Keep that exactly this may be started."""
        start = _Start(digest=server.digest, parts=server.parts)
        self._change(lambda file: file.starts.update({server.name: start}))

    def forget(self, server: str = "") -> int:
        """Take back what was approved of one server, or of all; returns of how many."""
        file = self._read()
        names = {*file.starts, *file.tools} & ({server} if server else {*file.starts, *file.tools})

        def without(file: _File) -> None:
            for name in names:
                file.starts.pop(name, None)
                file.tools.pop(name, None)

        if names:
            self._change(without)
        return len(names)

    def kept(self) -> dict[str, dict[str, bool]]:
        """Return the names of servers and their tools, each with whether the user approved it."""
        file = self._read()
        return {
            name: {tool: pin.approved for tool, pin in file.tools.get(name, {}).items()}
            for name in sorted({*file.starts, *file.tools})
        }

    def _change(self, change: Callable[[_File], object]) -> None:
        try:
            private_files.folder(self.path.parent)
            # Two processes that ask at the same time must not lose each other's answers.
            with locked_here(self.path.with_suffix(".lock")):
                file = self._read()
                change(file)
                data = msgspec.json.format(msgspec.json.encode(file), indent=1)
                if len(data) > MOST:
                    raise LocalError(f"{str(self.path)!r} would be larger than {MOST} bytes; forget what is not needed")
                private_files.replace(self.path, data)
        except OSError as error:
            raise LocalError(f"cannot write {str(self.path)!r}: {error.strerror or error}") from None

    def _read(self) -> _File:
        return private_files.own_json(self.path, _File, MOST, "remove it, and approve again") or _File()


def tool_text(tool: Tool) -> str:
    """Return all that a tool says of itself, as JSON whose keys are in order."""
    return msgspec.json.format(msgspec.json.encode(tool, order="sorted"), indent=1).decode()


def tool_digest(tool: Tool) -> str:
    """Return what an approval of a tool is bound to, as 32 hexadecimal digits: every word of its definition."""
    return _digest(msgspec.json.encode(tool, order="sorted"))


def difference(pin: Pin, server: Served, tool: Tool) -> tuple[str, ...]:
    """Return the lines that were taken away (`-`) and added (`+`) since a tool was allowed."""
    found = [*_lines(pin.parts, server.parts)] if pin.server != server.digest else []
    if pin.tool != tool_digest(tool):
        text = tool_text(tool)
        if pin.definition and len(text) <= MAX_KEPT:
            found += _lines(pin.definition.splitlines(), text.splitlines())
        else:
            found.append(f"the definition is too long to compare; its digest is {tool_digest(tool)} now")
    return (*found[:MAX_SHOWN], f"and {len(found) - MAX_SHOWN} more lines") if len(found) > MAX_SHOWN else tuple(found)


def _lines(old: Sequence[str], new: Sequence[str]) -> list[str]:
    if max(len(old), len(new)) > MAX_LINES:
        return [f"it has {len(new)} lines now and had {len(old)}: too many to compare"]
    found: list[str] = []
    for what, start, end, at, to in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if what == "equal":
            continue
        found += [f"- {line}" for line in old[start:end]]
        found += [f"+ {line}" for line in new[at:to]]
    return found


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_DIGITS]
