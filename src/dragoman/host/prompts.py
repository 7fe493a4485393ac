"""Prompts of servers as a user sees them: by a name, with arguments, filled in as words and what goes along.

Limit: roles are flattened: what a prompt lets the model have said stands there as a quotation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import structs

from dragoman.app.group import ClientGroup
from dragoman.errors import LocalError
from dragoman.host.conversation import Attached
from dragoman.protocol.plain import visible
from dragoman.wire.content import EmbeddedResource, TextContent
from dragoman.wire.prompts import Prompt, PromptReference

MAX_TEXT = 100_000  # characters of one prompt, filled in
SUGGESTED = 50


class Filled(NamedTuple):
    """A prompt, filled in: what it asks, and the resources in it."""

    text: str
    attached: tuple[Attached, ...]


class KnownPrompt(NamedTuple):
    """A prompt: `name` is what the host calls it, the shortest that is no other's."""

    name: str
    server: str
    prompt: Prompt


async def known(group: ClientGroup) -> list[KnownPrompt]:
    """Return the prompts of all open servers: by their own names where only one server has such a one."""
    found: list[tuple[str, str, Prompt]] = []
    for prompt in await group.prompts():
        server, own = await group.prompt_place_of(prompt.name)
        found.append((prompt.name, server, structs.replace(prompt, name=own)))
    own_names = [prompt.name for _, _, prompt in found]
    return [
        KnownPrompt(prompt.name if own_names.count(prompt.name) == 1 and _plain(prompt.name) else name, server, prompt)
        for name, server, prompt in found
    ]


async def filled(group: ClientGroup, one: KnownPrompt, arguments: Mapping[str, str], seconds: float) -> Filled:
    """Return a prompt filled in. Raises LocalError for arguments that it lacks, PeerError, TransportError."""
    wanted = one.prompt.arguments or []
    missing = [argument.name for argument in wanted if argument.required is True and argument.name not in arguments]
    if missing:
        raise LocalError(f"/{one.name} needs more: {' '.join(f'{visible(name)}=...' for name in missing)}")
    strange = [name for name in arguments if name not in [argument.name for argument in wanted]]
    if strange:
        raise LocalError(f"/{one.name} takes no argument {strange[0]!r}")
    client = group.servers[one.server].client
    result = await client.prompt(one.prompt.name, arguments, timeout=seconds)
    words: list[str] = []
    attached: list[Attached] = []
    for message in result.messages:
        block = message.content
        if isinstance(block, EmbeddedResource):
            attached.append(Attached(one.server, block.resource.uri, (block.resource,)))
        elif isinstance(block, TextContent):
            words.append(block.text if message.role == "user" else f"You said: {block.text}")
    return Filled(visible("\n\n".join(words))[:MAX_TEXT], tuple(attached))


async def suggested(group: ClientGroup, one: KnownPrompt, argument: str, value: str) -> list[str]:
    """Return values that the server suggests for an argument."""
    client = group.servers[one.server].client
    if not isinstance(client.server_capabilities.completions, dict):
        return []
    found = await client.complete(PromptReference(name=one.prompt.name), argument, value)
    return [text for text in found.values[:SUGGESTED] if text.isprintable()]


def _plain(name: str) -> bool:
    return name.isascii() and name.isprintable() and not any(sign in name for sign in " /@=")
