"""What stands for the `Context` of `mcp` (1.x and 2.x) and of `fastmcp`, over Dragoman's own.

Promise: what a server says to the client here is said. Limit: what has no counterpart raises a typed error by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from dragoman.app.server import Server
from dragoman.compat import inject
from dragoman.compat.calls import answers, headers_of, params_of
from dragoman.compat.elicitation import AcceptedUrlElicitation, CancelledElicitation, DeclinedElicitation, Form
from dragoman.compat.ground import call_of
from dragoman.compat.models import Model
from dragoman.compat.questions import CreateMessageResult
from dragoman.compat.refusal import unsupported_attribute
from dragoman.compat.session import ServerSession
from dragoman.compat.subscriptions import PromptsListChanged, ResourcesListChanged, ResourceUpdated, ToolsListChanged
from dragoman.protocol.exchange import Call
from dragoman.serving.context import Context as NativeContext
from dragoman.serving.shapes import is_list
from dragoman.wire.base import LogLevel

MOST_SESSIONS = 10_000  # that have switched something on or off
MOST_RULES = 100  # of one session


class RequestMeta(Model):
    """The `_meta` of a request: with attributes as in 1.x, a mapping as in 2.x."""

    progress_token: int | str | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """Return what is called `name`, in either spelling."""
        found = self.__dict__.get(self._known(name))
        return default if found is None else found


class RequestContext:
    """The request behind a context: its id, `_meta`, session, and `state`, which the server's lifespan yielded."""

    def __init__(self, call: Call, session: ServerSession, state: Any) -> None:
        self.call = call
        self.session = session
        self.request_id = call.id
        self.method = call.method
        self.lifespan_context: Any = {} if state is None else state
        token = call.meta.progress_token
        self.meta = RequestMeta(progress_token=None if token is UNSET else token)

    # Closing a stream that a client can resume is the transport's affair: there is nothing to call.
    close_sse_stream = None
    close_standalone_sse_stream = None

    def __class_getitem__(cls, item: Any) -> type:
        return cls

    @property
    def protocol_version(self) -> str:
        """The version that this call speaks."""
        return self.call.caller.version

    @property
    def request(self) -> Any:
        """What is known of the HTTP request, its headers; None on stdio."""
        headers = headers_of(self.call)
        return Model(headers=headers) if headers else None

    @property
    def params(self) -> dict[str, Any]:
        """The request's parameters as plain data."""
        return params_of(self.call)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise unsupported_attribute("RequestContext", name)


