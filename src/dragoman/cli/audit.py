"""Show what the host decided and did: the log of every decision and call, and what went to which model.

The log is the user's own, in files that nobody else can read. Arguments are in it as digests, unless asked for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from dragoman.cli import show
from dragoman.cli.amounts import days, whole
from dragoman.cli.outcome import OK, UsageError
from dragoman.cli.terminal import Paper, one_line, size, visible
from dragoman.host.audit import Audit, Record, report

LAST = 50
EPILOG = """\
examples:
  dragoman audit                         the last decisions and calls
  dragoman audit list --last 500 --json  as JSON, one array
  dragoman audit report                  which items went to which model
  dragoman audit purge --days 30         take away the files that end more than 30 days ago
  dragoman audit purge --all"""
# What of a line is shown, in this order; the rest is in the JSON.
_SHOWN = ("verdict", "answer", "reason", "ended", "bytes", "model", "place")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = "\n  dragoman audit [list|report] [--last N] [--json]\n  dragoman audit purge --days N|--all"
    parser.add_argument("words", nargs="*", metavar="WORD", help="list, report or purge")
    parser.add_argument("--last", type=whole(0), default=LAST, metavar="N", help=f"how many lines; 0 for all ({LAST})")
    parser.add_argument("--days", type=days, metavar="N", help="purge: files older than that")
    parser.add_argument("--all", action="store_true", help="purge: all files")
    parser.add_argument("--json", action="store_true", help="print JSON; an error is one JSON object on stderr")


def run(options: argparse.Namespace) -> int:
    """List, report or purge."""
    words: list[str] = options.words or ["list"]
    if len(words) != 1 or words[0] not in ("list", "report", "purge"):
        raise UsageError("audit takes: list, report or purge")
    if words[0] != "purge" and (options.all or options.days is not None):
        raise UsageError("--days and --all are for: dragoman audit purge")
    audit, paper = Audit(), Paper(sys.stdout)
    if words[0] == "purge":
        return _purge(audit, options, paper)
    if words[0] == "report":
        return _report(audit, paper, as_json=options.json)
    records = list(audit.records())
    _list(records[-options.last :] if options.last else records, paper, as_json=options.json)
    return OK


def _purge(audit: Audit, options: argparse.Namespace, paper: Paper) -> int:
    if options.all == (options.days is not None):
        raise UsageError("audit purge takes --days N or --all")
    gone = audit.purge(options.days or 0.0)
    paper.line(show.as_json({"removed": gone}) if options.json else f"{gone} files of the log were taken away")
    return OK


def _list(records: Sequence[Record], paper: Paper, *, as_json: bool) -> None:
    if as_json:
        paper.line(show.as_json(list(records)))
        return
    for record in records:
        paper.line(one_line(_told(record)))
    if not records:
        paper.line("nothing was written down yet")


def _told(record: Record) -> str:
    where = "/".join(str(record[name]) for name in ("server", "tool") if record.get(name))
    start = record.get("what") == "decision" and not record.get("tool")
    what = "start" if start else str(record.get("what", ""))
    allowed = "" if "allowed" not in record else "allowed" if record["allowed"] is True else "denied"
    facts = [f"{name} {record[name]}" for name in _SHOWN if name in record]
    items: list[Any] = record.get("items") or []
    facts += [_counted(len(items), "item")] if items else []
    return "  ".join(filter(None, (str(record.get("at", "")), what, where, allowed, ", ".join(facts))))


def _report(audit: Audit, paper: Paper, *, as_json: bool) -> int:
    found = report(audit.records())
    if as_json:
        paper.line(show.as_json(found))
        return OK
    for sent in found:
        model = visible(sent.model)
        paper.line(f"{model} ({visible(sent.place)}): {_counted(sent.requests, 'request')}, {size(sent.size)}")
        for item, count in sorted(sent.items.items()):
            paper.line(f"  {one_line(item)}" + (f"  × {count}" if count > 1 else ""))
    if not found:
        paper.line("nothing went to any model")
    return OK


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
