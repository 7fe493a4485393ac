"""Show what is kept of documents that were served, and take it away.

The indexes of `dragoman serve` hold the text of documents, in files that only their owner can read.
"""

from __future__ import annotations

import argparse
import sys

from dragoman.cli import show
from dragoman.cli.outcome import OK, UsageError
from dragoman.cli.serve import index_of
from dragoman.cli.terminal import Paper, visible
from dragoman.connectors import keeping

EPILOG = """\
examples:
  dragoman index status               which indexes there are, of what, and how large
  dragoman index purge manuals        take away those of sources of that name
  dragoman index purge --all          take away all; the next start makes what it needs again
  dragoman index status --index postgresql://HOST/NAME     those in a database"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = (
        "\n  dragoman index status [--index URL] [--json]\n  dragoman index purge NAME ...|--all [--index URL]"
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="status, or purge and the names of sources")
    parser.add_argument("--all", action="store_true", help="purge: all indexes")
    parser.add_argument("--index", metavar="URL", default="", help="the database that keeps the indexes")
    parser.add_argument("--json", action="store_true", help="print JSON; an error is one JSON object on stderr")


def run(options: argparse.Namespace) -> int:
    """Show the indexes, or take some away."""
    words: list[str] = options.words or ["status"]
    index = index_of(options)
    if words[0] == "status" and len(words) == 1:
        kept = keeping.kept(index=index)
    elif words[0] == "purge" and bool(words[1:]) != options.all:
        kept = keeping.purge(None if options.all else words[1:], index=index)
    else:
        raise UsageError("index takes: status, purge NAME ..., or purge --all")
    paper = Paper(sys.stdout)
    if options.json:
        paper.line(show.as_json([one.as_json() for one in kept]))
        return OK
    for one in kept:
        gone = "gone: " if words[0] == "purge" else ""
        paper.line(visible(f"{gone}{one.name}: {one.about}, {one.size:,} bytes, {one.path}"))
    if not kept:
        paper.line("there is no index" if words[0] == "status" else "nothing was there to take away")
    return OK
