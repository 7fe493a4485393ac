"""What a client can be pointed at: a URL, a command, a server object, a configuration entry, a file.

Reads the target and makes the way to it; nothing is started or connected here.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

import msgspec

from dragoman.calling.waits import Waited
from dragoman.errors import LocalError, MalformedError
from dragoman.ports.exchange import Dial, Exchange, Fields
from dragoman.ports.service import Service
from dragoman.protocol.filed import json_file, python_file
from dragoman.protocol.identity import Identity
from dragoman.protocol.patterns import late_pattern
from dragoman.protocol.strict import read_strict
from dragoman.transport.http_settings import HttpSettings
from dragoman.transport.memory import MemoryExchange, is_service
from dragoman.transport.process import Command, ProcessExchange
from dragoman.wire.base import LogLevel

# A server object is anything whose `service` answers calls (`dragoman.Server` is), or that answers calls itself.
Target: TypeAlias = str | os.PathLike[str] | Sequence[str] | Mapping[str, Any] | object
_VARIABLE = late_pattern(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_ADDRESS = late_pattern(r"\w[\w+.-]*://")
_SERVERS = ("mcpServers", "servers")  # what the client programs call the table of servers in their files


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is rarely changed. Sizes in bytes, times in seconds.

    For HTTP: `proxy` is a URL, "" for none, None for what the environment says
    (HTTP_PROXY, HTTPS_PROXY, NO_PROXY); `ca` is a PEM file of further
    certificate authorities to trust, `certificate` a PEM file with this client's own
    certificate and key. For a command: `env` and `cwd`, how long it may take to
    answer the probe (`probe_seconds`) and to end (`stop_seconds`), and whether
    its stderr is passed on (`show_stderr`). `max_bytes` bounds one message
    from the server. `restarts` says how often in a row a command that ended is
    started again in vain, 0 for never; `resends` how often a request whose
    answer was lost, and that may run twice, is sent again, `busy_resends` how
    often one that the server has too much to do for, when it says. `stale_seconds` says
    for how long what was kept is given when it holds no more and the server
    cannot be reached. `rounds` bounds how
    often one call may ask, and `sampling` names what the model behind `on_sample` can do beyond plain text: "tools",
    "context". `log_level` asks the server for log messages. `wrap` puts
    something around each connection, such as a trace of what passes. `approved`
    is the digest of a file's command that may be started though nobody approved
    it for good: a user was asked just now. `auth` is set by `Client(auth=...)`.
    """

    proxy: str | None = None
    ca: str | None = None
    certificate: str | None = None
    env: Mapping[str, str] | None = None
    cwd: str | None = None
    show_stderr: bool = False
    probe_seconds: float = 2.0
    stop_seconds: float = 2.0
    max_bytes: int = 4 * 1024 * 1024
    restarts: int = 3
    resends: int = 2
    busy_resends: int = 8
    stale_seconds: float = 0.0
    rounds: int = 10
    sampling: Sequence[str] = ()
    log_level: LogLevel | None = None
    wrap: Callable[[Exchange], Exchange] | None = None
    approved: str = ""
    auth: Any = None


class Way(msgspec.Struct, frozen=True):
    """How to reach a target; `key` is its name among those whose era is remembered, "" for none."""

    dial: Dial
    key: str


class Entry(msgspec.Struct):
    """One server of a configuration file. Keys of the client programs' own are ignored."""

    command: str | list[str] | None = None
    args: list[str] = []
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str | None = None
    headers: dict[str, str] = {}

    @property
    def words(self) -> list[str]:
        """Return the command line, none if there is no command."""
        first = [self.command] if isinstance(self.command, str) else self.command or []
        return [*first, *self.args]


def way_to(target: Target, headers: Fields, options: Options) -> Way:
    """Return the way to `target`. Raises LocalError if it is nothing that can be connected to."""
    way, wrap = _way(target, headers, options), options.wrap
    return way if wrap is None else Way(lambda: wrap(way.dial()), way.key)


