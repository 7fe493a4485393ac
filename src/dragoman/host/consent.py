"""Whether a tool may be called, and a server be started: the rules, what was approved, and the user, in that order.

Promise: nothing that a server says about itself ever loosens what the user said; it can only make it stricter.
Limit: what was approved is bound to what server and tool say they are; what they do is for the sandbox to bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET

from dragoman.app.launching import Launch, approvals
from dragoman.host.audit import Audit
from dragoman.host.consent_book import Book, Served, difference, tool_digest
from dragoman.host.rules import Rules, Verdict
from dragoman.wire.tools import Tool, ToolAnnotations

_NO_HINTS = ToolAnnotations()
_ASKED = (Verdict.ONCE, Verdict.ALWAYS)


class Answer(StrEnum):
    """What the user said."""

    NO = "no"
    YES = "yes"  # this time
    REMEMBER = "remember"  # this time, and from now on, until it changes


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call that a model wants to make. `taint` names the servers whose untrusted words the model has read.

    `findings` is what was found in the tool's definition (host/definitions.py), each as a sentence.
    """

    server: Served
    tool: Tool
    arguments: msgspec.Raw = msgspec.Raw(b"{}")
    taint: frozenset[str] = frozenset()
    findings: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What the user is asked. `call` is None where a server is to be started.

    `risks` is set on a second question, about a command that does more than to start
    the program that it names: inline code, loaders, a container with the whole disk.
    `changes` are the lines in which it differs from what was approved;
    whoever shows them, and `reason`, makes control characters visible.
    """

    server: Served
    call: Call | None
    reason: str
    changes: tuple[str, ...] = ()
    rememberable: bool = False
    risks: tuple[str, ...] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a call. `verdict` is what holds after all: ALLOW, DENY, or how it has to be asked about.

    `allowed` is set once that is settled; before, an asked-about call is not allowed.
    """

    verdict: Verdict
    reason: str
    allowed: bool = False
    rule: str = ""
    changes: tuple[str, ...] = ()
    answer: Answer | None = None


Asker: TypeAlias = Callable[[Question], Awaitable[Answer]]


