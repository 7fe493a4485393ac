"""TARGET on a command line: a URL, a Python file, an entry of a configuration file, or, after `--`, a command.

Promise: what cannot be a target is refused before anything is connected, with what to write instead.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

from dragoman.cli.amounts import seconds
from dragoman.cli.outcome import UsageError
from dragoman.protocol.filed import json_file, python_file

Target: TypeAlias = str | list[str]
_URL = re.compile(r"https?://", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110, 5.6.2
AT_A_URL = "this is for one at a URL, as in https://mcp.example.com/mcp"
ANY = "a target is a URL (http://127.0.0.1:8848/mcp), a Python file, or a command after -- (-- python server.py)"


def split_command(argv: Sequence[str]) -> tuple[list[str], list[str] | None]:
    """Return the words before the first `--`, and those after it, None if there is no `--`."""
    words = list(argv)
    if "--" not in words:
        return words, None
    at = words.index("--")
    return words[:at], words[at + 1 :]


def choose(
    words: list[str], command: list[str] | None, *, starts: bool = True, what: str = ANY
) -> tuple[Target, list[str]]:
    """Return the target, and what is left of `words` without it.

    Raises UsageError, and NotApprovedError for a command of a configuration file that the user did not approve,
    unless the command line at hand `starts` nothing. `what` says which targets there are for it.
    """
    if command is not None:
        if not command:
            raise UsageError("after -- comes the command that starts the server, as in: -- python server.py")
        if words and _URL.match(words[0]):
            raise UsageError(f"there are two targets, {words[0]} and the command after --; give one of them")
        return command, words
    if not words:
        raise UsageError(f"which server? {what}")
    target = _named(words[0], what)
    if starts and json_file(target):
        import_module("dragoman.app.launching").approvals().check(target)
    return target, words[1:]


def _named(word: str, what: str) -> str:
    if _URL.match(word):
        return word
    if path := python_file(word) or json_file(word):
        if not Path(path).is_file():
            raise UsageError(f"no such file: {path}")
        return word
    if re.match(r"[\w.-]+(:\d+)?(/|$)", word) and ("/" in word or ":" in word or word == "localhost"):
        raise UsageError(f"{word!r} is not a URL; did you mean http://{word}?")
    raise UsageError(f"{word!r} is not a server: {what}")


def read_headers(lines: Sequence[str]) -> dict[str, str]:
    """Return header fields from `Name: value` lines. Raises UsageError; a value is never in its message."""
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or not _HEADER_NAME.fullmatch(name):
            raise UsageError("a header is written as in: --header 'Authorization: Bearer TOKEN'")
        if not value.isprintable():
            raise UsageError(f"the value of the header {name} has characters that a header cannot carry")
        fields[name] = value
    return fields


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options that every command which calls a server has."""
    parser.add_argument("--json", action="store_true", help="print JSON; an error is one JSON object on stderr")
    parser.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="send this HTTP header")
    parser.add_argument("--timeout", type=seconds, default=60.0, metavar="SECONDS", help="per request (default 60)")
    parser.add_argument("--trace", action="store_true", help="show the wire on stderr, secrets masked")
