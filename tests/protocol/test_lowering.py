"""What each revision gets of a result that has everything: literal JSON, by revision (LEG-21, LEG-28, LEG-29)."""

import dataclasses
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.protocol import lowering
from dragoman.protocol.eras import HANDSHAKE, MODERN, Facts
from dragoman.protocol.lowering import FLOOR_2025_11, Floor, lower, trim
from dragoman.wire import questions, tasks
from dragoman.wire.base import Annotations, Icon, Implementation, Wire
from dragoman.wire.content import (
    AnyContents,
    AudioContent,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
)
from dragoman.wire.lifecycle import DiscoverResult, InitializeResult, ListCapability, ResourcesCapability
from dragoman.wire.lifecycle import ServerCapabilities as Capabilities
from dragoman.wire.notices import LogMessage, Progress
from dragoman.wire.prompts import (
    CompleteResult,
    Completion,
    GetPromptResult,
    ListPromptsResult,
    Prompt,
    PromptArgument,
    PromptMessage,
)
from dragoman.wire.resources import (
    ListResourcesResult,
    ListTemplatesResult,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
)
from dragoman.wire.tools import CallToolResult, ListToolsResult, Tool, ToolAnnotations

NEWEST, SUMMER, SPRING, FIRST = "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"
INFO = Implementation(name="s", version="1", title="S", description="d", website_url="https://s", icons=[Icon(src="i")])
FACTS = Facts.of(INFO)
OWN = {"com.example/k": 1}
HINTS = Annotations(audience=["user"], priority=0.5, last_modified="2026-01-01T00:00:00Z")
ICONS = [Icon(src="data:,", mime_type="image/png", sizes=["48x48"], theme="dark")]


def sealed(result: Any, version: str) -> Any:
    era = MODERN if version == MODERN.version else HANDSHAKE[version]
    return json.loads(msgspec.json.encode(era.seal(result, FACTS)))


def only(value: dict[str, Any]) -> set[str]:
    return set(value)


BLOCKS = [
    TextContent(text="t", annotations=HINTS, meta=OWN),
    ImageContent(data="AA==", mime_type="image/png", annotations=HINTS, meta=OWN),
    AudioContent(data="AA==", mime_type="audio/wav", annotations=HINTS, meta=OWN),
    ResourceLink(uri="a://b", name="n", title="T", size=3, icons=ICONS, annotations=HINTS, meta=OWN),
    EmbeddedResource(resource=AnyContents(uri="a://b", text="x", meta=OWN), annotations=HINTS, meta=OWN),
]
NOTE_HINTS = {"audience": ["user"], "priority": 0.5}
ALL_HINTS = {**NOTE_HINTS, "lastModified": "2026-01-01T00:00:00Z"}
WORDS = "[audio, audio/wav: this protocol version cannot carry it]"
FULL: list[dict[str, Any]] = [
    {"type": "text", "text": "t", "annotations": ALL_HINTS, "_meta": OWN},
    {"type": "image", "data": "AA==", "mimeType": "image/png", "annotations": ALL_HINTS, "_meta": OWN},
    {"type": "audio", "data": "AA==", "mimeType": "audio/wav", "annotations": ALL_HINTS, "_meta": OWN},
    {"type": "resource_link", "uri": "a://b", "name": "n", "title": "T", "size": 3, "annotations": ALL_HINTS,
     "_meta": OWN, "icons": [{"src": "data:,", "mimeType": "image/png", "sizes": ["48x48"], "theme": "dark"}]},
    {"type": "resource", "resource": {"uri": "a://b", "text": "x", "_meta": OWN}, "annotations": ALL_HINTS,
     "_meta": OWN},
]  # fmt: skip
OLD: list[dict[str, Any]] = [
    {"type": "text", "text": "t", "annotations": NOTE_HINTS},
    {"type": "image", "data": "AA==", "mimeType": "image/png", "annotations": NOTE_HINTS},
    {"type": "audio", "data": "AA==", "mimeType": "audio/wav", "annotations": NOTE_HINTS},
    {"type": "text", "text": "[n](a://b)"},
    {"type": "resource", "resource": {"uri": "a://b", "text": "x"}, "annotations": NOTE_HINTS},
]


def without(value: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in keys}


