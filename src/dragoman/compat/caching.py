"""Middleware of `fastmcp` that keeps answers: `ResponseCachingMiddleware`, in memory, by what was asked and who asks.

Promise: what one caller got is not given to another, and failures are not kept. Limit: storage is this process's own.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any, TypedDict

import msgspec

from dragoman.compat.middleware import Middleware
from dragoman.compat.refusal import unsupported_argument
from dragoman.compat.results import plain
from dragoman.compat.running import Whole

MOST = 10_000  # answers
HOUR, FIVE_MINUTES = 3600, 300
_MB = 1024 * 1024


class ListToolsSettings(TypedDict, total=False):
    """How answers to one method are kept: whether, and for how many seconds."""

    ttl: int
    enabled: bool


ListResourcesSettings = ListPromptsSettings = ReadResourceSettings = GetPromptSettings = ListToolsSettings


class CallToolSettings(ListToolsSettings, total=False):
    """How results of tools are kept: of those that are included, or of all that are not excluded."""

    included_tools: list[str]
    excluded_tools: list[str]


class ResponseCachingMiddleware(Middleware):
    """Keeps lists for five minutes and everything else for an hour, unless settings say otherwise."""

    def __init__(self, cache_storage: Any = None, *, max_item_size: int = _MB, **settings: Any) -> None:
        if cache_storage is not None:
            raise unsupported_argument("ResponseCachingMiddleware", "cache_storage", "answers are kept in memory")
        self._settings: dict[str, dict[str, Any]] = {}
        for name, ttl in _USUAL.items():
            self._settings[name] = {"ttl": ttl, "enabled": True, **(settings.pop(f"{name}_settings", None) or {})}
        for name in settings:
            raise unsupported_argument("ResponseCachingMiddleware", name)
        self._most = max_item_size
        self._kept: OrderedDict[bytes, tuple[float, Any]] = OrderedDict()

    async def _answer(self, name: str, context: Any, call_next: Any) -> Any:
        settings = self._settings[name]
        fastmcp_context = context.fastmcp_context
        if not settings["enabled"] or fastmcp_context is None or fastmcp_context.request_state is not None:
            return await call_next(context)
        caller = fastmcp_context.call.caller
        who = [caller.session, caller.principal, fastmcp_context.fastmcp.name]
        key = msgspec.json.encode([name, plain(context.message), who], order="sorted", enc_hook=str)
        now = time.monotonic()
        held = self._kept.get(key)
        if held is not None and held[0] > now:
            return held[1]
        answer = await call_next(context)
        if not isinstance(answer, Whole) and not getattr(answer, "is_error", False):
            self._keep(key, now + settings["ttl"], answer)
        return answer

    def _keep(self, key: bytes, until: float, answer: Any) -> None:
        shown = getattr(answer, "__dict__", answer)
        if len(msgspec.json.encode(shown, enc_hook=lambda value: getattr(value, "__dict__", str(value)))) > self._most:
            return
        self._kept.pop(key, None)
        while len(self._kept) >= MOST:
            self._kept.popitem(last=False)
        self._kept[key] = until, answer

    async def on_list_tools(self, context: Any, call_next: Any) -> Any:
        """Return the list, kept or new."""
        return await self._answer("list_tools", context, call_next)

    async def on_list_resources(self, context: Any, call_next: Any) -> Any:
        """Return the list, kept or new."""
        return await self._answer("list_resources", context, call_next)

    async def on_list_prompts(self, context: Any, call_next: Any) -> Any:
        """Return the list, kept or new."""
        return await self._answer("list_prompts", context, call_next)

    async def on_read_resource(self, context: Any, call_next: Any) -> Any:
        """Return what the resource holds, kept or new."""
        return await self._answer("read_resource", context, call_next)

    async def on_get_prompt(self, context: Any, call_next: Any) -> Any:
        """Return the prompt, kept or new."""
        return await self._answer("get_prompt", context, call_next)

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        """Return the tool's result, kept or new."""
        settings, name = self._settings["call_tool"], context.message.name
        included = settings.get("included_tools")
        if (included is not None and name not in included) or name in settings.get("excluded_tools", ()):
            return await call_next(context)
        return await self._answer("call_tool", context, call_next)


_USUAL = {
    "list_tools": FIVE_MINUTES,
    "list_resources": FIVE_MINUTES,
    "list_prompts": FIVE_MINUTES,
    "read_resource": HOUR,
    "get_prompt": HOUR,
    "call_tool": HOUR,
}
