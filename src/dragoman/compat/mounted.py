"""Servers within a `fastmcp` server: those of this process that are more than what they register, and those elsewhere.

Promise: a mounted server's own transforms and middleware hold wherever it is mounted.
Limit: what can be connected to is what `dragoman.Client` can be pointed at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dragoman.app.server import Server
from dragoman.compat.components import Prompt, Resource, ResourceTemplate, Tool
from dragoman.compat.providers import Provider
from dragoman.compat.refusal import unsupported_argument
from dragoman.compat.transforms import Namespace
from dragoman.serving.shapes import is_object


class InnerTool(Tool):
    """A tool of a mounted server."""

    face: Any
    inner: str

    async def run(self, arguments: dict[str, Any]) -> Any:
        """Return what it gives there."""
        return await self.face.offering.call_tool(self.inner, arguments)


class InnerResource(Resource):
    """A resource of a mounted server."""

    face: Any
    inner: str

    async def read(self) -> Any:
        """Return what it holds there."""
        return await self.face.offering.read(self.inner)


class InnerTemplate(ResourceTemplate):
    """A template of a mounted server."""

    face: Any
    inner: str
    source: Any = None

    async def read(self, arguments: dict[str, Any]) -> Any:
        """Return what the resource with these variables holds there."""
        return await self.source.read(arguments)


class InnerPrompt(Prompt):
    """A prompt of a mounted server."""

    face: Any
    inner: str

    async def render(self, arguments: dict[str, Any] | None = None) -> Any:
        """Return it filled in there."""
        return await self.face.offering.render(self.inner, arguments)


_KINDS: dict[str, type[Any]] = {
    "tool": InnerTool,
    "resource": InnerResource,
    "template": InnerTemplate,
    "prompt": InnerPrompt,
}


class FastMCPProvider(Provider):
    """Everything that another server of this process offers, under a prefix."""

    def __init__(self, server: Any, prefix: str = "") -> None:
        super().__init__()
        self._face = server
        if prefix:
            self.add_transform(Namespace(prefix))

    def _inner(self, one: Any) -> Any:
        if one is None:
            return None
        kind = _KINDS[one.kind]
        fields = {name: value for name, value in one if name in kind.__fields__}
        more = {"source": one} if kind is InnerTemplate else {}
        return kind(**{**fields, "face": self._face, "inner": one.address, **more})

    async def _all(self, kind: str) -> Sequence[Any]:
        return [self._inner(one) for one in await self._face.offering.listed(kind)]

    async def _list_tools(self) -> Sequence[Any]:
        return await self._all("tool")

    async def _list_resources(self) -> Sequence[Any]:
        return await self._all("resource")

    async def _list_resource_templates(self) -> Sequence[Any]:
        return await self._all("template")

    async def _list_prompts(self) -> Sequence[Any]:
        return await self._all("prompt")

    async def _get_tool(self, name: str, version: Any = None) -> Any:
        return self._inner(await self._face.offering.get("tool", name, version))

    async def _get_resource(self, uri: str, version: Any = None) -> Any:
        return self._inner(await self._face.offering.get("resource", uri, version))

    async def _get_resource_template(self, uri: str, version: Any = None) -> Any:
        return self._inner(await self._face.offering.get("template", uri, version))

    async def _get_prompt(self, name: str, version: Any = None) -> Any:
        return self._inner(await self._face.offering.get("prompt", name, version))


class Companion:
    """Starts and stops a mounted server with the one that has it in itself."""

    def __init__(self, server: Server) -> None:
        self._service = server.service

    async def start(self) -> None:
        """Start it."""
        await self._service.join()

    async def stop(self) -> None:
        """Stop it, unless others use it."""
        await self._service.leave()


class ProxyClient:
    """As `fastmcp.server.providers.proxy.ProxyClient`: says where a server is, and is connected to by the proxy."""

    def __init__(self, transport: Any, **options: Any) -> None:
        if options.get("auth") is not None:
            raise unsupported_argument("ProxyClient", "auth", "use dragoman.Server.proxy(url, credentials=...)")
        self.transport = transport


def behind(target: Any) -> Any:
    """Return what `dragoman.Client` is pointed at for what a proxy is made of. Raises UnsupportedArgumentError."""
    if isinstance(target, ProxyClient):
        target = target.transport
    if isinstance(target, str) or is_object(target):
        return target
    if hasattr(target, "__fspath__") or type(target).__module__.startswith("pydantic"):  # a path, or an AnyUrl
        return str(target)
    raise unsupported_argument("create_proxy", "target", "give it an address, a file, a command, or a configuration")
