"""How much a host does for one question, and how much of what servers say it takes in.

Promise: every loop, list and text of a host has its bound here. Limit: tokens are those that the endpoint counts.
"""

from __future__ import annotations

import msgspec


class HostLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a host. Times are in seconds, texts in characters.

    For one question: `rounds` of model and tools, `seconds` of both (people may take as long as they like), `tokens`
    read and written, `faults` rounds in a row in which the model only wants what cannot be called. `reply` is how many
    tokens one answer may have. `calls` run at once, for `call` each. `result` is how much of a result the model sees,
    `images` how many of it, of `image` characters of Base64 each. `definition` is how many tokens one tool's definition
    may have; when all together take more than `share` of `context` (tokens that the model can hold), the model gets a
    search over them instead. `samplings` and `sampling` bound how often a server may have the model asked, and the
    tokens of each answer; `questions` how often it may ask the user. `opening` is how long the first question waits for
    servers to open; those that take longer come later.
    """

    rounds: int = 16
    seconds: float = 600.0
    tokens: int = 400_000
    faults: int = 3
    reply: int = 4096
    calls: int = 8
    call: float = 60.0
    opening: float = 30.0
    result: int = 24_000
    images: int = 4
    image: int = 4 * 1024 * 1024
    definition: int = 8_000
    context: int = 64_000
    share: float = 0.1
    samplings: int = 5
    sampling: int = 1024
    questions: int = 10
