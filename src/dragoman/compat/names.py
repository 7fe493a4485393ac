"""The table of names: which module and name of another package is served by what of this room.

Promise: a name that is in no row is refused by name. Limit: one object may stand for a name of both major versions.
"""

from __future__ import annotations

from dragoman.compat import questions, types


def _names(home: str, names: str) -> dict[str, str]:
    """Return a row for names that this room calls the same: `home` is the module that has them."""
    return {name: f"{home}:{name}" for name in names.split()}


def _public(home: str, module: object) -> dict[str, str]:
    return {name: f"{home}:{name}" for name in vars(module) if name[0].isupper()}


_TYPES = {**_public("questions", questions), **_public("types", types)}
_MESSAGES = _names("messages", "Message UserMessage AssistantMessage Prompt")
_MEDIA = _names("media", "Image Audio")
_LOWLEVEL = {
    **_names("lowlevel", "Server NotificationOptions InitializationOptions"),
    **_names("handlers", "ReadResourceContents ServerRequestContext"),
}
_ERRORS = _names(
    "exceptions",
    "ToolError ResourceError ResourceNotFoundError ValidationError InvalidSignature FastMCPError MCPServerError",
)
_PROTOCOL_ERRORS = _names("exceptions", "McpError MCPError UrlElicitationRequiredError NoBackChannelError")
_FORMS = _names(
    "elicitation",
    "ElicitationResult AcceptedElicitation DeclinedElicitation CancelledElicitation AcceptedUrlElicitation",
)
_RESOURCES = _names("resources", "Resource FileResource FunctionResource TextResource BinaryResource DirectoryResource")
_EXTENSION = _names("extension", "Extension MethodBinding ToolBinding ResourceBinding")
_CLIENTS = _names("clients", "ClientSession ClientSessionGroup StdioServerParameters stdio_client")
_STATE = _names("security", "InvalidRequestState RequestStateSecurity RequestStateBoundary")
_TRANSFORMED = _names(
    "transformed", "ArgTransform ArgTransformConfig ToolTransformConfig TransformedTool forward forward_raw"
)
_CONTEXT_V2 = {"ServerRequestContext": "handlers:ServerRequestContext"} | _names(
    "lowlevel", "CallNext HandlerResult ServerMiddleware"
)

# Providers of authorization: named, so that their servers run over stdio, where nobody is asked for a token.
_PROVIDERS = {
    "auth0": "Auth0Provider Auth0MCPProvider",
    "aws": "AWSCognitoProvider",
    "azure": "AzureProvider AzureJWTVerifier EntraOBOToken",
    "clerk": "ClerkProvider",
    "descope": "DescopeProvider",
    "discord": "DiscordProvider",
    "github": "GitHubProvider GitHubTokenVerifier",
    "google": "GoogleProvider GoogleTokenVerifier",
    "huggingface": "HuggingFaceProvider",
    "introspection": "IntrospectionTokenVerifier",
    "keycloak": "KeycloakAuthProvider",
    "oci": "OCIProvider",
    "propelauth": "PropelAuthProvider",
    "scalekit": "ScalekitProvider",
    "supabase": "SupabaseProvider",
    "workos": "WorkOSProvider AuthKitProvider",
}


def _declared(names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), "authorization:Declared")


