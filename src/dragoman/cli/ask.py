"""Ask a model a question that it answers with your servers' tools, and show each step.

The steps go to stderr, the answer and its sources to stdout. What no rule allows is asked about in a terminal.
"""

from __future__ import annotations

import argparse
import sys

from dragoman.cli import host_show, show
from dragoman.cli.host_options import MODELS, add_options, opened
from dragoman.cli.host_stage import StoppedError
from dragoman.cli.outcome import FAILED, OK, UsageError
from dragoman.cli.terminal import Paper
from dragoman.errors import UnreachableError
from dragoman.host.host import Host

MAX_QUESTION = 1024 * 1024  # characters taken from stdin
INTERRUPTED = 130
EPILOG = f"""\
examples:
  dragoman ask "Summarize the latest sales report"          what is served at http://127.0.0.1:8848/mcp
  dragoman ask --config mcp.json "Which tickets are open?"
  dragoman ask --data ./documents --data sales.db --allow 'data/*' "How much did we sell in Q3?"
  dragoman ask --json --server shop=https://example.com/mcp --rules rules.json "..." > answer.json

Without --config, --server and --data: dragoman.yaml, .mcp.json or mcp.json in this folder.
{MODELS}

exit status: 0 answered, 1 the model or its bounds ended it early, 2 wrong usage, 4 no server or no model, 130 Ctrl-C"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("words", nargs="*", metavar="QUESTION", help="the question; - reads it from stdin")
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="print the answer with its steps as JSON")
    parser.add_argument("--quiet", action="store_true", help="show no steps")


def run(options: argparse.Namespace) -> int:
    """Print the answer."""
    if options.command is not None:
        raise UsageError("ask takes servers by --config and --server, not a command after --")
    question = sys.stdin.read(MAX_QUESTION) if options.words == ["-"] else " ".join(options.words)
    if not question.strip():
        raise UsageError('what is the question? As in: dragoman ask "Summarize the latest sales report"')
    paper = Paper(sys.stdout)
    try:
        with opened(options, Paper(sys.stderr), None, _read) as (stage, host, steps):
            _check(host)
            answer = stage.run(host.ask(question.strip()))
    except StoppedError:
        return INTERRUPTED
    if options.json:
        paper.line(show.as_json(host_show.as_json(question.strip(), host.model.shown, answer, steps.notes)))
    else:
        host_show.end(answer, paper)
    return FAILED if answer.stopped else OK


def _check(host: Host) -> None:
    """Raise UnreachableError if there is no server at all: the model would answer from memory."""
    members = host.group.servers
    if any(one.state == "open" for one in members.values()):
        return
    why = host.closed | {name: str(one.error) for name, one in members.items() if one.error is not None}
    said = "; ".join(f"{name}: {reason}" for name, reason in why.items())
    raise UnreachableError(
        f"no server is open, so nothing was asked; name some by --config, --server or --data ({said})"
    )


def _read(prompt: str) -> str:
    """Ask on stderr, since stdout is for the answer."""
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\n")
