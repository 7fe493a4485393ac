"""Starting a server with what its client has no words for: `dragoman clients start` fetches secrets, sets the folder.

Promise: an entry that is wrapped reads back as the entry it was; no secret is in a file or in a process's words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from dragoman.configs.entry import Entry
from dragoman.configs.faults import UnfitError
from dragoman.configs.shapes import Shape
from dragoman.configs.tables import table_of, unfit_env
from dragoman.configs.values import NEUTRAL, Ref, Value, read, references, shown

STARTER = ("clients", "start")
BRIDGE = "bridge"
_SETTING = re.compile(r"([^=]+)=(env|secret):(.+)", re.DOTALL)


def wrapped(entry: Entry, shape: Shape, own: Sequence[str]) -> Entry:
    """Return `entry` so that `shape` can say it: as it is, or started by this program, whose words are `own`.

    A question to the user becomes an environment variable where the client asks
    none. Raises UnfitError for a reference that nobody but its client knows.
    """
    entry = _unasked(entry, shape)
    if entry.transport != "stdio":
        return entry if shape.urls and _said(entry, shape) else _bridged(entry, own)
    names = unfit_env(entry, shape)
    folder = entry.cwd if entry.cwd is not None and not shape.cwd else None
    if not names and folder is None:
        return entry
    words: list[Value] = [(word,) for word in (*own, *STARTER)]
    if folder is not None:
        words += [("--cwd",), folder]
    for name in names:
        words += [("--env",), (f"{name}={_setting(entry.env[name])}",)]
    words += [("--",), entry.command, *entry.args]
    env = {name: value for name, value in entry.env.items() if name not in names}
    cwd = None if folder is not None else entry.cwd
    return msgspec.structs.replace(entry, command=words[0], args=tuple(words[1:]), env=env, cwd=cwd)


def _said(entry: Entry, shape: Shape) -> bool:
    """Say whether a client can say the address and the headers, or if a bridge would be of no help."""
    if any(ref.kind != "env" for ref in entry.references()):
        return True
    try:
        table_of(msgspec.structs.replace(entry, disabled=None), shape, "")
    except UnfitError:
        return False
    return True


def _bridged(entry: Entry, own: Sequence[str]) -> Entry:
    """Return a command in place of a URL, for a client that only starts commands; variables stay references."""
    if any(ref.kind != "env" for ref in entry.references()):
        raise UnfitError("it only starts commands, and the bridge knows no references but environment variables")
    words = [*own, BRIDGE, shown(entry.url)]
    for name, value in entry.headers.items():
        words += ["--header", f"{name}: {shown(value)}"]
    values: list[Value] = [(word,) for word in words]
    return msgspec.structs.replace(
        entry, transport="stdio", command=values[0], args=tuple(values[1:]), url=(), headers={}
    )


def _unbridged(entry: Entry, words: Sequence[str]) -> Entry:
    start = next((at for at in range(1, min(len(words), 4)) if words[at] == BRIDGE), None)
    if start is None or not re.search(r"(^|[/\\])(dragoman(\.exe)?|python[\w.]*)$", words[0]) or entry.env or entry.cwd:
        return entry
    url, *options = words[start + 1 :] or [""]
    lines = [line.partition(": ") for line in options[1::2]]
    if "://" not in url or len(options) % 2 or set(options[::2]) - {"--header"} or not all(line[1] for line in lines):
        return entry
    headers = {name: read(text, NEUTRAL) for name, _, text in lines}
    return msgspec.structs.replace(
        entry, transport="http", command=(), args=(), url=read(url, NEUTRAL), headers=headers
    )


def _setting(value: Value) -> str:
    match value:
        case (Ref("env" | "secret" as kind, name, None),):
            return f"{kind}:{name}"
        case _:
            raise UnfitError(f"it cannot be given {shown(value)!r}")


def _unasked(entry: Entry, shape: Shape) -> Entry:
    if shape.inputs or not any(ref.kind == "prompt" for ref in entry.references()):
        return entry

    def plain(value: Value) -> Value:
        return tuple(_variable(p) if isinstance(p, Ref) and p.kind == "prompt" else p for p in value)

    return msgspec.structs.replace(
        entry,
        command=plain(entry.command),
        args=tuple(map(plain, entry.args)),
        env={name: plain(value) for name, value in entry.env.items()},
        url=plain(entry.url),
        headers={name: plain(value) for name, value in entry.headers.items()},
    )


def _variable(ref: Ref) -> Ref:
    name = re.sub(r"[^A-Za-z0-9]+", "_", ref.name).strip("_").upper()
    return Ref("env", name if name[:1].isalpha() else f"MCP_{name}")


def unwrapped(entry: Entry) -> Entry:
    """Return the entry that `wrapped` made this of; any other as it is."""
    words = [entry.command, *entry.args]
    start = next((at for at in range(1, min(len(words), 5)) if words[at : at + 2] == [(w,) for w in STARTER]), None)
    if entry.transport != "stdio":
        return entry
    if start is None or ("--",) not in words:
        plain = not any(references(word) for word in words)
        return _unbridged(entry, ["".join(map(str, word)) for word in words]) if plain else entry
    end = words.index(("--",))
    options = words[start + 2 : end]
    command = words[end + 1 :]
    if not command or len(options) % 2:
        return entry
    env, cwd = dict(entry.env), entry.cwd
    for flag, value in zip(options[::2], options[1::2], strict=True):
        if flag == ("--cwd",):
            cwd = value
        elif flag == ("--env",) and not references(value) and (found := _SETTING.fullmatch(shown(value))):
            env[found[1]] = (Ref("env" if found[2] == "env" else "secret", found[3]),)
        else:
            return entry
    return msgspec.structs.replace(entry, command=command[0], args=tuple(command[1:]), env=env, cwd=cwd)


def settings(lines: Sequence[str], environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what `--env NAME=KIND:WORD` lines say: variables with their values, and names of secrets by variable.

    Raises UnfitError for a line of another kind, and for a variable that is not set.
    """
    given: dict[str, str] = {}
    kept: dict[str, str] = {}
    for line in lines:
        found = _SETTING.fullmatch(line)
        if found is None:
            raise UnfitError("--env is written as NAME=env:VARIABLE or NAME=secret:NAME")
        if found[2] == "secret":
            kept[found[1]] = found[3]
        elif (value := environ.get(found[3])) is None:
            raise UnfitError(f"the environment variable {found[3]} is not set; the server wants it as {found[1]}")
        else:
            given[found[1]] = value
    return given, kept