@pytest.mark.parametrize(
    ("version", "content"),
    [
        (MODERN.version, FULL),
        (NEWEST, FULL),
        (SUMMER, [*FULL[:3], without(FULL[3], "icons"), FULL[4]]),
        (SPRING, OLD),
        (FIRST, [*OLD[:2], {"type": "text", "text": WORDS}, *OLD[3:]]),
    ],
)
def test_content_is_what_the_revision_knows(version: str, content: list[dict[str, Any]]) -> None:
    """LEG-28, TOOL-15"""
    assert sealed(CallToolResult(content=list(BLOCKS)), version)["content"] == content
    messages = [PromptMessage(role="user", content=block) for block in BLOCKS]
    found = sealed(GetPromptResult(messages=messages, description="d"), version)
    assert [message["content"] for message in found["messages"]] == content
    assert found["description"] == "d"


@pytest.mark.parametrize(
    ("version", "members"),
    [
        (MODERN.version, "name title description inputSchema outputSchema annotations icons _meta"),
        (NEWEST, "name title description inputSchema outputSchema annotations icons _meta execution"),
        (SUMMER, "name title description inputSchema outputSchema annotations _meta"),
        (SPRING, "name description inputSchema annotations"),
        (FIRST, "name description inputSchema"),
    ],
)
def test_a_tool_has_the_members_of_the_revision(version: str, members: str) -> None:
    """LEG-28"""
    tool = Tool(
        name="t",
        input_schema={"type": "object"},
        title="T",
        description="d",
        output_schema={"type": "object"},
        annotations=ToolAnnotations(read_only_hint=True),
        icons=ICONS,
        execution={"taskSupport": "optional"},
        meta=OWN,
    )
    listed = sealed(ListToolsResult(tools=[tool], next_cursor="c", ttl_ms=5, cache_scope="public"), version)
    assert only(listed["tools"][0]) == set(members.split())
    assert listed["nextCursor"] == "c"
    hints = {"resultType", "ttlMs", "cacheScope", "_meta"}
    assert hints <= only(listed) if version == MODERN.version else not hints & only(listed)


def test_a_title_moves_to_where_the_revision_has_one() -> None:
    """TOOL-17"""
    tool = Tool(name="t", input_schema={"type": "object"}, title="T")
    own = msgspec.structs.replace(tool, annotations=ToolAnnotations(title="A", read_only_hint=True))
    listed = sealed(ListToolsResult(tools=[tool, own]), SPRING)["tools"]
    assert listed[0]["annotations"] == {"title": "T"}
    assert listed[1]["annotations"] == {"title": "A", "readOnlyHint": True}


@pytest.mark.parametrize(
    ("version", "gone"),
    [
        (MODERN.version, ""),
        (NEWEST, ""),
        (SUMMER, "icons"),
        (SPRING, "icons title _meta"),
        (FIRST, "icons title _meta"),
    ],
)
def test_resources_and_prompts_have_the_members_of_the_revision(version: str, gone: str) -> None:
    """LEG-28"""
    both: dict[str, Any] = {"name": "n", "title": "T", "description": "d", "icons": ICONS, "meta": OWN}
    shared: dict[str, Any] = {**both, "mime_type": "text/plain", "annotations": HINTS}
    members = {"name", "title", "description", "icons", "_meta"} - set(gone.split())
    resource = sealed(ListResourcesResult(resources=[Resource(uri="a://b", size=1, **shared)]), version)
    assert only(resource["resources"][0]) == members | {"uri", "size", "mimeType", "annotations"}
    template = ResourceTemplate(uri_template="a://{b}", **shared)
    family = sealed(ListTemplatesResult(resource_templates=[template]), version)
    assert only(family["resourceTemplates"][0]) == members | {"uriTemplate", "mimeType", "annotations"}
    argument = PromptArgument(name="a", title="A", description="d", required=True)
    prompt = sealed(ListPromptsResult(prompts=[Prompt(arguments=[argument], **both)]), version)["prompts"][0]
    assert only(prompt) == members | {"arguments"}
    assert only(prompt["arguments"][0]) == {"name", "description", "required"} | ({"title"} & members)


