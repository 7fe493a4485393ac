"""What a conversation with a model must keep to when tools are used in it.

Source: specification, client/sampling "Message Content Constraints"; requirement SAMP-06.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dragoman.errors import LocalError
from dragoman.wire.content import SamplingContent, ToolUse, ToolUseResult
from dragoman.wire.questions import SamplingMessage


def blocks(message: SamplingMessage) -> Sequence[SamplingContent]:
    """Return the blocks of a message."""
    return message.content if isinstance(message.content, list) else [message.content]


def uses_tools(messages: Sequence[SamplingMessage]) -> bool:
    """Return whether a tool was used in a conversation, which a client must have said that it knows."""
    return any(isinstance(block, ToolUse | ToolUseResult) for item in messages for block in blocks(item))


def check_conversation(messages: Sequence[SamplingMessage]) -> None:
    """Raise LocalError if a use of a tool is not answered by the next message, and by nothing else in it."""
    open_uses: set[str] = set()
    for number, message in enumerate(messages):
        results = [block.tool_use_id for block in blocks(message) if isinstance(block, ToolUseResult)]
        if results and len(results) < len(blocks(message)):
            raise LocalError(
                f"messages[{number}] has results of tools beside other content; put that in another message"
            )
        if set(results) != open_uses:
            unanswered = ", ".join(sorted(open_uses ^ set(results)))
            raise LocalError(f"messages[{number}] must have the results of the uses of tools before it: {unanswered}")
        open_uses = set(_uses(message))
    if open_uses:
        raise LocalError(
            f"the conversation ends without the results of the uses of tools {', '.join(sorted(open_uses))}"
        )


def _uses(message: SamplingMessage) -> Iterator[str]:
    for block in blocks(message):
        if isinstance(block, ToolUse):
            yield block.id
