"""Middleware of `fastmcp` that tells of what is asked: a line of log for each message, how long it took.

Promise: arguments are in the log only where a file asks for that. Limit: tokens are estimated, as there, at four
characters each.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from dragoman.compat.middleware import Middleware
from dragoman.compat.results import plain


class _Logging(Middleware):
    structured = False

    def __init__(
        self,
        *,
        logger: logging.Logger | None = None,
        log_level: int = logging.INFO,
        include_payloads: bool = False,
        include_payload_length: bool = False,
        estimate_payload_tokens: bool = False,
        max_payload_length: int | None = 1000,
        methods: list[str] | None = None,
        payload_serializer: Callable[[Any], str] | None = None,
    ) -> None:  # fmt: skip
        self.logger = logger or logging.getLogger("fastmcp.middleware.logging")
        self.log_level = log_level
        self.include_payloads = include_payloads
        self.include_payload_length = include_payload_length
        self.estimate_payload_tokens = estimate_payload_tokens
        self.max_payload_length = max_payload_length
        self.methods = methods
        self.payload_serializer = payload_serializer or _json

    async def on_message(self, context: Any, call_next: Any) -> Any:
        """Tell that something is asked, and how it ended."""
        if self.methods is not None and context.method not in self.methods:
            return await call_next(context)
        began = time.perf_counter()
        self._tell(self.log_level, {"event": f"{context.type}_start", **self._about(context)})
        try:
            result = await call_next(context)
        except Exception as error:
            self._tell(logging.ERROR, {**_ended(context, "error", began), "error": str(error)})
            raise
        self._tell(self.log_level, _ended(context, "success", began))
        return result

    def _about(self, context: Any) -> dict[str, Any]:
        said: dict[str, Any] = {"method": context.method or "unknown", "source": context.source}
        if not (self.include_payloads or self.include_payload_length or self.estimate_payload_tokens):
            return said
        payload = self.payload_serializer(context.message)
        if self.include_payload_length:
            said["payload_length"] = len(payload)
        if self.estimate_payload_tokens:
            said["payload_tokens"] = len(payload) // 4
        if self.include_payloads:
            most = self.max_payload_length
            said["payload"] = payload if most is None or len(payload) <= most else f"{payload[:most]}..."
        return said

    def _tell(self, level: int, said: dict[str, Any]) -> None:
        if self.logger.isEnabledFor(level):
            line = json.dumps(said) if self.structured else " ".join(f"{key}={value}" for key, value in said.items())
            self.logger.log(level, "%s", line)


def _ended(context: Any, how: str, began: float) -> dict[str, Any]:
    milliseconds = round((time.perf_counter() - began) * 1000, 2)
    return {"event": f"{context.type}_{how}", "method": context.method or "unknown", "duration_ms": milliseconds}


def _json(message: Any) -> str:
    return json.dumps(plain(message), default=str)


class LoggingMiddleware(_Logging):
    """Lines of `key=value`."""


class StructuredLoggingMiddleware(_Logging):
    """Lines of JSON; payloads are whole."""

    structured = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.max_payload_length = options.get("max_payload_length")


class TimingMiddleware(Middleware):
    """Tells how long each request took."""

    def __init__(self, logger: logging.Logger | None = None, log_level: int = logging.INFO) -> None:
        self.logger = logger or logging.getLogger("fastmcp.timing")
        self.log_level = log_level

    async def on_request(self, context: Any, call_next: Any) -> Any:
        """Tell how long a request took."""
        return await self._timed(f"Request {context.method}", context, call_next)

    async def _timed(self, what: str, context: Any, call_next: Any) -> Any:
        began = time.perf_counter()
        how = "failed after"
        try:
            result = await call_next(context)
            how = "completed in"
            return result
        finally:
            self.logger.log(self.log_level, "%s %s %.2fms", what, how, (time.perf_counter() - began) * 1000)


class DetailedTimingMiddleware(TimingMiddleware):
    """Tells how long each tool, resource, prompt and list took, by name."""

    async def on_request(self, context: Any, call_next: Any) -> Any:
        """Leave that to the others."""
        return await call_next(context)

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        """Tell how long a tool took."""
        return await self._timed(f"Tool '{context.message.name}'", context, call_next)

    async def on_read_resource(self, context: Any, call_next: Any) -> Any:
        """Tell how long a resource took."""
        return await self._timed(f"Resource '{context.message.uri}'", context, call_next)

    async def on_get_prompt(self, context: Any, call_next: Any) -> Any:
        """Tell how long a prompt took."""
        return await self._timed(f"Prompt '{context.message.name}'", context, call_next)

    async def _list(self, context: Any, call_next: Any) -> Any:
        return await self._timed(f"List {context.method}", context, call_next)

    on_list_tools = on_list_resources = on_list_resource_templates = on_list_prompts = _list
