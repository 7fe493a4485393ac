"""The servers of a host: what the user's settings name, what each of them is, and whether it may be started.

Promise: a command that stands in a file is not started before the user saw it whole and said yes.
Limit: what a program says in its own code, and what the user types, is started as it is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec

from dragoman.app.launching import Launch, launch_of, launch_of_words
from dragoman.app.surroundings import HOSTED
from dragoman.app.target import Filed, Options, Target, servers_of
from dragoman.errors import LocalError
from dragoman.host.consent import Consent
from dragoman.host.consent_book import Served, in_process, of_launch, of_url
from dragoman.host.sandbox.tiers import told
from dragoman.host.sandboxed import KEY, Held, bound, held, wrapped
from dragoman.protocol.filed import json_file

LOCAL_ONLY = ("localOnly", "local_only")


class Entry(NamedTuple):
    """A server: how it is reached, what it is, and whether what it gives stays on this machine."""

    name: str
    target: Any
    served: Served
    local_only: bool
    filed: bool  # whether it stands in a file, so that starting it has to be allowed
    held: Held | None = None  # what holds it back, if it is a program in a sandbox


class Opening(NamedTuple):
    """The servers to open, the options of each, and why others stay closed."""

    targets: dict[str, Any]
    options: dict[str, Options]
    closed: dict[str, str]
    told: dict[str, str]


def entries(servers: Mapping[str, Target] | str | os.PathLike[str], *, sandbox: bool = False) -> dict[str, Entry]:
    """Return the servers by name, of a mapping or a file with `mcpServers`; `sandbox` holds all programs back.

    Raises LocalError.
    """
    return {name: _entry(name, target, sandbox) for name, target in servers_of(servers).items()}


def _entry(name: str, target: Any, sandbox: bool) -> Entry:
    said: Mapping[str, Any] = {}
    filed = isinstance(target, Filed) or (isinstance(target, str) and json_file(target) is not None)
    if isinstance(target, Filed):
        table = next(iter(target.config.values()))
        written: object = table[target.name]
        if not isinstance(written, Mapping):
            raise LocalError(f"{target.path}: the server {target.name!r} is no object")
        said = cast("Mapping[str, Any]", written)
    elif isinstance(target, Mapping):
        said = cast("Mapping[str, Any]", target)
    local = any(said.get(key) is True for key in LOCAL_ONLY)
    served = _served(name, target, said)
    if served.launch is None or isinstance(target, str | Mapping):
        return Entry(name, target, served, local, filed)
    how = held(said.get(KEY), served.launch, always=sandbox)
    if how is not None:
        served = of_launch(name, bound(served.launch, how))
    return Entry(name, target, served, local, filed, how)


def _served(name: str, target: Any, said: Mapping[str, Any]) -> Served:
    if isinstance(target, Filed):
        launch = launch_of(f"{target.path}#{target.name}")
        return of_url(name, str(said.get("url", ""))) if launch is None else of_launch(name, launch)
    if isinstance(said.get("url"), str):
        return of_url(name, said["url"])
    words: Any = target
    if said:
        command: Any = said.get("command") or ""
        words = [*([command] if isinstance(command, str) else command), *said.get("args", [])]
    if isinstance(target, str | os.PathLike):
        text = os.fspath(cast("str | os.PathLike[str]", target))
        if text.lower().startswith(("http://", "https://")):
            return of_url(name, text)
        launch = launch_of(text) if json_file(text) else _launched(name, [text])
        return of_url(name, text) if launch is None else of_launch(name, launch)
    if isinstance(words, list | tuple) and words:
        return of_launch(name, _launched(name, [str(word) for word in cast("list[object]", words)]))
    return in_process(name, str(getattr(target, "name", type(target).__name__)))


def _launched(name: str, words: list[str]) -> Launch:
    return launch_of_words(f"server {name!r}", words, Path.cwd())


async def opening(known: Mapping[str, Entry], consent: Consent, *, hosted: bool) -> Opening:
    """Return which servers may be opened, having asked where that was needed. Raises LocalError, see `Consent`."""
    found = Opening({}, {}, {}, {})
    env = {HOSTED: "1"} if hosted else {}
    for name, entry in known.items():
        if entry.local_only and hosted:
            found.closed[name] = "it is for this machine only, and the model is elsewhere"
            continue
        launch = entry.served.launch
        approved = ""
        if entry.filed and launch is not None:
            decision = await consent.permit_start(entry.served)
            if not decision.allowed:
                found.closed[name] = f"it was not started: {decision.reason}"
                continue
            # Bound to what was shown: if the file says something else by now, it is not started.
            approved = launch.digest
        found.targets[name], found.options[name] = entry.target, Options(env=env or None, approved=approved)
        if entry.held is not None and launch is not None:
            try:
                how = await asyncio.to_thread(entry.held.found)
                bare = msgspec.structs.replace(launch, sandbox="")
                found.targets[name], found.options[name] = wrapped(entry.target, bare, entry.held, env)
            except LocalError as error:
                del found.targets[name], found.options[name]
                found.closed[name] = str(error)
            else:
                found.told[name] = told(how, entry.held.profile)
    return found
