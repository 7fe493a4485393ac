"""Where a `fastmcp` server gets what it offers from, other than from decorators: files, another server, the file's own.

Promise: every function in a folder marked with `tool`, `resource` or `prompt` is registered. Limit: folders are read
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from dragoman.app.surface import Surface
from dragoman.compat import running, transforms
from dragoman.compat.components import Component, Prompt, Resource, ResourceTemplate, Tool
from dragoman.compat.refusal import LoadError
from dragoman.compat.registry import PromptEntry, Registry, ToolEntry
from dragoman.compat.transforms import LISTS, LOOKUPS, Visibility


class Provider:
    """A source of components: a class of the file's own overrides `_list_tools` and its kin.

    What it does not override, and looking things up by name, follows from those.
    """

    def __init__(self) -> None:
        self._transforms: list[Any] = []

    def add_transform(self, transform: Any) -> None:
        """Change what comes from here; later ones get what earlier ones made."""
        self.transforms.append(transform)

    @property
    def transforms(self) -> list[Any]:
        """The transforms of this one."""
        found: list[Any] = self.__dict__.setdefault("_transforms", [])  # a class of the file's own may not call ours
        return found

    def enable(self, *, only: bool = False, **what: Any) -> Self:
        """Show what fits; with `only`, nothing else."""
        if only:
            self.add_transform(Visibility(False, match_all=True))
        self.add_transform(Visibility(True, **what))
        return self

    def disable(self, **what: Any) -> Self:
        """Neither list nor answer what fits."""
        self.add_transform(Visibility(False, **what))
        return self

    async def _list_tools(self) -> Sequence[Any]:
        return []

    async def _list_resources(self) -> Sequence[Any]:
        return []

    async def _list_resource_templates(self) -> Sequence[Any]:
        return []

    async def _list_prompts(self) -> Sequence[Any]:
        return []

    async def _get_tool(self, name: str, version: Any = None) -> Any:
        return next((one for one in await self._list_tools() if one.name == name), None)

    async def _get_resource(self, uri: str, version: Any = None) -> Any:
        return next((one for one in await self._list_resources() if one.address == uri), None)

    async def _get_resource_template(self, uri: str, version: Any = None) -> Any:
        templates = await self._list_resource_templates()
        return next((one for one in templates if one.matches(uri) is not None), None)

    async def _get_prompt(self, name: str, version: Any = None) -> Any:
        return next((one for one in await self._list_prompts() if one.name == name), None)

    async def list_tools(self) -> Sequence[Any]:
        """Return the tools, after this one's transforms."""
        return await listed(self, "tool")

    async def list_resources(self) -> Sequence[Any]:
        """Return the resources, after this one's transforms."""
        return await listed(self, "resource")

    async def list_resource_templates(self) -> Sequence[Any]:
        """Return the templates, after this one's transforms."""
        return await listed(self, "template")

    async def list_prompts(self) -> Sequence[Any]:
        """Return the prompts, after this one's transforms."""
        return await listed(self, "prompt")

    async def get_tool(self, name: str, version: Any = None) -> Any:
        """Return the tool of a name, or None."""
        return await looked_up(self, "tool", name, version)

    async def get_resource(self, uri: str, version: Any = None) -> Any:
        """Return the resource at a URI, or None."""
        return await looked_up(self, "resource", uri, version)

    async def get_resource_template(self, uri: str, version: Any = None) -> Any:
        """Return the template that a URI is of, or None."""
        return await looked_up(self, "template", uri, version)

    async def get_prompt(self, name: str, version: Any = None) -> Any:
        """Return the prompt of a name, or None."""
        return await looked_up(self, "prompt", name, version)


async def listed(provider: Any, kind: str) -> list[Any]:
    """Return what a provider lists of a kind, after its transforms."""
    return await transforms.listed(provider.transforms, kind, await getattr(provider, f"_{LISTS[kind]}")())


async def looked_up(provider: Any, kind: str, address: str, version: Any) -> Any:
    """Return what a provider has under a name or URI, after its transforms; None if nothing."""
    last: Any = getattr(provider, f"_{LOOKUPS[kind]}")
    return await transforms.looked_up(provider.transforms, kind, address, version, last)


class OwnTool(Tool):
    """A tool that is registered."""

    surface: Any
    inner: str

    async def run(self, arguments: dict[str, Any]) -> Any:
        """Return what it gives, as a ToolResult."""
        running.check_scopes(self.surface.tools.listing.get(self.inner))
        return await running.run_tool(self.surface.tools.call, self.inner, arguments)


class OwnResource(Resource):
    """A resource that is registered."""

    surface: Any
    inner: str

    async def read(self) -> Any:
        """Return what it holds, as a ResourceResult."""
        running.check_scopes(self.surface.resources.fixed.get(self.inner))
        return await running.read_resource(self.surface.resources.read, self.inner)


