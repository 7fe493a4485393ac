"""One question to the client, whatever it asks for. `questions` makes them; `replay` and `direct` put them.

Promise: two questions have one digest just when they ask the same in the same words.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, structs

from dragoman.wire.lifecycle import ClientCapabilities
from dragoman.wire.questions import Elicit

TOGETHER = "two questions at the same time: put them in one `ctx.ask_all({...})`"
LABEL = 120  # characters of a question that errors quote
_encode = msgspec.json.Encoder(order="sorted").encode


class Question(msgspec.Struct, frozen=True):
    """What goes out, what the client must have declared, and how to read the answer.

    `missing` returns the capabilities that the client lacks, None if none.
    `read` raises ValueError for an answer that does not fit.
    """

    method: str
    params: Any
    missing: Callable[[ClientCapabilities], dict[str, Any] | None]
    read: Callable[[msgspec.Raw], Any]

    def digest(self) -> str:
        """Return what tells this question from others."""
        return hashlib.sha256(_encode([self.method, self.params])).hexdigest()[:32]

    def label(self) -> str:
        """Return the question as errors name it."""
        said = getattr(self.params, "message", "") or _encode(self.params).decode()
        return f"{self.method} {said if len(said) <= LABEL else said[:LABEL] + '…'!r}"


def identified(params: Any) -> Any:
    """Return the parameters of a question, a page to visit with the id that it has in revisions that know one."""
    if isinstance(params, Elicit) and params.mode == "url" and params.elicitation_id is UNSET:
        return structs.replace(params, elicitation_id=f"page-{secrets.token_hex(16)}")
    return params