@pytest.mark.parametrize(("version", "has"), [(MODERN.version, True), (NEWEST, True), (SUMMER, True), (SPRING, False)])
def test_contents_carry_metadata_where_the_revision_has_it(version: str, has: bool) -> None:
    """RES-06"""
    contents = [AnyContents(uri="a://b", blob="AA==", mime_type="x/y", meta=OWN)]
    found = sealed(ReadResourceResult(contents=contents, ttl_ms=1), version)["contents"][0]
    assert found == {"uri": "a://b", "blob": "AA==", "mimeType": "x/y"} | ({"_meta": OWN} if has else {})


@pytest.mark.parametrize(
    ("version", "info", "capabilities"),
    [
        (
            NEWEST,
            "name version title description websiteUrl icons",
            "tools resources completions logging tasks extensions",
        ),
        (SUMMER, "name version title", "tools resources completions logging"),
        (SPRING, "name version", "tools resources completions logging"),
        (FIRST, "name version", "tools resources logging"),
    ],
)
def test_the_handshake_says_what_the_revision_can_hear(version: str, info: str, capabilities: str) -> None:
    """LEG-02, LEG-28"""
    result = InitializeResult(protocol_version=version, capabilities=everything(), server_info=INFO, instructions="do")
    found = sealed(result, version)
    assert only(found) == {"protocolVersion", "capabilities", "serverInfo", "instructions"}
    assert only(found["serverInfo"]) == set(info.split())
    assert only(found["capabilities"]) == set(capabilities.split())
    assert found["capabilities"]["resources"] == {"listChanged": True, "subscribe": True}


def everything() -> Capabilities:
    return Capabilities(
        tools=ListCapability(list_changed=True),
        resources=ResourcesCapability(list_changed=True, subscribe=True),
        completions={},
        logging={},
        tasks={"list": {}},
        extensions={"com.example/x": {}},
    )


def test_discovery_leaves_out_what_left_the_core() -> None:
    """VER-03, META-04, CACHE-01"""
    found = sealed(DiscoverResult(supported_versions=["x"], capabilities=everything()), MODERN.version)
    assert only(found["capabilities"]) == {"tools", "resources", "completions", "logging", "extensions"}
    assert only(found) == {"resultType", "_meta", "ttlMs", "cacheScope", "supportedVersions", "capabilities"}
    assert (found["resultType"], found["ttlMs"], found["cacheScope"]) == ("complete", 0, "private")
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"]["websiteUrl"] == "https://s"


@pytest.mark.parametrize("version", [NEWEST, SUMMER])
@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ({"a": 1}, {"a": 1}),
        ({}, {}),
        ([1], {"result": [1]}),
        (None, {"result": None}),
        (False, {"result": False}),
        ("x", {"result": "x"}),
        (msgspec.Raw(b'{"a":1}'), {"a": 1}),
        (msgspec.Raw(b" \n" * 90 + b'{"a":1}'), {"a": 1}),
        (msgspec.Raw(b"[1]"), {"result": [1]}),
        (msgspec.Raw(b" null"), {"result": None}),
        (Icon(src="i"), {"src": "i"}),
    ],
)
def test_structured_content_is_an_object_before_2026(version: str, value: Any, sent: Any) -> None:
    """LEG-29, TOOL-11"""
    assert sealed(CallToolResult(content=[], structured_content=value), version)["structuredContent"] == sent


@pytest.mark.parametrize("version", [SPRING, FIRST])
def test_structured_content_is_for_those_who_know_it(version: str) -> None:
    """LEG-28"""
    result = CallToolResult(content=[TextContent(text="[1]")], structured_content=[1], is_error=False, meta=OWN)
    expected = {"content": [{"type": "text", "text": "[1]"}], "isError": False, "_meta": OWN}
    assert sealed(result, version) == expected


def test_a_dataclass_is_an_object_as_well() -> None:
    """LEG-29"""

    @dataclasses.dataclass
    class Point:
        x: int

    assert sealed(CallToolResult(content=[], structured_content=Point(1)), NEWEST)["structuredContent"] == {"x": 1}


def test_today_any_value_is_structured_content_and_null_is_one() -> None:
    """TOOL-11"""
    assert sealed(CallToolResult(content=[], structured_content=None), MODERN.version)["structuredContent"] is None
    assert "structuredContent" not in sealed(CallToolResult(content=[]), MODERN.version)


