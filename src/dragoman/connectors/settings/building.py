"""From dragoman.yaml to a server, and from a changed file to the same server over other sources.

Promise: a file that is wrong changes nothing; sources that are said as before are kept, with their indexes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dragoman.connectors.assembly import MAX_SOURCES, Assembly
from dragoman.connectors.catalogue import Catalogue
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import KINDS, open_options, open_source
from dragoman.connectors.recording import Recorder
from dragoman.connectors.settings.approving import Book, Unapproved, argvs
from dragoman.connectors.settings.prompting import add_owners_prompts
from dragoman.connectors.settings.reading import Read, digest_of, read_settings
from dragoman.connectors.settings.rules import judge_of
from dragoman.connectors.settings.secrets import Filled
from dragoman.connectors.settings.shape import Access, Settings
from dragoman.connectors.shaping import shaped
from dragoman.connectors.source import Source, SourceError
from dragoman.serving.nearest import nearest

TOOLS = "tools"  # the source that the file's tools make
_ACCESS = frozenset(Access.__struct_encode_fields__)


class Wishes(NamedTuple):
    """What the command line, or the caller, says beside the file."""

    cache_dir: Path | None = None
    allow_write: tuple[str, ...] = ()
    local: bool = True  # whether the server is reached from this machine only
    asks: bool = False  # whether callers over HTTP are asked for tokens, whatever the file says
    record: str = ""
    profile: str = ""
    name: str = ""
    hosted: bool = False  # whether answers go to a model on another machine
    index_at: str = ""  # the address of a database that keeps indexes


class Opened(NamedTuple):
    """Sources by name with what they were made of, who sees them, and what stays inactive and why."""

    sources: dict[str, tuple[str, Source]]
    access: dict[str, Access]
    inactive: dict[str, str]


class Change(NamedTuple):
    """What a file says now, opened and not served yet."""

    read: Read
    opened: Opened


class Configured:
    """A server as a file says it: `server` is ready to run; `look` and `take` follow the file."""

    def __init__(self, path: Path, wishes: Wishes = Wishes(), book: Book | None = None) -> None:
        """Open everything.  Raises SourceError, and leaves nothing open, for whatever is wrong."""
        self._wishes = wishes
        self._book = book or Book(path)
        self.read = read_settings(path)
        said = self.read.settings.server
        self.opened = self._open(self.read, {})
        try:
            catalogue = Catalogue([source for _, source in self.opened.sources.values()], self._judge(self.opened))
            record = wishes.record or said.record
            hidden = [name for name, one in self.opened.access.items() if one.scopes or one.rules or one.local_only]
            # The server's name is told to everybody, and so tells of no source that somebody may not see.
            shown = "-".join(name for name in self.opened.sources if name not in hidden)[:64]
            self.assembly = Assembly(
                wishes.name or said.name or shown or self.read.folder.name or "data",
                catalogue,
                Recorder(self.read.folder / record) if record else None,
                wishes.profile or said.profile,
                instructions=said.instructions or None,
                hidden=hidden,
                **({"title": said.title} if said.title else {}),
            )
            add_owners_prompts(self.assembly.server, self.read.settings.prompts)
        except BaseException:
            _close(self.opened.sources)
            raise
        self.server = self.assembly.server

    @property
    def auth(self) -> dict[str, Any]:
        """What the file says of whose tokens are taken, secrets filled in; empty for nobody's.  Raises SourceError."""
        filled: dict[str, Any] = self._filled(self.read).fill(self.read.settings.auth, "auth")
        return filled

    @property
    def approvals(self) -> Path:
        """The file with the approvals of commands."""
        return self._book.kept_in

    def look(self) -> Change:
        """Read the file again and open what it says now, without serving it yet.  Blocks.

        Raises SourceError for a file that is wrong: what was served goes on.
        """
        read = read_settings(self.read.path)
        return Change(read, self._open(read, self.opened.sources))

    def take(self, change: Change) -> tuple[list[str], list[Source]]:
        """Serve what `look` found, in the server's loop.

        Returns what is worth saying, and the sources that are not served any
        more, for the caller to close.
        """
        old, new = self.opened.sources, change.opened.sources
        said: list[str] = []
        if _fixed(change.read.settings) != _fixed(self.read.settings):
            said.append("what it says of server, auth, prompts and index counts from the next start")
        said += [f"inactive: {reason}" for reason in change.opened.inactive.values()]
        before, now = self.opened.access, change.opened.access
        if ruled := [name for name in now if name in before and now[name] != before[name]]:
            said.append(f"other callers see, or other things are seen: {', '.join(ruled)}")
        self.opened, self.read = change.opened, change.read
        gone = self.assembly.replace([source for _, source in new.values()], self._judge(change.opened))
        added = [name for name in new if name not in old]
        changed = [name for name, (made, _) in new.items() if name in old and old[name][0] != made]
        left = [name for name in old if name not in new]
        for what, names in (("new", added), ("changed", changed), ("gone", left)):
            said += [f"{what}: {', '.join(names)}"] if names else []
        return said, gone

    def _judge(self, opened: Opened) -> Any:
        return judge_of(opened.access, local=self._wishes.local, hosted=self._wishes.hosted)

    def _filled(self, read: Read) -> Filled:
        return Filled(read.folder, self._book.check)

    def _open(self, read: Read, before: Mapping[str, tuple[str, Source]]) -> Opened:
        settings, filled = read.settings, self._filled(read)
        writable = tuple(dict.fromkeys([*settings.allow_write, *self._wishes.allow_write]))
        said: dict[str, Any] = dict(settings.sources)
        opened = Opened({}, {}, {})
        if tools := self._active_tools(settings, opened.inactive, read.folder):
            if TOOLS in said:
                raise SourceError(f"sources.{TOOLS} has the name of the source that tools make; give it another")
            said[TOOLS] = {"kind": "programs", "tools": tools}
        if not said and not opened.inactive:
            raise SourceError(f"{read.path} names no sources: sources: {{manuals: ./manuals}} is enough")
        if len(said) > MAX_SOURCES:
            raise SourceError(f"{len(said)} sources are named; at most {MAX_SOURCES} can be served together")
        unknown = [name for name in writable if name not in said]
        if unknown:
            raise SourceError(f"allow_write names {unknown[0]!r}; sources are {', '.join(said)}")
        opening = Opening(
            cache_dir=self._wishes.cache_dir, base=read.folder, writable=writable,
            approve=lambda where, words, cwd: self._book.check(where, words, cwd),
            index=self._wishes.index_at or str(filled.fill(settings.index, "index")),
        )  # fmt: skip
        try:
            for name, value in said.items():
                self._open_one(name, value, filled, opening, opened, before)
            if not self._wishes.asks:
                _check_auth(settings, opened.access)
        except BaseException as fault:
            _close({name: one for name, one in opened.sources.items() if before.get(name) != one})
            if isinstance(fault, SourceError):
                said_so = filled.hide(str(fault))
                raise SourceError(said_so if str(read.path) in said_so else f"{read.path}: {said_so}") from None
            raise
        return opened

    def _open_one(
        self,
        name: str,
        value: Any,
        filled: Filled,
        opening: Opening,
        opened: Opened,
        before: Mapping[str, tuple[str, Source]],
    ) -> None:
        where = f"sources.{name}"
        try:
            said = filled.fill(value, where)
        except Unapproved as fault:
            opened.inactive[name] = str(fault)
            return
        rest, access = _apart(said, where) if isinstance(said, dict) else (said, Access())  # pyright: ignore[reportUnknownArgumentType]
        opened.access[name] = access
        parted = bool(access.rules or access.allow or access.deny)
        opening = msgspec.structs.replace(opening, parted=parted)
        made = digest_of(msgspec.json.encode([rest, name in opening.writable, parted]))
        if name in before and before[name][0] == made:
            opened.sources[name] = before[name]
            return
        try:
            if isinstance(rest, str):
                source = open_source(f"{name}={rest}", (), opening)
            else:
                source = open_options(str(rest.pop("kind", "documents")), name, rest, opening)
        except Unapproved as fault:
            opened.inactive[name] = str(fault)
        except SourceError as fault:
            raise SourceError(f"{where}: {fault}") from fault
        else:
            opened.sources[name] = (made, source)

    def _active_tools(self, settings: Settings, inactive: dict[str, str], folder: Path) -> dict[str, Any]:
        active: dict[str, Any] = {}
        for name, tool in settings.tools.items():
            try:
                for place, words in argvs(tool):
                    cwd = tool.get("cwd", "")
                    self._book.check(f"tools.{name}{place}", words, folder / cwd if isinstance(cwd, str) else folder)
            except Unapproved as fault:
                inactive[f"tools.{name}"] = str(fault)
            else:
                active[name] = tool
        return active


