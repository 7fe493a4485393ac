"""A folder of an SFTP server as a tree, read only, by asyncssh; loaded by name where an address asks for it.

The server's key is one that stands in known_hosts, or nothing is sent.  Whatever a path leads to is asked of the server
before and after it is opened, and has to lie below the root both times.
Limit: SFTP has no way to open that follows no link, so who may swap files on the server twice within one opening gets
around that; a server that shuts its users in (ChrootDirectory) does not leave it to us.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import re
import stat
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

import asyncssh

from dragoman.connectors.folders.crawl import PROFILE_MARKS
from dragoman.connectors.source import SourceError, View
from dragoman.connectors.trees import nested
from dragoman.connectors.trees.ahead import Ahead
from dragoman.connectors.trees.aside import Aside
from dragoman.connectors.trees.feed import DISTANT, first_files
from dragoman.connectors.trees.nested import Listed
from dragoman.connectors.trees.tree import Broken, Budget, Missing, Node, Scope, seen, steps_of
from dragoman.serving.nearest import nearest

T = TypeVar("T")
_SECONDS = 10.0  # of one walk, and for connecting
_ANSWER = 20.0  # seconds that one question may take
_JUDGED = 10.0  # seconds that a folder's being no profile is believed
_FOLDERS = 1_000  # of which that is kept
_KEYS = ("known_hosts", "key", "passphrase", "password", "agent")


class Login(NamedTuple):
    """Where to, as whom, and with what: `options` are asyncssh's."""

    host: str
    port: int
    path: str
    options: dict[str, Any]


