"""Call a tool and print what it gives.

Values are typed by the tool's input schema. Text is printed as it is; images and sound go to --out FILE.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import msgspec
from msgspec import UNSET

from dragoman.app.client import Client
from dragoman.calling.results import CallResult
from dragoman.calling.task_handle import TaskStatus
from dragoman.cli import show
from dragoman.cli.outcome import UsageError
from dragoman.cli.session import use
from dragoman.cli.target import add_options, choose
from dragoman.cli.terminal import Paper, one_line, size
from dragoman.cli.values import pairs, read_object, suggestion, typed
from dragoman.wire.notices import Progress
from dragoman.wire.tools import Tool

MAX_INPUT = 64 * 1024 * 1024  # bytes of JSON taken from stdin
EPILOG = """\
examples:
  dragoman call http://127.0.0.1:8848/mcp search query="sales report" limit=5
  dragoman call add a=1 b=2 -- python server.py
  dragoman call URL tag names=red names=blue              a key given twice is a list
  dragoman call URL move to='{"x": 1, "y": 2}'            lists and objects as JSON
  dragoman call URL add --args '{"a": 1, "b": 2}'         all arguments as JSON
  dragoman call URL ingest --args - < arguments.json      the same from stdin
  dragoman call URL chart --out chart.png                 save the image that comes back
  dragoman call URL report --detach                       start a task; 'dragoman task' asks after it"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = """
  dragoman call [options] URL TOOL [key=value ...]
  dragoman call [options] TOOL [key=value ...] -- COMMAND [ARG ...]"""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="the server, the tool, its arguments",
    )
    parser.add_argument("--args", metavar="JSON", help="all arguments as one JSON object; - reads it from stdin")
    parser.add_argument("--out", type=Path, metavar="FILE", help="save the image, sound or data that comes back")
    parser.add_argument("--detach", action="store_true", help="start a task, print its id and leave it to the server")
    add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the result."""
    target, words = choose(options.words, options.command)
    if not words:
        raise UsageError("which tool? 'dragoman list' shows the tools of a server")
    options.tool, given = words[0], pairs(words[1:])
    if given and options.args is not None:
        raise UsageError("give arguments as key=value or as --args JSON, not both")
    options.given = given
    options.whole = None if options.args is None else read_arguments(options.args)
    return use(target, options, act)


def read_arguments(args: str) -> dict[str, Any]:
    """Return what `--args` gives: JSON, or `-` for what stdin holds. Raises UsageError for what is no JSON object."""
    return read_object(_text(args), "--args")


def _text(args: str) -> str:
    if args != "-":
        return args
    # JSON is UTF-8 whatever this terminal's encoding is, and some programs put a mark before it.
    data = sys.stdin.buffer.read(MAX_INPUT + 1)
    if len(data) > MAX_INPUT:
        raise UsageError(f"stdin holds more than {MAX_INPUT} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise UsageError(f"--args is not UTF-8: byte {fault.start} of stdin is {data[fault.start]:#04x}") from None


async def act(client: Client, options: argparse.Namespace, paper: Paper) -> None:
    """Call the tool that `options` names, and print the result. Raises ToolError if the tool says it failed."""
    tool = await find(client, options.tool)
    arguments = typed(options.given, tool.input_schema) if options.whole is None else options.whole
    if options.detach:
        handle = await client.start_task(tool.name, arguments)
        if handle.id:
            paper.line(show.as_json(handle.saved()) if options.json else handle.id)
        else:
            print("answered at once: no task was made of it", file=sys.stderr)
            tell(paper, await handle.result(), options)
        return
    with progress(sys.stderr) as on_progress:
        result = await client.call_tool(
            tool.name, arguments, on_progress=on_progress, on_task=on_progress and on_progress.task
        )
    tell(paper, result, options)


def tell(paper: Paper, result: CallResult, options: argparse.Namespace) -> None:
    """Print or save a result, as `options` say."""
    if options.out is not None:
        _save(paper, result, options.out, as_json=options.json)
    elif options.json:
        paper.line(show.as_json(result.wire))
    else:
        _print(paper, result)


async def find(client: Client, name: str) -> Tool:
    """Return the tool called `name`. Raises UsageError with the nearest name if there is none."""
    if client.server_capabilities.tools is UNSET:
        raise UsageError("this server has no tools")
    tools = await client.list_tools()
    for tool in tools:
        if tool.name == name:
            return tool
    raise UsageError(f"there is no tool {name!r}{suggestion(name, [tool.name for tool in tools])}")


def _print(paper: Paper, result: CallResult) -> None:
    if paper.terminal and repeats(result):
        # The same, laid out: one long line of JSON is nothing to read.
        paper.data(show.as_json(result.value))
    elif result.content:
        show.content(paper, result.content)
    elif result.has_structured:
        paper.data(show.as_json(result.value))
    else:
        print("(the tool gave nothing)", file=sys.stderr)


def repeats(result: CallResult) -> bool:
    """Say whether the text of a result is its structured content over again, as JSON."""
    value: Any = result.value
    if not result.has_structured or len(result.content) != 1 or not isinstance(value, dict | list):
        return False
    try:
        return msgspec.json.decode(result.text) in (result.structured, result.value)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False


def _save(paper: Paper, result: CallResult, out: Path, *, as_json: bool) -> None:
    parts = show.binaries(result.content)
    if not parts:
        raise UsageError("the result holds no image, sound or data to save; leave --out away to see it")
    paths = show.save(parts, out)
    if as_json:
        paper.line(show.as_json({"saved": [str(path) for path in paths]}))
    else:
        show.content(paper, [block for block in result.content if not show.binaries([block])])
        for path, part in zip(paths, parts, strict=True):
            print(f"{path}: {size(len(part))}", file=sys.stderr)


class Line:
    """One line of a terminal, written anew each time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, notice: Progress) -> None:
        """Show how far a call is."""
        total = notice.total
        share = f"{notice.progress / total:4.0%}" if isinstance(total, int | float) and total > 0 else notice.progress
        self._show(f"{share} {one_line(notice.message)[:60] if isinstance(notice.message, str) else ''}")

    def task(self, now: TaskStatus) -> None:
        """Show how a task stands."""
        self._show(f"{now.status} {one_line(now.message)[:60]}")

    def _show(self, words: str) -> None:
        self._stream.write(f"\r\x1b[K{words}")
        self._stream.flush()


@contextmanager
def progress(stream: TextIO) -> Generator[Any, None, None]:
    """Give a callback that shows how far a call is on one line of a terminal, and wipe the line at the end."""
    if not stream.isatty():
        yield None
        return

    try:
        yield Line(stream)
    finally:
        stream.write("\r\x1b[K")
        stream.flush()
