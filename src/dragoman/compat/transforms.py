"""What stands for `fastmcp.server.transforms`: what a server offers, changed on its way to clients.

Promise: a transform that renames or hides does so for lists and calls alike. Limit: one version of each thing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from dragoman.compat.components import Component, VersionSpec, version_key
from dragoman.compat.transformed import ToolTransformConfig

Lookup: TypeAlias = Callable[..., Awaitable[Any]]
# Of each kind of thing, the methods that list it and look it up.
LISTS = {
    "tool": "list_tools",
    "resource": "list_resources",
    "template": "list_resource_templates",
    "prompt": "list_prompts",
}
LOOKUPS = {"tool": "get_tool", "resource": "get_resource", "template": "get_resource_template", "prompt": "get_prompt"}
_SCHEME = re.compile(r"^([^:]+://)(.*)$", re.DOTALL)


class Transform:
    """Override what is wanted: `list_...` gets all there is, `get_...` a name and whom to ask next."""

    async def list_tools(self, tools: Sequence[Any]) -> Sequence[Any]:
        """Return the tools that there are then."""
        return tools

    async def get_tool(self, name: str, call_next: Lookup, *, version: Any = None) -> Any:
        """Return the tool of a name, or None."""
        return await call_next(name, version=version)

    async def list_resources(self, resources: Sequence[Any]) -> Sequence[Any]:
        """Return the resources that there are then."""
        return resources

    async def get_resource(self, uri: str, call_next: Lookup, *, version: Any = None) -> Any:
        """Return the resource at a URI, or None."""
        return await call_next(uri, version=version)

    async def list_resource_templates(self, templates: Sequence[Any]) -> Sequence[Any]:
        """Return the templates that there are then."""
        return templates

    async def get_resource_template(self, uri: str, call_next: Lookup, *, version: Any = None) -> Any:
        """Return the template that a URI is of, or None."""
        return await call_next(uri, version=version)

    async def list_prompts(self, prompts: Sequence[Any]) -> Sequence[Any]:
        """Return the prompts that there are then."""
        return prompts

    async def get_prompt(self, name: str, call_next: Lookup, *, version: Any = None) -> Any:
        """Return the prompt of a name, or None."""
        return await call_next(name, version=version)


async def listed(transforms: Sequence[Any], kind: str, found: Sequence[Any]) -> list[Any]:
    """Return what transforms, the first of them first, make of what there is."""
    for transform in transforms:
        found = await getattr(transform, LISTS[kind])(found)
    return list(found)


async def looked_up(transforms: Sequence[Any], kind: str, address: str, version: Any, last: Lookup) -> Any:
    """Return what is called so behind transforms, None if nothing is; `last` knows what it was called before them."""
    for transform in transforms:
        last = functools.partial(_asked, getattr(transform, LOOKUPS[kind]), last)
    return await last(address, version=version)


async def _asked(lookup: Lookup, call_next: Lookup, address: str, *, version: Any = None) -> Any:
    return await lookup(address, call_next, version=version)


class _Each(Transform):
    """A transform that changes, or leaves out, each thing by itself."""

    def changed(self, component: Any) -> Any:
        """Return the thing as it is then, or None."""
        return component

    def named_before(self, kind: str, address: str) -> str | None:
        """Return what was called `address` before this transform; None if nothing was."""
        return address

    def _each(self, components: Sequence[Any]) -> Sequence[Any]:
        found = [self.changed(one) for one in components]
        return [one for one in found if one is not None]

    async def list_tools(self, tools: Sequence[Any]) -> Sequence[Any]:
        """Return the tools that there are then."""
        return self._each(tools)

    async def list_resources(self, resources: Sequence[Any]) -> Sequence[Any]:
        """Return the resources that there are then."""
        return self._each(resources)

    async def list_resource_templates(self, templates: Sequence[Any]) -> Sequence[Any]:
        """Return the templates that there are then."""
        return self._each(templates)

    async def list_prompts(self, prompts: Sequence[Any]) -> Sequence[Any]:
        """Return the prompts that there are then."""
        return self._each(prompts)

    async def _get(self, kind: str, address: str, call_next: Lookup, version: Any) -> Any:
        before = self.named_before(kind, address)
        found = None if before is None else await call_next(before, version=version)
        return None if found is None else self.changed(found)

    async def get_tool(self, name: str, call_next: Lookup, *, version: Any = None) -> Any:
        """Return the tool of a name, or None."""
        return await self._get("tool", name, call_next, version)

    async def get_resource(self, uri: str, call_next: Lookup, *, version: Any = None) -> Any:
        """Return the resource at a URI, or None."""
        return await self._get("resource", uri, call_next, version)

    async def get_resource_template(self, uri: str, call_next: Lookup, *, version: Any = None) -> Any:
        """Return the template that a URI is of, or None."""
        return await self._get("template", uri, call_next, version)

    async def get_prompt(self, name: str, call_next: Lookup, *, version: Any = None) -> Any:
        """Return the prompt of a name, or None."""
        return await self._get("prompt", name, call_next, version)


class Namespace(_Each):
    """Everything under a prefix: tools and prompts as `prefix_name`, resources as `scheme://prefix/...`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def changed(self, component: Any) -> Any:
        """Return the thing under the prefix."""
        if component.kind in ("tool", "prompt"):
            return component.model_copy(update={"name": f"{self._prefix}_{component.name}"})
        field = "uri" if component.kind == "resource" else "uri_template"
        start = _SCHEME.match(component.address)
        moved = component.address if start is None else f"{start[1]}{self._prefix}/{start[2]}"
        return component.model_copy(update={field: moved})

    def named_before(self, kind: str, address: str) -> str | None:
        """Return the name without the prefix."""
        if kind in ("tool", "prompt"):
            start = f"{self._prefix}_"
            return address.removeprefix(start) if address.startswith(start) else None
        parts = _SCHEME.match(address)
        if parts is None:
            return address
        inside = f"{self._prefix}/"
        return parts[1] + parts[2].removeprefix(inside) if parts[2].startswith(inside) else None


