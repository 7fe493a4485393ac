"""Programs of the owner's as a source: `run` runs them, `list` shows them and past runs, `fetch` reads what those gave.

Promise: nothing is started that the owner did not write down, and no word of it but the values is the caller's.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dragoman.connectors.address import Address, make
from dragoman.connectors.kind import Approve
from dragoman.connectors.programs.output import hearing, table_of
from dragoman.connectors.programs.running import Limits, Outcome, environment, run
from dragoman.connectors.programs.runs import Run, Runs
from dragoman.connectors.programs.tool import Step, Tool, argv_of, named, places_of, program_of, text_of, values_of
from dragoman.connectors.source import (
    Entry,
    Hit,
    Hits,
    Listing,
    Passage,
    Position,
    Program,
    Progress,
    Question,
    Report,
    Rows,
    SourceError,
    View,
)
from dragoman.connectors.view import matches
from dragoman.errors import ToolError
from dragoman.serving.nearest import nearest

RUNS = "runs"
SHOWN = 30_000  # characters of an output that `run` returns; fetch reads the rest


class Programs:
    """Tools under one name.

    `folder` is where relative paths start from, `runs` where past runs are kept;
    `closed` names the tools that change things and may not.
    """

    scheme = "run"
    about = "programs of the owner's, run by the tool run"

    def __init__(
        self,
        name: str,
        tools: Mapping[str, Tool],
        folder: Path,
        runs: Runs,
        closed: Sequence[str] = (),
        approve: Approve | None = None,
    ) -> None:
        self.name = name
        self._tools = dict(sorted(tools.items()))
        self._folder = folder
        self._runs = runs
        self._closed = closed
        self._approve = approve

    def start(self) -> None:
        """Nothing goes on behind."""

    def close(self) -> None:
        """Close the file of past runs."""
        self._runs.close()

    def progress(self) -> Progress:
        return Progress(indexed=0, total=0)

    # --- what there is ------------------------------------------------------------------------------------------

    def programs(self, view: View) -> list[Program]:
        """Return the tools that this caller may run."""
        return [program_of(name, tool) for name, tool in self._tools.items() if self._shows(view, name)]

    def closed(self, view: View) -> list[str]:
        """Return the tools that change things, and may not."""
        return [name for name in self._closed if view.sees(name)]

    def _shows(self, view: View, name: str) -> bool:
        """Tell whether a tool is there for the caller: not one that changes things for who may not change any."""
        return view.sees(name) and (view.writes or self._tools[name].read_only)

    def search(self, view: View, question: Question, limit: int) -> Hits:
        """Find tools by the words of their names and descriptions."""
        asked = {word.lower() for word in question.text.replace("_", " ").split()}
        scored: list[tuple[int, str]] = []
        if not question.kind or question.kind == "tool":
            for name, tool in self._tools.items():
                words = f"{name.replace('_', ' ').replace('-', ' ')} {tool.about}".lower()
                score = sum(word in words for word in asked)
                if score and self._shows(view, name) and (not question.path or matches(question.path, name)):
                    scored.append((-score, name))
        scored.sort()
        weight = min(-scored[0][0] / len(asked), 1.0) / 2 if scored else 0.0

        def hit(name: str) -> Callable[[], Hit]:
            return lambda: Hit(uri=self._uri(name), title=name, where="tool", text=self._tools[name].about[:300])

        return Hits([hit(name) for _, name in scored[:limit]], weight, f"{self.name}: names of tools")

    def items(self, view: View, prefix: str, after: str, limit: int, pattern: str = "") -> Listing:
        """Return the tools by name, then the caller's past runs, newest first."""
        names = [name for name in self._tools if self._shows(view, name) and name.startswith(prefix)]
        names = [name for name in names if not pattern or matches(pattern, name)]
        in_runs = after.startswith(f"{RUNS}/")
        rest = [] if in_runs else [name for name in names if name > after]
        entries = [
            Entry(key=name, uri=self._uri(name), title=self._tools[name].about[:100], kind="tool")
            for name in rest[:limit]
        ]
        total, more = len(names), len(rest) > limit
        if f"{RUNS}/".startswith(prefix[: len(RUNS) + 1]) and not pattern:
            begun = after.removeprefix(f"{RUNS}/") if in_runs else ""
            found, count = self._runs.listed(view.who, begun, limit - len(entries) + 1)
            kept = found[: limit - len(entries)]
            entries += [self._entry(one) for one in kept if view.sees(one.tool)]
            total, more = total + count, more or len(found) > len(kept)
        return Listing(entries=entries, total=total, more=more)

    def describe(self, view: View, address: Address) -> dict[str, Any]:
        if not address.path:
            shown = {name: tool for name, tool in self._tools.items() if self._shows(view, name)}
            tools = [f"{name}: {tool.about}".rstrip(": ") for name, tool in shown.items()]
            found: dict[str, Any] = {
                "uri": self._uri(""),
                "kind": self.about,
                "tools": tools,
                "tools_total": len(tools),
            }
            closed = self.closed(view)
            return found | ({"not_served": f"{', '.join(closed)}: they change things"} if closed else {})
        if address.path.startswith(f"{RUNS}/"):
            one = self._run(view, address.path)
            ran = {"uri": address.text(), "tool": one.tool, "state": one.state, "arguments": one.arguments}
            return {**ran, "started": _when(one.started), "seconds": round(one.seconds, 2), "size": len(one.output)}
        name = self._known(view, address.path)
        tool = self._tools[name]
        program = program_of(name, tool)
        said: dict[str, Any] = {
            "uri": self._uri(name), "about": tool.about, "arguments": program.schema, "output": tool.output,
            "read_only": tool.read_only, "stopped_after_seconds": tool.timeout,
            "run_with": f'run with tool="{name}"',
        }  # fmt: skip
        return said

    def fetch(self, view: View, address: Address, position: Position | None, room: int) -> Passage:
        """Return what a past run printed; for a tool, what it is."""
        if not address.path.startswith(f"{RUNS}/"):
            text = msgspec.json.format(msgspec.json.encode(self.describe(view, address)), indent=2).decode()
            return Passage(uri=address.text(), title=address.path or self.name, text=text[:room])
        one = self._run(view, address.path)
        text, begin = one.output, position.at if position else 0
        if address.lines[0] and position is None:
            lines = text.splitlines(keepends=True)
            text = "".join(lines[address.lines[0] - 1 : address.lines[1]])
        piece = text[begin : begin + room]
        end = begin + len(piece)
        return Passage(
            uri=address.text(), title=f"{one.tool}, {_when(one.started)}", text=piece, range=f"{begin + 1}-{end}",
            total=f"{len(text):,} characters; {one.state}", following=Position(0, end) if end < len(text) else None,
        )  # fmt: skip

    # --- running ------------------------------------------------------------------------------------------------

    def run(
        self, view: View, tool: str, arguments: Mapping[str, Any], report: Report, cancelled: Callable[[], bool]
    ) -> Passage | Rows:
        """Run a tool to its end.  Raises ToolError for one that fails, with what it said and where all of it is."""
        name = self._known(view, tool)
        known = self._tools[name]
        values = values_of(known, arguments)
        for step in known.commands():
            argv_of(known, step, {**dict.fromkeys(places_of(step), ""), **values})  # refused before anything starts
            self._judge(name, known, step)
        started = time.monotonic()
        state, fault = "done", ""
        try:
            text = self._commands(name, known, values, report, cancelled)
        except _Failed as failed:
            state, text, fault = failed.state, failed.output, str(failed)
        said = msgspec.json.encode(dict(arguments)).decode()
        uri = self._uri(f"{RUNS}/{self._runs.keep(name, view.who, said, time.monotonic() - started, state, text)}")
        if fault:
            raise ToolError(f"{fault}; all that it printed: {uri}")
        rows = table_of(known.output, text)
        if rows is not None:
            return msgspec.structs.replace(rows, hint=f"kept at {uri}" if rows.more else "")
        return Passage(
            uri=uri, title=name, text=text[:SHOWN], total=f"{len(text):,} characters",
            following=Position(0, SHOWN) if len(text) > SHOWN else None,
        )  # fmt: skip

    def _judge(self, name: str, tool: Tool, step: Step) -> None:
        """Raise ToolError unless the command may run as it is now: a script can change after it was approved."""
        if self._approve is not None:
            try:
                self._approve(f"tools.{name}", tuple(map(str, step.argv)), self._folder / tool.cwd)
            except SourceError as fault:
                raise ToolError(f"{name} is inactive: it changed since its owner approved it") from fault

    def _commands(
        self, name: str, tool: Tool, values: dict[str, Any], report: Report, cancelled: Callable[[], bool]
    ) -> str:
        """Run all steps and return what the last one printed.  Raises _Failed at the first that fails."""
        deadline = time.monotonic() + tool.timeout
        steps = tool.commands()
        text = ""
        for number, step in enumerate(steps):
            begun = f"step {number + 1} of {len(steps)}: " if len(steps) > 1 else ""

            def heard(share: float | None, line: str, number: int = number, begun: str = begun) -> None:
                report(None if share is None else (number + share) / len(steps), begun + line)

            if number:
                report(number / len(steps), f"{begun}{step.name or step.argv[0]}")
            limits = Limits(max(deadline - time.monotonic(), 0.01), tool.max_output)
            outcome = self._command(name, tool, step, values, limits, hearing(tool.progress, heard), cancelled)
            text = outcome.output.decode("utf-8", "replace")
            if outcome.ended or outcome.code:
                raise _Failed(*_told(begun + name, tool, outcome), text)
            values |= dict.fromkeys(named(step, number), text.rstrip("\r\n"))
        return text

    def _command(
        self, name: str, tool: Tool, step: Step, values: Mapping[str, Any], limits: Limits,
        heard: Callable[[bytes], None], cancelled: Callable[[], bool],
    ) -> Outcome:  # fmt: skip
        try:
            argv = argv_of(tool, step, values)
        except ToolError as fault:  # what an earlier step printed is judged as arguments are
            raise _Failed(f"{name}: {fault.message}", "refused", "") from fault
        cwd = Path(os.path.realpath(self._folder / tool.cwd))
        if "/" in argv[0] and not os.path.isabs(argv[0]):
            argv[0] = str(cwd / argv[0])
        env = environment(tool.inherit, tool.env)
        try:
            return run(argv, cwd, env, text_of(step.stdin, values).encode(), limits, heard, cancelled)
        except OSError as fault:
            raise _Failed(f"{name} could not be started: {fault.strerror or fault}", "not started", "") from fault

    # --- finding ------------------------------------------------------------------------------------------------

    def _known(self, view: View, name: str) -> str:
        if name in self._tools and self._shows(view, name):
            return name
        names = [one for one in self._tools if self._shows(view, one)]
        raise ToolError(f"there is no tool {name[:80]!r}{nearest(name, names)}; tools here: {', '.join(names[:30])}")

    def _run(self, view: View, path: str) -> Run:
        try:
            one = self._runs.find(path.removeprefix(f"{RUNS}/"), view.who)
        except sqlite3.Error as fault:
            raise ToolError(f"past runs cannot be read now: {fault}") from fault
        if one is None or not view.sees(one.tool):
            raise ToolError(f"there is no run {path[:80]!r}, or not any more; list {self._uri(RUNS)} shows those kept")
        return one

    def _entry(self, one: Run) -> Entry:
        return Entry(
            key=f"{RUNS}/{one.id}", uri=self._uri(f"{RUNS}/{one.id}"), title=f"{one.tool} {one.arguments}"[:150],
            kind="run", date=_when(one.started)[:10], problem="" if one.state == "done" else one.state,
        )  # fmt: skip

    def _uri(self, path: str) -> str:
        return make(self.scheme, self.name, path)


class _Failed(Exception):
    """A command that did not do its work: what to tell, its state in a word or two, and what it printed."""

    def __init__(self, message: str, state: str, output: str) -> None:
        super().__init__(message)
        self.state = state
        self.output = output


def _told(name: str, tool: Tool, outcome: Outcome) -> tuple[str, str]:
    """Return what to tell of a command that failed, and its state."""
    if outcome.ended == "time":
        return f"{name} was stopped after {tool.timeout:g} seconds: ask for less", "stopped by time"
    if outcome.ended == "size":
        return f"{name} was stopped once it had printed {tool.max_output:,} bytes: ask for less", "stopped by size"
    if outcome.ended:
        return f"{name} was cancelled", "cancelled"
    code = f"signal {-outcome.code}" if outcome.code < 0 else f"exit code {outcome.code}"
    meaning = tool.exit_codes.get(str(outcome.code), "")
    said = (outcome.complaints or outcome.output).decode("utf-8", "replace").strip()[-1_000:]
    words = f"{name} failed ({code}{': ' + meaning if meaning else ''})"
    return f"{words}; it said: {said}" if said else words, f"failed, {code}"


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
