"""`dragoman serve ... --install CLIENT`: let a client program start this server, and `--uninstall` take it out again.

The difference is shown first, a copy of the file is kept, and `dragoman clients undo` brings it back.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from dragoman.cli import clients
from dragoman.cli.outcome import UsageError


def run(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Write the entry, or remove it, as `dragoman clients` does."""
    if options.install and options.uninstall:
        raise UsageError("--install or --uninstall, one of them")
    name = entry_name(options)
    target = options.install or options.uninstall
    said = ["add", "--to", target, "--name", name] if options.install else ["remove", name, "--to", target]
    parser = argparse.ArgumentParser()
    clients.add_arguments(parser)
    given = parser.parse_args([*said, *(["--yes"] if options.yes else []), *(["--json"] if options.json else [])])
    given.command = list(words) if options.install else None
    return clients.run(given)


def entry_name(options: argparse.Namespace) -> str:
    """Return the server's name in the client: its own, or that of its first source or of the file's folder."""
    first = options.sources[0] if options.sources else str(Path(options.config or ".").absolute())
    named = re.match(r"([a-z][a-z0-9-]*)=", first)
    bare = named[1] if named else Path(first.rpartition(":")[2].rstrip("/") or "data").stem
    if not options.sources and options.config is None:
        bare = Path.cwd().name
    return re.sub(r"[^A-Za-z0-9_-]+", "-", options.name or bare).strip("-") or "data"
