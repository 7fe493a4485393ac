"""The two wire formats of models, from the endpoint's side: requests read, answers written as streams of events.

Written from the vendors' references and not from the client's code, so that the two can contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec


class Turn(NamedTuple):
    """What the model does: words, and calls as (tool, JSON of arguments)."""

    words: str
    calls: list[tuple[str, str]]


class Seen(NamedTuple):
    """What a model was asked: the words of the user, the tools on offer by name, and what tools gave since, in order.

    `results` are (tool, text); `wire` is "openai" or "anthropic", `body` the whole request, `headers` its fields.
    """

    wire: str
    question: str
    tools: dict[str, Any]
    results: list[tuple[str, str]]
    body: dict[str, Any]
    headers: Mapping[str, str]


class ModelWire(Protocol):
    """One of the two formats."""

    def seen(self, body: dict[str, Any], headers: Mapping[str, str]) -> Seen:
        """Return what a request asks."""
        ...

    def events(self, turn: Turn, seen: Seen, size: int, whole: bool) -> Iterator[bytes]:
        """Yield the events of an answer, each with `size` characters at most; without its end unless `whole`."""
        ...

    def refusal(self, status: int, message: str) -> bytes:
        """Return the body of an error."""
        ...


def _pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def _tokens(value: Any) -> int:
    return -(-len(msgspec.json.encode(value)) // 4)


def _words(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts: list[dict[str, Any]] = content or []
    return "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")


class OpenAiWire:
    """/v1/chat/completions."""

    def seen(self, body: dict[str, Any], headers: Mapping[str, str]) -> Seen:
        """Return what a request asks."""
        names: dict[str, str] = {}
        results: list[tuple[str, str]] = []
        for message in body["messages"]:
            for call in message.get("tool_calls", []):
                names[call["id"]] = call["function"]["name"]
            if message["role"] == "tool":
                results.append((names[message["tool_call_id"]], _words(message["content"])))
        asked = [words for one in body["messages"] if one["role"] == "user" and (words := _asked(one["content"]))]
        question = asked[-1] if asked else ""
        tools = {one["function"]["name"]: one["function"] for one in body.get("tools", [])}
        return Seen("openai", question, tools, _since(body["messages"], results), body, headers)

    def events(self, turn: Turn, seen: Seen, size: int, whole: bool) -> Iterator[bytes]:
        """Yield the events of an answer."""
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": seen.body["model"]}

        def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return b"data: %b\n\n" % msgspec.json.encode({**head, "choices": [choice]})

        yield chunk({"role": "assistant", "content": ""})
        for piece in _pieces(turn.words, size):
            yield chunk({"content": piece})
        for index, (name, _) in enumerate(turn.calls):
            call = {"index": index, "id": f"call_{index}", "type": "function"}
            yield chunk({"tool_calls": [{**call, "function": {"name": name, "arguments": ""}}]})
        # In turns, as several at once may come.
        cut = [_pieces(arguments, size) for _, arguments in turn.calls]
        for at in range(max(map(len, cut), default=0)):
            for index, pieces in enumerate(cut):
                if at < len(pieces):
                    yield chunk({"tool_calls": [{"index": index, "function": {"arguments": pieces[at]}}]})
        if not whole:
            return
        yield chunk({}, "tool_calls" if turn.calls else "stop")
        used = {"prompt_tokens": _tokens(seen.body), "completion_tokens": _tokens(turn)}
        yield b"data: %b\n\n" % msgspec.json.encode({**head, "choices": [], "usage": used})
        yield b"data: [DONE]\n\n"

    def refusal(self, status: int, message: str) -> bytes:
        """Return the body of an error."""
        return msgspec.json.encode({"error": {"message": message, "type": "error", "code": status}})


class AnthropicWire:
    """/v1/messages."""

    def seen(self, body: dict[str, Any], headers: Mapping[str, str]) -> Seen:
        """Return what a request asks."""
        names: dict[str, str] = {}
        results: list[tuple[str, str]] = []
        question = ""
        for message in body["messages"]:
            blocks: Any = message["content"]
            blocks = [{"type": "text", "text": blocks}] if isinstance(blocks, str) else blocks
            for block in blocks:
                if block["type"] == "tool_use":
                    names[block["id"]] = block["name"]
                elif block["type"] == "tool_result":
                    results.append((names[block["tool_use_id"]], _words(block["content"])))
            if message["role"] == "user" and (words := _words(blocks)):
                question, results = words, []
        tools = {one["name"]: {**one, "parameters": one["input_schema"]} for one in body.get("tools", [])}
        return Seen("anthropic", question, tools, results, body, headers)

    def events(self, turn: Turn, seen: Seen, size: int, whole: bool) -> Iterator[bytes]:
        """Yield the events of an answer."""

        def event(kind: str, **members: Any) -> bytes:
            return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode({"type": kind, **members}))

        used = {"input_tokens": _tokens(seen.body), "output_tokens": 1}
        message: dict[str, Any] = {
            "id": "msg_1",
            "role": "assistant",
            "model": seen.body["model"],
            "content": [],
            "usage": used,
        }
        yield event("message_start", message=message)
        yield event("ping")
        index = 0
        if turn.words:
            yield event("content_block_start", index=index, content_block={"type": "text", "text": ""})
            for piece in _pieces(turn.words, size):
                yield event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})
            if not whole:
                return
            yield event("content_block_stop", index=index)
            index += 1
        for name, arguments in turn.calls:
            block: dict[str, Any] = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
            yield event("content_block_start", index=index, content_block=block)
            for piece in _pieces(arguments, size):
                yield event(
                    "content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": piece}
                )
            yield event("content_block_stop", index=index)
            index += 1
        if not whole:
            return
        stop = {"stop_reason": "tool_use" if turn.calls else "end_turn"}
        yield event("message_delta", delta=stop, usage={"output_tokens": _tokens(turn)})
        yield event("message_stop")

    def refusal(self, status: int, message: str) -> bytes:
        """Return the body of an error."""
        return msgspec.json.encode({"type": "error", "error": {"type": "api_error", "message": message}})


def _asked(content: Any) -> str:
    """Return the words of a user's message, "" for one that only holds the images of tools."""
    words = _words(content)
    return "" if words.startswith("Images that ") else words


def _since(messages: list[dict[str, Any]], results: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the results that came after the user's last words; images of tools, which follow them, are none."""
    count = 0
    for message in reversed(messages):
        if message["role"] == "tool":
            count += 1
        elif message["role"] == "user" and _asked(message["content"]):
            break
    return results[len(results) - count :]


WIRES: dict[str, ModelWire] = {"/chat/completions": OpenAiWire(), "/messages": AnthropicWire()}