class OwnTemplate(ResourceTemplate):
    """A template that is registered."""

    surface: Any
    inner: str

    async def read(self, arguments: dict[str, Any]) -> Any:
        """Return what the resource with these variables holds."""
        uri = msgspec.convert(arguments, dict[str, str])
        entry = self.surface.resources.templates.get(self.inner)
        running.check_scopes(entry)
        return await running.read_resource(self.surface.resources.read, entry.template.expand(uri))


class OwnPrompt(Prompt):
    """A prompt that is registered."""

    surface: Any
    inner: str

    async def render(self, arguments: dict[str, Any] | None = None) -> Any:
        """Return it filled in, as a PromptResult."""
        running.check_scopes(self.surface.prompts.listing.get(self.inner))
        return await running.render_prompt(self.surface.prompts.get, self.inner, arguments)


_FIELDS: dict[str, str] = {
    "inputSchema": "parameters",
    "outputSchema": "output_schema",
    "uriTemplate": "uri_template",
    "mimeType": "mime_type",
    "_meta": "meta",
}


class LocalProvider(Provider):
    """What is registered with a server's decorators, and what is mounted below it."""

    def __init__(self, registry: Registry | None = None) -> None:
        super().__init__()
        self._registry = registry
        self.more: dict[str, Any] = {}  # made as objects, by key

    @property
    def _surface(self) -> Surface:
        assert self._registry is not None
        surface: Surface = self._registry.native.surface
        return surface

    def _made(self, kind: Any, entry: Any, key: str) -> Any:
        registry = self._registry
        assert registry is not None
        kept: dict[str, Any] = {"tool": registry.tools, "prompt": registry.prompts}.get(kind.kind, registry.resources)  # type: ignore[assignment]
        options: dict[str, Any] = dict(kept[key].options) if key in kept else {}
        definition: dict[str, Any] = msgspec.to_builtins(entry.definition)
        said = {_FIELDS.get(name, name): value for name, value in definition.items()}
        more: dict[str, Any] = {
            "tags": options.get("tags") or entry.tags,
            "version": options.get("version"),
            "auth": options.get("auth"),
        }
        return kind(**{**said, **more, "surface": self._surface, "inner": key})

    def _all(self, kind: Any, listing: Any) -> list[Component]:
        own = [self._made(kind, listing.entries[key], key) for key in listing.names() if key not in listing.unlisted]
        return [*own, *(one for one in self.more.values() if one.kind == kind.kind)]

    def _other(self, kind: str, address: str) -> Any:
        return next((one for one in self.more.values() if one.kind == kind and one.address == address), None)

    async def _list_tools(self) -> Sequence[Any]:
        return self._all(OwnTool, self._surface.tools.listing)

    async def _list_resources(self) -> Sequence[Any]:
        return self._all(OwnResource, self._surface.resources.fixed)

    async def _list_resource_templates(self) -> Sequence[Any]:
        return self._all(OwnTemplate, self._surface.resources.templates)

    async def _list_prompts(self) -> Sequence[Any]:
        return self._all(OwnPrompt, self._surface.prompts.listing)

    async def _get_tool(self, name: str, version: Any = None) -> Any:
        entry = self._surface.tools.listing.get(name)
        return self._other("tool", name) if entry is None else self._made(OwnTool, entry, name)

    async def _get_resource(self, uri: str, version: Any = None) -> Any:
        entry = self._surface.resources.fixed.get(uri)
        return self._other("resource", uri) if entry is None else self._made(OwnResource, entry, uri)

    async def _get_prompt(self, name: str, version: Any = None) -> Any:
        entry = self._surface.prompts.listing.get(name)
        return self._other("prompt", name) if entry is None else self._made(OwnPrompt, entry, name)


class FileSystemProvider:
    """Registers what the Python files below `root` mark."""

    def __init__(self, root: str | Path = ".", reload: bool = False) -> None:
        self.root = Path(root)

    def provide(self, registry: Registry) -> None:
        """Register everything. Raises LoadError for a folder that is not there or a file that fails."""
        if not self.root.is_dir():
            raise LoadError(f"no such folder: {self.root}; FileSystemProvider reads the .py files below it")
        for file in sorted(self.root.rglob("*.py")):
            for value in _marked(file):
                entry = value.__dragoman__
                if isinstance(entry, ToolEntry):
                    registry.add_tool(entry)
                elif isinstance(entry, PromptEntry):
                    registry.add_prompt(entry)
                else:
                    registry.add_resource(entry)


def _marked(file: Path) -> list[Any]:
    names: dict[str, Any] = {"__name__": file.stem, "__file__": str(file)}
    try:
        exec(compile(file.read_bytes(), str(file), "exec", dont_inherit=True), names)
    except Exception as fault:
        raise LoadError(f"{file}: {type(fault).__name__}: {fault}") from fault
    return [value for value in list(names.values()) if hasattr(value, "__dragoman__")]
