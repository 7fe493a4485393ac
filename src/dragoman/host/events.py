"""What happens while a question is answered, for whoever looks on: each step as it happens, and the answer.

Data only. Promise: a name or text of a server's holds no sign in it that cannot be seen.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from dragoman.host.models.turns import Usage


class Step(msgspec.Struct, frozen=True, kw_only=True, tag_field="step"):
    """Something that happened."""


class Asked(Step, frozen=True, kw_only=True, tag="asked"):
    """A question went to the model; `tools` are on offer, their definitions cost `tokens` each time."""

    question: str
    model: str
    tools: int
    tokens: int
    searched: bool = False


class Said(Step, frozen=True, kw_only=True, tag="said"):
    """The model said a few words more."""

    text: str


class Again(Step, frozen=True, kw_only=True, tag="again"):
    """The model is asked once more, in so many seconds: what it said since the last step counts for nothing."""

    reason: str
    seconds: float


class Wants(Step, frozen=True, kw_only=True, tag="wants"):
    """The model wants a tool. `call` is the number of the call in this conversation."""

    call: int
    server: str
    tool: str
    arguments: Any


class Allowed(Step, frozen=True, kw_only=True, tag="allowed"):
    """It is called."""

    call: int
    server: str
    tool: str
    reason: str


class Denied(Step, frozen=True, kw_only=True, tag="denied"):
    """It is not called, and the model is told so."""

    call: int
    server: str
    tool: str
    reason: str


class Progressed(Step, frozen=True, kw_only=True, tag="progress"):
    """A call told how far it is; `total` is None where that is not known."""

    call: int
    server: str
    tool: str
    progress: float
    total: float | None
    message: str


class Returned(Step, frozen=True, kw_only=True, tag="returned"):
    """A call came back. `text` is what the model sees of it, `left` how many characters it does not see."""

    call: int
    server: str
    tool: str
    text: str
    failed: bool
    seconds: float
    sources: tuple[str, ...] = ()
    images: int = 0
    left: int = 0


class Noted(Step, frozen=True, kw_only=True, tag="noted"):
    """Something the user should know of a server."""

    server: str
    text: str


class Answer(Step, frozen=True, kw_only=True, tag="answered"):
    """The answer. `sources` are addresses that tools gave, those that it names first.

    `stopped` is "" when the model was done, else why it was not: "rounds", "tokens", "seconds", "faults", "length" or
    "refusal". `steps` are those before it, without what was said and how far calls were.
    """

    text: str
    sources: tuple[str, ...] = ()
    usage: Usage = Usage()
    stopped: str = ""
    steps: tuple[Step, ...] = ()


Event: TypeAlias = Asked | Said | Again | Wants | Allowed | Denied | Progressed | Returned | Noted | Answer
