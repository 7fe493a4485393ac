"""Read a resource and print what it holds.

Text is printed as it is. Binary data goes to --out FILE, or into a pipe; never to a terminal.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dragoman.app.client import Client
from dragoman.cli import show
from dragoman.cli.outcome import UsageError
from dragoman.cli.session import use
from dragoman.cli.target import add_options, choose
from dragoman.cli.terminal import Paper, size

EPILOG = """\
examples:
  dragoman read http://127.0.0.1:8848/mcp docs://documents/about-acme.md
  dragoman read http://127.0.0.1:8848/mcp img://logo --out logo.png
  dragoman read config://app -- python server.py"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = """
  dragoman read [options] URL URI
  dragoman read [options] URI -- COMMAND [ARG ...]"""
    parser.add_argument("words", nargs="*", metavar="WORD", help="the server, and the resource")
    parser.add_argument("--out", type=Path, metavar="FILE", help="save what the resource holds")
    add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the resource."""
    target, words = choose(options.words, options.command)
    if len(words) != 1:
        raise UsageError("which resource? Give one URI; 'dragoman list' shows them" if not words else "give one URI")
    options.uri = words[0]
    return use(target, options, act)


async def act(client: Client, options: argparse.Namespace, paper: Paper) -> None:
    """Read `options.uri` and print or save it."""
    result = await client.read(options.uri)
    if options.out is not None:
        data = result.data
        show.save([data], options.out)
        print(f"{options.out}: {size(len(data))}", file=sys.stderr)
    elif options.json:
        paper.line(show.as_json(result.wire))
    elif not paper.terminal and hasattr(paper.stream, "buffer") and not result.text:
        paper.stream.flush()
        paper.stream.buffer.write(result.data)
    else:
        show.contents(paper, result.contents)