class Sftp:
    """Files below one folder of a server, over one connection, which is made anew when it is lost."""

    about = "files of an SFTP server"
    seconds = _SECONDS
    pause = DISTANT

    def __init__(self, url: str, config: Mapping[str, str]) -> None:
        """Raises SourceError; never with what `config` says."""
        self._login = login(url, config)
        self._where = f"sftp://{self._login.host}"
        self._aside = Aside()
        self._lock = asyncio.Lock()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None
        self._root = ""
        self._judged: dict[str, float] = {}  # folders that are no profiles, and until when that is not asked again
        self._closed = threading.Event()
        try:
            self.asked(self._begun())
        except (Missing, Broken) as fault:
            self.close()
            why = str(fault) if isinstance(fault, Broken) else f"there is no folder {self._login.path}"
            raise SourceError(f"files of {self._where} cannot be served: {why}") from fault

    def close(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            try:
                self._aside.run(self._end(), 1.0)
            except (Broken, OSError, asyncssh.Error):
                pass  # it is gone already
            self._aside.close()

    def files(self, prefix: str, after: str, scope: Scope, budget: Budget) -> Iterator[Node]:
        def names(folder: str) -> list[Listed]:
            return self.asked(self._names(folder, scope.view))

        return nested.walk(names, prefix, after, scope, budget)

    def stamp(self) -> str:
        return first_files(self)

    def open(self, path: str, scope: Scope) -> Ahead:
        seen(path, scope)
        handle, node = self.asked(self._opened(path, scope.view))

        def read(start: int, end: int) -> bytes:
            return _bytes(self.asked(handle.read(end - start, start)))

        def close() -> None:
            with contextlib.suppress(Missing, Broken):  # the connection is gone, and the handle with it
                self.asked(handle.close())

        return Ahead(node, read, closed=close)

    def asked(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what the server answers.  Raises Missing and Broken in words of ours."""
        try:
            return self._aside.run(work, _ANSWER)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as fault:
            raise Missing from fault
        except asyncssh.SFTPPermissionDenied as fault:
            raise Broken("the server does not let this account read it") from fault
        except asyncssh.HostKeyNotVerifiable as fault:
            raise Broken(_stranger(self._login)) from fault
        except asyncssh.PermissionDenied as fault:
            raise Broken("the server accepts none of the keys and passwords that config and the agent have") from fault
        except (asyncssh.Error, OSError, UnicodeError) as fault:
            what = fault.strerror if isinstance(fault, OSError) and fault.strerror else type(fault).__name__
            raise Broken(f"the server does not answer as it should ({what})") from fault

    # --- in the loop --------------------------------------------------------------------------------------------

    async def _begun(self) -> asyncssh.SFTPClient:
        """Return the client; connects when there is none, or it is lost."""
        async with self._lock:
            if self._client is not None and self._connection is not None and not self._connection.is_closed():
                return self._client
            here = self._login
            self._connection = await asyncssh.connect(here.host, here.port, **here.options)
            self._client = await self._connection.start_sftp_client(path_errors="surrogateescape")
            root = _text(await self._client.realpath(here.path))
            if not stat.S_ISDIR((await self._client.lstat(root)).permissions or 0):
                raise Missing(here.path)
            if self._root not in ("", root):
                raise Broken("the folder is another one since the server was connected again")
            self._root = root
            return self._client

    async def _end(self) -> None:
        if self._connection is not None:
            self._connection.abort()
            await self._connection.wait_closed()

    async def _names(self, folder: str, view: View) -> list[Listed]:
        client = await self._begun()
        place = self._place(folder.rstrip("/"))
        if _text(await client.realpath(place)) != place:
            raise Missing(folder)  # a link on the way
        found: list[Listed] = []
        async for entry in client.scandir(place):
            name, told = _text(entry.filename), entry.attrs
            if name in (".", ".."):
                continue
            if len(found) >= nested.MOST_NAMES:
                raise Broken(f"{folder or 'the folder'} has more than {nested.MOST_NAMES:,} names; serve one below it")
            if stat.S_ISLNK(told.permissions or 0) and nested.servable(name):
                try:
                    _, told = await self._led(client, folder + name, view)
                except (Missing, asyncssh.SFTPError):
                    continue
                if not stat.S_ISREG(told.permissions or 0):
                    continue
            if stat.S_ISDIR(told.permissions or 0) or stat.S_ISREG(told.permissions or 0):
                found.append(Listed(name, stat.S_ISDIR(told.permissions or 0), _size(told), _when(told)))
        return sorted(found)

    async def _opened(self, path: str, view: View) -> tuple[asyncssh.SFTPClientFile, Node]:
        client = await self._begun()
        place, told = await self._led(client, path, view)
        if not stat.S_ISREG(told.permissions or 0):
            raise Missing(path)
        await self._no_profile(client, place)
        handle = await client.open(place, "rb", block_size=65_536)
        try:
            now = await handle.stat()
            # What is open has to be what was judged, and its name has to lead there still.
            again, judged = await self._led(client, path, view)
            if again != place or not (_same(now, told) and _same(now, judged)):
                raise Broken("it has changed while it was opened; fetch it again")
        except BaseException:
            await handle.close()
            raise
        return handle, Node(path, _size(now), _when(now))

    async def _led(self, client: asyncssh.SFTPClient, path: str, view: View) -> tuple[str, asyncssh.SFTPAttrs]:
        """Return where a path leads on the server, and what is there.  Raises Missing for all that is not below."""
        place = self._place(path)
        above = place.rpartition("/")[0] or "/"
        if _text(await client.realpath(above)) != above:
            raise Missing(path)  # a folder that is a link is not entered
        told = await client.lstat(place)
        if not stat.S_ISLNK(told.permissions or 0):
            return place, told
        place = _text(await client.realpath(place))
        root = self._root.rstrip("/")
        if not place.startswith(f"{root}/"):
            raise Missing(path)
        led = place[len(root) + 1 :]
        steps_of(led)
        # A link is no way around what the caller may not see.
        if not view.sees(led):
            raise Missing(path)
        return place, await client.lstat(place)

    async def _no_profile(self, client: asyncssh.SFTPClient, place: str) -> None:
        """Raise Missing for what lies in a profile of a browser or a mail program."""
        folders: list[str] = []
        now = time.monotonic()
        while len(place := place.rpartition("/")[0]) >= len(self._root.rstrip("/")):
            if self._judged.get(place, 0.0) < now:
                folders.append(place)
            if not place:
                break
        marks = [f"{folder}/{mark}" for folder in folders for mark in PROFILE_MARKS]
        found = await asyncio.gather(*map(client.lstat, marks), return_exceptions=True)
        for one in found:
            if isinstance(one, asyncssh.SFTPNoSuchFile | asyncssh.SFTPNoSuchPath | asyncssh.SFTPPermissionDenied):
                continue
            if isinstance(one, BaseException):
                raise one
            raise Missing(place)
        if len(self._judged) > _FOLDERS:
            self._judged.clear()
        self._judged.update(dict.fromkeys(folders, now + _JUDGED))

    def _place(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}" if path else self._root


def login(url: str, config: Mapping[str, str]) -> Login:
    """Return what an address and its config say.  Raises SourceError, never with a secret.

    `config`: `known_hosts`, a file, ~/.ssh/known_hosts unless said; `key`, a file
    or the key itself, with its `passphrase`; `password`; `agent`, "yes" or the
    path of its socket. Without any of these the agent is asked, if one runs.
    """
    for name in config:
        if name not in _KEYS:
            raise SourceError(f"config has no {name!r} for SFTP{nearest(name, _KEYS)}; it has: {', '.join(_KEYS)}")
    try:
        whole = urlsplit(url)
        host, port = whole.hostname, whole.port or 22
    except ValueError as fault:
        raise SourceError("that is no address: sftp://USER@HOST:PORT/FOLDER") from fault
    if not host or whole.password or whole.query or whole.fragment:
        raise SourceError("the address is sftp://USER@HOST:PORT/FOLDER; a password goes into config, as a reference")
    known = Path(config.get("known_hosts") or Path.home() / ".ssh" / "known_hosts")
    if not known.is_file():
        raise SourceError(f"there is no file {known}: the keys of servers that may be trusted stand there")
    agent = config.get("agent", "")
    sock = (os.environ.get("SSH_AUTH_SOCK", "") if agent.lower() in ("yes", "true", "") else agent) or None
    if agent.lower() in ("no", "false") or (not agent and ("key" in config or "password" in config)):
        sock = None
    if sock is None and "key" not in config and "password" not in config:
        raise SourceError("say in config how to log in: key (a file), password, or agent; no agent runs here")
    path = unquote(whole.path) or "."
    options: dict[str, Any] = {
        "username": (whole.username and unquote(whole.username)) or getpass.getuser(), "known_hosts": str(known),
        "client_keys": [_key(config)] if "key" in config else None, "password": config.get("password"),
        "agent_path": sock, "config": None, "gss_host": None, "connect_timeout": _SECONDS, "login_timeout": _SECONDS,
        "keepalive_interval": 30, "agent_forwarding": False,
    }  # fmt: skip
    return Login(host, port, path.removeprefix("/~/") or "." if path.startswith("/~/") else path, options)


def _key(config: Mapping[str, str]) -> asyncssh.SSHKey:
    key, phrase = config["key"], config.get("passphrase")
    try:
        if "-----BEGIN" in key:
            return asyncssh.import_private_key(key, phrase)
        return asyncssh.read_private_key(key, phrase)
    except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError, ValueError) as fault:
        if isinstance(fault, asyncssh.KeyEncryptionError) or re.search("passphrase|decrypt", str(fault), re.IGNORECASE):
            raise SourceError("the key needs its passphrase in config, or another one than that") from fault
        raise SourceError("config: what key names is no private key") from fault
    except OSError as fault:
        raise SourceError(f"config: the file that key names cannot be read ({fault.strerror})") from fault


def _stranger(here: Login) -> str:
    named = here.host if here.port == 22 else f"[{here.host}]:{here.port}"
    return (
        f"the key of {named} is not the one in {here.options['known_hosts']}, or none stands there. If you trust it, "
        f"compare what `ssh-keyscan -p {here.port} {here.host} | ssh-keygen -lf -` shows with what the server's owner "
        "says, then add the line of ssh-keyscan to that file"
    )


def _text(name: str | bytes) -> str:
    return name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")


def _bytes(data: str | bytes) -> bytes:
    return data if isinstance(data, bytes) else data.encode()


def _size(told: asyncssh.SFTPAttrs) -> int:
    return int(told.size or 0)


def _when(told: asyncssh.SFTPAttrs) -> int:
    return int(told.mtime or 0) * 1_000_000_000


def _same(one: asyncssh.SFTPAttrs, other: asyncssh.SFTPAttrs) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in ("size", "mtime", "permissions", "uid", "gid"))
