"""What a server offers, tried: what is listed can be read and got, schemas are schemas, and a snapshot of it all.

Works through a client, so it judges any server. Limit: tools are called only with samples that are given for them.
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET

from dragoman.app.client import Client
from dragoman.errors import McpError
from dragoman.protocol.headers import SchemaFault, header_rules
from dragoman.protocol.schema import complaint_about
from dragoman.protocol.uri import Template, check_uri
from dragoman.wire.prompts import Prompt
from dragoman.wire.tools import Tool

# Arguments to try, by the name of a tool or prompt, or the text of a template.
Samples: TypeAlias = Mapping[str, Mapping[str, Any]]


async def check_offers(client: Client, samples: Samples | None = None) -> None:
    """Raise AssertionError, with every fault, if `faults_of` finds any."""
    faults = await faults_of(client, samples)
    if faults:
        raise AssertionError("\n".join([f"{len(faults)} faults in what the server offers:", *faults]))


async def faults_of(client: Client, samples: Samples | None = None) -> list[str]:
    """Return what is wrong with what the server lists, a line each; nothing if all can be used.

    Every resource is read and every prompt got. `samples` has arguments by name:
    for prompts that need some, for templates to read, and for tools to call.
    A sample for what is not there is a fault, too.
    """
    given = dict(samples or {})
    faults: list[str] = []
    for checked in (_tools(client, given), _resources(client, given), _prompts(client, given)):
        try:
            faults += [fault async for fault in checked]
        except McpError as error:
            faults.append(f"a list cannot be had: {error}")
    return faults + [f"sample {name!r}: nothing of that name is listed" for name in given]


async def _tools(client: Client, samples: dict[str, Mapping[str, Any]]) -> AsyncGenerator[str]:
    if client.server_capabilities.tools is UNSET:
        return
    tools = await client.list_tools()
    for name in _twice([tool.name for tool in tools]):
        yield f"tool {name!r} is listed twice"
    for tool in tools:
        for fault in _schemas(tool):
            yield f"tool {tool.name!r}: {fault}"
        if tool.name in samples:
            try:
                await client.call_tool(tool.name, samples.pop(tool.name))
            except McpError as error:
                yield f"tool {tool.name!r} fails with its sample: {error}"


def _schemas(tool: Tool) -> list[str]:
    faults: list[str] = []
    if (complaint := complaint_about(tool.input_schema, of_object=True)) is not None:
        faults.append(f"its input schema is at fault: {complaint}")
    else:
        try:
            header_rules(tool.input_schema)
        except SchemaFault as fault:
            faults.append(f"its x-mcp-header is at fault: {fault}")
    if tool.output_schema is not UNSET and (complaint := complaint_about(tool.output_schema)) is not None:
        faults.append(f"its output schema is at fault: {complaint}")
    return faults


async def _resources(client: Client, samples: dict[str, Mapping[str, Any]]) -> AsyncGenerator[str]:
    if client.server_capabilities.resources is UNSET:
        return
    resources = await client.list_resources()
    for uri in _twice([resource.uri for resource in resources]):
        yield f"resource {uri!r} is listed twice"
    for resource in resources:
        if (fault := await _read(client, resource.uri)) is not None:
            yield f"resource {resource.uri!r} is listed, but {fault}"
    for template in await client.list_resource_templates():
        text = template.uri_template
        try:
            parsed = Template.parse(text)
        except McpError as error:
            yield f"template {text!r} is none: {error}"
            continue
        if text in samples:
            uri = parsed.expand(samples.pop(text))
            if (fault := await _read(client, uri)) is not None:
                yield f"template {text!r} fails with its sample: {uri!r}: {fault}"


async def _read(client: Client, uri: str) -> str | None:
    if (complaint := check_uri(uri)) is not None:
        return f"it is no URI: {complaint}"
    try:
        found = await client.read(uri)
    except McpError as error:
        return f"cannot be read: {error}"
    return None if found.contents else "holds nothing"


async def _prompts(client: Client, samples: dict[str, Mapping[str, Any]]) -> AsyncGenerator[str]:
    if client.server_capabilities.prompts is UNSET:
        return
    prompts = await client.list_prompts()
    for name in _twice([prompt.name for prompt in prompts]):
        yield f"prompt {name!r} is listed twice"
    for prompt in prompts:
        arguments = samples.pop(prompt.name, {})
        if lacking := [name for name in _required(prompt) if name not in arguments]:
            yield f"prompt {prompt.name!r} needs {', '.join(lacking)}: give a sample of that"
            continue
        try:
            if not (await client.prompt(prompt.name, {key: str(value) for key, value in arguments.items()})).messages:
                yield f"prompt {prompt.name!r} has no messages"
        except McpError as error:
            yield f"prompt {prompt.name!r} is listed, but cannot be got: {error}"


def _required(prompt: Prompt) -> list[str]:
    arguments = [] if prompt.arguments is UNSET else prompt.arguments
    return [argument.name for argument in arguments if argument.required is True]


def _twice(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


async def snapshot(client: Client) -> str:
    """Return all that a server says of itself and lists, as JSON that is the same for the same offers.

    Lists keep their order. The server's version is left out: it is meant to change.
    """
    capabilities, info = client.server_capabilities, client.server_info
    named: dict[str, Any] = {} if info is None else msgspec.to_builtins(info)
    named.pop("version", None)
    resources = capabilities.resources is not UNSET
    found = {
        "server": named,
        "instructions": client.instructions,
        "capabilities": capabilities,
        "tools": await client.list_tools() if capabilities.tools is not UNSET else [],
        "resources": await client.list_resources() if resources else [],
        "resourceTemplates": await client.list_resource_templates() if resources else [],
        "prompts": await client.list_prompts() if capabilities.prompts is not UNSET else [],
    }
    return msgspec.json.format(msgspec.json.encode(found, order="sorted"), indent=2).decode() + "\n"


async def check_snapshot(client: Client, path: str | Path, *, update: bool = False) -> None:
    """Compare what a server offers with the snapshot at `path`; with `update`, write that instead.

    Raises AssertionError with the lines that differ, and where there is no snapshot yet.
    """
    _compare(Path(path), await snapshot(client), update)


def _compare(file: Path, now: str, update: bool) -> None:
    if update:
        file.write_text(now, "utf-8")
        return
    if not file.is_file():
        raise AssertionError(f"there is no snapshot {file}; write it with update=True, or pytest --mcp-update")
    before = file.read_text("utf-8")
    if before != now:
        lines = difflib.unified_diff(before.splitlines(), now.splitlines(), str(file), "now", n=2, lineterm="")
        raise AssertionError("what the server offers has changed:\n" + "\n".join(lines))
