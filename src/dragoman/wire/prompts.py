"""Prompts and completion: definitions, getting, completing an argument.

Source: specification, server/prompts, server/utilities/completion.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, field

from dragoman.wire.base import Icon, Meta, Opt, Role, Wire
from dragoman.wire.content import Content
from dragoman.wire.lifecycle import Cacheable, Params, Result


class PromptArgument(Wire, frozen=True, kw_only=True):
    """One argument of a prompt."""

    name: str
    title: Opt[str] = UNSET
    description: Opt[str] = UNSET
    required: Opt[bool] = UNSET


class Prompt(Wire, frozen=True, kw_only=True):
    """A prompt as it is listed."""

    name: str
    title: Opt[str] = UNSET
    description: Opt[str] = UNSET
    arguments: Opt[list[PromptArgument]] = UNSET
    icons: Opt[list[Icon]] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class PromptMessage(Wire, frozen=True, kw_only=True):
    """One message of a prompt."""

    role: Role
    content: Content


class ListPrompts(Params, frozen=True, kw_only=True):
    """Parameters of `prompts/list`."""

    cursor: Opt[str] = UNSET


class ListPromptsResult(Cacheable, frozen=True, kw_only=True):
    """One page of prompts."""

    prompts: list[Prompt]
    next_cursor: Opt[str] = UNSET


class GetPrompt(Params, frozen=True, kw_only=True):
    """Parameters of `prompts/get`; argument values are strings on the wire."""

    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")
    input_responses: Opt[dict[str, msgspec.Raw]] = UNSET
    request_state: Opt[str] = UNSET


class GetPromptResult(Result, frozen=True, kw_only=True):
    """A prompt, filled in."""

    messages: list[PromptMessage]
    description: Opt[str] = UNSET


class PromptReference(Wire, frozen=True, kw_only=True, tag_field="type", tag="ref/prompt"):
    """The prompt whose argument is completed."""

    name: str
    title: Opt[str] = UNSET


class ResourceReference(Wire, frozen=True, kw_only=True, tag_field="type", tag="ref/resource"):
    """The template whose variable is completed."""

    uri: str


class CompletionArgument(Wire, frozen=True, kw_only=True):
    """The argument being typed, and what is typed so far."""

    name: str
    value: str


class CompletionContext(Wire, frozen=True, kw_only=True):
    """Arguments that are already chosen."""

    arguments: Opt[dict[str, str]] = UNSET


class Complete(Params, frozen=True, kw_only=True):
    """Parameters of `completion/complete`."""

    ref: PromptReference | ResourceReference
    argument: CompletionArgument
    context: Opt[CompletionContext] = UNSET


class Completion(Wire, frozen=True, kw_only=True):
    """At most 100 suggestions (PROMPT-07)."""

    values: list[str]
    total: Opt[int] = UNSET
    has_more: Opt[bool] = UNSET


class CompleteResult(Result, frozen=True, kw_only=True):
    """Answer to `completion/complete`."""

    completion: Completion
