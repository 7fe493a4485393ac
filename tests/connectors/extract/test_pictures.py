"""Pictures come small enough to be looked at, from files that may be hostile."""

from __future__ import annotations

import io
import random
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.connectors import fixtures
from tests.connectors.desk import documents

from dragoman.connectors.address import parse
from dragoman.connectors.extract.document import Unreadable
from dragoman.connectors.extract.pictures import SIDE
from dragoman.connectors.extract.registry import convert, picture
from dragoman.connectors.source import ALL, MAX_BLOB, Blob, View
from dragoman.errors import ToolError


def image(kind: str = "PNG", size: tuple[int, int] = (40, 20), mode: str = "RGB") -> bytes:
    held = io.BytesIO()
    Image.new(mode, size, 128 if mode in ("L", "P") else None).save(held, kind)
    return held.getvalue()


def bomb() -> bytes:
    """A PNG whose head says that it has 10,000 million pixels."""
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1_000)) + chunk(b"IEND", b"")
    )


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as opened:
        return opened.size


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_small_image_is_sent_as_it_is(kind: str) -> None:
    data = image(kind)
    assert picture(f"a.{kind.lower()}", data, 1) == (data, f"image/{kind.lower()}")
    document = convert(f"a.{kind.lower()}", data)
    assert document.kind == "image" and document.pieces[0].text == f"{kind} image, 40 x 20 pixels\n"


@pytest.mark.parametrize(
    ("kind", "size", "mode"),
    [
        ("PNG", (4_000, 1_000), "RGBA"),
        ("JPEG", (1_000, 4_000), "L"),
        ("BMP", (20, 20), "P"),
        ("TIFF", (3_000, 9), "CMYK"),
    ],
)
def test_a_large_one_or_one_that_models_do_not_take_is_made_small(kind: str, size: tuple[int, int], mode: str) -> None:
    data, mime_type = picture(f"a.{kind.lower()}", image(kind, size, mode), 1)
    assert mime_type == "image/jpeg" and max(size_of(data)) <= min(max(size), SIDE) and len(data) < 500_000


def test_a_page_of_a_pdf_is_a_picture(tmp_path: Path) -> None:
    data = fixtures.good_pdf(tmp_path).read_bytes()
    shown, mime_type = picture("a.pdf", data, 2)
    assert mime_type == "image/jpeg" and SIDE - 2 <= max(size_of(shown)) <= SIDE + 1
    with pytest.raises(Unreadable, match="no page 9: it has 3"):
        picture("a.pdf", data, 9)


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.png", bomb(), "refused: an image of more than"),
        ("a.png", b"no image", "corrupt"),
        ("a.jpg", image("JPEG", (3_000, 3_000))[:500], "corrupt"),
        ("a.pdf", b"%PDF-1.7 broken", "cannot be opened"),
        ("a.docx", b"PK", "has no pictures"),
        ("a.unknown", b"x", "has no pictures"),
    ],
)
def test_what_cannot_be_shown_says_why(name: str, data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        picture(name, data, 1)


@given(st.sampled_from(["a.png", "a.gif", "a.tiff", "a.pdf"]), st.binary(max_size=200), st.integers(-5, 10**9))
def test_any_bytes_are_shown_or_refused(name: str, data: bytes, page: int) -> None:
    reason = ""
    try:
        shown = picture(name, data, page)[0]
    except Unreadable as fault:
        shown, reason = b"", fault.reason
    assert shown or reason


def test_documents_give_pictures_by_their_addresses(tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    fixtures.good_pdf(folder)
    fixtures.image_only_pdf(folder)
    (folder / "pump.png").write_bytes(image())
    (folder / "note.md").write_text("note")
    with documents(folder) as source:
        found = source.fetch(ALL, parse("docs://papers/pump.png"), None, 1_000)
        assert isinstance(found, Blob) and found.mime_type == "image/png" and found.data == image()
        page = source.fetch(ALL, parse("docs://papers/good.pdf#page=2&image"), None, 1_000)
        assert isinstance(page, Blob) and page.uri.endswith("good.pdf#page=2&image") and page.data[:2] == b"\xff\xd8"
        scan = next(path.name for path in folder.glob("*.pdf") if path.name != "good.pdf")
        assert isinstance(source.fetch(ALL, parse(f"docs://papers/{scan}#page=1&image"), None, 1_000), Blob)
        for uri, view in (
            ("docs://papers/note.md#image", ALL),
            ("docs://papers/../papers/pump.png#image", ALL),
            ("docs://papers/pump.png#image", View(deny=("*.png",))),
        ):
            with pytest.raises(ToolError):
                source.fetch(view, parse(uri), None, 1_000)


def test_noise_is_made_small_enough_for_an_answer() -> None:
    noise = io.BytesIO()
    Image.frombytes("RGB", (1_200, 1_200), random.Random(1).randbytes(1_200 * 1_200 * 3)).save(noise, "PNG")
    shown, kind = picture("noise.png", noise.getvalue(), 1)
    assert kind == "image/jpeg" and 50_000 < len(shown) <= MAX_BLOB
