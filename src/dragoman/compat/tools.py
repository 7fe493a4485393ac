"""A tool as an object, to be handed to `add_tool` or to a server's constructor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dragoman.compat.models import Model


class Tool(Model):
    """A tool made of a function, to be handed to `add_tool`."""

    fn: Any
    name: str | None = None
    options: Any = None

    @classmethod
    def from_function(cls, fn: Callable[..., Any], name: str | None = None, **options: Any) -> Tool:
        """Return the tool that `fn` makes, under `name` or the function's own."""
        return cls(fn=fn, name=name, options=options)
