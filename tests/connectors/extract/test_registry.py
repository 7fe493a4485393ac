import functools
import tempfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors import fixtures

from dragoman.connectors.extract import registry
from dragoman.connectors.extract.document import Document, Unreadable
from dragoman.connectors.extract.registry import FORMATS, convert, why_not

MADE = [fixtures.good_pdf, fixtures.good_docx, fixtures.good_xlsx]


def read(path: Path) -> Document:
    return convert(path.name, path.read_bytes())


def outcome(name: str, data: bytes) -> object:
    """The pieces or the reason; anything else that is raised fails the test."""
    try:
        return convert(name, data).pieces
    except Unreadable as fault:
        return fault.reason


def text_of(document: Document) -> str:
    return "".join(piece.text for piece in document.pieces)


@pytest.mark.parametrize("make", MADE)
def test_good_files_are_read(make, tmp_path: Path) -> None:
    assert fixtures.MARKER in text_of(read(make(tmp_path)))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (fixtures.corrupt_pdf, "corrupt"),
        (fixtures.encrypted_pdf, "encrypted: it opens only with a password"),
        (fixtures.image_only_pdf, "no text layer: .*fetch shows one with #page=1&image"),
        (fixtures.zip_bomb_docx, "zip bomb"),
        (fixtures.lying_zip_docx, "cannot be unpacked|more than it says"),
        (fixtures.entity_bomb_docx, "document type|not well-formed"),
        (fixtures.external_entity_docx, "document type"),
        (fixtures.broken_xlsx, "corrupt"),
        (fixtures.truncated_xlsx, "corrupt"),
        (fixtures.empty_docx, "empty"),
        (fixtures.empty_file, "empty"),
        (fixtures.binary_text, "binary"),
    ],
)
def test_bad_files_are_refused_with_the_reason(make, reason: str, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=reason) as caught:
        read(make(tmp_path))
    assert fixtures.SECRET not in caught.value.reason


@pytest.mark.parametrize("make", [fixtures.latin1_text, fixtures.utf16_text, fixtures.huge_line])
def test_awkward_text_is_read_all_the_same(make, tmp_path: Path) -> None:
    assert fixtures.MARKER in text_of(read(make(tmp_path)))


def test_html_nested_deep_is_read(tmp_path: Path) -> None:
    assert fixtures.MARKER in text_of(read(fixtures.deep_html(tmp_path, 3_000)))


def test_a_private_key_under_another_name_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="private key"):
        read(fixtures.private_key(tmp_path, "notes.txt"))
    (tmp_path / "how.txt").write_text("How to make a public and a private key.")
    assert "private key" in text_of(read(tmp_path / "how.txt"))


@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=400))
def test_any_bytes_are_a_document_or_a_reason(suffix: str, data: bytes) -> None:
    assert outcome(f"x{suffix}", data)


@functools.cache
def whole(make) -> tuple[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = make(Path(folder))
        return path.name, path.read_bytes()


@pytest.mark.parametrize("make", MADE)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=20), st.integers(1, 10**6))
def test_damaged_files_are_read_or_refused(make, damage: list[tuple[int, int]], end: int) -> None:
    name, good = whole(make)
    data = bytearray(good)
    for place, value in damage:
        data[place % len(data)] = value
    assert outcome(name, bytes(data[: end % len(data) + 1]))
    assert outcome(name, bytes(data))


@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [
        ("a.psd", 10, "no reader for .psd files"),
        ("a", 10, "without an ending"),
        ("a.doc", 10, "save it as .docx"),
        ("a.db", 10, "source of its own"),
        ("a.pdf", 10**10, "too large: 10,000,000,000 bytes"),
        ("a.PDF", 10, ""),
        ("README", 10, ""),
    ],
)
def test_names_and_sizes_say_what_is_not_tried(name: str, size: int, reason: str) -> None:
    assert why_not(name, size) == reason if not reason else reason in why_not(name, size)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_not("a.pdf", 10) == ""
    monkeypatch.setitem(registry.FORMATS, ".pdf", registry.FORMATS[".pdf"]._replace(package="not_installed_here"))
    assert why_not("a.pdf", 10) == 'pdf files need the package not_installed_here: pip install "dragoman[docs]"'


# A step of one dot is no name: pathlib passes it by, and no tree has one.
@given(st.text(st.sampled_from("aB./ "), max_size=12).filter(lambda name: "." not in name.split("/")))
def test_endings_are_what_pathlib_calls_suffixes(name: str) -> None:
    known = dict.fromkeys([".a", ".b", ".ab", ".ba"], FORMATS[".txt"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "FORMATS", known)
        assert registry.format_of(name) == known.get(PurePosixPath(name).suffix.lower())