class Context(inject.Context):
    """The call that a function is answering, as `mcp.server.fastmcp.Context` and `mcp.server.mcpserver.Context`."""

    title = "Context"

    def __init__(self, native: NativeContext, server: Any) -> None:
        self.native = native
        self.call: Call = call_of(native)
        self._server = server
        self._resumed: tuple[dict[str, Any] | None, str | None] | None = None

    def resume(self, responses: dict[str, Any] | None, state: str | None) -> None:
        """Let this context know the answers and the state of a function that runs again."""
        self._resumed = responses, state

    @property
    def server(self) -> Server:
        """The Dragoman server underneath."""
        native: Server = self._server.native_server
        return native

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise unsupported_attribute(self.title, name)

    @property
    def fastmcp(self) -> Any:
        """The server."""
        return self._server

    mcp_server = fastmcp

    @property
    def session(self) -> ServerSession:
        """The client."""
        return ServerSession(self.call, self._server.native_server)

    @property
    def request_context(self) -> RequestContext:
        """The request: id, `_meta`, lifespan's value."""
        return RequestContext(self.call, self.session, self.native.state)

    @property
    def request_id(self) -> str:
        """The request's id as text."""
        return str(self.call.id)

    @property
    def client_id(self) -> str | None:
        """The name that the client gives of itself."""
        client = self.native.client
        return None if client is None else client.name

    @property
    def headers(self) -> Mapping[str, str]:
        """HTTP headers, names in lower case; empty on stdio."""
        return self.native.headers

    @property
    def protocol_version(self) -> str:
        """The version that this call speaks."""
        return self.call.caller.version

    @property
    def client_capabilities(self) -> Any:
        """What the client can do."""
        return self.session.client_capabilities

    @property
    def input_responses(self) -> dict[str, Any] | None:
        """The answers that a client sent with a call made again; None on the first."""
        return self._resumed[0] if self._resumed is not None else answers(self.call)

    @property
    def request_state(self) -> str | None:
        """The state that a client sent back with a call made again, as it was before it was sealed."""
        return self._resumed[1] if self._resumed is not None else None

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell the client how far the call is, if it asked."""
        await self.native.progress(progress, total, message)

    async def log(
        self, level: LogLevel, message: Any = None, *, logger_name: str | None = None, extra: Any = None, **more: Any
    ) -> None:
        """Send a line of log; further keywords are sent along with the message."""
        data = more.pop("data", message)
        more.update(extra or {})
        await self.native.log(level, {"message": data, **more} if more else data, logger_name)

    async def debug(self, message: Any, **options: Any) -> None:
        """Log at level debug."""
        await self.log("debug", message, **options)

    async def info(self, message: Any, **options: Any) -> None:
        """Log at level info."""
        await self.log("info", message, **options)

    async def warning(self, message: Any, **options: Any) -> None:
        """Log at level warning."""
        await self.log("warning", message, **options)

    async def error(self, message: Any, **options: Any) -> None:
        """Log at level error."""
        await self.log("error", message, **options)

    async def read_resource(self, uri: Any) -> Any:
        """Return what one of this server's own resources holds, a list of contents."""
        return await self._server.read_resource(uri, context=self)

    async def elicit(self, message: str, schema: Any = None, **options: Any) -> Any:
        """Ask the user to fill in a form for `schema`; returns how it ended, with `data` if accepted."""
        form = Form(schema)
        return form.read(await self.session.elicit_form(message, form.schema))

    async def elicit_url(self, message: str, url: str, elicitation_id: str, **options: Any) -> Any:
        """Send the user to a web page; returns whether they agreed to go."""
        result = await self.session.elicit_url(message, url, elicitation_id)
        if result.action == "accept":
            return AcceptedUrlElicitation()
        return DeclinedElicitation() if result.action == "decline" else CancelledElicitation()

    async def close_sse_stream(self) -> None:
        """Does nothing: streams that a client can resume are the transport's to close."""

    close_standalone_sse_stream = close_sse_stream

    async def notify_tools_changed(self) -> None:
        """Say that the tools have changed, to everybody who listens."""
        await self._server.publish(ToolsListChanged())

    async def notify_prompts_changed(self) -> None:
        """Say that the prompts have changed, to everybody who listens."""
        await self._server.publish(PromptsListChanged())

    async def notify_resources_changed(self) -> None:
        """Say that the resources have changed, to everybody who listens."""
        await self._server.publish(ResourcesListChanged())

    async def notify_resource_updated(self, uri: Any) -> None:
        """Say that what a resource holds has changed, to everybody who subscribed to it."""
        await self._server.publish(ResourceUpdated(uri=str(uri)))


