"""Client names that server files import beside their server: importing them works, using them is refused by name.

Promise: a server that only mentions a client still runs. Limit: these are no clients; `dragoman.Client` is one.
"""

from __future__ import annotations

from typing import Any

from dragoman.compat.refusal import unsupported_name

_INSTEAD = "dragoman.Client is a client for every transport"


class _Refused:
    title = ""

    def __init__(self, *given: Any, **named: Any) -> None:
        raise unsupported_name(self.title, _INSTEAD)

    def __class_getitem__(cls, item: Any) -> type:
        return cls


class Client(_Refused):
    """Stands for `mcp.Client` and `fastmcp.Client`."""

    title = "Client"


class ClientSession(_Refused):
    """Stands for `mcp.ClientSession`."""

    title = "mcp.ClientSession"


class ClientSessionGroup(_Refused):
    """Stands for `mcp.ClientSessionGroup`."""

    title = "mcp.ClientSessionGroup"


class StdioServerParameters(_Refused):
    """Stands for `mcp.StdioServerParameters`."""

    title = "mcp.StdioServerParameters"


def stdio_client(*given: Any, **named: Any) -> Any:
    """Stands for `mcp.client.stdio.stdio_client`; always raises UnsupportedNameError."""
    raise unsupported_name("mcp.client.stdio.stdio_client", _INSTEAD)


def sse_client(*given: Any, **named: Any) -> Any:
    """Stands for `mcp.client.sse.sse_client`; always raises UnsupportedNameError."""
    raise unsupported_name("mcp.client.sse.sse_client", _INSTEAD)


def streamable_http_client(*given: Any, **named: Any) -> Any:
    """Stands for the function of `mcp.client.streamable_http`; always raises UnsupportedNameError."""
    raise unsupported_name("mcp.client.streamable_http.streamable_http_client", _INSTEAD)


streamablehttp_client = streamable_http_client


def create_connected_server_and_client_session(*given: Any, **named: Any) -> Any:
    """Stands for the function of `mcp.shared.memory`; always raises UnsupportedNameError."""
    raise unsupported_name("mcp.shared.memory.create_connected_server_and_client_session", _INSTEAD)
