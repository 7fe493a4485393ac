"""A client with a person in front of it, in both eras: answers what a call asks, and counts what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
from tests.protocol.fixtures import HELLO, META, MODERN, PREFIX, Ear, Line, written

from dragoman import Server
from dragoman.errors import PeerError

CAPABLE: dict[str, Any] = {
    "elicitation": {"form": {}, "url": {}},
    "sampling": {"tools": {}, "context": {}},
    "roots": {},
}
Answers = Callable[[str, dict[str, Any]], Any]


def accept(**content: Any) -> dict[str, Any]:
    """Return what a client sends for a form that was filled in."""
    return {"action": "accept", "content": content}


def by_message(answers: dict[str, Any]) -> Answers:
    """Answer each question by its words."""
    return lambda method, params: answers[params.get("message", method)]


class Person(Line):
    """Calls a server and answers its questions; `asked` has each with its method, as it came."""

    def __init__(self, server: Server, answers: Answers, version: str, has: dict[str, Any] | None = None) -> None:
        super().__init__(server)
        self.answers = answers
        self.version = version
        self.has = CAPABLE if has is None else has
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.rounds = 0
        self.subject: str | None = None

    async def ask(self, method: str, version: str = "", **params: Any) -> dict[str, Any]:
        """Return the whole response, all questions answered."""
        if self.version != MODERN:
            if not self.peer.greeted:
                await self.send(
                    written("initialize", {**HELLO, "protocolVersion": self.version, "capabilities": self.has})
                )
            return await self.send(written(method, params))
        params["_meta"] = {**META, PREFIX + "clientCapabilities": self.has}
        while True:
            self.rounds += 1
            response = await self.send(written(method, params))
            result = response.get("result", {})
            if result.get("resultType") != "input_required":
                return response
            params["requestState"] = result["requestState"]
            params["inputResponses"] = {
                key: self.answer(asked["method"], asked["params"]) for key, asked in result["inputRequests"].items()
            }

    async def leg(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the response to one request of the stateless era, whatever it is."""
        params["_meta"] = {**META, PREFIX + "clientCapabilities": self.has}
        return await self.send(written(method, params))

    def answer(self, method: str, params: dict[str, Any]) -> Any:
        self.asked.append((method, params))
        return self.answers(method, params)

    def admit(self, body: bytes) -> Any:
        call = super().admit(body)
        call.door = self.ear = Asked(self)
        call.caller = msgspec.structs.replace(call.caller, principal=self.subject or "")
        return call


class Asked(Ear):
    """The door of a call whose client answers."""

    def __init__(self, person: Person) -> None:
        super().__init__()
        self.person = person

    async def ask(self, method: str, params: Any) -> Any:
        answer = self.person.answer(method, json.loads(msgspec.json.encode(params)))
        if isinstance(answer, PeerError):
            raise answer
        return msgspec.Raw(json.dumps(answer).encode())
