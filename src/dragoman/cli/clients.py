"""Put servers into client programs, each in its own format; list them, take them out, move and compare sets of them.

Each change is shown before it is made, kept so that it can be undone, and refused if the file changed meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dragoman.cli import clients_show as show
from dragoman.cli.clients_start import start
from dragoman.cli.clients_target import entries_of, source_entries
from dragoman.cli.outcome import FAILED, OK, USAGE, UsageError
from dragoman.cli.paste import own_words
from dragoman.cli.terminal import Paper, visible
from dragoman.configs import changes, plans, portable
from dragoman.configs.clients import CLIENTS, Client, Scope, client_named
from dragoman.configs.entry import Entry
from dragoman.configs.machine import Machine, this_machine
from dragoman.configs.survey import installed, survey
from dragoman.errors import LocalError

EPILOG = """\
examples:
  dragoman clients                                        the clients on this machine, and their servers
  dragoman clients add server.py --to all                 a Python file, into every client that is installed
  dragoman clients add https://mcp.example.com/mcp --to cursor,vscode
  dragoman clients add --to claude-desktop --env API_KEY -- npx -y some-server
  dragoman clients remove weather --to all
  dragoman clients export --from cursor > servers.json
  dragoman clients import servers.json --to codex
  dragoman clients diff cursor vscode
  dragoman clients sync --from cursor --to vscode
  dragoman clients undo

