"""What client and server offer each other, and the lists that come of it.

Asks also for lists that the server does not declare, once each: what is there and not declared, no client sees.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from dragoman.app.client import Client
from dragoman.doctor import definitions
from dragoman.doctor.findings import Report
from dragoman.errors import McpError, PeerError
from dragoman.protocol.headers import SchemaFault, header_rules
from dragoman.wire.jsonrpc import METHOD_NOT_FOUND
from dragoman.wire.lifecycle import ClientCapabilities
from dragoman.wire.prompts import Prompt
from dragoman.wire.resources import Resource, ResourceTemplate
from dragoman.wire.tools import Tool

LONG = 3600_000  # milliseconds
_KINDS = ("tools", "resources", "prompts")


class Lists(NamedTuple):
    """All that a server lists."""

    tools: list[Tool]
    resources: list[Resource]
    templates: list[ResourceTemplate]
    prompts: list[Prompt]


def capabilities(report: Report, client: Client, ours: ClientCapabilities) -> None:
    """Note what each side offers, `ours` among it, and what a server may and this one does not."""
    with report.stage("capabilities") as told:
        has: dict[str, dict[str, Any]] = msgspec.to_builtins(client.server_capabilities)
        named = [
            f"{kind} ({', '.join(sorted(inner))})" if kind in (*_KINDS, "extensions") and inner else kind
            for kind, inner in has.items()
        ]
        report.facts["serverCapabilities"] = has
        report.facts["clientCapabilities"] = msgspec.to_builtins(ours)
        known = ("tools", "resources", "prompts", "completions", "logging", "tasks")
        report.facts["notOffered"] = [kind for kind in known if kind not in has]
        lacks = ", ".join(report.facts["notOffered"])
        told.said = f"the server offers {', '.join(named) or 'nothing'}" + (f"; not {lacks}" if lacks else "")
        told.said += f"; this client offers {', '.join(report.facts['clientCapabilities'])}"


async def lists(report: Report, client: Client) -> Lists:
    """Return all lists, and judge what is in them."""
    has = client.server_capabilities
    with report.stage("lists") as told:
        tools = await _list(report, "tools", client.list_tools) if has.tools is not UNSET else []
        resources: list[Resource] = []
        templates: list[ResourceTemplate] = []
        if has.resources is not UNSET:
            resources = await _list(report, "resources", client.list_resources)
            templates = await _list(report, "resource templates", client.list_resource_templates, optional=True)
        prompts = await _list(report, "prompts", client.list_prompts) if has.prompts is not UNSET else []
        found = Lists(tools, resources, templates, prompts)
        sizes = {name: len(items) for name, items in found._asdict().items()}
        report.facts["sizes"] = sizes
        told.said = ", ".join(f"{count} {name}" for name, count in sizes.items())
        for kind in _KINDS:
            # What a tool's results link to is a resource, and need not be listed: server/tools, "Resource Links".
            empty = not sizes[kind] and (kind != "resources" or not (templates or tools))
            if getattr(has, kind) is UNSET:
                await _undeclared(report, client, kind)
            elif empty and not any(one.where == kind for one in report.findings):
                report.find("offered-empty", f"{kind} are declared, and there are none", kind)
        if not any(sizes.values()) and not report.has("list-failed", "offered-not-served", "served-not-offered"):
            report.find("nothing-offered", "all lists are empty")
    return found


async def judged(report: Report, client: Client, found: Lists) -> None:
    """Judge names, schemas, descriptions, templates, and how long lists may be kept."""
    with report.stage("definitions") as told:
        definitions.judge(report, found.tools)
        definitions.twice(report, "prompt", [prompt.name for prompt in found.prompts])
        definitions.twice(report, "resource", [resource.uri for resource in found.resources])
        definitions.templates(report, found.templates)
        if client.server_capabilities.tools is not UNSET and not report.has("list-failed", "offered-not-served"):
            await _page(report, client)
        told.said = f"about {report.facts['definitionTokens']} tokens of tools"


async def _list(report: Report, name: str, fetch: Any, *, optional: bool = False) -> list[Any]:
    try:
        found: list[Any] = await fetch()
        return found
    except PeerError as error:
        if error.code == METHOD_NOT_FOUND:
            if not optional:
                report.find("offered-not-served", f"{name} are declared, and there is no list of them", name)
        else:
            report.find("list-failed", f"the list of {name}: {error}", name)
    except McpError as error:
        report.find("list-failed", f"the list of {name}: {error}", name)
    return []


async def _undeclared(report: Report, client: Client, kind: str) -> None:
    try:
        page = await client.request(f"{kind}/list")
    except McpError:
        return  # as it should be
    items = page.get(kind)
    if isinstance(items, list) and items:
        report.find("served-not-offered", f"there are {kind}, and the capability is not declared", kind)


async def _page(report: Report, client: Client) -> None:
    """Look at the first page of tools as it comes: what clients leave out, and how long they may keep the rest."""
    try:
        page = await client.request("tools/list")
    except McpError:
        return
    try:
        tools = msgspec.convert(page.get("tools"), list[Tool])
    except msgspec.ValidationError:
        return  # the list before was fine; what became of it is for the second look
    for tool in tools:
        try:
            header_rules(tool.input_schema)
        except SchemaFault as fault:
            report.find("tool-left-out", str(fault), f"tool {tool.name}")
    kept = page.get("ttlMs")
    declared = client.server_capabilities.tools
    tells = not isinstance(declared, msgspec.UnsetType) and declared.list_changed is True
    if isinstance(kept, int) and kept > LONG and not tells:
        report.find("kept-long", f"tools may be kept for {kept / 3_600_000:.1f} hours, and no change is told")