def _way(target: Target, headers: Fields, options: Options) -> Way:
    if isinstance(target, str | os.PathLike):
        return _named(os.fspath(target), headers, options)
    if isinstance(target, Filed):
        return _filed(target, headers, options)
    if isinstance(target, Mapping):
        return _configured(_defined(cast("Mapping[str, Any]", target), "the configuration"), headers, options)
    if isinstance(target, Sequence) and not isinstance(target, bytes | bytearray):
        words = cast("Sequence[Any]", target)
        return _command([str(word) for word in words], headers, options)
    service = _service_of(target)
    if service is not None:
        where = f"server {getattr(target, 'name', None) or type(target).__name__!r} in this process"
        # A client hands it over with what holds its deadlines while a user logs in; nobody does here.
        who: object = options.auth.auth if isinstance(options.auth, Waited) else options.auth
        if who is not None and not isinstance(who, Identity):
            raise LocalError(f"{where} judges no tokens: say who calls it with auth=Identity(...)")
        return Way(lambda: MemoryExchange(service, where, headers, who), "")
    raise LocalError(
        f"cannot connect to {type(target).__name__}: give a URL, a list of command words, a Server, "
        "a dict of a configuration file, or the path of a .py or .json file"
    )


def _service_of(target: object) -> Service | None:
    for thing in (target, getattr(target, "service", None)):
        if thing is not None and is_service(thing):
            return cast("Service", thing)
    return None


def _named(text: str, headers: Fields, options: Options) -> Way:
    if text.lower().startswith(("http://", "https://")):
        return _url(text, headers, options)
    if path := json_file(text):
        return _filed(Filed(_load(path), path, text.partition("#")[2]), headers, options)
    if path := python_file(text):
        if not Path(path).is_file():
            raise LocalError(f"there is no file {path!r}")
        return _command([sys.executable, "-m", "dragoman", "run", "--stdio", text], headers, options)
    if "://" in text:
        raise LocalError(f"{text[:200]!r}: only http:// and https:// addresses can be called")
    raise LocalError(f"{text[:200]!r} is neither a URL nor a .py or .json file; give a command as a list of words")


def _url(url: str, headers: Fields, options: Options) -> Way:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise LocalError(f"{url[:200]!r} is no URL: {error}") from None
    if not host:
        raise LocalError(f"{url[:200]!r} names no host")
    if parts.username or parts.password:
        raise LocalError("leave user and password out of the URL and pass an Authorization header: URLs end up in logs")
    settings = HttpSettings(
        proxy=options.proxy,
        ca=options.ca,
        certificate=options.certificate,
        max_bytes=options.max_bytes,
    )
    auth = options.auth
    if auth is not None and any(name.lower() == "authorization" for name in headers):
        raise LocalError("there are an Authorization header and auth: give one of them")
    return Way(lambda: _http(url, settings, headers, auth), url)


def _http(url: str, settings: HttpSettings, headers: Fields, auth: Any) -> Exchange:
    # Loaded by name when it is first needed: a client of a command or of a Server pays for no HTTP, nor for OAuth.
    proof = None if auth is None else import_module("dragoman.app.proof").credentials(auth, url, settings)
    exchange: Exchange = import_module("dragoman.transport.sse_client").EitherHttp(url, settings, headers, proof)
    return exchange


def _command(words: list[str], headers: Fields, options: Options, entry: Entry | None = None) -> Way:
    if not words or not words[0]:
        raise LocalError("the command is empty; its first word is the program to run")
    if headers or options.auth is not None:
        given = "headers travel" if headers else "auth travels"
        raise LocalError(f"{given} over HTTP only; give a command what it needs in env")
    env = {**(options.env or {}), **(entry.env if entry else {})}
    cwd = (entry.cwd if entry else None) or options.cwd
    command = Command(
        words=tuple(words),
        env=env,
        cwd=cwd,
        show_stderr=options.show_stderr,
        stop_seconds=options.stop_seconds,
        max_bytes=options.max_bytes,
    )
    key = "\0".join([*words, cwd or "", *(f"{name}={value}" for name, value in sorted(env.items()))])
    return Way(lambda: ProcessExchange(command), key)


def _load(path: str) -> Mapping[str, Any]:
    try:
        # What was looked at and approved is what is started: a name that stands twice is refused.
        found = read_strict(Path(path).read_bytes(), repr(path))
    except OSError as error:
        raise LocalError(f"cannot read {path!r}: {error.strerror or error}") from None
    except MalformedError as error:
        raise LocalError(error.reason) from None
    if not isinstance(found, dict):
        raise LocalError(f"{path!r} holds no JSON object")
    return cast("dict[str, Any]", found)


class Filed(msgspec.Struct, frozen=True):
    """A server in a file: who wrote it, nobody here knows, so a command is started only if it was approved."""

    config: Mapping[str, Any]
    path: str
    name: str


class Defined(msgspec.Struct, frozen=True):
    """A server of a configuration: as it is `written`, and as it is `meant`, variables filled in.

    `place` is for people, `target` how a command line names it.
    """

    place: str
    target: str
    written: Entry
    meant: Entry


