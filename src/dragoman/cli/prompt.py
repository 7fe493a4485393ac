"""Get a prompt, filled in with your arguments, and print its messages.

The values of a prompt's arguments are text; nothing is converted.
"""

from __future__ import annotations

import argparse

from msgspec import UNSET

from dragoman.app.client import Client
from dragoman.cli import show
from dragoman.cli.outcome import UsageError
from dragoman.cli.session import use
from dragoman.cli.target import add_options, choose
from dragoman.cli.terminal import Paper, one_line
from dragoman.cli.values import pairs, suggestion
from dragoman.wire.prompts import Prompt

EPILOG = """\
examples:
  dragoman prompt http://127.0.0.1:8848/mcp summarize_latest where=docs://documents/reports
  dragoman prompt review language=Python -- python server.py"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = """
  dragoman prompt [options] URL NAME [key=value ...]
  dragoman prompt [options] NAME [key=value ...] -- COMMAND [ARG ...]"""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="WORD",
        help="the server, the prompt, its arguments",
    )
    add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the prompt."""
    target, words = choose(options.words, options.command)
    if not words:
        raise UsageError("which prompt? 'dragoman list' shows the prompts of a server")
    options.name, options.given = words[0], dict(pairs(words[1:]))
    return use(target, options, act)


async def act(client: Client, options: argparse.Namespace, paper: Paper) -> None:
    """Get the prompt that `options` names, and print its messages."""
    found = await find(client, options.name)
    check(options.given, found)
    result = await client.prompt(found.name, options.given)
    if options.json:
        paper.line(show.as_json(result))
        return
    for message in result.messages:
        paper.line(paper.faint(f"[{message.role}]"))
        show.content(paper, [message.content])


async def find(client: Client, name: str) -> Prompt:
    """Return the prompt called `name`. Raises UsageError with the nearest name if there is none."""
    if client.server_capabilities.prompts is UNSET:
        raise UsageError("this server has no prompts")
    prompts = await client.list_prompts()
    for prompt in prompts:
        if prompt.name == name:
            return prompt
    raise UsageError(f"there is no prompt {name!r}{suggestion(name, [prompt.name for prompt in prompts])}")


def check(given: dict[str, str], prompt: Prompt) -> None:
    """Raise UsageError for an argument that the prompt does not take, and for one that it needs and did not get."""
    arguments = prompt.arguments or []
    names = [argument.name for argument in arguments]
    for key in given:
        if key not in names:
            raise UsageError(f"the prompt takes no argument {key!r}{suggestion(key, names)}")
    missing = [argument.name for argument in arguments if argument.required is True and argument.name not in given]
    if missing:
        raise UsageError(f"the prompt needs more: {' '.join(f'{one_line(name)}=...' for name in missing)}")
