"""Whoever sits in front of a host: what may be done, and what servers want to know, is asked of them.

A port: the command line is one, a window may be another. Without one, nothing is asked, and what would be is refused.
"""

from __future__ import annotations

from typing import Any, Protocol

from dragoman.host.consent import Answer, Question
from dragoman.wire.questions import CreateMessage, Elicit


class Person(Protocol):
    """Answers for the user. `server` is the name that the user gave the server, never what it calls itself."""

    async def consent(self, question: Question) -> Answer:
        """Return whether a server may be started, or a tool called."""
        ...

    async def form(self, server: str, question: Elicit) -> Any:
        """Return the values of a form by field, None to decline."""
        ...

    async def visit(self, server: str, question: Elicit) -> bool:
        """Return whether the user agreed to open the page at `question.url`."""
        ...

    async def sample(self, server: str, request: CreateMessage, model: str) -> bool:
        """Return whether the model may be asked this for the server."""
        ...
