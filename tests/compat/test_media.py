"""Images, audio and files, and results made of them."""

from __future__ import annotations

import base64

import pytest

from dragoman.compat import results, types
from dragoman.compat.media import Audio, File, Image
from dragoman.compat.messages import AssistantMessage, Message, UserMessage
from dragoman.wire.content import TextContent


@pytest.mark.parametrize(
    "media, kind",
    [
        (Image(data=b"x"), "image/png"),
        (Image(data=b"x", format="JPEG"), "image/jpeg"),
        (Image(path="a.gif"), "image/gif"),
        (Image(path="a.svg"), "image/svg+xml"),
        (Image(path="a.unknown"), "application/octet-stream"),
        (Audio(data=b"x"), "audio/wav"),
        (Audio(path="a.mp3"), "audio/mpeg"),
        (Audio(data=b"x", format="flac"), "audio/flac"),
        (File(data=b"x"), "application/octet-stream"),
        (File(data=b"x", format="pdf"), "application/pdf"),
        (File(path="a.csv"), "text/csv"),
    ],
)
def test_the_type_comes_from_the_format_or_the_name(media, kind) -> None:
    assert media._mime_type == kind


def test_media_are_made_of_a_path_or_of_bytes(tmp_path) -> None:
    for wrong in ({}, {"path": "a", "data": b"b"}):
        with pytest.raises(ValueError, match="either path or data"):
            Image(**wrong)
    (tmp_path / "dot.png").write_bytes(b"png")
    block = Image(path=tmp_path / "dot.png").to_image_content()
    assert (base64.b64decode(block.data), block.mimeType) == (b"png", "image/png")
    assert Image(data=b"hi", format="gif").to_data_uri() == "data:image/gif;base64,aGk="
    with pytest.raises(FileNotFoundError):
        Audio(path=tmp_path / "none.wav").to_audio_content()


def test_a_file_is_embedded_as_text_where_it_is_text(tmp_path) -> None:
    (tmp_path / "note.txt").write_text("grüß")
    note = File(path=tmp_path / "note.txt").to_resource_content().resource
    assert (note.text, note.uri) == ("grüß", (tmp_path / "note.txt").as_uri())
    data = File(data=b"\xff", format="bin", name="dump").to_resource_content().resource
    assert (data.blob, data.uri, data.mime_type) == ("/w==", "file:///dump.bin", "application/bin")


def test_values_become_blocks() -> None:
    kinds = [
        type(block).__name__
        for block in results.content_of(["a", Image(data=b""), types.TextContent(text="b"), {"c": 1}])
    ]
    assert kinds == ["TextContent", "ImageContent", "TextContent", "TextContent"]
    assert results.content_of(None) == []
    assert results.content_of(["a", "b"]) == [TextContent(text='[\n  "a",\n  "b"\n]')]
    assert results.unstructured(["a", 1]).content == [TextContent(text="a"), TextContent(text="1")]
    link = types.ResourceLink(uri="a:b", name="n")
    assert type(results.block(link)).__name__ == "ResourceLink"


def test_a_plain_value_is_no_result_of_its_own() -> None:
    assert results.tool_result({"a": 1}) is None
    assert results.tool_result(["a"]) is None
    whole = results.tool_result(types.CallToolResult(content=[], isError=False, _meta={"k": 1}))
    assert (whole.content, whole.is_error, whole.meta) == ([], False, {"k": 1})


def test_a_tool_result_needs_something_to_say() -> None:
    with pytest.raises(ValueError, match="content or structured_content"):
        results.ToolResult()
    spelled = results.tool_result(results.ToolResult(structured_content={"a": 1}))
    assert (spelled.structured_content, spelled.content[0].text) == ({"a": 1}, '{\n  "a": 1\n}')


def test_prompts_return_texts_messages_blocks_or_lists_of_them() -> None:
    assert [m.content.text for m in results.messages("hi")] == ["hi"]
    said = results.messages([
        "a",
        UserMessage("b"),
        AssistantMessage(content=types.TextContent(text="c")),
        Message(Image(data=b"x", format="png"), role="user"),
        {"role": "assistant", "content": "d"},
        {"role": "user", "content": {"type": "text", "text": "e"}},
        types.PromptMessage(role="user", content=types.TextContent(text="f")),
    ])  # fmt: skip
    assert [m.role for m in said] == ["user", "user", "assistant", "user", "assistant", "user", "user"]
    assert [getattr(m.content, "text", m.content.__class__.__name__) for m in said] == [
        "a", "b", "c", "ImageContent", "d", "e", "f",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="'user' or 'assistant'"):
        Message("x", role="system")
