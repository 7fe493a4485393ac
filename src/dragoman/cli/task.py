"""Ask after a task that `dragoman call --detach` started: how it stands, its result; or cancel it."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from dragoman.app.client import Client
from dragoman.calling.task_handle import TaskStatus
from dragoman.cli import call, show
from dragoman.cli.outcome import UsageError
from dragoman.cli.session import use
from dragoman.cli.target import add_options, choose
from dragoman.cli.terminal import Paper, one_line

VERBS = ("get", "result", "cancel")
EPILOG = """\
examples:
  dragoman call URL report year=2025 --detach             prints the task's id
  dragoman task get URL ID                                how it stands, and what it says
  dragoman task result URL ID                             wait for it, and print what the tool gives
  dragoman task cancel URL ID"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = """
  dragoman task get|result|cancel [options] URL ID
  dragoman task get|result|cancel [options] ID -- COMMAND [ARG ...]"""
    parser.add_argument("words", nargs="*", metavar="WORD", help="what to do, the server, the task's id")
    parser.add_argument("--out", type=Path, metavar="FILE", help="save the image, sound or data that comes back")
    add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Do what the first word says."""
    words: list[str] = options.words
    if not words or words[0] not in VERBS:
        raise UsageError(f"what about the task? One of {', '.join(VERBS)} comes first")
    target, rest = choose(words[1:], options.command)
    if len(rest) != 1:
        raise UsageError("which task? 'dragoman call --detach' prints the id of the one that it starts")
    options.verb, options.id = words[0], rest[0]
    return use(target, options, act)


async def act(client: Client, options: argparse.Namespace, paper: Paper) -> None:
    """Print how a task stands, or its result, or cancel it. Raises PeerError if there is no such task."""
    handle = client.resume_task({"taskId": options.id})
    if options.verb == "result":
        call.tell(paper, await handle.result(), options)
        return
    if options.verb == "cancel":
        await handle.cancel()
    now = await handle.status()
    if options.json:
        paper.line(show.as_json(_members(now)))
    else:
        paper.line(one_line(f"{now.status} {now.message}").rstrip())


def _members(now: TaskStatus) -> dict[str, object]:
    found: dict[str, object] = {"taskId": now.id, "status": now.status, "statusMessage": now.message}
    found |= {"createdAt": now.created_at, "lastUpdatedAt": now.updated_at, "inputRequests": now.questions}
    for name, raw in (("result", now.result), ("error", now.error)):
        if bytes(raw):
            found[name] = msgspec.json.decode(raw)
    return {name: value for name, value in found.items() if value not in ("", {})}