def _apart(said: dict[str, Any], where: str) -> tuple[dict[str, Any], Access]:
    """Return what a source's kind takes, and who sees it; keys that both know are the kind's."""
    kind = next((one for one in KINDS if one.name == said.get("kind", "documents")), None)
    taken = set(kind.options.__struct_encode_fields__) if kind is not None else set[str]()
    own = {key: value for key, value in said.items() if key not in _ACCESS or key in taken}
    for key in own:
        if kind is not None and key not in taken and key != "kind":
            unsaid = "" if "kind" in said else f"; without kind it is {kind.name}"
            raise SourceError(
                f"{where}: {kind.name} takes no {key!r}{nearest(key, sorted({*taken, *_ACCESS}))}{unsaid}"
            )
    try:
        access: Access = shaped({key: value for key, value in said.items() if key not in own}, Access, where)
    except ValueError as fault:
        raise SourceError(str(fault)) from fault
    return own, access


def _check_auth(settings: Settings, access: Mapping[str, Access]) -> None:
    asking = [name for name, one in access.items() if one.scopes or one.write_scopes or one.rules]
    if asking and not settings.auth:
        raise SourceError(
            f"sources.{asking[0]} has scopes or rules, and nobody says who callers are: add auth, as in "
            "auth: {issuer: https://login.example.com}"
        )


def _fixed(settings: Settings) -> str:
    """Return a digest of what cannot change while the server runs."""
    return hashlib.sha256(
        msgspec.json.encode([settings.server, settings.auth, settings.prompts, settings.index])
    ).hexdigest()


def _close(sources: Mapping[str, tuple[str, Source]]) -> None:
    for _, source in sources.values():
        source.close()
