"""`dragoman clients start -- COMMAND`: what clients run in place of a server that needs what they cannot give it.

Promise: the server takes this process's place, with its stdin and stdout; nothing is written to either before.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping

from dragoman.auth.wallet_disk import KEY, default_wallet
from dragoman.cli.clients_target import SECRET_KEY
from dragoman.cli.outcome import UsageError
from dragoman.configs.launch import settings


def start(options: argparse.Namespace) -> int:
    """Become the command, with the variables and the folder that the options name. Raises UsageError."""
    words: list[str] = options.command or []
    if not words:
        raise UsageError("start takes the server's command after --")
    given, kept = settings(options.env, os.environ)
    environ = {**os.environ, **given, **{name: _secret(key) for name, key in kept.items()}}
    return become(words, environ, options.cwd)


def become(words: list[str], environ: Mapping[str, str], folder: str = "") -> int:
    """Become a program, in a folder if one is given; this returns where a process cannot. Raises UsageError."""
    # What opens the wallet is no business of a server's.
    environ = {name: value for name, value in environ.items() if name != KEY}
    try:
        if folder:
            os.chdir(folder)
        if sys.platform == "win32":
            # A process cannot become another there; this one stays and passes on how that ended.
            return subprocess.run(words, env=environ, check=False).returncode
        os.execvpe(words[0], words, environ)
    except OSError as error:
        raise UsageError(f"{words[0]} cannot be started: {error.strerror or error}") from None


def _secret(key: str) -> str:
    found = asyncio.run(default_wallet().read(SECRET_KEY + key))
    if found is None:
        raise UsageError(f"there is no secret {key!r} on this machine: 'dragoman clients add --secret' keeps it again")
    return found.decode()
