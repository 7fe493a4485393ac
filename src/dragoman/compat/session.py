"""What stands for `ServerSession`: questions to the client and notices, over the call that is being answered.

Promise: each method sends what its name says, in the protocol's own terms. Limit: a question needs a client that is
listening, so it fails with a plain error in an era, or over a transport, that has no way back.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import msgspec
from msgspec import UNSET

from dragoman.app.server import Server
from dragoman.compat.ground import states_of
from dragoman.compat.models import Model, from_wire
from dragoman.compat.questions import (
    ClientCapabilities,
    CreateMessageResult,
    ElicitResult,
    ListRootsResult,
)
from dragoman.compat.refusal import unsupported_attribute
from dragoman.compat.results import plain
from dragoman.compat.types import EmptyResult, Implementation
from dragoman.protocol.exchange import Call
from dragoman.serving.shapes import is_object
from dragoman.wire.jsonrpc import Notification
from dragoman.wire.notices import (
    MESSAGE,
    PROGRESS,
    PROMPTS_CHANGED,
    RESOURCE_UPDATED,
    RESOURCES_CHANGED,
    TOOLS_CHANGED,
    LogMessage,
    Progress,
)
from dragoman.wire.questions import CreateMessage, Elicit

ELICITED = "notifications/elicitation/complete"

# Whose spelling on the wire differs from Python's: create_message(max_tokens=...) is maxTokens.
_SAMPLING = {
    "max_tokens": "maxTokens",
    "system_prompt": "systemPrompt",
    "include_context": "includeContext",
    "temperature": "temperature",
    "stop_sequences": "stopSequences",
    "metadata": "metadata",
    "model_preferences": "modelPreferences",
    "tools": "tools",
    "tool_choice": "toolChoice",
}
_CHANGED = {TOOLS_CHANGED: "tools", PROMPTS_CHANGED: "prompts", RESOURCES_CHANGED: "resources"}


class ServerSession:
    """The client, seen from the call that it made. `native` is the server that it called.

    What a method is given beyond its named parameters says which request it
    belongs to; here that is always the call itself.
    """

    def __init__(self, call: Call, native: Server) -> None:
        self._asked = call
        self._native = native

    def __class_getitem__(cls, item: Any) -> type:
        return cls

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise unsupported_attribute("ServerSession", name)

    @property
    def client_params(self) -> Any:
        """What the client said of itself, under the names of `initialize`."""
        caller = self._asked.caller
        client = caller.client
        return Model(
            protocol_version=caller.version,
            client_info=Implementation(name="", version="") if client is None else from_wire(Implementation, client),
            capabilities=self.client_capabilities,
        )

    @property
    def client_capabilities(self) -> ClientCapabilities:
        """What the client can do."""
        return from_wire(ClientCapabilities, self._asked.caller.capabilities)

    @property
    def protocol_version(self) -> str:
        """The version that this call speaks."""
        return self._asked.caller.version

    def check_client_capability(self, capability: Model) -> bool:
        """Say whether the client has everything that `capability` names."""
        return _covers(self.client_capabilities.model_dump(exclude_none=True), capability.model_dump(exclude_none=True))

    async def ask(self, question: Any) -> Any:
        """Put a question to the client and return its answer as it came.

        In the stateless era this ends the run; the handler runs again from its
        beginning when the answer is there. Raises RequestError if the client
        has not declared that it can answer.
        """
        asking: Any = import_module("dragoman.serving.asking")
        raw = msgspec.structs.replace(question, read=msgspec.json.decode)
        return (await asking.ask(self._asked, states_of(self._native), {"": raw}))[""]

    async def notify(self, method: str, params: Any = None) -> None:
        """Send a notice that belongs to this call."""
        trimmed: Any = {} if params is None else self._asked.era.trim(params)
        await self._asked.door.emit(Notification(method=method, params=trimmed))

    async def create_message(self, messages: list[Any], max_tokens: int, **options: Any) -> CreateMessageResult:
        """Let the client's model answer `messages`; options are those of `sampling/createMessage`."""
        given = {"max_tokens": max_tokens, **options}
        said = {key: value for key, value in given.items() if key in _SAMPLING and value is not None}
        members = {_SAMPLING[key]: _without_none(value) for key, value in said.items()}
        params = msgspec.convert({"messages": [_without_none(part) for part in messages], **members}, CreateMessage)
        needs: dict[str, Any] = {"tools": []} if "tools" in members or "toolChoice" in members else {}
        question = _questions().sample([], max_tokens=max_tokens, **needs)
        return CreateMessageResult(**await self.ask(msgspec.structs.replace(question, params=params)))

    async def list_roots(self) -> ListRootsResult:
        """Return the folders that the client works in."""
        return ListRootsResult(**await self.ask(_questions().roots()))

    async def elicit_form(
        self, message: str, requested_schema: Any = None, *given: Any, **options: Any
    ) -> ElicitResult:
        """Let the user fill in a form; `requested_schema` is a JSON Schema of an object."""
        schema: Any = requested_schema if requested_schema is not None else options.get("requestedSchema", {})
        params = Elicit(mode="form", message=message, requested_schema=plain(schema))
        return ElicitResult(**await self.ask(msgspec.structs.replace(_questions().form("", bool), params=params)))

    elicit = elicit_form

    async def elicit_url(
        self, message: str, url: str, elicitation_id: str, *given: Any, **options: Any
    ) -> ElicitResult:
        """Send the user to a web page; what happens there is not part of the answer."""
        params = Elicit(mode="url", message=message, url=url, elicitation_id=elicitation_id)
        return ElicitResult(**await self.ask(msgspec.structs.replace(_questions().page("", url), params=params)))

    async def send_ping(self) -> EmptyResult:
        """Return at once: a client that waits for an answer is there."""
        return EmptyResult()

    async def send_log_message(
        self, level: Any, data: Any, logger: str | None = None, *given: Any, **options: Any
    ) -> None:
        """Send a line of log, if the client wants this level."""
        if self._asked.era.hears_logs(self._asked, level):
            await self.notify(MESSAGE, LogMessage(level=level, data=plain(data), logger=logger or UNSET))

    async def send_progress_notification(
        self,
        progress_token: Any,
        progress: float,
        total: float | None = None,
        message: str | None = None,
        *given: Any,
        **options: Any,
    ) -> None:
        """Tell how far a request of the client's is."""
        said = Progress(
            progress_token=progress_token,
            progress=progress,
            total=UNSET if total is None else total,
            message=UNSET if message is None else message,
        )
        await self.notify(PROGRESS, said)

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell how far this call is, if the client asked."""
        token = self._asked.meta.progress_token
        if token is not UNSET:
            await self.send_progress_notification(token, progress, total, message)

    async def send_tool_list_changed(self) -> None:
        """Say that the tools have changed, to everybody who listens."""
        self._native.notify_tools_changed()

    async def send_resource_list_changed(self) -> None:
        """Say that the resources have changed, to everybody who listens."""
        self._native.notify_resources_changed()

    async def send_prompt_list_changed(self) -> None:
        """Say that the prompts have changed, to everybody who listens."""
        self._native.notify_prompts_changed()

    async def send_resource_updated(self, uri: Any) -> None:
        """Say that what a resource holds has changed, to everybody who subscribed to it."""
        self._native.notify_resource_updated(str(uri))

    async def send_elicit_complete(self, elicitation_id: str, *given: Any, **options: Any) -> None:
        """Say that what a web page was for is done."""
        await self._asked.door.emit(Notification(method=ELICITED, params={"elicitationId": elicitation_id}))

    async def send_notification(self, notification: Any, *given: Any, **options: Any) -> None:
        """Send any notification, made as a model of `mcp.types`."""
        notification = getattr(notification, "root", notification)
        params: dict[str, Any] = {} if notification.params is None else _without_none(notification.params)
        if notification.method == RESOURCE_UPDATED:
            self._native.notify_resource_updated(str(params.get("uri", "")))
        elif notification.method in _CHANGED:
            getattr(self._native, f"notify_{_CHANGED[notification.method]}_changed")()
        elif notification.method != MESSAGE or self._asked.era.hears_logs(self._asked, params.get("level", "")):
            await self._asked.door.emit(Notification(method=notification.method, params=params))


def _questions() -> Any:
    """Loaded by the first question: servers that never ask don't pay for it."""
    return import_module("dragoman.serving.questions")


def _without_none(value: Any) -> Any:
    return value.model_dump(exclude_none=True) if isinstance(value, Model) else plain(value)


def _covers(have: Any, wanted: Any) -> bool:
    if is_object(wanted):
        return is_object(have) and all(key in have and _covers(have[key], part) for key, part in wanted.items())
    return wanted in (None, False) or have == wanted
