"""Let a configuration file's server be started: without this, no command that stands in a file is.

Without --digest the command is shown, and nothing else happens. With it, exactly what was shown is approved: once the
program, its arguments, the names of its variables or its folder change, it needs to be approved again.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from dragoman.app.launching import Launch, approvals, described, launch_of
from dragoman.cli import show
from dragoman.cli.outcome import OK, UsageError
from dragoman.cli.target import choose
from dragoman.cli.terminal import Paper, one_line, visible
from dragoman.protocol.filed import json_file

EPILOG = """\
examples:
  dragoman approve ~/.cursor/mcp.json#weather                       show what it would start
  dragoman approve ~/.cursor/mcp.json#weather --digest 3f0c...      let exactly that be started
  dragoman approve dragoman.yaml                    the commands of what `dragoman serve` reads
  dragoman approve                                  what was approved
  dragoman approve --forget ~/.cursor/mcp.json#weather              take that back"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = (
        "\n  dragoman approve FILE[#NAME] [--digest DIGEST [--risky]]\n  dragoman approve [--json]"
        "\n  dragoman approve --forget FILE[#NAME]|--digest DIGEST"
    )
    parser.add_argument("words", nargs="*", metavar="FILE[#NAME]", help="an entry of a client's configuration file")
    parser.add_argument("--digest", default="", help="approve it, if this is still its digest")
    parser.add_argument("--risky", action="store_true", help="approve what is said to be a risk too")
    parser.add_argument("--forget", action="store_true", help="take an approval back")
    parser.add_argument("--json", action="store_true", help="print JSON; an error is one JSON object on stderr")


def run(options: argparse.Namespace) -> int:
    """Show a command, or approve it; of what `dragoman serve` reads, all, or the one of that name or digest."""
    words: list[str] = options.words
    if options.forget and (options.risky or bool(words) == bool(options.digest)):
        raise UsageError("--forget takes FILE#NAME, or the --digest that 'dragoman approve' shows")
    if not words and options.command is None and (options.forget or not options.digest):
        return _forget([options.digest], options) if options.forget else _list(options)
    if len(words) == 1 and options.command is None and _is_settings(words[0]):
        launches = _of_settings(words[0], options.digest)
    else:
        launches = [_of_client(options)]
    if options.forget:
        return _forget([launch.digest for launch in launches], options)
    kept = approvals()
    for launch in launches:
        if options.digest:
            kept.approve(launch, options.digest, risky=options.risky)
        _show(launch, kept.approved(launch), as_json=options.json)
    return OK


def _list(options: argparse.Namespace) -> int:
    paper, kept = Paper(sys.stdout), approvals().kept()
    if options.json:
        paper.line(show.as_json(kept))
        return OK
    for digest, one in kept.items():
        paper.line(f"{digest}  {one_line(one['place'])}: {one_line(' '.join([one['program'], *one['words'][1:]]))}")
    if not kept:
        paper.line("nothing was approved")
    return OK


def _forget(digests: list[str], options: argparse.Namespace) -> int:
    kept, paper = approvals(), Paper(sys.stdout)
    gone = [digest for digest in digests if kept.forget(digest)]
    if options.json:
        paper.line(show.as_json({"forgotten": gone}))
    else:
        paper.line(f"taken back: {', '.join(gone)}" if gone else "that was not approved")
    return OK


def _of_client(options: argparse.Namespace) -> Launch:
    target, rest = choose(options.words, options.command, starts=False)
    if rest or not isinstance(target, str) or not json_file(target):
        raise UsageError("approve takes one server of a configuration file, as in: dragoman approve mcp.json#weather")
    launch = launch_of(target)
    if launch is None:
        raise UsageError(f"{Path(target.partition('#')[0]).name}: that server is an address, and starts nothing")
    return launch


def _is_settings(word: str) -> bool:
    file = word.partition("#")[0]
    return file.endswith((".yaml", ".yml")) or Path(file).name == "dragoman.json"


def _of_settings(target: str, digest: str) -> list[Launch]:
    """Return the commands of a file that `dragoman serve` reads.  Raises UsageError when none is meant."""
    file, _, name = target.partition("#")
    # Only for those who have such a file.
    approving: Any = import_module("dragoman.connectors.settings.approving")
    reading: Any = import_module("dragoman.connectors.settings.reading")
    read = reading.read_settings(Path(file))
    book = approving.Book(read.path)
    named = approving.commands_of(read)
    found: list[Launch] = [book.launch(*one) for one in named if name in ("", one[0])]
    if not found:
        known = ", ".join(where for where, _, _ in named) or "none"
        raise UsageError(f"{file}: no command {name!r}; there is {known}" if name else f"{file} starts nothing")
    if not digest:
        return found
    chosen = [one for one in found if one.digest == digest]
    if not chosen:
        raise UsageError(f"no command there has the digest {digest} now: look again without --digest")
    return chosen[:1]


def _show(launch: Launch, stands: bool, *, as_json: bool) -> None:
    paper = Paper(sys.stdout)
    if as_json:
        shown = {"server": launch.place, "command": described(launch), "digest": launch.digest, "approved": stands}
        paper.line(show.as_json({**shown, "risks": list(launch.risks)}))
        return
    paper.line(one_line(launch.place))
    for line in described(launch):
        paper.line(f"  {visible(line)}")
    paper.line(f"digest {launch.digest}, {'approved' if stands else 'not approved'}")
