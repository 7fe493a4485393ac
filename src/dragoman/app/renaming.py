"""The names that a mounted server's things have, and what is said in them put back and forth.

`tool` of a server mounted as `x` is `x_tool`, and `data://a` is `data://x/a`; links in results get the same prefix.
Promise: what is not renamed goes through untouched, members that nobody here knows included.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, structs

from dragoman.protocol.exchange import Prepared, Reply
from dragoman.serving.kept import SCHEME
from dragoman.wire.content import EmbeddedResource, ResourceLink
from dragoman.wire.prompts import GetPromptResult
from dragoman.wire.resources import ReadResourceResult
from dragoman.wire.skills import GetSkillResult, ListSkillsResult, ReadDirectoryResult, Skill
from dragoman.wire.tasks import DetailedTask
from dragoman.wire.tools import CallToolResult, Tool

PREFIX = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
_START = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:(?://)?)(.*)", re.DOTALL)
_Members = dict[str, msgspec.Raw]
_members = msgspec.json.Decoder(_Members).decode
_blocks = msgspec.json.Decoder(list[_Members]).decode
_encode = msgspec.json.Encoder().encode
_MARK = b'"resource'  # begins the type of every block that has a URI


class Naming(NamedTuple):
    """How names of a mounted server are made; without a prefix they stay as they are."""

    prefix: str

    def named(self, name: str) -> str:
        """Return the name that a tool or prompt has outside."""
        return f"{self.prefix}_{name}" if self.prefix else name

    def placed(self, uri: str) -> str:
        """Return the URI, or template, that a resource has outside; one without a scheme stays as it is."""
        start = _START.match(uri) if self.prefix and not uri.startswith(SCHEME) else None
        return uri if start is None else f"{start[1]}{self.prefix}/{start[2]}"

    def inner(self, uri: str) -> str | None:
        """Return what `placed` was given for `uri`, None if it was nothing."""
        if not self.prefix or uri.startswith(SCHEME):
            return uri
        start = _START.match(uri)
        if start is None or not start[2].startswith(f"{self.prefix}/"):
            return None
        return start[1] + start[2][len(self.prefix) + 1 :]

    def told(self, reply: Reply) -> Reply:
        """Return a reply whose URIs are those outside."""
        if isinstance(reply, msgspec.Raw):
            return self._told_raw(reply)
        if isinstance(reply, CallToolResult):
            return _called(reply, self.placed)
        if isinstance(reply, DetailedTask):
            return reply if reply.result is UNSET else structs.replace(reply, result=self._told_raw(reply.result))
        if isinstance(reply, GetPromptResult):
            return _got(reply, self.placed)
        if isinstance(reply, Prepared):
            return self.told(reply.result)
        if isinstance(reply, ListSkillsResult):
            return structs.replace(reply, skills=[_skill(one, self.placed) for one in reply.skills])
        if isinstance(reply, GetSkillResult):
            return structs.replace(reply, skill=_skill(reply.skill, self.placed))
        if isinstance(reply, ReadDirectoryResult):
            inside = [structs.replace(one, uri=self.placed(one.uri)) for one in reply.resources]
            return structs.replace(reply, resources=inside)
        if isinstance(reply, ReadResourceResult):
            contents = [structs.replace(one, uri=self.placed(one.uri)) for one in reply.contents]
            return structs.replace(reply, contents=contents)
        return reply

    def _told_raw(self, raw: msgspec.Raw) -> msgspec.Raw:
        members = _members(raw)
        if "contents" in members:
            members["contents"] = _all(members["contents"], lambda block: _put(block, self.placed))
        elif _MARK not in memoryview(raw).tobytes():
            return raw
        elif "taskId" in members and "result" in members:
            members["result"] = self._told_raw(members["result"])
        elif "content" in members:
            members["content"] = _all(members["content"], lambda block: _linked(block, self.placed))
        elif "messages" in members:
            members["messages"] = _all(members["messages"], lambda message: _message(message, self.placed))
        else:
            return raw
        return msgspec.Raw(_encode(members))


Placed = Callable[[str], str]


def linked(definition: Any, placed: Placed) -> Any:
    """Return a tool whose page is where it is outside (APPS-10); anything else as it is."""
    link = definition.ui if isinstance(definition, Tool) else None
    if link is None or link.resource_uri is UNSET:
        return definition
    uri = placed(link.resource_uri)
    meta: dict[str, Any] = {} if definition.meta is UNSET else definition.meta
    moved: dict[str, Any] = {"ui": {**meta["ui"], "resourceUri": uri}} if "ui" in meta else {"ui/resourceUri": uri}
    return structs.replace(definition, meta={**meta, **moved})


def _skill(skill: Skill, placed: Placed) -> Skill:
    files = skill.resources
    if isinstance(files, list):
        files = [structs.replace(one, uri=placed(one.uri)) for one in files]
    return structs.replace(skill, uri=placed(skill.uri), resources=files)


def _moved(block: Any, placed: Placed) -> Any:
    if isinstance(block, ResourceLink):
        return structs.replace(block, uri=placed(block.uri))
    if isinstance(block, EmbeddedResource):
        return structs.replace(block, resource=structs.replace(block.resource, uri=placed(block.resource.uri)))
    return block


def _called(result: CallToolResult, placed: Placed) -> CallToolResult:
    if not any(isinstance(block, ResourceLink | EmbeddedResource) for block in result.content):
        return result
    return structs.replace(result, content=[_moved(block, placed) for block in result.content])


def _got(result: GetPromptResult, placed: Placed) -> GetPromptResult:
    messages = [structs.replace(one, content=_moved(one.content, placed)) for one in result.messages]
    return structs.replace(result, messages=messages)


def _all(raw: msgspec.Raw, change: Callable[[_Members], _Members]) -> msgspec.Raw:
    return msgspec.Raw(_encode([change(one) for one in _blocks(raw)]))


def _put(members: _Members, placed: Placed) -> _Members:
    uri = msgspec.json.decode(members["uri"]) if "uri" in members else None
    return {**members, "uri": msgspec.Raw(_encode(placed(uri)))} if isinstance(uri, str) else members


def _linked(block: _Members, placed: Placed) -> _Members:
    kind = msgspec.json.decode(block.get("type", msgspec.Raw(b'""')))
    if kind == "resource_link":
        return _put(block, placed)
    if kind == "resource" and "resource" in block:
        return {**block, "resource": msgspec.Raw(_encode(_put(_members(block["resource"]), placed)))}
    return block


def _message(message: _Members, placed: Placed) -> _Members:
    content = message.get("content")
    if content is None or not bytes(content).startswith(b"{"):
        return message
    return {**message, "content": msgspec.Raw(_encode(_linked(_members(content), placed)))}
