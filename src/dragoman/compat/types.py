"""The names of `mcp.types` that servers use, as models that take both spellings.

Promise: a name here means what the protocol's schema means by it. Limit: what only clients use is in part left out.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from dragoman.compat.models import Model
from dragoman.wire import jsonrpc

PARSE_ERROR = jsonrpc.PARSE_ERROR
INVALID_REQUEST = jsonrpc.INVALID_REQUEST
METHOD_NOT_FOUND = jsonrpc.METHOD_NOT_FOUND
INVALID_PARAMS = jsonrpc.INVALID_PARAMS
INTERNAL_ERROR = jsonrpc.INTERNAL_ERROR
MISSING_REQUIRED_CLIENT_CAPABILITY = jsonrpc.MISSING_CAPABILITY

Meta: TypeAlias = dict[str, Any]
Role: TypeAlias = Literal["user", "assistant"]
LoggingLevel: TypeAlias = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
RequestId: TypeAlias = int | str
ProgressToken: TypeAlias = int | str
Cursor: TypeAlias = str
IncludeContext: TypeAlias = Literal["none", "thisServer", "allServers"]
StopReason: TypeAlias = str
ElicitRequestedSchema: TypeAlias = dict[str, Any]
JSONRPCMessage: TypeAlias = Any


class Icon(Model):
    src: str
    mime_type: str | None = None
    sizes: list[str] | None = None
    theme: str | None = None


class Annotations(Model):
    audience: list[Role] | None = None
    priority: float | None = None
    last_modified: str | None = None


class Implementation(Model):
    name: str
    version: str = "0"
    title: str | None = None
    description: str | None = None
    website_url: str | None = None
    icons: list[Icon] | None = None


class _Content(Model):
    annotations: Annotations | None = None
    meta: Meta | None = None


class TextContent(_Content):
    text: str
    type: str = "text"


class ImageContent(_Content):
    data: str
    mime_type: str
    type: str = "image"


class AudioContent(_Content):
    data: str
    mime_type: str
    type: str = "audio"


class ResourceContents(Model):
    uri: str
    mime_type: str | None = None
    meta: Meta | None = None


class TextResourceContents(ResourceContents):
    text: str


class BlobResourceContents(ResourceContents):
    blob: str


class EmbeddedResource(_Content):
    resource: TextResourceContents | BlobResourceContents
    type: str = "resource"


class Resource(_Content):
    uri: str
    name: str = ""
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None
    icons: list[Icon] | None = None


class ResourceLink(Resource):
    type: str = "resource_link"


class ResourceTemplate(_Content):
    uri_template: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    icons: list[Icon] | None = None


class ToolUseContent(_Content):
    id: str
    name: str
    input: dict[str, Any]
    type: str = "tool_use"


class ToolResultContent(_Content):
    tool_use_id: str
    content: list[Any] = []  # noqa: RUF012 - copied for each value
    structured_content: Any = None
    is_error: bool | None = None
    type: str = "tool_result"


ContentBlock: TypeAlias = TextContent | ImageContent | AudioContent | ResourceLink | EmbeddedResource
Content: TypeAlias = ContentBlock
SamplingContent: TypeAlias = TextContent | ImageContent | AudioContent
SamplingMessageContentBlock: TypeAlias = TextContent | ImageContent | AudioContent | ToolUseContent | ToolResultContent


class ToolAnnotations(Model):
    title: str | None = None
    read_only_hint: bool | None = None
    destructive_hint: bool | None = None
    idempotent_hint: bool | None = None
    open_world_hint: bool | None = None


class ToolExecution(Model):
    task_support: str | None = None


class Tool(Model):
    name: str
    input_schema: dict[str, Any]
    title: str | None = None
    description: str | None = None
    output_schema: dict[str, Any] | None = None
    annotations: ToolAnnotations | None = None
    icons: list[Icon] | None = None
    execution: ToolExecution | None = None
    meta: Meta | None = None


class PromptArgument(Model):
    name: str
    title: str | None = None
    description: str | None = None
    required: bool | None = None


class Prompt(Model):
    name: str
    title: str | None = None
    description: str | None = None
    arguments: list[PromptArgument] | None = None
    icons: list[Icon] | None = None
    meta: Meta | None = None


class PromptMessage(Model):
    role: Role
    content: ContentBlock


class PromptReference(Model):
    name: str
    title: str | None = None
    type: str = "ref/prompt"


class ResourceTemplateReference(Model):
    uri: str
    type: str = "ref/resource"


class CompletionArgument(Model):
    name: str
    value: str


class CompletionContext(Model):
    arguments: dict[str, str] | None = None


class Completion(Model):
    values: list[str]
    total: int | None = None
    has_more: bool | None = None


class RequestParams(Model):
    meta: Meta | None = None


class Result(Model):
    meta: Meta | None = None


class EmptyResult(Result):
    pass


class PaginatedResult(Result):
    next_cursor: str | None = None
    ttl_ms: int | None = None
    cache_scope: str | None = None


class ListToolsResult(PaginatedResult):
    tools: list[Tool]


class ListResourcesResult(PaginatedResult):
    resources: list[Resource]


class ListResourceTemplatesResult(PaginatedResult):
    resource_templates: list[ResourceTemplate]


class ListPromptsResult(PaginatedResult):
    prompts: list[Prompt]


class CallToolResult(Result):
    content: list[ContentBlock] = []  # noqa: RUF012 - copied for each value
    structured_content: Any = None
    is_error: bool | None = None


class ReadResourceResult(Result):
    contents: list[TextResourceContents | BlobResourceContents]
    ttl_ms: int | None = None
    cache_scope: str | None = None


class GetPromptResult(Result):
    messages: list[PromptMessage]
    description: str | None = None


class CompleteResult(Result):
    completion: Completion


class PaginatedRequestParams(RequestParams):
    cursor: str | None = None


class CallToolRequestParams(RequestParams):
    name: str
    arguments: dict[str, Any] | None = None
    input_responses: dict[str, Any] | None = None
    request_state: str | None = None


class ReadResourceRequestParams(RequestParams):
    uri: str
    input_responses: dict[str, Any] | None = None
    request_state: str | None = None


class GetPromptRequestParams(RequestParams):
    name: str
    arguments: dict[str, str] | None = None
    input_responses: dict[str, Any] | None = None
    request_state: str | None = None


class CompleteRequestParams(RequestParams):
    ref: PromptReference | ResourceTemplateReference
    argument: CompletionArgument
    context: CompletionContext | None = None


class SetLevelRequestParams(RequestParams):
    level: LoggingLevel


class SubscribeRequestParams(RequestParams):
    uri: str


class UnsubscribeRequestParams(SubscribeRequestParams):
    pass


class Request(Model):
    method: str = ""
    params: Any = None


class ListToolsRequest(Request):
    params: PaginatedRequestParams | None = None
    method: str = "tools/list"


class ListResourcesRequest(Request):
    params: PaginatedRequestParams | None = None
    method: str = "resources/list"


class ListResourceTemplatesRequest(Request):
    params: PaginatedRequestParams | None = None
    method: str = "resources/templates/list"


class ListPromptsRequest(Request):
    params: PaginatedRequestParams | None = None
    method: str = "prompts/list"


class CallToolRequest(Request):
    params: CallToolRequestParams
    method: str = "tools/call"


class ReadResourceRequest(Request):
    params: ReadResourceRequestParams
    method: str = "resources/read"


class GetPromptRequest(Request):
    params: GetPromptRequestParams
    method: str = "prompts/get"


class CompleteRequest(Request):
    params: CompleteRequestParams
    method: str = "completion/complete"


class ErrorData(Model):
    code: int
    message: str
    data: Any = None
