"""`dragoman registry start NAME`: what clients run for a server that was put in from a registry.

Promise: a server that its registry deleted is not started; secrets go from the wallet into its environment or its
headers, and nothing is written to stdout before it has it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Mapping
from importlib import import_module

from dragoman.app.saying import say
from dragoman.auth.wallet_disk import default_wallet
from dragoman.cli.clients_start import become
from dragoman.cli.clients_target import SECRET_KEY
from dragoman.cli.kept import kept_login
from dragoman.cli.outcome import UsageError
from dragoman.cli.registry_names import kept_record
from dragoman.registry import watching
from dragoman.registry.inputs import Word
from dragoman.transport.wire_fds import seize


def start(options: argparse.Namespace) -> int:
    """Become the server, or a bridge to it. Raises UsageError, and WithdrawnError for a server that was deleted."""
    records, record = kept_record(options.words)
    for note in asyncio.run(watching.before_start(record, records)):
        say(note)
    recipe = record.recipe
    secrets = asyncio.run(_secrets(recipe.secrets(), record.name))
    if recipe.url:
        streams = seize()
        # Only for those who need it: what serves takes long to load.
        bridge = import_module("dragoman.cli.bridge")
        headers = {one: _text(word, secrets) for one, word in recipe.headers.items()}
        url = _text(recipe.url, secrets)
        # As they are: what a stranger wrote, or a secret, is no reference to this user's environment.
        status: int = bridge.lead(url, headers, kept_login(url, headers), streams, record.alias)
        return status
    words = [_text(word, secrets) for word in recipe.words]
    env = {one: _text(word, secrets) for one, word in recipe.env.items()}
    return become(words, {**os.environ, **env}, recipe.cwd)


async def _secrets(keys: list[str], name: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    wallet = default_wallet() if keys else None
    for key in keys:
        value = await wallet.read(SECRET_KEY + key) if wallet is not None else None
        if value is None:
            raise UsageError(
                f"there is no secret {key!r} on this machine: 'dragoman registry add {name}' asks for it again"
            )
        found[key] = value.decode()
    return found


def _text(word: Word, secrets: Mapping[str, str]) -> str:
    return "".join(piece if isinstance(piece, str) else secrets[piece.secret] for piece in word)
