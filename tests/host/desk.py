"""What tests of the host share: a person made of a list of answers, and a host over servers in memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dragoman.host.audit import Audit
from dragoman.host.consent import Answer, Consent, Question
from dragoman.host.consent_book import Book
from dragoman.host.events import Event
from dragoman.host.host import Host
from dragoman.host.limits import HostLimits
from dragoman.host.models.asking import Patience
from dragoman.host.models.choosing import model_of
from dragoman.host.rules import Rules
from dragoman.testing.models import Script, ScriptedModel
from dragoman.wire.questions import CreateMessage, Elicit

SWIFT = Patience(first=0.001, quiet=5.0)


class Sitter:
    """A person who says yes to all, or what `says` gives; keeps what was asked."""

    def __init__(self, says: Callable[[str, Any], Any] = lambda kind, question: True) -> None:
        self.says = says
        self.asked: list[tuple[str, str, Any]] = []

    async def consent(self, question: Question) -> Answer:
        self.asked.append(("consent", question.server.name, question))
        given = self.says("consent", question)
        return given if isinstance(given, Answer) else Answer.YES if given else Answer.NO

    async def form(self, server: str, question: Elicit) -> Any:
        self.asked.append(("form", server, question))
        given = self.says("form", question)
        return await given if hasattr(given, "__await__") else given

    async def visit(self, server: str, question: Elicit) -> bool:
        self.asked.append(("visit", server, question))
        return bool(self.says("visit", question))

    async def sample(self, server: str, request: CreateMessage, model: str) -> bool:
        self.asked.append(("sample", server, request))
        return bool(self.says("sample", request))


class Desk:
    """A host, its model, and what was seen of it."""

    def __init__(self, host: Host, model: ScriptedModel, events: list[Event], audit: Audit) -> None:
        self.host, self.model, self.events, self.audit = host, model, events, audit

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def noted(self, what: str) -> list[dict[str, Any]]:
        return [record for record in self.audit.records() if record["what"] == what]


@asynccontextmanager
async def desk(
    folder: Path,
    servers: Any,
    script: Script,
    *,
    rules: Any = None,
    person: Sitter | None = None,
    limits: HostLimits | None = None,
    kind: str = "",
    **settings: Any,
) -> AsyncGenerator[Desk]:
    """Yield a host whose approvals and log lie in `folder`; without rules all tools of servers `s*` are allowed."""
    audit = Audit(folder / "audit")
    allowed = {"rules": {f"{name}/*": "allow" for name in servers}} if not isinstance(servers, str | Path) else {}
    given = Rules.of(allowed if rules is None else rules)
    consent = Consent(given, Book(folder / "book.json"), audit, person.consent if person else None)
    events: list[Event] = []
    async with ScriptedModel(script) as model:
        asked = model_of(f"{kind}{model.name}", environ={}, patience=SWIFT)
        host = Host(
            servers, model=asked, consent=consent, person=person, listener=events.append,
            limits=limits or HostLimits(), **settings,
        )  # fmt: skip
        async with host:
            yield Desk(host, model, events, audit)
