"""What a host does, as lines for people: the steps from a question to its answer, each said as it happens.

Promise: nothing of a server's or a model's reaches the terminal as it is. Steps go to stderr, answers to stdout.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from dragoman.cli.terminal import Paper, one_line, visible
from dragoman.host.events import (
    Again,
    Allowed,
    Answer,
    Asked,
    Denied,
    Event,
    Noted,
    Progressed,
    Returned,
    Said,
    Wants,
)

WIDTH = 9
SHOWN = 240  # characters of a result that are shown
ARGUMENTS = 2_000  # and of arguments; what is asked about is shown whole
BAR = 20
_STOPPED = {
    "rounds": "it wanted more tools than it may have for one question",
    "seconds": "its time was up",
    "tokens": "it had read and written as much as it may for one question",
    "faults": "it wanted what cannot be called, again and again",
    "length": "it had no more room for its answer",
    "refusal": "it would not answer",
}


class Show:
    """Writes steps to `steps`, and what the model says, if it is to be seen as it comes, to `words`.

    `quiet` shows no steps, only what should be known of servers; `silent` not even that: `notes` has it.
    """

    def __init__(self, steps: Paper, words: Paper | None = None, *, quiet: bool = False, silent: bool = False) -> None:
        self._steps, self._words, self._quiet, self._silent = steps, words, quiet, silent
        self.notes: list[Noted] = []
        self._bar = self._open = False

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Said):
            self._said(event.text)
            return
        if isinstance(event, Noted):
            self.notes.append(event)
        if self._silent or (self._quiet and not isinstance(event, Noted)):
            return
        if isinstance(event, Progressed):
            self._progress(event)
            return
        self.settle()
        for label, text in lines_of(event):
            self._steps.line(f"{self._steps.faint(f'{label:<{WIDTH}}')} {text}" if label else text)
        self._steps.stream.flush()

    def settle(self) -> None:
        """End the line that is being written."""
        if self._bar:
            self._steps.stream.write("\r\x1b[K")
            self._bar = False
        if self._open and self._words is not None:
            self._words.stream.write("\n")
            self._words.stream.flush()
            self._open = False

    def _said(self, text: str) -> None:
        if self._words is None or not text:
            return
        if self._bar:
            self.settle()
        shown = visible(text)
        self._words.stream.write(shown)
        self._words.stream.flush()
        self._open = not shown.endswith("\n")

    def _progress(self, event: Progressed) -> None:
        if not self._steps.terminal:
            return
        if self._open:
            self.settle()
        self._steps.stream.write(f"\r\x1b[K{bar(event)}")
        self._steps.stream.flush()
        self._bar = True


def bar(event: Progressed) -> str:
    """Return one line that says how far a call is."""
    what = one_line(f"{event.server}/{event.tool} {event.message}")[:60]
    if not event.total or event.total <= 0:
        return f"{what} {event.progress:g}"
    share = min(1.0, max(0.0, event.progress / event.total))
    done = int(share * BAR)
    return f"[{'#' * done}{'.' * (BAR - done)}] {share:4.0%} {what}"


def lines_of(event: Event) -> list[tuple[str, str]]:
    """Return the lines of an event, each a label and a text that can be shown."""
    match event:
        case Asked():
            how = "by a search" if event.searched else f"{event.tokens:,} tokens"
            tools = "tool" if event.tools == 1 else "tools"
            return [
                ("1 asked", visible(event.question)),
                ("", f"{'':<{WIDTH}} to {one_line(event.model)}, with {event.tools} {tools} on offer ({how})"),
            ]
        case Wants():
            return [
                ("2 chosen", one_line(f"{event.server}: {event.tool}  #{event.call}")),
                ("3 with", short(one_line(json.dumps(event.arguments, ensure_ascii=False)), ARGUMENTS)),
            ]
        case Allowed():
            return [("4 allowed", one_line(f"#{event.call}: {event.reason}"))]
        case Denied():
            return [("4 denied", one_line(f"#{event.call}: {event.reason}"))]
        case Returned():
            return [("5 gave", returned(event))]
        case Again():
            return [("again", one_line(f"in {event.seconds:.1f} s: {event.reason}"))]
        case Noted():
            return [("note", one_line(f"{event.server}: {event.text}"))]
        case Answer():
            return [("6 answer", one_line(_cost(event)))]
        case _:
            return []


def returned(event: Returned) -> str:
    """Return one line on what came back."""
    size = f"{len(event.text) + event.left:,} characters"
    images = f", {event.images} images" if event.images else ""
    failed = "FAILED " if event.failed else ""
    return f"#{event.call}: {failed}{size}{images} in {event.seconds:.2f} s: {short(one_line(event.text), SHOWN)}"


def short(text: str, most: int) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= most else f"{text[:most]}..."


def _cost(event: Answer) -> str:
    used = event.usage
    kept = f" ({used.cached:,} of them kept)" if used.cached else ""
    return f"{used.read:,} tokens read{kept}, {used.written:,} written"


def why(answer: Answer) -> str:
    """Return why the model was not done, "" if it was."""
    return f"not finished: {_STOPPED.get(answer.stopped, answer.stopped)}" if answer.stopped else ""


def end(answer: Answer, paper: Paper, *, text: bool = True) -> None:
    """Write the answer, unless its text was seen already, and its sources."""
    if text:
        paper.data(visible(answer.text) or "(nothing)")
    if answer.stopped:
        paper.line(f"({why(answer)})")
    if answer.sources:
        paper.line()
        paper.line(paper.strong("sources"))
        for uri in answer.sources:
            paper.line(f"  {one_line(uri)}")
    paper.stream.flush()


def as_json(question: str, model: str, answer: Answer, notes: Sequence[Noted]) -> dict[str, Any]:
    """Return an answer with its steps, and what should be known of servers, as `--json` prints it."""
    return {
        "question": question,
        "model": model,
        "answer": answer.text,
        "sources": list(answer.sources),
        "stopped": answer.stopped,
        "usage": answer.usage,
        "notes": [{"server": note.server, "text": note.text} for note in notes],
        "steps": list(answer.steps),
    }
