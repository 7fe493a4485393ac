"""A call that can go on only when the user has visited pages: how that is said to a client that knows of it.

Clients that do not get the pages in words, as the failure of a tool.
Source: 2025-11-25 client/elicitation, "URL Elicitation Required Error"; requirement LEG-22.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from msgspec import structs

from dragoman.errors import LocalError, McpError, RequestError, VisitNeededError
from dragoman.protocol.exchange import Call
from dragoman.wire.jsonrpc import VISIT_NEEDED


def told(call: Call, needed: VisitNeededError) -> McpError:
    """Return the error that the caller's revision has for this, if its client can visit pages, else `needed` itself.

    An address that no user should be sent to gives a LocalError (ELIC-14).
    """
    # Loaded by the first such call: servers that never ask don't pay for it.
    questions: Any = import_module("dragoman.serving.questions")
    try:
        asked = [questions.page(one.message, one.url, one.id) for one in needed.visits]
    except LocalError as error:
        return error
    if not call.era.visits or any(question.missing(call.caller.capabilities) for question in asked):
        return needed
    question: Any = import_module("dragoman.serving.question")
    pages = [structs.asdict(question.identified(one.params)) for one in asked]
    named = {"message": "message", "mode": "mode", "url": "url", "elicitation_id": "elicitationId"}
    data = {"elicitations": [{name: page[field] for field, name in named.items()} for page in pages]}
    return RequestError(VISIT_NEEDED, "this call can go on when the user has visited a page", data)


def require(call: Call, needed: VisitNeededError) -> None:
    """Raise the error that the caller's revision has for this; return where a tool has to say it in words."""
    error = told(call, needed)
    if error is not needed:
        raise error from None
