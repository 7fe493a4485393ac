"""The rest of `mcp.types`: what servers ask of clients, what clients can do, and notifications.

Promise: both spellings, as in `types`. Limit: the handshake's own messages are Dragoman's, so they are not here.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from dragoman.compat.models import Model
from dragoman.compat.types import (
    LoggingLevel,
    Meta,
    ProgressToken,
    Request,
    RequestParams,
    Result,
    Role,
    SamplingMessageContentBlock,
    Tool,
)


class ElicitRequestFormParams(RequestParams):
    message: str
    requested_schema: dict[str, Any] = {}  # noqa: RUF012 - copied for each value
    mode: str = "form"


class ElicitRequestURLParams(RequestParams):
    message: str
    url: str
    elicitation_id: str | None = None
    mode: str = "url"


ElicitRequestParams: TypeAlias = ElicitRequestURLParams | ElicitRequestFormParams


class ElicitRequest(Request):
    params: ElicitRequestURLParams | ElicitRequestFormParams
    method: str = "elicitation/create"


class ElicitResult(Result):
    action: str
    content: dict[str, Any] | None = None


class SamplingMessage(Model):
    role: Role
    content: SamplingMessageContentBlock | list[SamplingMessageContentBlock]
    meta: Meta | None = None

    @property
    def content_as_list(self) -> list[Any]:
        """The content as a list, also when it is a single block."""
        return self.content if isinstance(self.content, list) else [self.content]


class ModelHint(Model):
    name: str | None = None


class ModelPreferences(Model):
    hints: list[ModelHint] | None = None
    cost_priority: float | None = None
    speed_priority: float | None = None
    intelligence_priority: float | None = None


class ToolChoice(Model):
    mode: str | None = None


class CreateMessageRequestParams(RequestParams):
    messages: list[SamplingMessage]
    max_tokens: int
    model_preferences: ModelPreferences | None = None
    system_prompt: str | None = None
    include_context: str | None = None
    temperature: float | None = None
    stop_sequences: list[str] | None = None
    metadata: dict[str, Any] | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None


class CreateMessageRequest(Request):
    params: CreateMessageRequestParams
    method: str = "sampling/createMessage"


class CreateMessageResult(Result):
    role: Role
    content: SamplingMessageContentBlock | list[SamplingMessageContentBlock]
    model: str = ""
    stop_reason: str | None = None


class CreateMessageResultWithTools(CreateMessageResult):
    pass


class Root(Model):
    uri: str
    name: str | None = None
    meta: Meta | None = None


class ListRootsRequest(Request):
    method: str = "roots/list"


class ListRootsResult(Result):
    roots: list[Root]


InputRequest: TypeAlias = ElicitRequest | CreateMessageRequest | ListRootsRequest
InputResponse: TypeAlias = ElicitResult | CreateMessageResult | ListRootsResult


class InputRequiredResult(Result):
    input_requests: dict[str, Any] | None = None
    request_state: str | None = None


class ElicitationCapability(Model):
    form: Any = None
    url: Any = None


class FormElicitationCapability(Model):
    pass


class UrlElicitationCapability(Model):
    pass


class SamplingCapability(Model):
    tools: Any = None
    context: Any = None


class RootsCapability(Model):
    list_changed: bool | None = None


class ClientCapabilities(Model):
    elicitation: ElicitationCapability | None = None
    sampling: SamplingCapability | None = None
    roots: RootsCapability | None = None
    experimental: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


class ServerCapabilities(Model):
    tools: Any = None
    resources: Any = None
    prompts: Any = None
    completions: Any = None
    logging: Any = None
    experimental: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


class Notification(Model):
    method: str = ""
    params: Any = None


class LoggingMessageNotificationParams(RequestParams):
    level: LoggingLevel
    data: Any
    logger: str | None = None


class LoggingMessageNotification(Notification):
    params: LoggingMessageNotificationParams
    method: str = "notifications/message"


class ProgressNotificationParams(RequestParams):
    progress_token: ProgressToken
    progress: float
    total: float | None = None
    message: str | None = None


class ProgressNotification(Notification):
    params: ProgressNotificationParams
    method: str = "notifications/progress"


class ResourceUpdatedNotificationParams(RequestParams):
    uri: str


class ResourceUpdatedNotification(Notification):
    params: ResourceUpdatedNotificationParams
    method: str = "notifications/resources/updated"


class ToolListChangedNotification(Notification):
    method: str = "notifications/tools/list_changed"


class PromptListChangedNotification(Notification):
    method: str = "notifications/prompts/list_changed"


class ResourceListChangedNotification(Notification):
    method: str = "notifications/resources/list_changed"


class ElicitCompleteNotificationParams(RequestParams):
    elicitation_id: str


class ElicitCompleteNotification(Notification):
    params: ElicitCompleteNotificationParams
    method: str = "notifications/elicitation/complete"


class SubscriptionFilter(Model):
    tools_list_changed: bool | None = None
    prompts_list_changed: bool | None = None
    resources_list_changed: bool | None = None
    resource_subscriptions: list[str] | None = None


class SubscriptionsListenRequestParams(RequestParams):
    notifications: SubscriptionFilter
