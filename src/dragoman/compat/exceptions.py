"""Exceptions of other packages as subclasses of Dragoman's own, so that they mean the same on the wire.

Promise: a ToolError's text reaches the model, an MCPError's code and data the client. Limit: none of their internals.
"""

from __future__ import annotations

from typing import Any

from dragoman import errors
from dragoman.compat.models import Model
from dragoman.compat.results import plain
from dragoman.compat.types import ErrorData
from dragoman.wire.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS

# The 2025-11-25 code for "open these pages first"; source: schema of that revision, URL_ELICITATION_REQUIRED.
URL_ELICITATION_REQUIRED = -32042


class FastMCPError(Exception):
    """Base of the errors that a server raises on purpose."""


MCPServerError = FastMCPError


class ToolError(FastMCPError, errors.ToolError):
    """The tool failed, and the message is for the model."""

    def __init__(self, message: object = "", *rest: object, log_level: int | None = None) -> None:
        errors.ToolError.__init__(self, " ".join(str(part) for part in (message, *rest)))


class ResourceError(FastMCPError, errors.RequestError):
    """A resource could not be read, and the message is for the client."""

    def __init__(self, message: object = "", *rest: object, log_level: int | None = None) -> None:
        errors.RequestError.__init__(self, INTERNAL_ERROR, " ".join(str(part) for part in (message, *rest)))


class PromptError(ResourceError):
    """A prompt could not be made, and the message is for the client."""


class ResourceNotFoundError(FastMCPError, errors.RequestError):
    """There is no such resource."""

    def __init__(self, message: object = "", *rest: object, **options: Any) -> None:
        errors.RequestError.__init__(self, INVALID_PARAMS, str(message))


class NotFoundError(ResourceNotFoundError):
    """There is no such thing."""


class DisabledError(NotFoundError):
    """There is such a thing, but it is switched off."""


class ValidationError(FastMCPError):
    """Arguments do not fit."""


class InvalidSignature(FastMCPError):
    """A function cannot be registered."""


class McpError(errors.RequestError):
    """A JSON-RPC error: made of an ErrorData, as in 1.x, or of code, message and data, as in 2.x."""

    def __init__(self, code: Any = INTERNAL_ERROR, message: str = "", data: Any = None) -> None:
        if isinstance(code, Model):
            code, message, data = code.code, code.message, code.data
        super().__init__(int(code), message, data)

    @property
    def error(self) -> ErrorData:
        """The error as a model."""
        return ErrorData(code=self.code, message=self.message, data=self.data)


MCPError = McpError


class UrlElicitationRequiredError(McpError):
    """The user must open some pages before the call can be made again."""

    def __init__(self, elicitations: list[Any], message: str | None = None) -> None:
        noun = "URL elicitation" if len(elicitations) == 1 else "URL elicitations"
        pages = [
            part.model_dump(exclude_none=True) if isinstance(part, Model) else plain(part) for part in elicitations
        ]
        super().__init__(URL_ELICITATION_REQUIRED, message or f"{noun} required", {"elicitations": pages})
        self.elicitations = elicitations


class NoBackChannelError(McpError):
    """There is no way to ask the client here."""
