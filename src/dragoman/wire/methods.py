"""The method table: every request of the protocol, in any revision, once.

Which era has which method is the era's business (`protocol/eras.py`).
Source: schema.ts of each revision, `ClientRequest`; requirement BASE-19.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, Literal

from dragoman.late import late
from dragoman.wire.decoding import built
from dragoman.wire.lifecycle import DiscoverResult, Initialize, InitializeResult, Params, Result, SetLevel

if TYPE_CHECKING:
    from dragoman.wire import prompts, resources, skills, subscriptions, tasks, tools
else:
    prompts, resources = late("dragoman.wire.prompts"), late("dragoman.wire.resources")
    skills, subscriptions = late("dragoman.wire.skills"), late("dragoman.wire.subscriptions")
    tasks, tools = late("dragoman.wire.tasks"), late("dragoman.wire.tools")
NamedBy = Literal["", "name", "uri", "task_id"]


class Method:
    """One request: its name, the types of its parameters and result, and what `Mcp-Name` repeats.

    `named_by` is the parameter that the `Mcp-Name` header repeats, or "" (requirement HTTP-19).
    A `custom` method is the server's own, so every era has it. An `endless` one lasts until somebody ends it.
    `decode` reads its parameters. A type may be given as a function that returns it, called when it is first wanted: a
    program speaks few methods.
    """

    __slots__ = ("_late", "custom", "decode", "endless", "member", "name", "named_by", "params", "result")
    decode: Callable[[Any], Any]
    params: Any
    result: Any

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
        self._late = {"params": params, "result": result}
        self.named_by: NamedBy = named_by
        self.member = "taskId" if named_by == "task_id" else named_by  # the same, as it is called on the wire
        self.custom = custom
        self.endless = endless

    if not TYPE_CHECKING:  # or every attribute would be there for who checks types

        def __getattr__(self, name: str) -> Any:
            if name not in ("params", "result"):
                return built(self, name, self.params if name == "decode" else None)
            kind = self._late[name]
            setattr(self, name, kind() if isinstance(kind, FunctionType) else kind)
            return getattr(self, name)


def _table(*methods: Method) -> dict[str, Method]:
    return {method.name: method for method in methods}


METHODS: dict[str, Method] = _table(
    Method("server/discover", Params, DiscoverResult),
    Method("initialize", Initialize, InitializeResult),
    Method("ping", Params),
    Method("tools/list", lambda: tools.ListTools, lambda: tools.ListToolsResult),
    Method("tools/call", lambda: tools.CallTool, lambda: tools.CallToolResult, "name"),
    Method("resources/list", lambda: resources.ListResources, lambda: resources.ListResourcesResult),
    Method("resources/templates/list", lambda: resources.ListResources, lambda: resources.ListTemplatesResult),
    Method("resources/read", lambda: resources.ReadResource, lambda: resources.ReadResourceResult, "uri"),
    Method("resources/subscribe", lambda: resources.Subscribe),
    Method("resources/unsubscribe", lambda: resources.Subscribe),
    Method("prompts/list", lambda: prompts.ListPrompts, lambda: prompts.ListPromptsResult),
    Method("prompts/get", lambda: prompts.GetPrompt, lambda: prompts.GetPromptResult, "name"),
    Method("completion/complete", lambda: prompts.Complete, lambda: prompts.CompleteResult),
    Method("logging/setLevel", SetLevel),
    Method("subscriptions/listen", lambda: subscriptions.Listen, endless=True),
    Method("tasks/get", lambda: tasks.TaskParams, lambda: tasks.DetailedTask, "task_id"),
    Method("tasks/update", lambda: tasks.UpdateTask, Result, "task_id"),
    Method("tasks/cancel", lambda: tasks.TaskParams, Result, "task_id"),
    Method("tasks/list", lambda: tasks.ListTasks, lambda: tasks.ListTasksResult),
    Method("tasks/result", lambda: tasks.TaskParams, Result, endless=True),
    # Of an extension that no revision has in itself: every era takes them, where a server answers.
    Method("skills/list", lambda: skills.ListSkills, lambda: skills.ListSkillsResult, custom=True),
    Method("skills/get", lambda: skills.GetSkill, lambda: skills.GetSkillResult, custom=True),
    Method("resources/directory/read", lambda: skills.ReadDirectory, lambda: skills.ReadDirectoryResult, custom=True),
)

# Decodes what every request has, for messages whose method is unknown or whose other parameters are at fault.
BARE = Method("", Params)
