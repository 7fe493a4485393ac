"""The method table: every request of the protocol, in any revision, once.

Which era has which method is the era's business (`protocol/eras.py`).
Source: schema.ts of each revision, `ClientRequest`; requirement BASE-19.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from dragoman.wire.decoding import built
from dragoman.wire.lifecycle import DiscoverResult, Initialize, InitializeResult, Params, Result, SetLevel
from dragoman.wire.prompts import Complete, CompleteResult, GetPrompt, GetPromptResult, ListPrompts, ListPromptsResult
from dragoman.wire.resources import (
    ListResources,
    ListResourcesResult,
    ListTemplatesResult,
    ReadResource,
    ReadResourceResult,
    Subscribe,
)
from dragoman.wire.skills import (
    GetSkill,
    GetSkillResult,
    ListSkills,
    ListSkillsResult,
    ReadDirectory,
    ReadDirectoryResult,
)
from dragoman.wire.subscriptions import LISTEN, Listen
from dragoman.wire.tasks import DetailedTask, ListTasks, ListTasksResult, TaskParams, UpdateTask
from dragoman.wire.tools import CallTool, CallToolResult, ListTools, ListToolsResult

NamedBy = Literal["", "name", "uri", "task_id"]


class Method:
    """One request: its name, the types of its parameters and result, and what `Mcp-Name` repeats.

    `named_by` is the parameter that the `Mcp-Name` header repeats, or "" (requirement HTTP-19).
    A `custom` method is the server's own, so every era has it. An `endless` one lasts until somebody ends it.
    `decode` reads its parameters.
    """

    __slots__ = ("custom", "decode", "endless", "member", "name", "named_by", "params", "result")
    decode: Callable[[Any], Any]

    def __init__(
        self,
        name: str,
        params: Any,
        result: Any = Result,
        named_by: NamedBy = "",
        *,
        custom: bool = False,
        endless: bool = False,
    ) -> None:
        self.name = name
        self.params = params
        self.result = result
        self.named_by: NamedBy = named_by
        self.member = "taskId" if named_by == "task_id" else named_by  # the same, as it is called on the wire
        self.custom = custom
        self.endless = endless

    if not TYPE_CHECKING:  # or every attribute would be there for who checks types

        def __getattr__(self, name: str) -> Any:
            return built(self, name, self.params)


def _table(*methods: Method) -> dict[str, Method]:
    return {method.name: method for method in methods}


METHODS: dict[str, Method] = _table(
    Method("server/discover", Params, DiscoverResult),
    Method("initialize", Initialize, InitializeResult),
    Method("ping", Params),
    Method("tools/list", ListTools, ListToolsResult),
    Method("tools/call", CallTool, CallToolResult, "name"),
    Method("resources/list", ListResources, ListResourcesResult),
    Method("resources/templates/list", ListResources, ListTemplatesResult),
    Method("resources/read", ReadResource, ReadResourceResult, "uri"),
    Method("resources/subscribe", Subscribe),
    Method("resources/unsubscribe", Subscribe),
    Method("prompts/list", ListPrompts, ListPromptsResult),
    Method("prompts/get", GetPrompt, GetPromptResult, "name"),
    Method("completion/complete", Complete, CompleteResult),
    Method("logging/setLevel", SetLevel),
    Method(LISTEN, Listen, endless=True),
    Method("tasks/get", TaskParams, DetailedTask, "task_id"),
    Method("tasks/update", UpdateTask, Result, "task_id"),
    Method("tasks/cancel", TaskParams, Result, "task_id"),
    Method("tasks/list", ListTasks, ListTasksResult),
    Method("tasks/result", TaskParams, Result, endless=True),
    # Of an extension that no revision has in itself: every era takes them, where a server answers.
    Method("skills/list", ListSkills, ListSkillsResult, custom=True),
    Method("skills/get", GetSkill, GetSkillResult, custom=True),
    Method("resources/directory/read", ReadDirectory, ReadDirectoryResult, custom=True),
)

# Decodes what every request has, for messages whose method is unknown or whose other parameters are at fault.
BARE = Method("", Params)