class FastContext(Context):
    """As `fastmcp.Context`."""

    @property
    def session_id(self) -> str:
        """The session's id; a fixed word where there are no sessions."""
        return self.native.session_id or "none"

    @property
    def transport(self) -> str:
        """How the call came: "stdio" or "streamable-http"."""
        return "streamable-http" if self.headers else "stdio"

    @property
    def lifespan_context(self) -> Any:
        """What the server's lifespan yielded."""
        return self.native.state if self.native.state is not None else {}

    async def elicit(self, message: str, schema: Any = None, **options: Any) -> Any:
        """Ask the user for a value of `response_type`: a class, a scalar type, or a list of texts to choose from."""
        return await super().elicit(message, options.pop("response_type", schema))

    async def sample(self, messages: Any, **options: Any) -> Any:
        """Let the client's model answer; returns its content block, with `text`."""
        items: list[Any] = messages if is_list(messages) else [messages]
        shown = [
            {"role": "user", "content": {"type": "text", "text": item}} if isinstance(item, str) else item
            for item in items
        ]
        options.setdefault("max_tokens", 512)
        result: CreateMessageResult = await self.session.create_message(shown, **options)
        return result.content

    async def list_roots(self) -> Any:
        """Return the folders that the client works in."""
        return (await self.session.list_roots()).roots

    async def set_state(self, key: str, value: Any, **options: Any) -> None:
        """Keep a value for later calls of the same session."""
        self._server.states.setdefault(self.session_id, {})[key] = value

    async def get_state(self, key: str) -> Any:
        """Return what was kept, or None."""
        return self._server.states.get(self.session_id, {}).get(key)

    async def delete_state(self, key: str) -> None:
        """Forget what was kept."""
        self._server.states.get(self.session_id, {}).pop(key, None)

    def visibility(self) -> list[dict[str, Any]]:
        """Return what this session has switched on and off, in order."""
        scope = self.visibility_scope()
        rules: list[dict[str, Any]] = [] if scope is None else self._server.visibility.get(scope, [])
        return rules

    def visibility_scope(self) -> str | None:
        """Return whose a call is: a session's, a user's, "" on stdio; None where nobody can tell."""
        caller = self.call.caller
        if caller.session or caller.principal:
            return caller.session or caller.principal
        return None if self.headers else ""

    async def _rule(self, rules: list[dict[str, Any]]) -> None:
        scope = self.visibility_scope()
        if scope is None:
            raise RuntimeError(
                "what is visible belongs to a session or a user, and this call has neither: it came over HTTP in a "
                "version of the protocol without sessions; let the server ask who calls (auth=...)"
            )
        if len(rules) > MOST_RULES:
            raise RuntimeError(f"a session switches things at most {MOST_RULES} times; reset_visibility() begins anew")
        kept = self._server.visibility
        kept.pop(scope, None)
        if len(kept) >= MOST_SESSIONS:
            kept.pop(next(iter(kept)))
        kept[scope] = rules
        for notify in (self.notify_tools_changed, self.notify_resources_changed, self.notify_prompts_changed):
            await notify()

    async def enable_components(self, **what: Any) -> None:
        """Show this session what fits: `names`, `keys`, `tags`, `components`, `version`, `match_all`."""
        self._server.offering.begin()
        await self._rule([*self.visibility(), {"enabled": True, **what}])

    async def disable_components(self, **what: Any) -> None:
        """Hide from this session what fits."""
        self._server.offering.begin()
        await self._rule([*self.visibility(), {"enabled": False, **what}])

    async def reset_visibility(self) -> None:
        """Show this session what everybody sees."""
        await self._rule([])

    async def list_resources(self) -> Any:
        """Return the server's resources."""
        return await self._server.list_resources()

    async def list_prompts(self) -> Any:
        """Return the server's prompts."""
        return await self._server.list_prompts()

    async def get_prompt(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        """Return one of the server's prompts, filled in."""
        return await self._server.render_prompt(name, arguments)

    def client_supports_extension(self, extension_id: str) -> bool:
        """Say whether the client has an extension of the protocol."""
        return extension_id in (self.client_capabilities.extensions or {})

    async def send_notification(self, notification: Any) -> None:
        """Send any notification, made as a model of `mcp.types`."""
        await self.session.send_notification(notification)


def current() -> Context:
    """Return the context of the call that runs. Raises RuntimeError outside of a call."""
    try:
        found: Context = inject.CURRENT.get()
    except LookupError:
        raise RuntimeError(
            "there is no call to have a context of; ask for it inside a tool, resource or prompt"
        ) from None
    return found
