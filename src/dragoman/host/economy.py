"""Which tools a model is offered, and what that costs: all of them, or, where they are too many, a search over them.

Promise: what is on offer comes in the same order each time, so that endpoints can keep what does not change.
Limit: tokens are an estimate, one for each four bytes of JSON; tokenizers differ by a third.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec

from dragoman.host.limits import HostLimits
from dragoman.host.models.turns import Offer
from dragoman.protocol.plain import visible
from dragoman.wire.tools import Tool

SEARCH, CALL, READ = "search_tools", "call_tool", "read_resource"
BYTES_PER_TOKEN = 4
MAX_DESCRIPTION = 4_000  # characters
FOUND = 8  # tools that one search gives
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TWO = (
    Offer(
        SEARCH,
        "Find tools by what they do. Gives the names, descriptions and parameters of those that fit best.",
        {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    ),
    Offer(
        CALL,
        f"Call a tool that {SEARCH} found, by its name, with its arguments.",
        {
            "type": "object",
            "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
            "required": ["name"],
        },
    ),
)


READING = Offer(
    READ,
    "Read what is at an address (URI) that a tool of the server gave.",
    {
        "type": "object",
        "properties": {"server": {"type": "string"}, "uri": {"type": "string"}},
        "required": ["server", "uri"],
    },
)


class Known(NamedTuple):
    """A tool of a server: as the server lists it, as the model is offered it, and what that costs in tokens."""

    server: str
    tool: Tool
    offer: Offer
    tokens: int


class Shelf:
    """The tools of a conversation, as they are now. `readable` are servers whose addresses no tool of theirs reads."""

    def __init__(self, tools: Sequence[Known], limits: HostLimits, readable: Sequence[str] = ()) -> None:
        self.readable = readable
        self.left_out = [known for known in tools if known.tokens > limits.definition]
        self.tools = {known.offer.name: known for known in tools if known.tokens <= limits.definition}
        self.whole = sum(known.tokens for known in self.tools.values())
        self.searched = self.whole > limits.share * limits.context
        offers = _TWO if self.searched else tuple(one.offer for one in self.tools.values())
        self.offers: tuple[Offer, ...] = (*offers, READING) if readable else offers
        self.tokens = sum(tokens(one) for one in self.offers)

    def search(self, query: str) -> str:
        """Return the tools that fit best, one JSON object a line."""
        asked = set(words(query))
        texts = {name: Counter(_text(known)) for name, known in self.tools.items()}
        rarity = {
            word: math.log(1 + len(texts) / sum(word in text for text in texts.values()))
            for word in asked
            if any(word in text for text in texts.values())
        }
        scores = {
            name: sum(rarity.get(word, 0.0) * min(text[word], 3) for word in asked) for name, text in texts.items()
        }
        best = sorted((name for name in scores if scores[name] > 0), key=lambda name: (-scores[name], name))[:FOUND]
        if not best:
            by_server = Counter(known.server for known in self.tools.values())
            has = ", ".join(f"{visible(server)} ({count})" for server, count in by_server.items())
            return f"No tool fits; there are {len(self.tools)}, of {has}. Search with other words."
        return "\n".join(msgspec.json.encode(_shown(self.tools[name].offer)).decode() for name in best)


def known(server: str, tool: Tool, name: str) -> Known:
    """Return a tool as it is offered under `name`: what cannot be seen in its definition is written out."""
    title = f"{tool.title}. " if isinstance(tool.title, str) and tool.title else ""
    said = tool.description if isinstance(tool.description, str) else ""
    description = visible(f"{title}{said}")[:MAX_DESCRIPTION]
    offer = Offer(name, description, seen(tool.input_schema))
    return Known(server, tool, offer, tokens(offer))


def tokens(offer: Offer) -> int:
    """Return about how many tokens an offer takes of a model's context."""
    return -(-len(msgspec.json.encode(_shown(offer))) // BYTES_PER_TOKEN)


def words(text: str) -> list[str]:
    """Return the words of a text in small letters; `readFile` and `read_file` are two each, plurals as singulars."""
    found = _WORD.findall(_CAMEL.sub(" ", text).replace("_", " ").lower())
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in found]


def _shown(offer: Offer) -> dict[str, Any]:
    return {"name": offer.name, "description": offer.description, "parameters": offer.schema}


def _text(one: Known) -> list[str]:
    parameters: Any = one.offer.schema.get("properties")
    names = " ".join(cast("dict[str, Any]", parameters)) if isinstance(parameters, dict) else ""
    # The name says most: it counts twice.
    return words(f"{one.offer.name} {one.offer.name} {one.offer.description} {names}")


def seen(value: Any) -> Any:
    """Return JSON with everything in its texts written out that cannot be seen."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, list):
        return [seen(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        # Names of parameters stay as they are, for they are what is sent; hidden signs in them are found elsewhere.
        return {key: seen(item) for key, item in cast("dict[str, Any]", value).items()}
    return value
