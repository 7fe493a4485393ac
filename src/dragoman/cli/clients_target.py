"""What `dragoman clients add TARGET` puts into clients: an entry from a command, a URL, a Python file or another file.

Promise: every path in it is absolute, since clients start servers from folders of their own.
Limit: secrets given as words are refused; they would end up in files, and in the shell's history already are.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from dragoman.auth.wallet_disk import default_wallet
from dragoman.cli.outcome import UsageError
from dragoman.cli.paste import own_words
from dragoman.cli.target import choose, read_headers
from dragoman.configs import portable
from dragoman.configs.clients import client_named
from dragoman.configs.entry import Entry
from dragoman.configs.faults import UnreadableError
from dragoman.configs.machine import Machine
from dragoman.configs.secrecy import named_secret, without_secrets
from dragoman.configs.survey import see
from dragoman.configs.values import NEUTRAL, Ref, Value, read, references
from dragoman.protocol.filed import json_file

SECRET_KEY = "client-secret:"  # what comes before a secret's name in the wallet
_RUNNERS = {
    "npx",
    "uvx",
    "bunx",
    "pipx",
    "node",
    "python",
    "python3",
    "uv",
    "docker",
    "deno",
    "bun",
    "run",
    "exec",
    "x",
}


def entries_of(options: argparse.Namespace, machine: Machine) -> list[Entry]:
    """Return the entries that a command line names. Raises UsageError."""
    target, rest = choose(options.words, options.command, starts=False)
    if rest:
        raise UsageError(f"add takes one server; what is {rest[0]!r}?")
    if isinstance(target, str) and (path := json_file(target)):
        name = target.partition("#")[2]
        return portable.chosen(_loaded(Path(path)), [name] if name else [])
    entry = _remote(target, options) if isinstance(target, str) and "://" in target else _local(target, machine)
    entry = msgspec.structs.replace(entry, name=options.name or entry.name)
    if not entry.name.isprintable() or not entry.name.strip():
        raise UsageError("a server's name is printable text: --name NAME")
    return [_equipped(entry, options)]


def _remote(url: str, options: argparse.Namespace) -> Entry:
    host = urlsplit(url).hostname or ""
    parts = [part for part in host.split(".") if part not in ("www", "mcp", "api")] or [host]
    name = host if re.fullmatch(r"[\d.]+|localhost", host) or ":" in host else parts[0]
    entry = Entry(name=name, transport="sse" if options.sse else "http", url=read(url, NEUTRAL))
    if any(moved.slot == "url" for moved in without_secrets(entry)[1]):
        raise UsageError("the URL holds a secret: write ${NAME} in its place, and set the variable NAME")
    return entry


def _local(target: str | list[str], machine: Machine) -> Entry:
    if isinstance(target, str):
        path = Path(os.path.abspath(target))
        words = [*own_words(), "run", "--stdio", str(path)]
        return _command(path.stem, words)
    words = [_absolute(word, machine.project) for word in target]
    return _command(_named(target), words)


def _command(name: str, words: Sequence[str]) -> Entry:
    values = [read(word, NEUTRAL) for word in words]
    return Entry(name=re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-") or "server", transport="stdio",
                 command=values[0], args=tuple(values[1:]))  # fmt: skip


def _absolute(word: str, folder: Path) -> str:
    """Return the absolute path of a file or folder that `word` names from here; any other word as it is."""
    if word.startswith("-") or not word or os.path.isabs(word) or not ("/" in word or os.sep in word or "." in word):
        return word
    path = folder / word
    return os.path.abspath(path) if path.exists() else word


def _named(words: Sequence[str]) -> str:
    """Return a name for a command: its package, script or program."""
    for word in words:
        stem = re.sub(r"@[\w.^~-]+$", "", word.rstrip("/")).replace("\\", "/").split("/")[-1]
        stem = re.sub(r"\.(py|js|mjs|ts|exe|cmd|sh)$", "", stem)
        if stem and not word.startswith("-") and stem.lower() not in _RUNNERS:
            return stem
    return Path(words[0]).stem


def _equipped(entry: Entry, options: argparse.Namespace) -> Entry:
    """Return `entry` with variables, secrets, headers and a folder. Raises UsageError for what does not go with it."""
    local = entry.transport == "stdio"
    if local and options.header:
        raise UsageError("--header is for a URL; give a command what it needs with --env")
    if not local and (options.env or options.secret or options.cwd):
        raise UsageError("--env, --secret and --cwd are for a command; a URL takes --header 'NAME: ${VARIABLE}'")
    env = dict(_variable(word) for word in options.env)
    headers = {name: read(value, NEUTRAL) for name, value in read_headers(options.header).items()}
    for name, value in headers.items():
        _no_secret(name, value, f"--header '{name}: Bearer ${{NAME}}' takes it from the variable NAME")
    for name in options.secret:
        env[name] = (Ref("secret", f"{entry.name}/{name}"),)
        if not options.dry_run:
            _keep(f"{entry.name}/{name}", name)
    cwd: Value | None = (os.path.abspath(options.cwd),) if options.cwd else None
    return msgspec.structs.replace(entry, env=env, headers=headers, cwd=cwd)


def _variable(word: str) -> tuple[str, Value]:
    name, equals, text = word.partition("=")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise UsageError(f"--env is written as NAME or NAME=VALUE; {name!r} is no name of a variable")
    if not equals:
        return name, (Ref("env", name),)
    value = read(text, NEUTRAL)
    _no_secret(name, value, f"--env {name} takes it from the environment, --secret {name} keeps it in the keyring")
    return name, value


def _no_secret(name: str, value: Value, instead: str) -> None:
    if value and not references(value) and named_secret(name):
        raise UsageError(f"{name} looks like a secret, which would stand in clients' files: {instead}")


def _keep(key: str, name: str) -> None:
    if sys.stdin.isatty():
        text = getpass.getpass(f"{name} (kept in the keyring): ")
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise UsageError(f"there is no value for {name}: type it, or give it on stdin")
    asyncio.run(default_wallet().write(SECRET_KEY + key, text.encode()))


def source_entries(word: str, machine: Machine) -> list[Entry]:
    """Return the servers of a client, or of an exported file. Raises UsageError or LocalError."""
    if word.endswith(".json"):
        return _loaded(Path(word))
    return list(see(client_named(word), machine).entries)


def _loaded(path: Path) -> list[Entry]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        return portable.load(data)
    except UnreadableError as error:
        raise UsageError(f"{path}: {error}") from None
