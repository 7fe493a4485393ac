"""Tools: their definitions, the call, the result.

Source: specification, server/tools.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, field

from dragoman.wire.base import Icon, Meta, Opt, Wire
from dragoman.wire.content import Content
from dragoman.wire.lifecycle import Cacheable, Params, Result


class ToolAnnotations(Wire, frozen=True, kw_only=True):
    """Hints on what a tool does to the world; hints, not security (TOOL-16)."""

    title: Opt[str] = UNSET
    read_only_hint: Opt[bool] = UNSET
    destructive_hint: Opt[bool] = UNSET
    idempotent_hint: Opt[bool] = UNSET
    open_world_hint: Opt[bool] = UNSET


class Link(Wire, frozen=True, kw_only=True):
    """What a tool says of its page, in `_meta.ui`. Without `visibility`, model and app may call it (APPS-03)."""

    resource_uri: Opt[str] = UNSET
    visibility: Opt[list[str]] = UNSET


class Tool(Wire, frozen=True, kw_only=True):
    """A tool as it is listed. Schemas keep every keyword they came with (TOOL-05)."""

    name: str
    input_schema: dict[str, Any]
    title: Opt[str] = UNSET
    description: Opt[str] = UNSET
    output_schema: Opt[dict[str, Any]] = UNSET
    annotations: Opt[ToolAnnotations] = UNSET
    icons: Opt[list[Icon]] = UNSET
    execution: Opt[dict[str, Any]] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)

    @property
    def ui(self) -> Link | None:
        """What is said of the tool's page, None if nothing is.

        What cannot be read is a rule, though nobody knows which: it hides the tool from everybody.
        """
        meta = self.meta if isinstance(self.meta, dict) else {}
        if "ui" in meta:
            try:
                return msgspec.convert(meta["ui"], Link)
            except msgspec.ValidationError:
                return Link(visibility=[])
        flat = meta.get("ui/resourceUri")  # as it was before the extension was settled
        return Link(resource_uri=flat) if isinstance(flat, str) else None

    def callable_by(self, who: Literal["model", "app"]) -> bool:
        """Say whether the tool is for the model, or for the pages of its own server (APPS-07)."""
        return self.ui is None or self.ui.visibility is UNSET or who in self.ui.visibility


class ListTools(Params, frozen=True, kw_only=True):
    """Parameters of `tools/list`."""

    cursor: Opt[str] = UNSET


class ListToolsResult(Cacheable, frozen=True, kw_only=True):
    """One page of tools."""

    tools: list[Tool]
    next_cursor: Opt[str] = UNSET


class CallTool(Params, frozen=True, kw_only=True):
    """Parameters of `tools/call`.

    `arguments` is left as raw JSON: only the tool knows its own types, so
    decoding here would mean decoding twice.
    """

    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")
    input_responses: Opt[dict[str, msgspec.Raw]] = UNSET
    request_state: Opt[str] = UNSET
    task: Opt[msgspec.Raw] = UNSET  # what a 2025-11-25 client wishes for (TASK-17); others' is not looked at


class CallToolResult(Result, frozen=True, kw_only=True):
    """What a tool gave. `structured_content` may be any JSON value, null included (TOOL-11)."""

    content: list[Content]
    structured_content: Any = UNSET
    is_error: Opt[bool] = UNSET
