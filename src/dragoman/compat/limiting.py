"""Middleware of `fastmcp` that sets bounds: how many requests, how large a result.

Promise: what it keeps of callers is bounded. Limit: it counts in this process; `dragoman`'s own limits are beside it.
"""

from __future__ import annotations

import inspect
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from dragoman.compat.exceptions import McpError
from dragoman.compat.middleware import Middleware
from dragoman.compat.results import ToolResult, plain
from dragoman.compat.types import TextContent

T = TypeVar("T")
MOST_CLIENTS = 10_000
RATE_LIMITED = -32000


class RateLimitError(McpError):
    """There were too many requests."""

    def __init__(self, message: str = "Rate limit exceeded") -> None:
        super().__init__(RATE_LIMITED, message)


class TokenBucketRateLimiter:
    """A bucket of `capacity` tokens, filled by `refill_rate` tokens a second."""

    def __init__(self, capacity: int, refill_rate: float) -> None:
        self.capacity = capacity
        self.refill_rate = refill_rate
        self.tokens = float(capacity)
        self.last_refill = time.monotonic()

    async def consume(self, tokens: int = 1) -> bool:
        """Take tokens; returns whether there were enough."""
        now = time.monotonic()
        self.tokens = min(self.capacity, self.tokens + (now - self.last_refill) * self.refill_rate)
        self.last_refill = now
        enough = self.tokens >= tokens
        if enough:
            self.tokens -= tokens
        return enough


class SlidingWindowRateLimiter:
    """At most `max_requests` in any `window_seconds`."""

    def __init__(self, max_requests: int, window_seconds: float) -> None:
        self.max_requests = max_requests
        self.window_seconds = window_seconds
        self.requests: deque[float] = deque()

    async def is_allowed(self) -> bool:
        """Count a request; returns whether it may be answered."""
        now = time.monotonic()
        while self.requests and self.requests[0] <= now - self.window_seconds:
            self.requests.popleft()
        allowed = len(self.requests) < self.max_requests
        if allowed:
            self.requests.append(now)
        return allowed


class _Clients(Generic[T]):
    """Something of each client: the one seen longest ago is forgotten for a new one."""

    def __init__(self, make: Callable[[], T], who: Callable[[Any], Any] | None) -> None:
        self._make = make
        self._who = who
        self._kept: OrderedDict[str, T] = OrderedDict()

    async def of(self, context: Any) -> tuple[str, T]:
        """Return who asks, and what there is of that client."""
        name: Any = _caller(context) if self._who is None else self._who(context)
        if inspect.isawaitable(name):
            name = await name
        if name not in self._kept:
            if len(self._kept) >= MOST_CLIENTS:
                self._kept.popitem(last=False)
            self._kept[name] = self._make()
        self._kept.move_to_end(name)
        return str(name), self._kept[name]


def _caller(context: Any) -> str:
    """Return who asks, as far as somebody vouches for it: names that clients give themselves are no bound."""
    if context.fastmcp_context is None:
        return "global"
    caller = context.fastmcp_context.call.caller
    return caller.principal or "global"


class RateLimitingMiddleware(Middleware):
    """A bucket for each client, or one for all."""

    def __init__(
        self,
        max_requests_per_second: float = 10.0,
        burst_capacity: int | None = None,
        get_client_id: Callable[[Any], Any] | None = None,
        global_limit: bool = False,
    ) -> None:
        capacity = burst_capacity or max(1, int(max_requests_per_second * 2))

        def make() -> TokenBucketRateLimiter:
            return TokenBucketRateLimiter(capacity, max_requests_per_second)

        self._clients = _Clients(make, (lambda context: "global") if global_limit else get_client_id)

    async def on_request(self, context: Any, call_next: Any) -> Any:
        """Answer. Raises RateLimitError."""
        name, bucket = await self._clients.of(context)
        if not await bucket.consume():
            raise RateLimitError(f"Rate limit exceeded for client: {name}" if name != "global" else _GLOBAL)
        return await call_next(context)


_GLOBAL = "Global rate limit exceeded"


class SlidingWindowRateLimitingMiddleware(Middleware):
    """A window for each client."""

    def __init__(
        self, max_requests: int, window_minutes: float = 1, get_client_id: Callable[[Any], Any] | None = None
    ) -> None:
        self._said = f"{max_requests} requests per {window_minutes} minutes"

        def make() -> SlidingWindowRateLimiter:
            return SlidingWindowRateLimiter(max_requests, window_minutes * 60)

        self._clients = _Clients(make, get_client_id)

    async def on_request(self, context: Any, call_next: Any) -> Any:
        """Answer. Raises RateLimitError."""
        name, window = await self._clients.of(context)
        if not await window.is_allowed():
            raise RateLimitError(f"Rate limit exceeded: {self._said} for client: {name}")
        return await call_next(context)


class ResponseLimitingMiddleware(Middleware):
    """Cuts results of tools, of those in `tools` or of all, that are larger than `max_size` bytes."""

    def __init__(
        self,
        *,
        max_size: int = 1_000_000,
        truncation_suffix: str = "\n\n[Response truncated due to size limit]",
        tools: list[str] | None = None,
    ) -> None:
        if max_size <= 0:
            raise ValueError(f"max_size is in bytes and more than 0, not {max_size}")
        self.max_size = max_size
        self.truncation_suffix = truncation_suffix
        self.tools = None if tools is None else set(tools)

    async def on_list_tools(self, context: Any, call_next: Any) -> Any:
        """List tools that may be cut without the schema of their output: what is cut does not fit it."""
        return [
            tool.model_copy(update={"output_schema": None}) if self._meant(tool.name) else tool
            for tool in await call_next(context)
        ]

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        """Return the result, or the beginning of its text."""
        result = await call_next(context)
        if not self._meant(context.message.name) or not isinstance(result, ToolResult):
            return result
        whole = msgspec.json.encode([plain(result.content), plain(result.structured_content)])
        if len(whole) <= self.max_size:
            return result
        text = "\n\n".join(part.text for part in result.content if getattr(part, "type", "") == "text")
        room = max(0, self.max_size - len(self.truncation_suffix.encode()) - 50)
        cut = (text.encode() if text else whole)[:room].decode(errors="ignore")
        return ToolResult(content=[TextContent(text=cut + self.truncation_suffix)], meta=result.meta)

    def _meant(self, name: str) -> bool:
        return self.tools is None or name in self.tools
