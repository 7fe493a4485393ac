"""/v1/chat/completions, of OpenAI, Ollama, llama.cpp, vLLM and LM Studio: streamed, with tools and images.

Promise: several calls at once, cut into any pieces, come out whole, also from endpoints that number them badly.
Limit: only the first choice is read. Source: OpenAI's API reference, "Chat", "Streaming".
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from dragoman.errors import ModelError
from dragoman.host.models.reading import MAX_CALLS, arguments_of, decoded, fault_of, integer, mapping, sequence, text_of
from dragoman.host.models.turns import Given, Picture, Reply, Request, Stop, Text, Turn, Usage, Wanted

_DONE = b"[DONE]"
_STOPS: dict[str, Stop] = {
    "stop": "end",
    "tool_calls": "tools",
    "function_call": "tools",
    "length": "length",
    "content_filter": "refusal",
}


class ChatCompletions:
    """Speaks to such an endpoint; `limit` is what it calls the bound of what is written."""

    path = "/chat/completions"

    def __init__(self, limit: str = "max_tokens") -> None:
        self._limit = limit

    def headers(self, key: str) -> dict[str, str]:
        """Return the fields of a request."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def body(self, model: str, request: Request) -> bytes:
        """Return the JSON of a request."""
        messages: list[dict[str, Any]] = [{"role": "system", "content": request.system}] if request.system else []
        for turn in request.turns:
            messages += _messages(turn)
        body: dict[str, Any] = {
            "model": model,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            self._limit: request.max_tokens,
        }
        if request.offers:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {"name": one.name, "description": one.description, "parameters": one.schema},
                }
                for one in request.offers
            ]
        if request.stop:
            body["stop"] = list(request.stop)
        if request.temperature is not None:
            body["temperature"] = request.temperature
        return msgspec.json.encode(body)

    def reader(self) -> ChatReader:
        """Return what reads one answer."""
        return ChatReader()

    def fault(self, data: bytes) -> str:
        """Return what an error's body says."""
        return fault_of(data)


def _messages(turn: Turn) -> list[dict[str, Any]]:
    if turn.role == "assistant":
        return [_said(turn)]
    found: list[dict[str, Any]] = []
    pictures: list[dict[str, Any]] = []
    own: list[dict[str, Any]] = []
    for part in turn.parts:
        if isinstance(part, Given):
            words = "\n".join(one.text for one in part.parts if isinstance(one, Text))
            found.append({"role": "tool", "tool_call_id": part.id, "content": words or "(nothing in words)"})
            # Results of tools can hold text only: images follow in a message of their own, which says whose they are.
            images = [_picture(one) for one in part.parts if isinstance(one, Picture)]
            if images:
                pictures += [{"type": "text", "text": f"Images that {part.name} gave:"}, *images]
        elif isinstance(part, Text):
            own.append({"type": "text", "text": part.text})
        elif isinstance(part, Picture):
            own.append(_picture(part))
    if pictures or own:
        content: Any = [*pictures, *own]
        if all(one["type"] == "text" for one in content):
            content = "\n".join(one["text"] for one in content)  # older endpoints take no list
        found.append({"role": "user", "content": content})
    return found


def _said(turn: Turn) -> dict[str, Any]:
    words = "".join(part.text for part in turn.parts if isinstance(part, Text))
    calls = [
        {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": _json(part.arguments)}}
        for part in turn.parts
        if isinstance(part, Wanted)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": words or None}
    return {**message, "tool_calls": calls} if calls else message


def _json(arguments: str) -> str:
    return msgspec.json.encode(arguments_of(arguments)).decode()


def _picture(part: Picture) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:{part.mime_type};base64,{part.data}"}}


class _Call(msgspec.Struct):
    id: str = ""
    name: str = ""
    arguments: str = ""


class ChatReader:
    """Reads one answer."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._calls: list[_Call] = []
        self._numbered: dict[int, _Call] = {}
        self._finish = ""
        self._done = False
        self._refused = False
        self._usage = Usage()

    def feed(self, event: str, data: bytes) -> str:
        """Return the new words of one event. Raises ModelError."""
        if data.strip() == _DONE:
            self._done = True
            return ""
        return self._take(decoded(data), "delta")

    def whole(self, data: bytes) -> str:
        """Take an answer that was not streamed. Raises ModelError."""
        self._done = True
        return self._take(decoded(data), "message")

    def _take(self, chunk: dict[str, Any], member: str) -> str:
        if chunk.get("error"):
            raise ModelError(f"the model's endpoint broke off: {fault_of(msgspec.json.encode(chunk))}", again=True)
        if used := mapping(chunk.get("usage")):
            cached = integer(mapping(used.get("prompt_tokens_details")).get("cached_tokens"))
            self._usage = Usage(integer(used.get("prompt_tokens")), cached, integer(used.get("completion_tokens")))
        words = ""
        for choice in sequence(chunk.get("choices"))[:1]:
            said = mapping(mapping(choice).get(member))
            words = text_of(said.get("content"))
            if refusal := text_of(said.get("refusal")):
                self._refused, words = True, words + refusal
            self._words.append(words)
            for place, call in enumerate(sequence(said.get("tool_calls"))):
                self._add(mapping(call), place if member == "message" else None)
            self._finish = text_of(mapping(choice).get("finish_reason")) or self._finish
        return words

    def _add(self, piece: dict[str, Any], place: int | None) -> None:
        index, given = piece.get("index", place), text_of(piece.get("id"))
        function = mapping(piece.get("function"))
        number = index if isinstance(index, int) else len(self._calls) - (0 if given or not self._calls else 1)
        call = self._numbered.get(number)
        # Some endpoints number all calls 0, and tell them apart by their ids only.
        if call is None or (given and call.id and call.id != given):
            if len(self._calls) >= MAX_CALLS:
                raise ModelError(f"the model wants more than {MAX_CALLS} tools at once, which is the most taken")
            call = self._numbered[number] = _Call(given)
            self._calls.append(call)
        call.id = call.id or given
        name = text_of(function.get("name"))
        call.name = name if not call.name else call.name + ("" if name == call.name else name)
        arguments: Any = function.get("arguments")
        if isinstance(arguments, dict):  # as an object, where it ought to be a text
            arguments = msgspec.json.encode(cast("dict[str, Any]", arguments)).decode()
        call.arguments += text_of(arguments)

    def reply(self) -> Reply:
        """Return what came. Raises ModelError if it was cut off."""
        if not (self._done or self._finish):
            raise ModelError("the model's answer was cut off", again=True)
        parts: list[Text | Wanted] = [Text(words)] if (words := "".join(self._words)) else []
        taken: set[str] = set()
        for number, call in enumerate(self._calls, 1):
            id = call.id if call.id and call.id not in taken else f"call_{number}"
            taken.add(id)
            parts.append(Wanted(id, call.name, call.arguments))
        stop: Stop = "refusal" if self._refused else _STOPS.get(self._finish, "end")
        # Not all say so that they want tools, and one who has no more room may have cut a call in two.
        return Reply(tuple(parts), "tools" if self._calls and stop == "end" else stop, self._usage)
