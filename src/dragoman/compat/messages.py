"""Prompt messages as other packages' prompts make them: `UserMessage("...")`, `Message("...", role="assistant")`.

Promise: text, content blocks and media all serve as content. Limit: roles are the protocol's two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dragoman.compat.models import Model
from dragoman.compat.types import ContentBlock, TextContent


class Message:
    """A message of a prompt; `content` is text, a block, media, or a value that becomes JSON text."""

    def __init__(self, content: Any, role: str = "user", **extra: Any) -> None:
        if role not in ("user", "assistant"):
            raise ValueError(f"a message's role is 'user' or 'assistant', not {role!r}")
        self.role = role
        self.content = TextContent(text=content) if isinstance(content, str) else content

    def __repr__(self) -> str:
        return f"{type(self).__name__}(content={self.content!r}, role={self.role!r})"


class UserMessage(Message):
    """What the user says."""

    def __init__(self, content: Any, **extra: Any) -> None:
        super().__init__(content, role=extra.pop("role", "user"), **extra)


class AssistantMessage(Message):
    """What the model says."""

    def __init__(self, content: Any, **extra: Any) -> None:
        super().__init__(content, role=extra.pop("role", "assistant"), **extra)


class PromptResult:
    """A prompt spelled out, as `fastmcp.prompts.PromptResult`."""

    def __init__(self, messages: Any, description: str | None = None, meta: dict[str, Any] | None = None) -> None:
        self.messages: list[Any] = messages if isinstance(messages, list) else [messages]
        self.description = description
        self.meta = meta


class Prompt(Model):
    """A prompt made of a function, to be handed to `add_prompt`."""

    fn: Any
    name: str | None = None
    title: str | None = None
    description: str | None = None
    icons: list[Any] | None = None

    @classmethod
    def from_function(cls, fn: Callable[..., Any], name: str | None = None, **options: Any) -> Prompt:
        """Return the prompt that `fn` makes, under `name` or the function's own."""
        return cls(fn=fn, name=name, **options)


def message_to_prompt_message(message: Message) -> Message:
    """Return the message: here it is one already."""
    return message


__all__ = ["AssistantMessage", "ContentBlock", "Message", "Prompt", "PromptResult", "UserMessage"]
