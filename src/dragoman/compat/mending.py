"""Middleware of `fastmcp` for failures: telling them alike, and trying again; and tools that middleware adds.

Promise: only requests that failed for a reason that was named are made again. Limit: answers to questions are not
asked for again.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from dragoman.compat.components import Tool, function_tool
from dragoman.compat.exceptions import FastMCPError, McpError
from dragoman.compat.middleware import Middleware
from dragoman.errors import RequestError, ToolError
from dragoman.wire.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS

MOST_KINDS = 1000  # of failures that are counted
# The codes that fastmcp gives kinds of failure, but for what is not found: fastmcp has a number of its own for that,
# and the protocol says INVALID_PARAMS. All others are internal errors.
_CODES: tuple[tuple[tuple[type[Exception], ...], int, str], ...] = (
    ((ValueError, TypeError), INVALID_PARAMS, "Invalid params"),
    ((FileNotFoundError, KeyError, LookupError), INVALID_PARAMS, "Resource not found"),
    ((PermissionError,), -32000, "Permission denied"),
    ((TimeoutError,), -32000, "Request timeout"),
)


def cause_of(error: BaseException) -> BaseException:
    """Return what a tool raised, where it is told as something else."""
    return error.__cause__ if isinstance(error, ToolError) and error.__cause__ is not None else error


class ErrorHandlingMiddleware(Middleware):
    """Logs and counts failures and, unless told not to, gives those nobody foresaw a JSON-RPC code."""

    def __init__(
        self,
        logger: logging.Logger | None = None,
        include_traceback: bool = False,
        error_callback: Callable[[Exception, Any], None] | None = None,
        transform_errors: bool = True,
    ) -> None:
        self.logger = logger or logging.getLogger("fastmcp.errors")
        self.include_traceback = include_traceback
        self.error_callback = error_callback
        self.transform_errors = transform_errors
        self.error_counts: Counter[str] = Counter()

    async def on_message(self, context: Any, call_next: Any) -> Any:
        """Answer, and tell of what fails."""
        try:
            return await call_next(context)
        except Exception as error:
            self._tell(error, context)
            raise self._told(error) from error

    def _tell(self, error: Exception, context: Any) -> None:
        cause = cause_of(error)
        kind = f"{type(cause).__name__}:{context.method}"
        if kind in self.error_counts or len(self.error_counts) < MOST_KINDS:
            self.error_counts[kind] += 1
        text = f"Error in {context.method}: {type(cause).__name__}: {cause}"
        if self.include_traceback:
            text += "\n" + "".join(traceback.format_exception(error))
        self.logger.error("%s", text)
        if self.error_callback is not None:
            try:
                self.error_callback(error, context)
            except Exception:
                self.logger.exception("the error_callback failed")

    def _told(self, error: Exception) -> Exception:
        if not self.transform_errors or isinstance(error, FastMCPError | RequestError | ToolError):
            return error
        for kinds, code, word in _CODES:
            if isinstance(error, kinds):
                return McpError(code, f"{word}: {error}")
        return McpError(INTERNAL_ERROR, f"Internal error: {error}")

    def get_error_stats(self) -> dict[str, int]:
        """Return how often each kind of failure was seen, as `Kind:method`."""
        return dict(self.error_counts)


class RetryMiddleware(Middleware):
    """Makes requests again that failed for one of `retry_exceptions`, after longer and longer waits, in seconds."""

    def __init__(
        self,
        max_retries: int = 3,
        base_delay: float = 1.0,
        max_delay: float = 60.0,
        backoff_multiplier: float = 2.0,
        retry_exceptions: tuple[type[Exception], ...] = (ConnectionError, TimeoutError),
        logger: logging.Logger | None = None,
    ) -> None:
        self.max_retries = max_retries
        self.base_delay = base_delay
        self.max_delay = max_delay
        self.backoff_multiplier = backoff_multiplier
        self.retry_exceptions = retry_exceptions
        self.logger = logger or logging.getLogger("fastmcp.retry")

    async def on_request(self, context: Any, call_next: Any) -> Any:
        """Answer, at once or after some tries."""
        delay = self.base_delay
        for attempt in range(1, self.max_retries + 1):
            try:
                return await call_next(context)
            except Exception as error:
                if not isinstance(cause_of(error), self.retry_exceptions):
                    raise
                self.logger.warning("%s failed, attempt %d: %s", context.method, attempt, error)
            await asyncio.sleep(min(delay, self.max_delay))
            delay *= self.backoff_multiplier
        return await call_next(context)


class ToolInjectionMiddleware(Middleware):
    """Some tools more."""

    def __init__(self, tools: Sequence[Any]) -> None:
        self._tools = [tool if isinstance(tool, Tool) else function_tool(tool, None, {}) for tool in tools]

    async def on_list_tools(self, context: Any, call_next: Any) -> Any:
        """List them first."""
        return [*self._tools, *await call_next(context)]

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        """Run one of them, else call whatever there is."""
        own = next((tool for tool in self._tools if tool.name == context.message.name), None)
        return await (call_next(context) if own is None else own.run(dict(context.message.arguments or {})))
