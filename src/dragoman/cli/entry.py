"""From words to a command: finds it, parses its options, runs it, and turns how it ended into an exit status.

Promise: only the module of the command at hand is imported, so that a command does not pay for the others.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from dragoman.cli.outcome import OK, USAGE, UsageError, report
from dragoman.cli.target import split_command
from dragoman.errors import McpError
from dragoman.late import late

if TYPE_CHECKING:
    import difflib

    from dragoman.cli import values
else:
    difflib, values = late("difflib"), late("dragoman.cli.values")

MAX_PATH = 240  # characters of a path that are shown
BROKEN_PIPE = 141  # what a shell reports for a program that wrote where nobody reads any more
EPILOG = """\
examples:
  dragoman run server.py                             serve a Python file; in a terminal it says what to do next
  dragoman serve ./documents sales.db                serve files and databases, without code
  dragoman list http://127.0.0.1:8848/mcp            what a server has
  dragoman call http://127.0.0.1:8848/mcp search query="sales report"
  dragoman call add a=1 b=2 -- python server.py      start a server, call it, stop it

exit status: 0 done, 1 the tool failed, 2 wrong usage, 3 not authorized, 4 unreachable, 130 Ctrl-C
'dragoman COMMAND --help' tells more."""


class Parser(argparse.ArgumentParser):
    """argparse, with its complaints as UsageError, so that `--json` holds for them too."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        unknown = message.partition("unrecognized arguments: ")[2].split(" ")[0].partition("=")[0]
        near = difflib.get_close_matches(
            unknown, [name for name in self._option_string_actions if name[:2] == "--"], n=1
        )
        meant = f"; did you mean {near[0]}?" if near and unknown[:1] == "-" else ""
        raise UsageError(f"{message}{meant or ';'} '{self.prog} --help' shows how it is used")


def top() -> argparse.ArgumentParser:
    """Return the parser that knows the commands by name, and none of their options."""
    parser = Parser(
        prog="dragoman",
        description="The Model Context Protocol on the command line: serve, list, call, read.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dragoman {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    commands.add_parser("run", help="serve the server in a Python file", add_help=False)
    commands.add_parser("worker", help="run a server's tasks, and serve nobody", add_help=False)
    commands.add_parser("serve", help="serve documents, files, databases and scripts, without code", add_help=False)
    commands.add_parser("index", help="what is kept of served documents, and taking it away", add_help=False)
    commands.add_parser("list", help="list a server's tools, resources and prompts", add_help=False)
    commands.add_parser("call", help="call a tool and print what it gives", add_help=False)
    commands.add_parser("task", help="ask after a task, wait for it, cancel it", add_help=False)
    commands.add_parser("read", help="read a resource", add_help=False)
    commands.add_parser("prompt", help="get a prompt, filled in", add_help=False)
    commands.add_parser("bridge", help="give a client that speaks only stdio a server over HTTP", add_help=False)
    commands.add_parser("login", help="log in to a server; other commands use that by themselves", add_help=False)
    commands.add_parser("logout", help="forget a login, and tell the server that gave it", add_help=False)
    commands.add_parser("approve", help="let a server of a configuration file be started", add_help=False)
    commands.add_parser("consent", help="what the host may call and start, and taking that back", add_help=False)
    commands.add_parser("audit", help="what the host decided and did, and what went to which model", add_help=False)
    commands.add_parser("doctor", help="find out what is wrong with a server", add_help=False)
    commands.add_parser("ask", help="ask a model that uses your servers' tools", add_help=False)
    commands.add_parser("chat", help="talk with a model that uses your servers' tools", add_help=False)
    commands.add_parser("clients", help="put servers into client programs, and move them between", add_help=False)
    commands.add_parser("registry", help="find servers in a registry and put them in; bundles", add_help=False)
    return parser


COMMANDS = (
    "run",
    "worker",
    "serve",
    "index",
    "list",
    "call",
    "task",
    "read",
    "prompt",
    "bridge",
    "login",
    "logout",
    "approve",
    "consent",
    "audit",
    "doctor",
    "ask",
    "chat",
    "clients",
    "registry",
)


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    # What a server says may hold what this terminal's encoding lacks; that must not end the command.
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _run(words)
        sys.stdout.flush()
        return status
    except McpError as error:
        return report(error, as_json="--json" in split_command(words)[0])
    except BrokenPipeError:
        # Python would try to write the rest at its end, and complain.
        _drop_output()
        return BROKEN_PIPE
    except OSError as fault:
        return _report_foreign(fault, as_json="--json" in split_command(words)[0])


def _open_what_is_closed() -> None:
    """Let a stream that the caller closed lead nowhere: else Python has none there, and a socket may get its number."""
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)
            setattr(sys, name, os.fdopen(opened, "r" if number == 0 else "w"))


def _drop_output() -> None:
    """Let what is still to be written go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_foreign(fault: OSError, *, as_json: bool) -> int:
    """Tell of what the system refused: room for the output, the folder that the command stands in, any other path.

    Raises `fault` again if it is none of these: that is a fault of ours.
    """
    if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO) and fault.filename is None:
        _drop_output()
        told = f"the output cannot be written: {fault.strerror}"
    elif isinstance(fault, FileNotFoundError) and not _stands_somewhere():
        told = "the folder that this was started in is gone; change to one that is there"
    elif fault.filename is not None:
        told = f"{shortened(os.fsdecode(fault.filename))}: {fault.strerror}"
    else:
        raise fault
    return report(UsageError(told), as_json=as_json)


def shortened(path: str) -> str:
    """Return a path to be told: of one that fills the screen, its ends."""
    return path if len(path) <= MAX_PATH else f"{path[:100]}...{path[-100:]}"


def _stands_somewhere() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _run(words: list[str]) -> int:
    if not words:
        top().print_help(sys.stderr)
        return USAGE
    if words[0] not in COMMANDS:
        if not words[0].startswith("-"):
            raise UsageError(f"there is no command {words[0]!r}{values.suggestion(words[0], COMMANDS)}")
        return _top(words)
    module = import_module(f"dragoman.cli.{words[0]}")
    parser = Parser(
        prog=f"dragoman {words[0]}",
        description=str(module.__doc__).partition("\n\n")[0],
        epilog=module.EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    before, command = split_command(words[1:])
    options = _parsed(parser, before)
    if isinstance(options, int):
        return options
    options.command = command
    status: int = module.run(options)
    return status


def _parsed(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace | int:
    """Return the options, or the exit status if the words asked only for help or the version."""
    try:
        return parser.parse_intermixed_args(words)
    except SystemExit as done:
        return int(done.code or OK)


def _top(words: list[str]) -> int:
    try:
        top().parse_args(words)
    except SystemExit as done:
        return int(done.code or OK)
    raise UsageError(f"which command? There is {', '.join(COMMANDS)}")


def _version() -> str:
    # The package is loaded, since this is in it; what the installer knows of it takes ten times as long to ask.
    return str(getattr(sys.modules["dragoman"], "__version__", "of an unknown version"))
