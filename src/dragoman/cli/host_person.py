"""Asking the user at the terminal: may this start, may this be called, what shall go into this form.

Every question says whose it is, by the name that the user gave the server. Promise: an empty line, an end of input and
whatever is not yes mean no; a form is sent as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from dragoman.auth.browser import open_browser
from dragoman.cli.host_stage import Stage
from dragoman.cli.terminal import Paper, one_line, visible
from dragoman.host.consent import Answer, Question
from dragoman.wire.questions import CreateMessage, Elicit

MAX_SHOWN = 40  # lines of a difference or of arguments
LEAVE = "."
_YES = {"y", "yes"}


class TerminalPerson:
    """The user in front of this terminal. `read` shows a prompt and returns a line; EOFError is its end."""

    def __init__(self, stage: Stage, paper: Paper, read: Callable[[str], str], settle: Callable[[], None]) -> None:
        self._stage, self._paper, self._read, self._settle = stage, paper, read, settle

    async def consent(self, question: Question) -> Answer:
        """Ask whether a server may be started, or a tool called."""
        return await self._stage.asked(lambda: self._consent(question))

    async def form(self, server: str, question: Elicit) -> Any:
        """Ask for the fields of a form."""
        return await self._stage.asked(lambda: self._form(server, question))

    async def visit(self, server: str, question: Elicit) -> bool:
        """Ask whether a page may be opened, and open it."""
        agreed = await self._stage.asked(lambda: self._visit(server, question))
        if agreed and isinstance(question.url, str):
            opened = await open_browser(question.url)
            if not opened:
                await self._stage.asked(lambda: self._say("No browser opened: copy the address."))
        return agreed

    async def sample(self, server: str, request: CreateMessage, model: str) -> bool:
        """Ask whether the model may be asked for a server."""
        return await self._stage.asked(lambda: self._sample(server, request, model))

    # --- on the terminal's thread ---------------------------------------------------------------------------

    def _consent(self, question: Question) -> Answer:
        name = one_line(question.server.name)
        call = question.call
        if call is None:
            self._say(self._paper.strong(f"The server {name!r} is about to be started:"))
            for line in question.server.parts:
                self._say(f"  {visible(line)}")
            if question.server.launch is not None and not question.server.launch.sandbox:
                self._say("  sandbox    none: it can do whatever you can; --sandbox holds it back")
        else:
            self._say(self._paper.strong(f"The model wants {one_line(call.tool.name)} of the server {name!r}:"))
            self._lines(_laid_out(call.arguments))
        self._say(f"  {one_line(question.reason)}")
        if question.changes:
            self._say("  What changed since it was approved:")
            self._lines(question.changes)
        always = ", a = yes, and do not ask again" if question.rememberable else ""
        said = self._line(f"Allow it? y = yes{always}, anything else = no: ")
        if said in ("a", "always") and question.rememberable:
            return Answer.REMEMBER
        return Answer.YES if said in _YES else Answer.NO

    def _visit(self, server: str, question: Elicit) -> bool:
        url = question.url if isinstance(question.url, str) else ""
        if not url.lower().startswith(("https://", "http://")):
            # What else a browser or a desktop would make of an address is no page.
            self._say(f"The server {one_line(server)!r} wants you to visit what is no web page, and was refused.")
            return False
        self._say(self._paper.strong(f"The server {one_line(server)!r} wants you to visit a page:"))
        self._say(f"  {one_line(question.message)}")
        self._say(f"  {one_line(url)}")
        self._say(f"  It is at {one_line(urlsplit(url).netloc) or 'no host at all'}, and not of this program.")
        return self._line("Open it? y = yes, anything else = no: ") in _YES

    def _sample(self, server: str, request: CreateMessage, model: str) -> bool:
        strong = f"The server {one_line(server)!r} wants {one_line(model)} to be asked, at your cost:"
        self._say(self._paper.strong(strong))
        shown = {"system": request.system_prompt, "messages": request.messages, "max_tokens": request.max_tokens}
        self._lines(_laid_out(msgspec.Raw(msgspec.json.encode({k: v for k, v in shown.items() if v}))))
        self._say("  It gets the answer, and nothing else of this conversation.")
        return self._line("Ask the model? y = yes, anything else = no: ") in _YES

    def _form(self, server: str, question: Elicit) -> Any:
        name = one_line(server)
        self._say(self._paper.strong(f"The server {name!r} asks:"))
        self._lines(visible(question.message).splitlines())
        self._say(f"  What you type goes to {name!r}. A single {LEAVE} declines; an empty line leaves a field out.")
        schema: Any = question.requested_schema if isinstance(question.requested_schema, dict) else {}
        fields: dict[str, Any] = schema.get("properties") or {}
        required: list[str] = schema.get("required") or []
        if not fields:
            return {} if self._line("Agree? y = yes, anything else = no: ") in _YES else None
        given: dict[str, Any] = {}
        for field, about in fields.items():
            try:
                value = self._field(field, about, needed=field in required and "default" not in about)
            except EOFError:
                return None
            if value is not None:
                given[field] = value
        return given

    def _field(self, field: str, about: dict[str, Any], *, needed: bool) -> Any:
        """Return the value of one field, None to leave it out. Raises EOFError to decline."""
        label = one_line(str(about.get("title") or field))
        if about.get("description"):
            self._say(f"  {one_line(str(about['description']))}")
        hint = _hint(about)
        default = f" [{one_line(json_of(about['default']))}]" if "default" in about else ""
        while True:
            text = self._read(f"  {label}{hint}{default}{' *' if needed else ''}: ").strip()
            if text == LEAVE:
                raise EOFError
            if not text:
                if not needed:
                    return None
                self._say(f"  it is needed; a single {LEAVE} declines")
                continue
            try:
                return value_of(text, about)
            except ValueError as error:
                self._say(f"  {error}")

    def _line(self, prompt: str) -> str:
        try:
            return self._read(prompt).strip().lower()
        except EOFError:
            self._say("")
            return ""

    def _lines(self, lines: Any) -> None:
        shown = list(lines)
        for line in shown[:MAX_SHOWN]:
            self._say(f"  {visible(line)}")
        if len(shown) > MAX_SHOWN:
            self._say(f"  ({len(shown) - MAX_SHOWN} more lines)")

    def _say(self, text: str) -> None:
        self._settle()
        self._paper.line(text)
        self._paper.stream.flush()


def value_of(text: str, about: dict[str, Any]) -> Any:
    """Return what a line means for a field. Raises ValueError that says what would fit."""
    kind = about.get("type")
    if kind == "array":
        known = choices(cast("dict[str, Any]", about.get("items") or {}))
        return [_chosen(part.strip(), known) for part in text.split(",") if part.strip()]
    known = choices(about)
    if known:
        return _chosen(text, known)
    if kind == "boolean":
        if text.lower() in ("y", "yes", "true", "n", "no", "false"):
            return text.lower() in ("y", "yes", "true")
        raise ValueError("write y or n")
    if kind in ("integer", "number"):
        try:
            number = int(text) if kind == "integer" else float(text)
        except ValueError:
            raise ValueError(f"write {'a whole number' if kind == 'integer' else 'a number'}") from None
        low, high = about.get("minimum"), about.get("maximum")
        if (low is not None and number < low) or (high is not None and number > high) or number != number:
            raise ValueError(f"write a number from {low if low is not None else '...'} to {high or '...'}")
        return number
    if len(text) < about.get("minLength", 0) or len(text) > about.get("maxLength", len(text)):
        raise ValueError(f"write {about.get('minLength', 0)} to {about.get('maxLength', 'any number of')} characters")
    return text


def choices(about: dict[str, Any]) -> dict[str, str]:
    """Return what may be chosen, each with its title."""
    titled: list[dict[str, Any]] = about.get("oneOf") or about.get("anyOf") or []
    if titled:
        return {str(one["const"]): str(one.get("title", one["const"])) for one in titled if "const" in one}
    values: list[Any] = about.get("enum") or []
    names: list[Any] = about.get("enumNames") or values
    return {str(value): str(name) for value, name in zip(values, names, strict=False)}


def _chosen(text: str, known: dict[str, str]) -> str:
    if not known or text in known:
        return text
    if text.isdigit() and 1 <= int(text) <= len(known):
        return list(known)[int(text) - 1]
    for value, title in known.items():
        if title.lower() == text.lower():
            return value
    raise ValueError(f"choose one of {one_line(', '.join(known))}")


def _hint(about: dict[str, Any]) -> str:
    several = about.get("type") == "array"
    known = choices(cast("dict[str, Any]", about.get("items") or {}) if several else about)
    if known:
        shown = ", ".join(f"{number} = {title}" for number, title in enumerate(known.values(), 1))
        return f" ({'several, with commas: ' if several else ''}{one_line(shown)})"
    kinds = {"boolean": " (y or n)", "integer": " (a whole number)", "number": " (a number)"}
    return kinds.get(str(about.get("type")), "")


def json_of(value: Any) -> str:
    """Return a value as JSON."""
    return msgspec.json.encode(value).decode()


def _laid_out(raw: msgspec.Raw) -> list[str]:
    return visible(msgspec.json.format(bytes(raw), indent=2).decode()).splitlines()
