"""From the words after `dragoman ask` and `dragoman chat` to a host: which model, which servers, which rules.

Promise: what is named twice, missing or wrong is told before anything is started. Limit: keys are no options, since
command lines are seen by others; they come from the environment or the keyring.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from dragoman.app.target import Filed, servers_of
from dragoman.auth.wallet_disk import config_home
from dragoman.cli.amounts import whole
from dragoman.cli.host_person import TerminalPerson
from dragoman.cli.host_show import Show
from dragoman.cli.host_stage import Stage
from dragoman.cli.kept import kept_login
from dragoman.cli.outcome import UsageError
from dragoman.cli.terminal import Paper
from dragoman.host.host import Host
from dragoman.host.limits import HostLimits
from dragoman.host.models.asking import Model
from dragoman.host.models.choosing import VARIABLE, model_of
from dragoman.host.rules import Rules

YAML = ("dragoman.yaml", "dragoman.yml", "dragoman.json")
FILES = (*YAML, ".mcp.json", "mcp.json")
USUAL = "http://127.0.0.1:8848/mcp"  # where `dragoman serve` and `make demo` are
USUAL_NAME = "local"
RULES = ("rules.json", "rules.yaml", "rules.yml")  # in the user's folder for settings
MODELS = """\
models: ollama/llama3.2, lmstudio/NAME, llamacpp/NAME, vllm/NAME, openai/NAME, anthropic/NAME, or
http://HOST:PORT/v1#NAME; DRAGOMAN_MODEL names one for good. Keys: OPENAI_API_KEY, ANTHROPIC_API_KEY,
DRAGOMAN_MODEL_KEY for an address, or the keyring (keyring set dragoman openai)."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of a host."""
    parser.add_argument("--model", help=f"which model (default: what {VARIABLE} says)")
    add = parser.add_argument
    add("--config", action="append", default=[], metavar="FILE", help="servers: a file with mcpServers, dragoman.yaml")
    add("--server", action="append", default=[], metavar="[NAME=]URL", help="a server over HTTP")
    add("--data", action="append", default=[], metavar="SOURCE", help="documents, a database: as dragoman serve takes")
    add("--rules", metavar="FILE", help="which tools may be called without asking, and which never")
    add(
        "--allow", action="append", default=[], metavar="SERVER/TOOL", help="let these be called; shop/* for all of one"
    )
    parser.add_argument(
        "--context", type=whole(1), default=64_000, metavar="TOKENS", help="what the model can hold (64000)"
    )
    parser.add_argument("--sandbox", action="store_true", help="start local servers of files in a sandbox")
    add("--root", action="append", default=[], metavar="DIR", help="a folder that servers may know you work in")


class Wanted(NamedTuple):
    """What a host is made of."""

    model: Model
    servers: dict[str, Any]
    credentials: dict[str, Any]
    rules: Rules


def wanted(options: argparse.Namespace) -> Wanted:
    """Return what the options mean. Raises UsageError, and LocalError for files that cannot be read."""
    name = options.model or os.environ.get(VARIABLE, "")
    if not name:
        raise UsageError(f"which model? --model ollama/llama3.2, or set {VARIABLE}; --help names the forms")
    model = model_of(name)
    servers: dict[str, Any] = {}
    credentials: dict[str, Any] = {}
    files = options.config or ([] if options.server or options.data else [one for one in FILES if Path(one).is_file()])
    for file in files:
        found = _data(Path(file), model.hosted) if Path(file).name.endswith(YAML) else servers_of(file)
        _add(servers, found)
    for text in options.server:
        _add(servers, dict([_named(text)]))
    if options.data:
        building: Any = import_module("dragoman.connectors.assembly")
        _add(servers, {"data": building.build(options.data)})
    if not servers:
        servers[USUAL_NAME] = USUAL
    for name, target in servers.items():
        url, headers = _address(target)
        if url and (login := kept_login(url, headers)) is not None:
            credentials[name] = login
    return Wanted(model, servers, credentials, _rules(options))


