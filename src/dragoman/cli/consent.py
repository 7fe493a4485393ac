"""Show which tools and servers were approved for the host, take that back, and try rules out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dragoman.cli import show
from dragoman.cli.outcome import OK, UsageError
from dragoman.cli.terminal import Paper, one_line
from dragoman.host.consent_book import Book
from dragoman.host.rules import Rules

EPILOG = """\
examples:
  dragoman consent                              what was approved
  dragoman consent forget sales                 the tools of that server, and its start, are asked about again
  dragoman consent forget --all
  dragoman consent check rules.yaml sales/get_total mail/send    what the rules in a file say of tools"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = (
        "\n  dragoman consent [list]\n  dragoman consent forget SERVER|--all\n  dragoman consent check FILE TOOL ..."
    )
    parser.add_argument("words", nargs="*", metavar="WORD", help="list, forget or check")
    parser.add_argument("--all", action="store_true", help="forget: all servers")
    parser.add_argument("--json", action="store_true", help="print JSON; an error is one JSON object on stderr")


def run(options: argparse.Namespace) -> int:
    """List, forget or check."""
    words: list[str] = options.words or ["list"]
    paper = Paper(sys.stdout)
    if words == ["list"]:
        return _list(paper, as_json=options.json)
    if words[0] == "forget" and len(words) == (1 if options.all else 2):
        gone = Book().forget("" if options.all else words[1])
        named = "all of them" if options.all else one_line(words[1])
        told = f"asked about again: {named}" if gone else "nothing was approved that this names"
        paper.line(show.as_json({"forgotten": gone}) if options.json else told)
        return OK
    if words[0] == "check" and len(words) > 2:
        return _check(Rules.read(Path(words[1])), words[2:], paper, as_json=options.json)
    raise UsageError("consent takes: list, forget SERVER, forget --all, or check FILE SERVER/TOOL ...")


def _list(paper: Paper, *, as_json: bool) -> int:
    kept = Book().kept()
    if as_json:
        paper.line(show.as_json(kept))
        return OK
    for server, tools in kept.items():
        paper.line(one_line(server))
        for tool, approved in sorted(tools.items()):
            paper.line(f"  {one_line(tool)}  {'approved' if approved else 'allowed by a rule, as it was then'}")
    if not kept:
        paper.line("nothing was approved")
    return OK


def _check(rules: Rules, tools: list[str], paper: Paper, *, as_json: bool) -> int:
    found: dict[str, dict[str, str]] = {}
    for word in tools:
        server, slash, tool = word.partition("/")
        if not slash or not server or not tool:
            raise UsageError(
                f"{word!r} is no tool; write the name of the server, a slash, and the tool's, as in sales/get"
            )
        match = rules.match(server, tool)
        found[word] = {"verdict": str(match.verdict), "rule": match.pattern}
    if as_json:
        paper.line(show.as_json(found))
        return OK
    for word, said in found.items():
        paper.line(one_line(f"{word}: {said['verdict']} ({said['rule'] or 'no rule names it'})"))
    return OK