def defined(text: str) -> Defined:
    """Return what `path.json` or `path.json#name` names. Raises LocalError if that cannot be read."""
    path, _, name = text.partition("#")
    return _defined(_load(path), path, name)


def _defined(config: Mapping[str, Any], source: str, name: str = "") -> Defined:
    table = next((config[key] for key in _SERVERS if isinstance(config.get(key), Mapping)), None)
    if table is not None:
        config, name = _pick(cast("Mapping[str, Any]", table), name, source)
    elif name:
        raise LocalError(f"{source} has no table mcpServers to find {name!r} in")
    place, target = (f"server {name!r} of {source}", f"{source}#{name}") if name else (source, source)
    try:
        return Defined(place, target, msgspec.convert(config, Entry), msgspec.convert(_expanded(config, place), Entry))
    except msgspec.ValidationError as error:
        raise LocalError(f"{place}: {error}") from None


def _filed(target: Filed, headers: Fields, options: Options) -> Way:
    found = _defined(target.config, target.path, target.name)
    way = _configured(found, headers, options)
    if found.meant.command is None:
        return way
    if options.cwd and not found.meant.cwd:
        found = msgspec.structs.replace(found, meant=msgspec.structs.replace(found.meant, cwd=options.cwd))

    def dial() -> Exchange:
        # Each time anew: an approval may come, or go. What is judged is what was read, and not the file as it is now.
        import_module("dragoman.app.launching").permit(found, options.approved)
        return way.dial()

    return Way(dial, way.key)


def _configured(found: Defined, headers: Fields, options: Options) -> Way:
    place, entry = found.place, found.meant
    if entry.url is not None and entry.command is None:
        return _url(entry.url, {**entry.headers, **headers}, options)
    if entry.command is not None and entry.url is None:
        return _command(entry.words, headers, options, entry)
    raise LocalError(f"{place} needs either a command or a url")


def _pick(table: Mapping[str, Any], name: str, source: str) -> tuple[Mapping[str, Any], str]:
    names = ", ".join(map(repr, list(table)[:20])) or "none"
    if not name:
        if len(table) != 1:
            raise LocalError(f"{source} has {len(table)} servers ({names}): say which, as path#name or as its entry")
        name = next(iter(table))
    entry = table.get(name)
    if not isinstance(entry, Mapping):
        raise LocalError(f"{source} has no server {name!r}; it has {names}")
    return cast("Mapping[str, Any]", entry), name


def _expanded(value: Any, place: str) -> Any:
    """Return `value` with `${NAME}`, `${env:NAME}` and `${NAME:-default}` replaced in every string."""

    def found(match: re.Match[str]) -> str:
        name: str = match[1]
        default: str | None = match[2]
        text = os.environ.get(name, default)
        if text is None:
            raise LocalError(f"{place} wants the environment variable {name}, which is not set")
        return text

    if isinstance(value, str):
        return _VARIABLE.sub(found, value)
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        return {key: _expanded(item, place) for key, item in members.items()}
    if isinstance(value, list):
        return [_expanded(item, place) for item in cast("list[object]", value)]
    return value


def servers_of(source: Mapping[str, Any] | str | os.PathLike[str]) -> dict[str, Any]:
    """Return targets by name: of a mapping, of a client program's configuration, or of a file that holds one.

    Those of a file stay known as such. A target that is a string with no address and no file in it is a command
    line. Raises LocalError.
    """
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        table = _table_of(_load(path))
        if table is None:
            raise LocalError(f"{path!r} has no table of servers: it needs one named mcpServers")
        return {str(name): Filed({_SERVERS[0]: table}, path, str(name)) for name in table}
    table = _table_of(source)
    return {str(name): _worded(target) for name, target in (source if table is None else table).items()}


def _table_of(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = next((config[key] for key in _SERVERS if isinstance(config.get(key), Mapping)), None)
    if found is None or "command" in found or "url" in found:
        return None  # a server that is called that
    return cast("Mapping[str, Any]", found)


def _worded(target: Any) -> Any:
    if not isinstance(target, str) or _ADDRESS.match(target):
        return target
    path = python_file(target) or json_file(target)
    if path and (len(target.split()) == 1 or Path(path).is_file()):
        return target
    try:
        return shlex.split(target)
    except ValueError as error:
        raise LocalError(f"the command {target[:200]!r} cannot be read: {error}") from None