def _address(target: Any) -> tuple[str, dict[str, str]]:
    """Return the URL and the headers of a server over HTTP, "" for another."""
    if isinstance(target, str):
        return target, {}
    if not isinstance(target, Filed):
        return "", {}
    entry: Any = next(iter(target.config.values()))[target.name]
    said = dict(cast("Mapping[str, Any]", entry)) if isinstance(entry, Mapping) else {}
    url, headers = said.get("url"), said.get("headers")
    return (url, dict(headers or {})) if isinstance(url, str) and "$" not in url else ("", {})


def _rules(options: argparse.Namespace) -> Rules:
    usual = [config_home() / name for name in RULES]
    path = Path(options.rules) if options.rules else next((path for path in usual if path.is_file()), None)
    given = Rules() if path is None else Rules.read(path)
    if not options.allow:
        return given
    said = {
        **{pattern: str(verdict) for pattern, verdict in given.rules.items()},
        **dict.fromkeys(options.allow, "allow"),
    }
    return Rules.of(
        {"default": str(given.default), "without_terminal": given.without_terminal, "rules": said}, "--allow"
    )


def _data(path: Path, hosted: bool) -> dict[str, Any]:
    """Return the server that a dragoman.yaml describes, in this process."""
    # Only for those who have such a file.
    building: Any = import_module("dragoman.connectors.settings.building")
    made = building.Configured(path.absolute(), building.Wishes(hosted=hosted))
    return {made.server.name: made.server}


def _named(text: str) -> tuple[str, str]:
    name, equals, url = text.partition("=")
    if not equals or "/" in name or ":" in name:
        name, url = "", text
    if not url.lower().startswith(("http://", "https://")):
        raise UsageError(f"--server takes a URL, as in --server shop=http://127.0.0.1:8848/mcp, not {text[:100]!r}")
    if name:
        return name, url
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").replace(".", "-")
        return (USUAL_NAME if url == USUAL else f"{host}-{parts.port}" if parts.port else host), url
    except ValueError as error:
        raise UsageError(f"{url[:100]!r} is no URL: {error}") from None


def _add(servers: dict[str, Any], found: dict[str, Any]) -> None:
    for name, target in found.items():
        if name in servers:
            raise UsageError(f"there are two servers called {name!r}: give one of them another name")
        servers[name] = target


@contextmanager
def opened(
    options: argparse.Namespace, paper: Paper, words: Paper | None, read: Callable[[str], str]
) -> Generator[tuple[Stage, Host, Show]]:
    """Yield a host that is open, and the stage on which it runs. Raises McpError, StoppedError, KeyboardInterrupt."""
    meant = wanted(options)
    # What goes wrong with a server is shown as a note.
    logging.getLogger("dragoman").addHandler(logging.NullHandler())
    show = Show(paper, words, quiet=getattr(options, "quiet", False), silent=getattr(options, "json", False))
    stage = Stage(show)
    asks = sys.stdin.isatty() and paper.terminal
    person = TerminalPerson(stage, paper, read, show.settle) if asks else None
    if not 2_000 <= options.context <= 100_000_000:
        raise UsageError(f"--context {options.context}: a model holds 2000 tokens at least, to be of use here")
    roots = [_folder(root) for root in options.root]
    host = Host(
        meant.servers, model=meant.model, consent=meant.rules, person=person, listener=stage.tell,
        credentials=meant.credentials, roots=roots, sandbox=options.sandbox,
        limits=HostLimits(context=options.context),
    )  # fmt: skip
    stage.thread.open(_nothing, _nothing)
    try:
        stage.run(host.open())
        yield stage, host, show
    finally:
        stage.thread.close(host.close)


def _folder(text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not path.is_dir():
        raise UsageError(f"--root {text}: there is no such folder")
    return path


async def _nothing() -> None:
    """There is nothing to do."""
