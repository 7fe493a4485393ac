"""Anthropic's Messages: streamed, with tools and images, and marks that let the endpoint keep what does not change.

Promise: blocks are put together by their number, whatever order their pieces come in.
Limit: what a model thinks aloud is not kept, and no temperature is sent: newer models take none.
Source: Anthropic's API reference, "Messages", "Streaming messages".
"""

from __future__ import annotations

from typing import Any

import msgspec

from dragoman.errors import ModelError
from dragoman.host.models.reading import MAX_CALLS, arguments_of, decoded, fault_of, integer, mapping, sequence, text_of
from dragoman.host.models.turns import Part, Picture, Reply, Request, Stop, Text, Usage, Wanted

# Of that interface, and none of MCP's: those are named in protocol/eras only.
_VERSION = "-".join(("2023", "06", "01"))  # noqa: FLY002 - see above
_KEPT = {"type": "ephemeral"}
_STOPS: dict[str, Stop] = {
    "end_turn": "end",
    "stop_sequence": "end",
    "tool_use": "tools",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


class Messages:
    """Speaks to such an endpoint."""

    path = "/messages"

    def headers(self, key: str) -> dict[str, str]:
        """Return the fields of a request."""
        return {"anthropic-version": _VERSION, **({"x-api-key": key} if key else {})}

    def body(self, model: str, request: Request) -> bytes:
        """Return the JSON of a request."""
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": request.max_tokens,
            "messages": [
                {"role": turn.role, "content": [_block(part) for part in turn.parts]} for turn in request.turns
            ],
            "stream": True,
        }
        if body["messages"] and body["messages"][-1]["content"]:
            body["messages"][-1]["content"][-1]["cache_control"] = _KEPT  # the next request begins with all of this
        if request.system:
            body["system"] = [{"type": "text", "text": request.system, "cache_control": _KEPT}]
        if request.offers:
            tools: list[dict[str, Any]] = [
                {"name": one.name, "description": one.description, "input_schema": one.schema} for one in request.offers
            ]
            tools[-1]["cache_control"] = _KEPT  # all up to here stays as it is from one request to the next
            body["tools"] = tools
        if request.stop:
            body["stop_sequences"] = list(request.stop)
        return msgspec.json.encode(body)

    def reader(self) -> MessagesReader:
        """Return what reads one answer."""
        return MessagesReader()

    def fault(self, data: bytes) -> str:
        """Return what an error's body says."""
        return fault_of(data)


def _block(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Picture):
        return {"type": "image", "source": {"type": "base64", "media_type": part.mime_type, "data": part.data}}
    if isinstance(part, Wanted):
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_of(part.arguments)}
    block: dict[str, Any] = {
        "type": "tool_result",
        "tool_use_id": part.id,
        "content": [_block(one) for one in part.parts],
    }
    return {**block, "is_error": True} if part.failed else block


class _Block(msgspec.Struct):
    kind: str
    id: str = ""
    name: str = ""
    text: str = ""


class MessagesReader:
    """Reads one answer."""

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._stop = ""
        self._done = False
        self._usage = Usage()

    def feed(self, event: str, data: bytes) -> str:
        """Return the new words of one event. Raises ModelError."""
        found = decoded(data)
        kind, index = found.get("type") or event, integer(found.get("index"))
        if kind == "error":
            raise ModelError(f"the model's endpoint broke off: {fault_of(data)}", again=True)
        if kind == "message_start":
            self._count(mapping(mapping(found.get("message")).get("usage")))
        elif kind == "content_block_start":
            return self._begin(index, mapping(found.get("content_block")))
        elif kind == "content_block_delta":
            return self._add(index, mapping(found.get("delta")))
        elif kind == "message_delta":
            self._stop = text_of(mapping(found.get("delta")).get("stop_reason")) or self._stop
            self._count(mapping(found.get("usage")))
        elif kind == "message_stop":
            self._done = True
        return ""

    def whole(self, data: bytes) -> str:
        """Take an answer that was not streamed. Raises ModelError."""
        found = decoded(data)
        if found.get("type") == "error":
            raise ModelError(f"the model's endpoint broke off: {fault_of(data)}", again=True)
        for index, block in enumerate(sequence(found.get("content"))):
            self._begin(index, mapping(block))
        self._stop, self._done = text_of(found.get("stop_reason")), True
        self._count(mapping(found.get("usage")))
        return "".join(block.text for block in self._blocks.values() if block.kind == "text")

    def _begin(self, index: int, block: dict[str, Any]) -> str:
        kind = text_of(block.get("type"))
        if kind == "tool_use" and sum(one.kind == kind for one in self._blocks.values()) >= MAX_CALLS:
            raise ModelError(f"the model wants more than {MAX_CALLS} tools at once, which is the most taken")
        given = block.get("input")
        text = msgspec.json.encode(given).decode() if kind == "tool_use" and given else text_of(block.get("text"))
        self._blocks[index] = _Block(kind, text_of(block.get("id")), text_of(block.get("name")), text)
        return text if kind == "text" else ""

    def _add(self, index: int, delta: dict[str, Any]) -> str:
        block = self._blocks.get(index)
        if block is None:
            raise ModelError("the model's endpoint went on with a block that it had not begun", again=True)
        kind, text = delta.get("type"), text_of(delta.get("text"))
        if kind == "text_delta" and block.kind == "text":
            block.text += text
            return text
        if kind == "input_json_delta" and block.kind == "tool_use":
            block.text += text_of(delta.get("partial_json"))
        return ""

    def _count(self, used: dict[str, Any]) -> None:
        cached = integer(used.get("cache_read_input_tokens"))
        # What is read anew, what is read and kept from now on, and what was kept are counted apart here.
        read = integer(used.get("input_tokens")) + integer(used.get("cache_creation_input_tokens")) + cached
        self._usage = Usage(
            read or self._usage.read, cached or self._usage.cached,
            integer(used.get("output_tokens")) or self._usage.written,
        )  # fmt: skip

    def reply(self) -> Reply:
        """Return what came. Raises ModelError if it was cut off."""
        if not self._done:
            raise ModelError("the model's answer was cut off", again=True)
        parts: list[Text | Wanted] = []
        for number, (_, block) in enumerate(sorted(self._blocks.items()), 1):
            if block.kind == "text" and block.text:
                parts.append(Text(block.text))
            elif block.kind == "tool_use":
                parts.append(Wanted(block.id or f"call_{number}", block.name, block.text))
        wants = any(isinstance(part, Wanted) for part in parts)
        stop: Stop = _STOPS.get(self._stop, "end")
        return Reply(tuple(parts), "tools" if wants and stop == "end" else stop, self._usage)