class ToolTransform(_Each):
    """Tools under other names, texts and arguments: by the name that each has now."""

    def __init__(self, transforms: dict[str, Any]) -> None:
        self._by_name = {name: ToolTransformConfig.model_validate(one) for name, one in transforms.items()}
        self._before = {one.name or name: name for name, one in self._by_name.items()}
        if len(self._before) != len(self._by_name):
            raise ValueError("ToolTransform gives two tools one name")

    def changed(self, component: Any) -> Any:
        """Return the tool as its change says."""
        change = self._by_name.get(component.name) if component.kind == "tool" else None
        return component if change is None else change.apply(component)

    def named_before(self, kind: str, address: str) -> str | None:
        """Return the name that the tool had; what was renamed is not there any more."""
        if kind != "tool":
            return address
        return self._before.get(address, None if address in self._by_name else address)


class VersionFilter(_Each):
    """Only what has a version in a range."""

    def __init__(
        self, *, version_gte: str | None = None, version_lt: str | None = None, include_unversioned: bool = True
    ) -> None:
        if version_gte is None and version_lt is None:
            raise ValueError("VersionFilter needs version_gte or version_lt")
        self._spec = VersionSpec(gte=version_gte, lt=version_lt)
        self._unversioned = include_unversioned

    def changed(self, component: Any) -> Any:
        """Return the thing if its version is in the range."""
        return component if self._spec.matches(component.version, match_none=self._unversioned) else None


class Visibility(_Each):
    """Marks what fits as visible or not; what a later one says holds. What says nothing fits nothing."""

    def __init__(
        self,
        enabled: bool,
        *,
        names: Any = None,
        keys: Any = None,
        version: VersionSpec | None = None,
        tags: Any = None,
        components: Any = None,
        match_all: bool = False,
    ) -> None:
        self._enabled = enabled
        self._all = match_all
        self._version = version
        self._sets = {"names": names, "keys": keys, "tags": tags, "components": components}
        for name, given in self._sets.items():
            if isinstance(given, str):
                raise TypeError(f"{name} is a set of texts, as in {name}={{{given!r}}}")
        self._nothing = version is None and all(given is None for given in self._sets.values())

    def fits(self, component: Component) -> bool:
        """Say whether a thing is meant: by everything that was said."""
        if self._all or self._nothing:
            return self._all
        has: dict[str, set[Any]] = {
            "names": {component.name, component.address},
            "keys": {component.key},
            "tags": component.tags,
            "components": {component.kind},
        }
        if self._version is not None and not self._version.matches(component.version, match_none=False):
            return False
        return all(given is None or not has[name].isdisjoint(given) for name, given in self._sets.items())

    def changed(self, component: Any) -> Any:
        """Return the thing, marked if it is meant."""
        return component.model_copy(update={"enabled": self._enabled}) if self.fits(component) else component


def is_enabled(component: Any) -> bool:
    """Say whether a thing is visible."""
    return bool(component.enabled)


__all__ = ["Namespace", "ToolTransform", "Transform", "VersionFilter", "VersionSpec", "Visibility", "version_key"]
