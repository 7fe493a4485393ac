"""What this room needs of the server underneath that is not public there: all of it, in one place.

Promise: no other module of the room reaches into a private name. Limit: a change of the server's insides lands here.
"""

from __future__ import annotations

from typing import Any

from dragoman.app.server import Server
from dragoman.protocol.exchange import Call
from dragoman.serving.context import Context
from dragoman.serving.lifecycle import ping
from dragoman.wire.lifecycle import ServerCapabilities


def call_of(context: Context) -> Call:
    """Return the call that a context stands for."""
    return context._call  # pyright: ignore[reportPrivateUsage]


def states_of(server: Server) -> Any:
    """Return what keeps the state of calls between runs (`ports.state.States`)."""
    return server._asking_state()  # pyright: ignore[reportPrivateUsage]


def declare(server: Server) -> None:
    """Let the server see what was put straight into its kernel, so that it declares that too."""
    server.surface.changed()


def capabilities_of(server: Server) -> ServerCapabilities:
    """Return what the server declares now."""
    return server.surface.capabilities()


def offer(server: Server) -> None:
    """Let the server answer for tools, resources and prompts, though none is registered: others may have some."""
    surface = server.surface
    for method, handler in (
        ("tools/list", surface.tools.list),
        ("tools/call", surface.tools.call),
        ("resources/list", surface.resources.list),
        ("resources/templates/list", surface.resources.list_templates),
        ("resources/read", surface.resources.read),
        ("resources/subscribe", ping),
        ("resources/unsubscribe", ping),
        ("prompts/list", surface.prompts.list),
        ("prompts/get", surface.prompts.get),
    ):
        surface.kernel.handle(method, handler)
    surface.changed()
