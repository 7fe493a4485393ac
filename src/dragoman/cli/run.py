"""Serve the server in a Python file, over stdio or HTTP; these options win over what its own `run(...)` says.

Also runs servers written for `mcp` and `fastmcp`, unchanged, with neither installed.
"""

from __future__ import annotations

import argparse
import contextlib
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from dragoman.app import running
from dragoman.app.options import HttpOptions
from dragoman.app.saying import say
from dragoman.app.server import Server
from dragoman.cli import hosting, inherited, run_sandbox, shared
from dragoman.cli.amounts import whole
from dragoman.cli.outcome import OK, BrokenServerError, UsageError
from dragoman.cli.paste import own_words
from dragoman.compat.loader import load, split
from dragoman.compat.refusal import LoadError
from dragoman.compat.stage import capture
from dragoman.errors import McpError
from dragoman.late import late
from dragoman.transport.wire_fds import seize

if TYPE_CHECKING:
    from dragoman.cli import supervisor
else:
    supervisor = late("dragoman.cli.supervisor")

MAX_WORKERS = 256
# Faults whose own words say enough, with file and line.
_TOLD = (SyntaxError, ModuleNotFoundError, McpError)
EPILOG = """\
FILE is a Python file with a server in it; FILE:NAME says which one, or which function makes it.
Without --stdio and --http: in a terminal over HTTP, and on stdio when another program started it.

examples:
  dragoman run server.py
  dragoman run server.py:weather --http --port 9000
  dragoman run server.py --reload                     start anew when a .py file beside it changes
  dragoman run server.py --http --workers 4           four processes on one port
  dragoman run server.py --preview                    show the pages of its apps in a browser
  dragoman run --sandbox -- npx -y some-server        a command of anybody's: no home folder, no network"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", metavar="FILE[:NAME]", nargs="?", help="the Python file, and which of its servers")
    hosting.add_options(parser)
    parser.add_argument("--workers", type=whole(1, MAX_WORKERS), default=1, metavar="N", help="processes (HTTP only)")
    parser.add_argument("--sse", action="store_true", help="serve clients of 2024 too, at /sse (one process)")
    parser.add_argument("--reload", action="store_true", help="start anew when a .py file changes (HTTP only)")
    parser.add_argument("--preview", action="store_true", help="show the server's apps in a page of this machine")
    parser.add_argument("--no-compat", action="store_true", help="import mcp and fastmcp as they are installed")
    parser.add_argument("--inherit", type=inherited.read, help=argparse.SUPPRESS)
    run_sandbox.add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    if options.sandbox:
        return run_sandbox.run(options)
    if options.command is not None:
        raise UsageError("run takes a file, not a command after --, unless it goes into a sandbox: --sandbox")
    if word := run_sandbox.misplaced(options):
        raise UsageError(f"{word} is for a sandbox: dragoman run --sandbox {word} ... -- COMMAND")
    if not options.file:
        raise UsageError("run takes a Python file with a server in it; 'dragoman run --help' shows how")
    if options.inherit is not None:
        return _work(options, options.inherit)
    if options.preview:
        return _preview(options)
    place = hosting.choose(options)
    if options.sse and options.workers > 1:
        raise UsageError("--sse works in one process: a client of it has to come back to the same one")
    if options.reload and place.stdio:
        raise UsageError(
            "--reload works over HTTP; on stdio the client owns the process, and would lose its session: use --http"
        )
    if place.stdio:
        # Before the file is imported: what it prints while it is loaded must not get among the frames.
        streams = seize()
        return hosting.on_stdio(loaded(options), streams)
    if options.workers > 1 or options.reload:
        return _supervise(options, place)
    server = loaded(options)
    hosting.protect(server, options)
    return hosting.over_http(server, hosting.listen(place), place, _http(options), _stdio_words(options))


def _preview(options: argparse.Namespace) -> int:
    if (
        options.stdio
        or options.host
        or options.workers > 1
        or options.reload
        or options.sse
        or (hosting.auth_words(options))
    ):
        raise UsageError("--preview is a page of this machine: of the other options it takes --port and --no-compat")
    server = loaded(options)
    # Only for those who want it: uvicorn takes long to load.
    module = import_module("dragoman.host.serving")
    module.serve(server, module.PORT if options.port is None else options.port)
    return OK


def _supervise(options: argparse.Namespace, place: hosting.Place) -> int:
    if not _path(options).is_file():
        loaded(options)  # which says what is wrong
    listener = hosting.listen(place)
    words = [options.file, *_passed_on(options, place)]
    folder = _path(options).resolve().parent if options.reload else None
    with contextlib.ExitStack() as stack:
        stack.callback(listener.close)
        if options.workers > 1:
            made = stack.enter_context(shared.store_for_workers())
            say(f"{options.workers} processes, one store: {'a file until they end' if made else shared.VARIABLE}")
        return supervisor.keep(words, listener, options.workers, folder, teaches=place.teaches)


def _passed_on(options: argparse.Namespace, place: hosting.Place) -> list[str]:
    words = ["--http", "--host", place.host, "--workers", str(options.workers)]
    words += [word for name in options.allow_host for word in ("--allow-host", name)]
    words += [word for origin in options.allow_origin for word in ("--allow-origin", origin)]
    words += [word for proxy in options.trusted_proxy for word in ("--trusted-proxy", proxy)]
    words += hosting.auth_words(options)
    return [*words, *(["--sse"] if options.sse else []), *(["--no-compat"] if options.no_compat else [])]


def _work(options: argparse.Namespace, given: inherited.Inherited) -> int:
    """Serve as one of several processes, on a socket that the first one opened."""
    inherited.end_with_parent()
    server = loaded(options)
    hosting.protect(server, options)
    place = hosting.Place(False, options.host or hosting.HOST, 0, given.role == "teach")
    command = None if given.role == "quiet" else _stdio_words(options)
    together = options.workers == 1 or server.sharing is not None
    if not together and command is not None:
        say(
            "this server keeps everything in its own memory, so clients of the handshake era get no sessions: leave out"
        )
        say('store="memory:" in the file, or name a store that several processes can reach')
    return hosting.over_http(server, given.listener(), place, _http(options, sessions=together), command)


def _http(options: argparse.Namespace, *, sessions: bool = True) -> HttpOptions:
    return {**hosting.http_options(options, sessions=sessions), "sse": options.sse}


def _path(options: argparse.Namespace) -> Path:
    return Path(split(options.file)[0])


def _stdio_words(options: argparse.Namespace) -> list[str]:
    path, name = split(options.file)
    target = f"{Path(path).resolve()}:{name}" if name else str(Path(path).resolve())
    return [*own_words(), "run", target, "--stdio", *(["--no-compat"] if options.no_compat else [])]


def _captured(server: Server, *_: object) -> None:
    capture(server)


def loaded(options: argparse.Namespace) -> Server:
    """Return the server in the file. Raises LoadError, and BrokenServerError with the file's own traceback."""
    path, name = split(options.file)
    shared.use()
    running.takeover = _captured
    try:
        return load(path, name, compat=not options.no_compat)
    except LoadError as error:
        cause = error.__cause__
        if not isinstance(cause, Exception) or isinstance(cause, _TOLD):
            raise
        raise BrokenServerError(f"{path} failed while it was loaded\n{trimmed(cause, path)}") from None
    finally:
        running.takeover = None


def trimmed(error: BaseException, path: str) -> str:
    """Return the traceback of `error` from its first frame in the file `path` on."""
    file = str(Path(path).resolve())
    frame: TracebackType | None = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename != file:
        frame = frame.tb_next
    lines: Sequence[str] = traceback.format_exception(type(error), error, frame or error.__traceback__)
    return "".join(lines).rstrip()