@pytest.mark.parametrize(
    ("schema", "lowered"),
    [
        ({"type": "object", "properties": {}}, {"type": "object", "properties": {}}),
        (
            {"type": "array", "items": {"$ref": "#/$defs/A"}, "$defs": {"A": {}}, "$schema": "s"},
            {
                "$defs": {"A": {}},
                "$schema": "s",
                "type": "object",
                "properties": {"result": {"type": "array", "items": {"$ref": "#/$defs/A"}}},
                "required": ["result"],
            },
        ),
        (
            {"type": ["string", "null"]},
            {"type": "object", "properties": {"result": {"type": ["string", "null"]}}, "required": ["result"]},
        ),
        # Objects go as they are and all else wrapped, so no schema fits both.
        ({"type": ["object", "null"]}, None),
        ({"anyOf": [{"type": "object"}, {"type": "string"}]}, None),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "object"}}}, None),
        ({}, None),
    ],
)
def test_an_output_schema_describes_what_is_sent(schema: dict[str, Any], lowered: dict[str, Any] | None) -> None:
    """LEG-29, TOOL-05"""
    listed = ListToolsResult(tools=[Tool(name="t", input_schema={"type": "object"}, output_schema=schema)])
    assert sealed(listed, NEWEST)["tools"][0].get("outputSchema") == lowered
    assert sealed(listed, MODERN.version)["tools"][0]["outputSchema"] == schema


@pytest.mark.parametrize("version", [NEWEST, SUMMER, SPRING, FIRST])
def test_no_result_type_reaches_a_peer_that_has_none(version: str) -> None:
    """LEG-21"""
    results = [
        CallToolResult(content=[], result_type="complete"),
        GetPromptResult(messages=[], result_type="complete"),
        CompleteResult(completion=Completion(values=["a"]), result_type="complete"),
        ReadResourceResult(contents=[], result_type="complete", ttl_ms=1, cache_scope="public"),
    ]
    for result in results:
        assert not only(sealed(result, version)) & {"resultType", "ttlMs", "cacheScope"}


def test_a_notice_loses_its_younger_members() -> None:
    """LEG-28"""
    progress = Progress(progress_token=1, progress=2, message="m")
    assert json.loads(msgspec.json.encode(HANDSHAKE[FIRST].trim(progress))) == {"progressToken": 1, "progress": 2.0}
    for version in (SPRING, SUMMER, NEWEST):
        assert HANDSHAKE[version].trim(progress) is progress
    line = LogMessage(level="info", data={"title": 1}, logger="l")
    assert HANDSHAKE[FIRST].trim(line) is line


def test_a_plain_result_is_not_copied_for_the_newest_handshake_revision() -> None:
    result = CallToolResult(content=list(BLOCKS), structured_content=msgspec.Raw(b'{"result":1}'))
    assert lower(result, FLOOR_2025_11) is result


@given(st.sampled_from(BLOCKS), st.sampled_from([NEWEST, SUMMER, SPRING, FIRST]))
def test_the_original_never_changes(block: Any, version: str) -> None:
    before = msgspec.json.encode(block)
    sealed(CallToolResult(content=[block]), version)
    assert msgspec.json.encode(block) == before
    assert trim(trim(block, FLOOR_2025_11), FLOOR_2025_11) == block


def wire_types(kind: type = Wire) -> list[type[Any]]:
    ours = [one for one in kind.__subclasses__() if one.__module__.startswith("dragoman.wire.")]
    return [each for one in ours for each in (one, *wire_types(one))]


def test_every_type_that_a_revision_lacks_something_of_is_a_wire_type_with_that_field() -> None:
    assert questions.Elicit in wire_types() and tasks.DetailedTask in wire_types()
    names = [kind.__name__ for kind in wire_types()]
    floors = [one for one in vars(lowering).values() if isinstance(one, Floor)]
    lacking = {(name, field) for floor in floors for name, fields in floor.absent.items() for field in fields}
    assert len(floors) == 5 and len(lacking) > 20
    for name, field in lacking:
        assert names.count(name) == 1, f"{name} says which type by its name alone"
        [kind] = [one for one in wire_types() if one.__name__ == name]
        assert field in kind.__struct_fields__, f"{name} has no {field}"
