"""Telling clients of changes by a bus, as `mcp.server.subscriptions`: what is published reaches those who listen.

Promise: a bus of the file's own is used both ways, so that several processes hear of each other's changes.
Limit: streams and their bounds are Dragoman's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from dragoman.app.server import Server
from dragoman.compat.models import Model


class ResourceUpdated(Model):
    """What a resource holds has changed."""

    uri: str


class ToolsListChanged(Model):
    """The tools have changed."""


class PromptsListChanged(Model):
    """The prompts have changed."""


class ResourcesListChanged(Model):
    """The resources have changed."""


ServerEvent: TypeAlias = ResourceUpdated | ToolsListChanged | PromptsListChanged | ResourcesListChanged
Listener: TypeAlias = Callable[[Any], None]


class SubscriptionBus(Protocol):
    """Carries events from whoever publishes to whoever listens."""

    async def publish(self, event: Any) -> None:
        """Hand an event to all listeners."""
        ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Let `listener` hear every event; returns what ends that."""
        ...


class InMemorySubscriptionBus:
    """A bus within one process."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    async def publish(self, event: Any) -> None:
        """Hand an event to all listeners."""
        for listener in list(self._listeners):
            listener(event)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Let `listener` hear every event; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)


class ListenHandler:
    """Says which bus a low-level server's listeners hear; Dragoman answers `subscriptions/listen` itself."""

    def __init__(self, bus: SubscriptionBus, **limits: Any) -> None:
        self.bus = bus

    def close(self) -> None:
        """Does nothing: streams end with the server."""


def follow(bus: SubscriptionBus, native: Server) -> None:
    """Tell `native`'s clients of every event on the bus."""

    def hear(event: Any) -> None:
        tell(native, event)

    bus.subscribe(hear)


def tell(native: Server, event: Any) -> None:
    """Tell `native`'s clients of one event."""
    if isinstance(event, ResourceUpdated):
        native.notify_resource_updated(str(event.uri))
    elif isinstance(event, ToolsListChanged):
        native.notify_tools_changed()
    elif isinstance(event, PromptsListChanged):
        native.notify_prompts_changed()
    elif isinstance(event, ResourcesListChanged):
        native.notify_resources_changed()
