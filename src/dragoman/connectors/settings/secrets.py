"""`${...}` in dragoman.yaml: variables of the environment, and secrets from a keyring, a file or a command.

    url: postgresql://reader:${keyring:shop/reader}@db.example.com/shop

Filled in when the file is read, and kept to what is opened with it: `Filled.hide` takes the values out of any text.
Limit: a command is waited for, 10 seconds at most, and gives at most 64 KiB.
"""

from __future__ import annotations

import importlib
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dragoman.connectors.source import SourceError

SECONDS = 10.0
MAX_SECRET = 64 * 1024  # bytes
_LEAST_HIDDEN = 4  # characters: a shorter value is in too many words to be a secret
_REFERENCE = re.compile(r"\$(?:\$|\{([^{}]{0,2000})\})")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)

# Shown each command before it runs: what it is for, and its words.  Raises SourceError for one that may not.
Approve = Callable[[str, tuple[str, ...]], None]


class Filled:
    """Fills references in, remembering the values, so that no message repeats them."""

    def __init__(self, folder: Path, approve: Approve, environment: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._approve = approve
        self._environment = os.environ if environment is None else environment
        self._values: set[str] = set()

    def fill(self, value: Any, where: str) -> Any:
        """Return the value with all references in its texts filled in.  Raises SourceError, naming the place."""
        if isinstance(value, str):
            return self._text(value, where)
        if isinstance(value, dict):
            return {key: self.fill(item, f"{where}.{key}") for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
        if isinstance(value, list):
            return [self.fill(item, f"{where}[{number}]") for number, item in enumerate(value)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return value

    def hide(self, text: str) -> str:
        """Return a text without any of the values."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, "***")
        return text

    def _text(self, text: str, where: str) -> str:
        def value(found: re.Match[str]) -> str:
            if found[0] == "$$":
                return "$"
            secret = self._value(found[1], where)
            if len(secret) >= _LEAST_HIDDEN:
                self._values.add(secret)
            # Within the user's part of an address, signs such as @ and / would change what is meant.
            before, after = text[: found.start()], text[found.end() :]
            if "://" in before and "@" in re.split(r"[/?#]", _REFERENCE.sub("", after))[0]:
                secret = quote(secret, safe="")
                self._values.add(secret)
            return secret

        return _REFERENCE.sub(value, text)

    def _value(self, reference: str, where: str) -> str:
        kind, colon, rest = reference.partition(":")
        if colon and kind in ("keyring", "file", "command"):
            return {"keyring": self._keyring, "file": self._file, "command": self._command}[kind](rest, where)
        found = _VARIABLE.fullmatch(reference)
        if found is None:
            raise SourceError(
                f"{where}: ${{{reference[:60]}}} is none of ${{NAME}}, ${{NAME:-default}}, ${{keyring:SERVICE/USER}}, "
                "${file:PATH} and ${command:PROGRAM ARGUMENTS}; $$ is a dollar sign"
            )
        value = self._environment.get(found[1], found[2] if found.lastindex == 2 else None)
        if value is None:
            raise SourceError(f"{where}: the variable {found[1]} is not set in the environment")
        return value

    def _keyring(self, rest: str, where: str) -> str:
        service, slash, user = rest.rpartition("/")
        if not slash or not service or not user:
            raise SourceError(f"{where}: a secret of the keyring is ${{keyring:SERVICE/USER}}")
        try:
            found = importlib.import_module("keyring").get_password(service, user)
        except ImportError as fault:
            raise SourceError(f'{where}: the keyring needs a package: pip install "dragoman[keyring]"') from fault
        except Exception as fault:
            raise SourceError(f"{where}: the keyring does not answer ({type(fault).__name__})") from None
        if found is None:
            raise SourceError(f"{where}: the keyring has nothing for {service}/{user}: keyring set {service} {user}")
        return str(found)

    def _file(self, rest: str, where: str) -> str:
        path = self._folder / os.path.expanduser(rest)
        try:
            with path.open("rb") as stream:
                mode = os.fstat(stream.fileno()).st_mode
                data = stream.read(MAX_SECRET + 1)
        except OSError as fault:
            raise SourceError(f"{where}: {path} cannot be read: {fault.strerror or fault}") from fault
        if sys.platform != "win32" and stat.S_ISREG(mode) and mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_IROTH):
            raise SourceError(f"{where}: others can read or write {path}, so it is no secret: chmod 600 {path}")
        return self._line(data, where)

    def _command(self, rest: str, where: str) -> str:
        try:
            words = tuple(shlex.split(rest))
        except ValueError as fault:
            raise SourceError(f"{where}: this is no command line: {fault}") from fault
        if not words:
            raise SourceError(f"{where}: a secret from a command is ${{command:PROGRAM ARGUMENTS}}")
        self._approve(where, words)
        try:
            done = subprocess.run(
                words, cwd=self._folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise SourceError(f"{where}: {words[0]} took longer than {SECONDS:g} seconds") from None
        except OSError as fault:
            raise SourceError(f"{where}: {words[0]} cannot be started: {fault.strerror or fault}") from None
        if done.returncode:
            # What it printed may hold a part of the secret, and is not repeated.
            raise SourceError(f"{where}: {words[0]} failed with status {done.returncode}")
        return self._line(done.stdout, where)

    def _line(self, data: bytes, where: str) -> str:
        if len(data) > MAX_SECRET:
            raise SourceError(f"{where}: this secret has more than {MAX_SECRET:,} bytes")
        try:
            return data.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise SourceError(f"{where}: this secret is not UTF-8") from None


def commands_in(value: Any, where: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the commands that filling a value in would run, each with its place, running none."""
    if isinstance(value, str):
        found = [match[1] for match in _REFERENCE.finditer(value) if (match[1] or "").startswith("command:")]
        return [(where, tuple(shlex.split(text.removeprefix("command:")))) for text in found]
    if isinstance(value, dict):
        return [one for key, item in value.items() for one in commands_in(item, f"{where}.{key}")]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [one for number, item in enumerate(value) for one in commands_in(item, f"{where}[{number}]")]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return []
