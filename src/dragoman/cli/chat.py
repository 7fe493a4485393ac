"""Talk with a model that answers with your servers' tools; each step is shown, and nothing is called unasked.

/help lists the commands; a prompt of a server's is a command too, and @URI takes a resource along.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from typing import Any

from dragoman.cli import host_show
from dragoman.cli.chat_commands import Commands, LeaveError
from dragoman.cli.host_options import MODELS, add_options, opened
from dragoman.cli.host_stage import Stage, StoppedError
from dragoman.cli.outcome import OK, UsageError
from dragoman.cli.terminal import Paper, one_line
from dragoman.errors import LocalError, McpError
from dragoman.host.conversation import Attached, Conversation
from dragoman.host.host import Host

PROMPT = "> "
INTERRUPTED = 130
EPILOG = f"""\
examples:
  dragoman chat --model ollama/llama3.2                     dragoman.yaml or mcp.json in this folder, or what is served
  dragoman chat --config mcp.json --config dragoman.yaml
  dragoman chat --data ./documents --data sales.db

Ctrl-C stops what is under way; again, or at an empty line twice, it leaves. Tab completes commands, prompts, @URIs.
{MODELS}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Talk until the user leaves."""
    if options.command is not None:
        raise UsageError("chat takes servers by --config and --server, not a command after --")
    paper = Paper(sys.stdout)
    try:
        with opened(options, paper, paper, input) as (stage, host, show):
            chat = Chat(stage, host, paper, show)
            chat.greet()
            return chat.talk()
    except (StoppedError, KeyboardInterrupt):
        paper.line()
        return INTERRUPTED


class Chat:
    """One talk at a terminal."""

    def __init__(self, stage: Stage, host: Host, paper: Paper, show: host_show.Show) -> None:
        self._stage, self._host, self._paper, self._show = stage, host, paper, show
        self._talk: Conversation = host.conversation()
        self._commands = Commands(stage, host, self._talk, paper)

    def greet(self) -> None:
        """Say what there is, and make the line editor complete it."""
        open_now = [name for name, one in self._host.group.servers.items() if one.state == "open"]
        self._paper.line(f"{one_line(self._host.model.shown)} with {one_line(', '.join(open_now)) or 'no servers'}")
        self._paper.line(self._paper.faint("/help lists the commands; Ctrl-C stops, Ctrl-D leaves"))
        self._paper.stream.flush()
        if self._paper.terminal:
            _edit(self._commands)

    def talk(self) -> int:
        """Take lines until the user leaves; returns the exit status."""
        tired = False
        while True:
            try:
                line = input(PROMPT if self._paper.terminal else "").strip()
            except EOFError:
                if self._paper.terminal:
                    self._paper.line()
                return OK
            except KeyboardInterrupt:
                self._paper.line()
                if tired:
                    return INTERRUPTED
                tired = True
                self._paper.line(self._paper.faint("Ctrl-C again leaves"))
                continue
            tired = False
            try:
                if line:
                    self._do(line)
            except LeaveError:
                return OK
            except StoppedError:
                self._show.settle()
                self._paper.line("(stopped)")
            except McpError as error:
                self._show.settle()
                self._paper.line(one_line(f"dragoman: {error}"))
            self._paper.stream.flush()

    def _do(self, line: str) -> None:
        attached: list[Attached] = []
        if line.startswith("/"):
            filled = self._commands.do(line)
            if filled is None:
                return
            line, attached = filled.text, list(filled.attached)
            self._paper.data(self._paper.faint("the prompt says:"))
            self._paper.data(line[:2000])
        line, places = at_signs(line)
        for server, uri in places:
            attached.append(self._stage.run(self._host.attach(uri, server if server in self._host.entries else "")))
        if not line:
            raise LocalError("the prompt is empty")
        answer = self._stage.run(self._talk.ask(line, attached))
        self._show.settle()
        host_show.end(answer, self._paper, text=False)


def at_signs(line: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a line with each `@URI` or `@SERVER:URI` as the plain URI, and the (server, URI) of each."""
    found: list[tuple[str, str]] = []
    words = line.split(" ")
    for at, word in enumerate(words):
        if not word.startswith("@") or "://" not in word:
            continue
        text = word[1:]
        server, colon, uri = text.partition(":")
        # `docs://a/b` begins with a scheme, `shop:docs://a/b` with a server.
        if not colon or uri.startswith("//"):
            server, uri = "", text
        words[at] = uri
        found.append((server, uri))
    return " ".join(words), found


def _edit(commands: Commands) -> None:
    try:
        line: Any = import_module("readline")
    except ImportError:
        return  # there is none on Windows: lines are plain there
    line.set_completer_delims(" ")
    found: list[str] = []

    def complete(text: str, state: int) -> str | None:
        nonlocal found
        if state == 0:
            found = commands.complete(line.get_line_buffer()[: line.get_endidx()], text)
        return found[state] if state < len(found) else None

    line.set_completer(complete)
    line.parse_and_bind("bind ^I rl_complete" if "libedit" in (line.__doc__ or "") else "tab: complete")
