"""Let a configuration file's server be started: without this, no command that stands in a file is.

Without --digest the command is shown, and nothing else happens. With it, exactly what was shown is approved: once the
program, its arguments, the names of its variables or its folder change, it needs to be approved again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dragoman.app.launching import approvals, described, launch_of
from dragoman.cli import show
from dragoman.cli.outcome import OK, UsageError
from dragoman.cli.target import choose
from dragoman.cli.terminal import Paper, one_line, visible

EPILOG = """\
examples:
  dragoman approve ~/.cursor/mcp.json#weather                       show what it would start
  dragoman approve ~/.cursor/mcp.json#weather --digest 3f0c...      let exactly that be started"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = "\n  dragoman approve FILE[#NAME] [--digest DIGEST [--risky]]"
    parser.add_argument("words", nargs="*", metavar="FILE[#NAME]", help="an entry of a client's configuration file")
    parser.add_argument("--digest", default="", help="approve it, if this is still its digest")
    parser.add_argument("--risky", action="store_true", help="approve what is said to be a risk too")
    parser.add_argument("--json", action="store_true", help="print JSON; an error is one JSON object on stderr")


def run(options: argparse.Namespace) -> int:
    """Show a command, or approve it."""
    target, rest = choose(options.words, options.command, starts=False)
    if rest or not isinstance(target, str) or not target.partition("#")[0].endswith(".json"):
        raise UsageError("approve takes one server of a configuration file, as in: dragoman approve mcp.json#weather")
    launch = launch_of(target)
    if launch is None:
        raise UsageError(f"{Path(target.partition('#')[0]).name}: that server is an address, and starts nothing")
    kept = approvals()
    if options.digest:
        kept.approve(launch, options.digest, risky=options.risky)
    stands = kept.approved(launch)
    paper = Paper(sys.stdout)
    if options.json:
        shown = {"server": launch.place, "command": described(launch), "digest": launch.digest, "approved": stands}
        paper.line(show.as_json({**shown, "risks": list(launch.risks)}))
        return OK
    paper.line(one_line(launch.place))
    for line in described(launch):
        paper.line(f"  {visible(line)}")
    paper.line(f"digest {launch.digest}, {'approved' if stands else 'not approved'}")
    return OK
