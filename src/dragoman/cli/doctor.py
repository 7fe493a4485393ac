"""Find out what is wrong with a server, from its name in the network to what it lists.

Nothing is called and nothing changed; resources are read only with --read.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import msgspec

from dragoman.app.launching import approvals, described, launch_of, refusal
from dragoman.cli import show
from dragoman.cli.amounts import seconds
from dragoman.cli.kept import http_url
from dragoman.cli.outcome import FAILED, OK, UNAUTHORIZED, UNREACHABLE, UsageError
from dragoman.cli.target import Target, choose, read_headers
from dragoman.cli.terminal import Paper, one_line, visible
from dragoman.doctor.examination import Plan, examine
from dragoman.doctor.findings import Report
from dragoman.doctor.kinds import Severity
from dragoman.protocol.filed import json_file

EPILOG = """\
examples:
  dragoman doctor https://mcp.example.com/mcp
  dragoman doctor --read -- uvx some-server          start a command, read what it lists
  dragoman doctor ~/.cursor/mcp.json#weather         asks before it starts a file's command
  dragoman doctor https://mcp.example.com/mcp --login --json

exit status: 0 nothing wrong that keeps a client out, 1 errors found (with --strict warnings too), 2 wrong usage,
3 the server wants a login, 4 no word of MCP was exchanged"""
MARKS = {"fine": "ok", "notes": "!", "failed": "x", "skipped": "-"}
Ask = Callable[[Sequence[str]], bool]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = "\n  dragoman doctor [options] URL\n  dragoman doctor [options] -- COMMAND [ARG ...]"
    parser.add_argument("words", nargs="*", metavar="TARGET", help="the server, or an entry of a client's file")
    parser.add_argument("--json", action="store_true", help="print JSON; an error is one JSON object on stderr")
    parser.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="send this HTTP header")
    parser.add_argument("--timeout", type=seconds, default=10.0, metavar="SECONDS", help="per step (default 10)")
    parser.add_argument("--read", action="store_true", help="read each resource that is listed (at most 100, 60 s)")
    parser.add_argument("--login", action="store_true", help="register a client, to try where a login leads")
    parser.add_argument("--watch", type=seconds, default=0.0, metavar="SECONDS", help="wait for tools to change")
    parser.add_argument("--yes", action="store_true", help="start a command that stands in a file, without asking")
    parser.add_argument("--strict", action="store_true", help="warnings are errors")
    parser.add_argument("--fix", action="store_true", help="forget a login or registration kept here that is no use")


def run(options: argparse.Namespace) -> int:
    """Examine, print, and return the exit status."""
    target, rest = choose(options.words, options.command, starts=False)
    if rest:
        raise UsageError(f"doctor looks at one server; what is {rest[0]!r}?")
    agreed = consent(target, options, asked)
    # What the client warns of is in the findings.
    logging.getLogger("dragoman").addHandler(logging.NullHandler())
    report = asyncio.run(examine(target, plan_of(target, options, agreed)))
    paper = Paper(sys.stdout)
    if options.json:
        paper.line(show.as_json(msgspec.to_builtins(report)))
    else:
        tell(report, paper)
    return status(report, strict=options.strict)


def plan_of(target: Target, options: argparse.Namespace, agreed: str = "") -> Plan:
    """Return how far to go; the wallet of this machine is opened only if there ever was a login."""
    wallet: Any = None
    if http_url(target):
        disk = import_module("dragoman.auth.wallet_disk")
        wallet = disk.default_wallet() if disk.any_logins() else None
    return Plan(
        headers=read_headers(options.header),
        timeout=options.timeout,
        read=options.read,
        login=options.login,
        watch=options.watch,
        fix=options.fix,
        wallet=wallet,
        approved=agreed,
    )


def consent(target: Target, options: argparse.Namespace, ask: Ask) -> str:
    """Return the digest of a file's command that may be started this once, "" if nobody has to be asked.

    One that was typed may be started: typing it is consent. Raises UsageError if nobody agrees.
    """
    if isinstance(target, list) or not json_file(target):
        return ""
    launch = launch_of(target)
    if launch is None or approvals().approved(launch):
        return ""
    if options.yes or ask(described(launch)):
        return launch.digest
    raise UsageError(f"{refusal(launch, target)}\nTo start it this once: --yes")


def asked(lines: Sequence[str]) -> bool:
    """Ask on the terminal whether a command may be started; without a terminal nobody agrees."""
    if not sys.stdin.isatty():
        return False
    shown = "\n".join(f"  {one_line(line)}" for line in lines)
    print(f"This starts a command:\n{shown}\nStart it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def status(report: Report, *, strict: bool) -> int:
    """Return the exit status for what was found."""
    if report.reached != "server":
        return UNAUTHORIZED if report.reached == "refused" else UNREACHABLE
    return FAILED if report.count("error") or (strict and report.count("warning")) else OK


def tell(report: Report, paper: Paper) -> None:
    """Print the stages, then the findings, the worst first."""
    paper.line(paper.strong(one_line(report.target)))
    for stage in report.stages:
        paper.line(f"  {MARKS[stage.outcome]:<2} {stage.name:<22} {paper.faint(one_line(stage.said))}".rstrip())
    for severity in ("error", "warning", "note"):
        for found in (one for one in report.findings if one.severity == severity):
            paper.line(f"\n{paper.strong(severity)} {found.kind}: {one_line(found.what)}")
            if found.where != report.target:
                paper.line(f"  where  {one_line(found.where)}")
            paper.line(f"  cause  {found.cause}")
            paper.line(f"  cure   {found.cure}")
            paper.line(paper.faint(f"  more   {found.page}"))
    for done in report.fixed:
        paper.line(visible(f"\nfixed: {done}"))
    paper.line(f"\n{', '.join(_counted(report, name) for name in ('error', 'warning', 'note'))}")


def _counted(report: Report, severity: Severity) -> str:
    count = report.count(severity)
    return f"{count} {severity}{'' if count == 1 else 's'}"