class Consent:
    """The gate before every call. `ask` is None where nobody can be asked: there, what would be asked is denied.

    One question stands at a time, so that what was answered for one call is known to the next.
    """

    def __init__(self, rules: Rules, book: Book, audit: Audit, ask: Asker | None = None) -> None:
        self.rules = rules
        self.book = book
        self.audit = audit
        self._ask = ask
        self._one = asyncio.Lock()

    def decide(self, call: Call) -> Decision:
        """Return what holds for a call, without asking, and without remembering anything. Raises LocalError."""
        server, tool = call.server, call.tool
        match = self.rules.match(server.name, tool.name)
        reason = f"the rule {match.pattern!r}" if match.pattern else "no rule names it"
        verdict = match.verdict
        for stricter, why in _tightenings(call, exact=match.exact):
            if verdict.tightened(stricter) is not verdict:
                verdict, reason = stricter, why
        pin = self.book.pin(server.name, tool.name)
        if verdict is Verdict.DENY:
            return Decision(verdict=verdict, reason=reason, rule=match.pattern)
        if pin is not None and (pin.server, pin.tool) != (server.digest, tool_digest(tool)):
            changes = difference(pin, server, tool)
            why = "it is not what it was when it was approved"
            return Decision(
                verdict=verdict.tightened(Verdict.ONCE), reason=why, rule=match.pattern, changes=changes or (why,)
            )
        if verdict is Verdict.ONCE and pin is not None and pin.approved:
            return Decision(verdict=Verdict.ALLOW, reason="it was approved", allowed=True, rule=match.pattern)
        return Decision(verdict=verdict, reason=reason, allowed=verdict is Verdict.ALLOW, rule=match.pattern)

    async def permit(self, call: Call) -> Decision:
        """Return whether a call may be made, having asked the user if that was needed; the audit log has it then.

        Raises LocalError if the log or the approvals cannot be written, which stops the call (see `Audit`).
        """
        decision = self.decide(call)
        if decision.verdict in _ASKED:
            # What needs no question does not wait for one that stands.
            async with self._one:
                decision = self.decide(call)
                if decision.verdict in _ASKED:
                    decision = await self._asked(call, decision)
                self._remember(call, decision)
        else:
            self._remember(call, decision)
        self.audit.decided(
            server=call.server.name, definition=call.server.digest, tool=call.tool.name,
            arguments=bytes(call.arguments), allowed=decision.allowed, verdict=decision.verdict,
            reason=decision.reason, answer=decision.answer,
        )  # fmt: skip
        return decision

    def _remember(self, call: Call, decision: Decision) -> None:
        if decision.allowed and decision.answer is not Answer.YES:
            self.book.remember(call.server, call.tool, approved=decision.answer is Answer.REMEMBER)

    async def permit_start(self, server: Served) -> Decision:
        """Return whether a local server may be started: it was approved as it is, or the user says so now.

        What `dragoman approve` let in counts. The whole command, uncut, is `server.parts`.
        """
        launch = server.launch
        async with self._one:
            if launch is None or self.book.starts(server) or _approved(launch):
                decision = Decision(verdict=Verdict.ALLOW, reason="it was approved", allowed=True)
            else:
                decision = await self._start_asked(server, launch)
            if decision.answer is Answer.REMEMBER:
                self.book.remember_start(server)
        self.audit.decided(
            server=server.name, definition=server.digest, tool="", arguments=b"", allowed=decision.allowed,
            verdict=decision.verdict, reason=decision.reason, answer=decision.answer,
        )  # fmt: skip
        return decision

    async def _asked(self, call: Call, decision: Decision) -> Decision:
        if self._ask is None:
            free = decision.verdict is Verdict.ONCE and not decision.changes
            allowed = free and self.rules.without_terminal == "allow"
            why = "and the rules allow that" if allowed else "so it is denied"
            reason = f"{decision.reason}; nobody can be asked here, {why}"
            return msgspec.structs.replace(decision, allowed=allowed, reason=reason)
        question = Question(
            server=call.server, call=call, reason=decision.reason, changes=decision.changes,
            rememberable=decision.verdict is Verdict.ONCE,
        )  # fmt: skip
        answer = _bounded(await self._ask(question), question)
        return msgspec.structs.replace(decision, allowed=answer is not Answer.NO, answer=answer)

    async def _start_asked(self, server: Served, launch: Launch) -> Decision:
        changes = self.book.start_difference(server)
        reason = "it changed since it was approved" if changes else "it was never started before"
        if self._ask is None:
            more = "".join(f"; {risk}" for risk in launch.risks)
            why = f"{reason}{more}; nobody can be asked here: start it in a terminal, or see dragoman approve --help"
            return Decision(verdict=Verdict.ONCE, reason=why, changes=changes)
        question = Question(server=server, call=None, reason=reason, changes=changes, rememberable=True)
        answer = _bounded(await self._ask(question), question)
        if launch.risks and answer is not Answer.NO:
            # Asked apart: whoever says yes to a command by habit has to say yes to this as well.
            reason = f"it needs an approval of its own: {'; '.join(launch.risks)}"
            own = Question(server=server, call=None, reason=reason, risks=launch.risks)
            if await self._ask(own) is Answer.NO:
                answer = Answer.NO
        allowed = answer is not Answer.NO
        return Decision(verdict=Verdict.ONCE, reason=reason, allowed=allowed, changes=changes, answer=answer)


def _approved(launch: Launch) -> bool:
    # An approval without a sandbox is one for more than what runs in it.
    return approvals().approved(msgspec.structs.replace(launch, sandbox=""))


def _bounded(answer: Answer, question: Question) -> Answer:
    """What is asked about always is not remembered, whatever the one who asks returns."""
    return Answer.YES if answer is Answer.REMEMBER and not question.rememberable else answer


def _tightenings(call: Call, *, exact: bool) -> Sequence[tuple[Verdict, str]]:
    """Return what makes a verdict stricter, each with the reason.

    A rule that names server and tool was written for just this one, so only what
    its author could not know of counts there.
    """
    found: list[tuple[Verdict, str]] = []
    if call.findings:
        found.append(
            (Verdict.ONCE if exact else Verdict.ALWAYS, f"its definition is suspect: {'; '.join(call.findings[:3])}")
        )
    if exact:
        return found
    hints: Any = _NO_HINTS if call.tool.annotations is UNSET else call.tool.annotations
    if hints.destructive_hint is True:
        found.append((Verdict.ALWAYS, "it says that it may destroy something"))
    if hints.open_world_hint is True:
        found.append((Verdict.ONCE, "it says that it reaches beyond this machine"))
    tainted = call.taint - {call.server.name}
    if tainted and not (hints.read_only_hint is True and hints.open_world_hint is False):
        found.append(
            (Verdict.ALWAYS, f"the model has read what {', '.join(sorted(tainted))} said, which nobody vouches for")
        )
    return found