--env NAME takes the variable from the client's environment; --secret NAME asks for it and keeps it in the keyring."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = """
  dragoman clients [--json]
  dragoman clients add [options] TARGET --to CLIENT[,CLIENT...]|all
  dragoman clients remove NAME ... --to CLIENT|all
  dragoman clients export [NAME ...] --from CLIENT [--out FILE]
  dragoman clients import FILE [NAME ...] --to CLIENT|all
  dragoman clients diff CLIENT|FILE CLIENT|FILE
  dragoman clients sync [NAME ...] --from CLIENT --to CLIENT|all [--delete]
  dragoman clients undo [NUMBER]"""
    parser.add_argument("words", nargs="*", metavar="WORD", help="what to do, and with what")
    parser.add_argument("--json", action="store_true", help="print JSON; an error is one JSON object on stderr")
    parser.add_argument("--to", action="append", default=[], metavar="CLIENT", help="the client, several, or all")
    parser.add_argument("--from", dest="source", default="", metavar="CLIENT", help="whose servers")
    parser.add_argument("--name", default="", metavar="NAME", help="the server's name in the client")
    parser.add_argument("--env", action="append", default=[], metavar="NAME[=VALUE]", help="a variable of the server's")
    parser.add_argument("--secret", action="append", default=[], metavar="NAME", help="a variable kept in the keyring")
    parser.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="sent to the URL")
    parser.add_argument("--cwd", default="", metavar="DIR", help="the folder that the server starts in")
    parser.add_argument("--sse", action="store_true", help="the URL is one of the older HTTP+SSE")
    parser.add_argument("--project", action="store_true", help="into the project in this folder, not for the user")
    parser.add_argument("--out", default="", metavar="FILE", help="where to export to")
    parser.add_argument("--delete", action="store_true", help="sync: take out what the source does not have")
    parser.add_argument("--files", action="store_true", help="write files even where the client has a command for it")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(options: argparse.Namespace) -> int:
    """Do what the first word says."""
    words: list[str] = options.words
    action = ACTIONS.get(words[0] if words else "list")
    if action is None:
        raise UsageError(f"clients does not know {words[0]!r}; there is {', '.join(ACTIONS)}")
    options.words = words[1:]
    return action(options)


def _list(options: argparse.Namespace) -> int:
    show.listed(Paper(sys.stdout), survey(this_machine()), as_json=options.json)
    return OK


def _add(options: argparse.Namespace) -> int:
    setting = setting_of(options)
    targets = targets_of(options, setting.machine)
    return _put(options, setting, targets, entries_of(options, setting.machine))


def _import(options: argparse.Namespace) -> int:
    if not options.words:
        raise UsageError("import takes a file: dragoman clients import servers.json --to cursor")
    setting = setting_of(options)
    targets = targets_of(options, setting.machine)
    found = source_entries(options.words[0], setting.machine)
    return _put(options, setting, targets, portable.chosen(found, options.words[1:]))


def _put(
    options: argparse.Namespace, setting: plans.Setting, targets: Sequence[Client], entries: Sequence[Entry]
) -> int:
    return _carry_out(options, setting, [plans.put(client, entries, setting) for client in targets])


def _remove(options: argparse.Namespace) -> int:
    if not options.words:
        raise UsageError("remove takes the names of servers: dragoman clients remove weather --to cursor")
    setting = setting_of(options)
    targets = targets_of(options, setting.machine)
    return _carry_out(options, setting, [plans.take(client, options.words, setting) for client in targets])


def _export(options: argparse.Namespace) -> int:
    if not options.source:
        raise UsageError("export wants --from CLIENT")
    entries = source_entries(options.source, this_machine())
    done = portable.export(portable.chosen(entries, options.words))
    for name, moved in done.moved:
        print(visible(f"dragoman: {name}: {plans.told(moved)}"), file=sys.stderr)
    if options.out:
        out = Path(options.out)
        changes.replace(out, done.text.encode(), changes.current(out))
    else:
        Paper(sys.stdout).data(done.text)
    return OK


def _diff(options: argparse.Namespace) -> int:
    if len(options.words) != 2:
        raise UsageError("diff takes two: dragoman clients diff cursor vscode")
    machine = this_machine()
    one, other = (source_entries(word, machine) for word in options.words)
    same = show.compared(Paper(sys.stdout), options.words, one, other, as_json=options.json)
    return OK if same else FAILED


def _sync(options: argparse.Namespace) -> int:
    if not options.source:
        raise UsageError("sync wants --from CLIENT and --to CLIENT")
    setting = setting_of(options)
    entries = portable.chosen(source_entries(options.source, setting.machine), options.words)
    targets = [one for one in targets_of(options, setting.machine) if one.id != options.source]
    todo = [plans.put(client, entries, setting) for client in targets]
    if options.delete:
        if options.words:
            raise UsageError("--delete makes all of a client like the source: name no servers with it")
        names = {entry.name for entry in entries}
        for client in targets:
            extra = [entry.name for entry in source_entries(client.id, setting.machine) if entry.name not in names]
            todo += [plans.take(client, extra, setting)] if extra else []
    return _carry_out(options, setting, todo)


def _undo(options: argparse.Namespace) -> int:
    state = this_machine().state()
    past = [one for one in changes.history(state) if not one.undone]
    if options.words:
        past = [one for one in past if str(one.number) == options.words[0]]
    if not past:
        raise UsageError("there is nothing to undo")
    paper = Paper(sys.stdout)
    show.difference(paper, changes.preview(past[-1]))
    if not agreed(options, f"undo change {past[-1].number}"):
        return _left(options)
    changes.undo(past[-1], state)
    paper.line(visible(f"{past[-1].path} is as it was before change {past[-1].number}"))
    return OK


def setting_of(options: argparse.Namespace) -> plans.Setting:
    """Return where plans are made."""
    scope: Scope = "project" if options.project else "user"
    return plans.Setting(this_machine(), tuple(own_words()), scope, drive=not options.files)


def targets_of(options: argparse.Namespace, machine: Machine) -> list[Client]:
    """Return the clients that --to names. Raises UsageError."""
    words = [word for several in options.to for word in several.split(",") if word]
    if not words:
        raise UsageError("into which client? --to NAME, or --to all; 'dragoman clients' lists those on this machine")
    if words == ["all"]:
        found = [client for client in CLIENTS if installed(client, machine)]
        if not found:
            raise UsageError("there is no client on this machine; --to NAME makes the file for one")
        return found
    return list({client.id: client for client in map(client_named, words)}.values())


def _carry_out(options: argparse.Namespace, setting: plans.Setting, todo: Sequence[plans.Plan]) -> int:
    written, faults = carry_out(options, setting, todo)
    if options.json:
        show.outcome(Paper(sys.stdout), todo, faults, written=written)
    if not written and any(plan.change is not None for plan in todo):
        return _left(options)
    return FAILED if faults or any(plan.refusal for plan in todo) else OK


def carry_out(
    options: argparse.Namespace, setting: plans.Setting, todo: Sequence[plans.Plan]
) -> tuple[bool, dict[int, str]]:
    """Show plans, ask, and make them; returns whether they were agreed to, and faults by the id of the plan."""
    paper = Paper(sys.stderr if options.json else sys.stdout)
    for plan in todo:
        show.planned(paper, plan)
    open_plans = [plan for plan in todo if plan.change is not None]
    faults: dict[int, str] = {}
    written = bool(open_plans) and agreed(options, "write this" if len(open_plans) == 1 else "write all of this")
    if written:
        for plan in open_plans:
            try:
                plans.carry_out(plan, setting)
            except LocalError as error:
                faults[id(plan)] = str(error)
        if not options.json:
            show.results(paper, open_plans, faults)
    return written, faults


def agreed(options: argparse.Namespace, what: str) -> bool:
    """Ask whether to do something; --yes says so, and nobody to ask says no."""
    if options.yes or options.dry_run or not sys.stdin.isatty():
        return bool(options.yes and not options.dry_run)
    print(f"\n{what}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _left(options: argparse.Namespace) -> int:
    if options.dry_run:
        return OK
    print("dragoman: nothing was written; --yes writes without asking", file=sys.stderr)
    return USAGE


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": _list,
    "add": _add,
    "remove": _remove,
    "export": _export,
    "import": _import,
    "diff": _diff,
    "sync": _sync,
    "undo": _undo,
    "start": start,
}
