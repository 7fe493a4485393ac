"""Images, audio, files and explicit results as content blocks."""

import base64
from pathlib import Path

import pytest

from dragoman.errors import LocalError
from dragoman.serving.results import MAX_FILE, Audio, File, Image, ResourceLink, content_of, contents_of, sniff
from dragoman.wire.base import Annotations
from dragoman.wire.content import AnyContents, AudioContent, EmbeddedResource, ImageContent, TextContent, TextContents

PNG = b"\x89PNG\r\n\x1a\nrest"


def test_bytes_of_an_image_become_base64_with_the_type_that_they_tell() -> None:
    assert content_of(Image(PNG)) == [ImageContent(data=base64.b64encode(PNG).decode(), mime_type="image/png")]


@pytest.mark.parametrize(
    "image, kind",
    [
        (Image(b"x", format="jpg"), "image/jpeg"),
        (Image(data=b"x", format="heic"), "image/heic"),
        (Image(b"x", mime_type="image/x-own"), "image/x-own"),
        (Image(bytearray(b"GIF89a")), "image/gif"),
    ],
)
def test_the_type_of_an_image_is_what_was_said_or_seen(image: Image, kind: str) -> None:
    assert image.content().mime_type == kind


def test_an_image_of_unknown_type_is_refused_and_its_twin_with_a_format_is_not() -> None:
    with pytest.raises(LocalError, match="nothing tells the type of this Image; give it format="):
        content_of(Image(b"abc"))
    assert len(content_of(Image(b"abc", format="png"))) == 1


def test_audio_has_its_own_block() -> None:
    assert content_of(Audio(b"abc", format="wav")) == [AudioContent(data="YWJj", mime_type="audio/wav")]
    assert content_of(Audio(b"RIFF....WAVEfmt "))[0].mime_type == "audio/wav"


def test_neither_or_both_of_bytes_and_path_are_refused() -> None:
    with pytest.raises(LocalError, match="Image takes either bytes or a path"):
        Image()
    with pytest.raises(LocalError, match="Audio takes either bytes or a path"):
        Audio(b"x", path="y.mp3")


def test_a_file_is_read_when_the_block_is_made(tmp_path: Path) -> None:
    place = tmp_path / "late chart.png"
    image = Image(place)
    with pytest.raises(LocalError, match=r"cannot read .*late chart\.png for Image: No such file"):
        image.content()
    place.write_bytes(PNG)
    assert image.content().mime_type == "image/png"


def test_a_file_is_embedded_as_text_or_as_base64(tmp_path: Path) -> None:
    (tmp_path / "a b.csv").write_bytes("x,é".encode())
    assert content_of(File(tmp_path / "a b.csv")) == [
        EmbeddedResource(resource=AnyContents(uri="file:///a%20b.csv", text="x,é", mime_type="text/csv"))
    ]
    (tmp_path / "broken.txt").write_bytes(b"\xff")
    assert content_of(File(str(tmp_path / "broken.txt"), uri="own:x")) == [
        EmbeddedResource(resource=AnyContents(uri="own:x", blob="/w==", mime_type="text/plain"))
    ]
    assert File(b"\x00").content().resource.mime_type == "application/octet-stream"


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "big.txt"
    with place.open("wb") as file:
        file.truncate(MAX_FILE + 1)
    with pytest.raises(LocalError, match="return a ResourceLink to it"):
        content_of(File(place))


def test_annotations_go_along() -> None:
    block = Image(PNG, annotations=Annotations(priority=1.0)).content()
    assert block.annotations == Annotations(priority=1.0)


def test_content_of_takes_one_many_or_nothing() -> None:
    link = ResourceLink(uri="a:b", name="b")
    assert content_of(None) == []
    assert content_of("a") == [TextContent(text="a")]
    assert content_of(["a", link, {"b": 1}]) == [TextContent(text="a"), link, TextContent(text='{"b":1}')]
    assert content_of(TextContents(uri="a:b", text="x")) == [
        EmbeddedResource(resource=AnyContents(uri="a:b", text="x"))
    ]


def test_first_bytes_tell_the_type() -> None:
    assert sniff(b"RIFF1234WEBP") == "image/webp"
    assert sniff(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert sniff(b"nothing known") == ""


def test_json_and_xml_types_are_text() -> None:
    assert contents_of(b"{}", "a:b", "application/ld+json").text == "{}"
    assert contents_of(b"{}", "a:b", "application/zip").blob == "e30="
