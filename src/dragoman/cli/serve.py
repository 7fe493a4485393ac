"""Serve folders of documents and SQLite files as one MCP server, without code.

The server has tools to search, fetch, list, describe and query what is in them.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from dragoman.cli import hosting
from dragoman.cli.outcome import UsageError
from dragoman.cli.paste import own_words
from dragoman.connectors.assembly import build
from dragoman.transport.wire_fds import seize

EPILOG = """\
SOURCE is a folder of documents (PDF, Word, Excel, CSV, HTML, Markdown, text), a single document, or a SQLite file.
Without --stdio and --http: in a terminal over HTTP, and on stdio when another program started it.

examples:
  dragoman serve ./documents
  dragoman serve ./documents sales.db --name acme
  dragoman serve ./documents --http --port 9000
  dragoman call http://127.0.0.1:8848/mcp search query="sales report"     from another terminal"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="a folder, a document or a SQLite file")
    parser.add_argument("--name", help="what the server calls itself")
    hosting.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    sources: list[str] = options.sources
    if options.command is not None:
        raise UsageError("serve takes sources, not a command after --")
    if not sources:
        raise UsageError("what shall be served? Give folders or files, as in: dragoman serve ./documents")
    place = hosting.choose(options)
    streams = seize() if place.stdio else None
    server = build(sources, name=options.name)
    if streams is not None:
        return hosting.on_stdio(server, streams)
    hosting.protect(server, options)
    listener = hosting.listen(place)
    return hosting.over_http(
        server, listener, place, hosting.http_options(options), _stdio_words(sources, options.name)
    )


def _stdio_words(sources: list[str], name: str | None) -> list[str]:
    return [*own_words(), "serve", *map(absolute, sources), "--stdio", *(["--name", name] if name else [])]


def absolute(source: str) -> str:
    """Return a source, PATH or NAME=PATH or SCHEME:PATH, with its path as it is from anywhere."""
    if os.path.exists(source):
        return str(Path(source).resolve())
    found = re.fullmatch(r"([a-z][a-z0-9-]*=)?(sqlite:///?|file://)?(.*)", source, re.DOTALL)
    if found is None or "://" in found[3]:
        return source
    # An absolute path after sqlite: has four slashes in all.
    scheme = {"s": "sqlite:///", "f": "file://"}.get((found[2] or "")[:1], "")
    return f"{found[1] or ''}{scheme}{Path(found[3]).expanduser().resolve()}"