MODULES: dict[str, dict[str, str]] = {
    "mcp.server.apps": {
        **_names("apps", "Apps ResourceCsp ResourcePermissions client_supports_apps EXTENSION_ID APP_MIME_TYPE"),
    },
    "fastmcp.server.auth": _declared("AuthProvider OAuthProvider OAuthProxy OIDCProxy")
    | _names(
        "authorization", "AccessToken RemoteAuthProvider TokenVerifier JWTVerifier StaticTokenVerifier require_scopes"
    ),
    "fastmcp.server.auth.providers": {},
    **{f"fastmcp.server.auth.providers.{home}": _declared(names) for home, names in _PROVIDERS.items()},
    "fastmcp.server.auth.providers.jwt": _names("authorization", "JWTVerifier StaticTokenVerifier"),
    "fastmcp.server.providers": {
        **_names("providers", "FileSystemProvider LocalProvider Provider"),
        **_names("skills", "ClaudeSkillsProvider SkillProvider SkillsDirectoryProvider"),
        **_names("mounted", "FastMCPProvider"),
    },
    "fastmcp.server.providers.base": _names("providers", "Provider"),
    "fastmcp.server.providers.filesystem": _names("providers", "FileSystemProvider"),
    "fastmcp.server.providers.local_provider": _names("providers", "LocalProvider"),
    "fastmcp.server.providers.fastmcp_provider": _names("mounted", "FastMCPProvider"),
    "fastmcp.server.providers.proxy": _names("mounted", "ProxyClient"),
    "fastmcp.server.providers.skills": _names(
        "skills",
        "ClaudeSkillsProvider CodexSkillsProvider CopilotSkillsProvider CursorSkillsProvider GeminiSkillsProvider "
        "GooseSkillsProvider OpenCodeSkillsProvider SkillProvider SkillsDirectoryProvider VSCodeSkillsProvider",
    ),
    "fastmcp.server.proxy": _names("mounted", "ProxyClient"),
    "fastmcp.server.transforms": _names(
        "transforms", "Namespace ToolTransform Transform VersionFilter VersionSpec Visibility is_enabled"
    )
    | _names("catalogue", "PromptsAsTools ResourcesAsTools"),
    "fastmcp.server.transforms.namespace": _names("transforms", "Namespace"),
    "fastmcp.server.transforms.visibility": _names("transforms", "Visibility is_enabled"),
    "fastmcp.server.transforms.tool_transform": _names("transforms", "ToolTransform"),
    "fastmcp.server.transforms.version_filter": _names("transforms", "VersionFilter"),
    "fastmcp.server.transforms.catalog": _names("catalogue", "CatalogTransform"),
    "fastmcp.server.transforms.prompts_as_tools": _names("catalogue", "PromptsAsTools"),
    "fastmcp.server.transforms.resources_as_tools": _names("catalogue", "ResourcesAsTools"),
    "fastmcp.server.transforms.search": _names("searching", "BM25SearchTransform RegexSearchTransform"),
    "fastmcp.server.transforms.search.base": _names("searching", "BaseSearchTransform"),
    "fastmcp.server.transforms.search.bm25": _names("searching", "BM25SearchTransform"),
    "fastmcp.server.transforms.search.regex": _names("searching", "RegexSearchTransform"),
    "fastmcp.server.middleware": _names("middleware", "CallNext Middleware MiddlewareContext"),
    "fastmcp.server.middleware.middleware": _names("middleware", "CallNext Middleware MiddlewareContext"),
    "fastmcp.server.middleware.logging": _names("watching", "LoggingMiddleware StructuredLoggingMiddleware"),
    "fastmcp.server.middleware.timing": _names("watching", "DetailedTimingMiddleware TimingMiddleware"),
    "fastmcp.server.middleware.error_handling": _names("mending", "ErrorHandlingMiddleware RetryMiddleware"),
    "fastmcp.server.middleware.rate_limiting": _names(
        "limiting",
        "RateLimitError RateLimitingMiddleware SlidingWindowRateLimiter SlidingWindowRateLimitingMiddleware "
        "TokenBucketRateLimiter",
    ),
    "fastmcp.server.middleware.response_limiting": _names("limiting", "ResponseLimitingMiddleware"),
    "fastmcp.server.middleware.caching": _names(
        "caching",
        "CallToolSettings GetPromptSettings ListPromptsSettings ListResourcesSettings ListToolsSettings "
        "ReadResourceSettings ResponseCachingMiddleware",
    ),
    "fastmcp.server.middleware.tool_injection": _names("mending", "ToolInjectionMiddleware"),
    "mcp": {
        **_PROTOCOL_ERRORS,
        **_CLIENTS,
        **_TYPES,
        "Client": "clients:Client",
        "ServerSession": "session:ServerSession",
    },
    "mcp.types": _TYPES,
    "mcp.types.version": _names("versions", "LATEST_MODERN_VERSION MODERN_PROTOCOL_VERSIONS LATEST_PROTOCOL_VERSION"),
    "mcp_types": _TYPES,
    "mcp.server": {
        **_LOWLEVEL,
        "FastMCP": "server:FastMCP",
        "MCPServer": "server:MCPServer",
        "CacheHint": "security:CacheHint",
    },
    "mcp.server.fastmcp": {
        **_MEDIA,
        "FastMCP": "server:FastMCP",
        "Context": "context:Context",
        "Icon": "types:Icon",
    },
    "mcp.server.fastmcp.server": {
        "FastMCP": "server:FastMCP",
        "Context": "context:Context",
        "Settings": "settings:Settings",
    },
    "mcp.server.fastmcp.exceptions": _ERRORS,
    "mcp.server.fastmcp.prompts": {**_MESSAGES},
    "mcp.server.fastmcp.prompts.base": _MESSAGES,
    "mcp.server.fastmcp.resources": _RESOURCES,
    "mcp.server.fastmcp.tools": {"Tool": "tools:Tool"},
    "mcp.server.fastmcp.tools.base": {"Tool": "tools:Tool"},
    "mcp.server.mcpserver.tools": {"Tool": "tools:Tool"},
    "mcp.server.subscriptions": _names(
        "subscriptions",
        "InMemorySubscriptionBus ListenHandler PromptsListChanged ResourceUpdated ResourcesListChanged ServerEvent "
        "SubscriptionBus ToolsListChanged",
    ),
    "mcp.client.sse": {"sse_client": "clients:sse_client"},
    "mcp.client.streamable_http": _names("clients", "streamable_http_client streamablehttp_client"),
    "mcp.server.fastmcp.utilities": {},
    "mcp.server.fastmcp.utilities.types": _MEDIA,
    "mcp.server.fastmcp.utilities.logging": _names("logs", "get_logger configure_logging"),
    "mcp.server.mcpserver": {
        **_MEDIA,
        **_MESSAGES,
        **_FORMS,
        **_EXTENSION,
        **_STATE,
        **_names("resolve", "Resolve Elicit Sample ListRoots"),
        **_names("security", "ResourceSecurity DEFAULT_RESOURCE_SECURITY"),
        "MCPServer": "server:MCPServer",
        "Context": "context:Context",
        "Icon": "types:Icon",
        "require_client_extension": "extension:require_client_extension",
    },
    "mcp.server.mcpserver.server": {"MCPServer": "server:MCPServer"},
    "mcp.server.mcpserver.context": {"Context": "context:Context"},
    "mcp.server.mcpserver.exceptions": _ERRORS,
    "mcp.server.mcpserver.prompts": _MESSAGES,
    "mcp.server.mcpserver.prompts.base": _MESSAGES,
    "mcp.server.mcpserver.resources": {**_RESOURCES, **_names("security", "ResourceSecurity")},
    "mcp.server.mcpserver.utilities": {},
    "mcp.server.mcpserver.utilities.types": _MEDIA,
    "mcp.server.lowlevel": _LOWLEVEL,
    "mcp.server.lowlevel.server": _LOWLEVEL,
    "mcp.server.lowlevel.helper_types": {"ReadResourceContents": "handlers:ReadResourceContents"},
    "mcp.server.models": {"InitializationOptions": "lowlevel:InitializationOptions"},
    "mcp.server.session": {"ServerSession": "session:ServerSession"},
    "mcp.server.context": _CONTEXT_V2,
    "mcp.server.elicitation": _FORMS,
    "mcp.server.extension": _EXTENSION,
    "mcp.server.caching": {"CacheHint": "security:CacheHint"},
    "mcp.server.request_state": _STATE,
    "mcp.server.transport_security": {"TransportSecuritySettings": "security:TransportSecuritySettings"},
    "mcp.server.stdio": {"stdio_server": "transports:stdio_server"},
    "mcp.server.sse": {"SseServerTransport": "transports:SseServerTransport"},
    "mcp.server.streamable_http": _names("transports", "EventStore EventMessage EventCallback EventId StreamId"),
    "mcp.server.streamable_http_manager": {"StreamableHTTPSessionManager": "transports:StreamableHTTPSessionManager"},
    "mcp.server.auth": {},
    "mcp.server.auth.provider": _names("authorization", "AccessToken TokenVerifier")
    | _names(
        "oauth",
        "AuthorizationCode AuthorizationParams AuthorizeError IdentityAssertionParams OAuthAuthorizationServerProvider "
        "ProviderTokenVerifier RefreshToken RegistrationError TokenError construct_redirect_uri",
    ),
    "mcp.shared.auth": _names(
        "oauth",
        "AuthorizationCodeResult InvalidRedirectUriError InvalidScopeError JWT_BEARER_GRANT_TYPE "
        "OAuthClientInformationFull OAuthClientMetadata OAuthMetadata OAuthToken ProtectedResourceMetadata",
    ),
    "mcp.shared.inbound": _names("inbound", "InboundLadderRejection InboundModernRoute classify_inbound_request"),
    "mcp.shared.auth_utils": _names(
        "oauth", "calculate_token_expiry check_resource_allowed resource_url_from_server_url"
    ),
    "mcp.server.auth.settings": _names("authorization", "AuthSettings ClientRegistrationOptions RevocationOptions"),
    "mcp.server.auth.middleware": {},
    "mcp.server.auth.middleware.auth_context": {"get_access_token": "authorization:get_access_token"},
    "mcp.shared": {},
    "mcp.shared.exceptions": _PROTOCOL_ERRORS,
    "mcp.shared.context": {"RequestContext": "context:RequestContext"},
    "mcp.shared.memory": _names("clients", "create_connected_server_and_client_session"),
    "mcp.shared.path_security": _names("paths", "PathEscapeError contains_path_traversal is_absolute_path safe_join"),
    "mcp.shared.uri_template": {"UriTemplate": "paths:UriTemplate"},
    "mcp.client": {"Client": "clients:Client", **_CLIENTS},
    "mcp.client.session": {"ClientSession": "clients:ClientSession"},
    "mcp.client.stdio": _names("clients", "StdioServerParameters stdio_client"),
    "fastmcp": {
        "FastMCP": "fast:FastMCP",
        "Context": "context:FastContext",
        "Client": "clients:Client",
        "Image": "media:Image",
        "settings": "settings:settings",
    },
    "fastmcp.apps": _names("pages", "AppConfig ResourceCSP ResourcePermissions UI_EXTENSION_ID UI_MIME_TYPE")
    | _names("cards", "Approval Choice FileUpload FormInput"),
    **{
        f"fastmcp.apps.{home}": {name: f"cards:{name}"}
        for home, name in (
            ("approval", "Approval"),
            ("choice", "Choice"),
            ("file_upload", "FileUpload"),
            ("form", "FormInput"),
        )
    },
    "fastmcp.apps.config": _names("pages", "AppConfig ResourceCSP ResourcePermissions"),
    "fastmcp.server.apps": _names("pages", "AppConfig ResourceCSP ResourcePermissions"),
    "fastmcp.settings": {"Settings": "settings:FastSettings"},
    "fastmcp.client": {"Client": "clients:Client"},
    "fastmcp.server": {
        "FastMCP": "fast:FastMCP",
        "Context": "context:FastContext",
        "create_proxy": "fast:create_proxy",
    },
    "fastmcp.server.server": {"FastMCP": "fast:FastMCP"},
    "fastmcp.server.context": {"Context": "context:FastContext"},
    "fastmcp.server.dependencies": _names(
        "fast",
        "get_context get_http_headers get_http_request get_access_token get_server CurrentAccessToken CurrentContext "
        "CurrentFastMCP CurrentHeaders CurrentRequest Depends Progress TokenClaim",
    ),
    "fastmcp.server.lifespan": {"lifespan": "fast:lifespan"},
    "fastmcp.server.elicitation": _FORMS,
    "fastmcp.dependencies": _names(
        "fast",
        "CurrentAccessToken CurrentContext CurrentFastMCP CurrentHeaders CurrentRequest Depends Progress TokenClaim",
    ),
    "fastmcp.exceptions": {
        **_ERRORS,
        **_names("exceptions", "NotFoundError PromptError DisabledError"),
    },
    "fastmcp.prompts": {
        **_names("messages", "Message UserMessage AssistantMessage PromptResult Prompt"),
        "prompt": "fast:prompt",
    },
    "fastmcp.prompts.prompt": _names("messages", "Message UserMessage AssistantMessage PromptResult Prompt"),
    "fastmcp.resources": {
        **_names("resources", "ResourceContent ResourceResult TextResource FileResource Resource"),
        "resource": "fast:resource",
        "ResourceTemplate": "components:ResourceTemplate",
    },
    "fastmcp.resources.template": _names("components", "ResourceTemplate"),
    "fastmcp.tools": {
        **_TRANSFORMED,
        **_names("components", "FunctionTool Tool"),
        "ToolResult": "results:ToolResult",
        "tool": "fast:tool",
    },
    "fastmcp.tools.base": {"ToolResult": "results:ToolResult", "Tool": "components:Tool"},
    "fastmcp.tools.tool": {"ToolResult": "results:ToolResult", **_names("components", "FunctionTool Tool")},
    "fastmcp.tools.function_tool": {**_names("components", "FunctionTool"), "tool": "fast:tool"},
    "fastmcp.tools.tool_transform": _TRANSFORMED,
    "fastmcp.utilities.versions": _names("components", "VersionSpec"),
    "fastmcp.utilities": {},
    "fastmcp.utilities.types": _names("media", "Image Audio File"),
    "fastmcp.utilities.logging": _names("logs", "get_logger configure_logging"),
}

# What to use instead of a name, or of everything below it, that has no counterpart here.
INSTEAD: dict[str, str] = {
    "mcp.client": "dragoman.Client is a client for every transport",
    "mcp.server.auth": "put an authorizing proxy in front, or serve over stdio",
    "mcp.server.experimental": "a tool that answers directly, with progress, does without tasks",
    "mcp.server.websocket": "serve over stdio or streamable HTTP",
    "mcp.shared": "dragoman's own names are in `from dragoman import ...`",
    "fastmcp.apps": "give a tool a page of your own: app=AppConfig(resource_uri=...), or dragoman.Server.app",
    "mcp.server.connection": "dragoman drives its own connections: server.run(), or dragoman.Server.asgi()",
    "mcp.server.runner": "dragoman drives its own connections: server.run(), or dragoman.Server.asgi()",
    "fastmcp.server.auth": "put an authorizing proxy in front, or serve over stdio",
    "fastmcp.server.providers": "register tools, resources and prompts with decorators",
    "fastmcp.client": "dragoman.Client is a client for every transport",
    "fastmcp.cli": "the command is `dragoman`",
    "fastmcp.experimental": "use what is not experimental",
    "fastmcp.FastMCPApp": "return content or structured values from tools instead",
}
