"""The bad files are bad in the way their names say, and the good ones are good."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import docx
import openpyxl
import pypdfium2
import pytest
from tests.connectors import fixtures


def pages(path: Path) -> list[str]:
    with pypdfium2.PdfDocument(path) as pdf:
        return [page.get_textpage().get_text_range() for page in pdf]


def test_the_good_pdf_has_its_text_on_each_page(tmp_path: Path) -> None:
    texts = pages(fixtures.good_pdf(tmp_path))
    assert len(texts) == 3
    assert all(f"page {n} of good" in text and fixtures.MARKER in text for n, text in enumerate(texts, 1))


def test_the_corrupt_pdf_does_not_open(tmp_path: Path) -> None:
    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(fixtures.corrupt_pdf(tmp_path))


def test_the_encrypted_pdf_opens_with_its_password_only(tmp_path: Path) -> None:
    path = fixtures.encrypted_pdf(tmp_path)
    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(path)
    with pypdfium2.PdfDocument(path, password=fixtures.PASSWORD) as pdf:
        assert len(pdf) == 1


def test_the_scan_has_pages_and_no_text(tmp_path: Path) -> None:
    assert [text.strip() for text in pages(fixtures.image_only_pdf(tmp_path))] == ["", ""]


def test_the_empty_docx_opens_and_the_good_one_has_words(tmp_path: Path) -> None:
    assert not any(p.text for p in docx.Document(str(fixtures.empty_docx(tmp_path))).paragraphs)
    assert any(fixtures.MARKER in p.text for p in docx.Document(str(fixtures.good_docx(tmp_path))).paragraphs)


def test_the_bomb_is_small_outside_and_large_inside(tmp_path: Path) -> None:
    path = fixtures.zip_bomb_docx(tmp_path, unpacked=32 * fixtures.MIB)
    assert path.stat().st_size < fixtures.MIB
    assert zipfile.ZipFile(path).getinfo("word/document.xml").file_size > 32 * fixtures.MIB


def test_the_lying_bomb_claims_a_thousand_bytes(tmp_path: Path) -> None:
    path = fixtures.lying_zip_docx(tmp_path, unpacked=2 * fixtures.MIB)
    info = zipfile.ZipFile(path).getinfo("word/document.xml")
    assert info.file_size == 1000
    assert info.compress_size > 2000


def test_broken_workbooks_do_not_open_and_the_good_one_does(tmp_path: Path) -> None:
    for make in (fixtures.broken_xlsx, fixtures.truncated_xlsx):
        with pytest.raises((zipfile.BadZipFile, KeyError, SyntaxError, ValueError)):
            openpyxl.load_workbook(make(tmp_path))
    assert openpyxl.load_workbook(fixtures.good_xlsx(tmp_path)).sheetnames == ["Prices", "Notes"]


def test_text_files_are_what_their_names_say(tmp_path: Path) -> None:
    with pytest.raises(UnicodeDecodeError):
        fixtures.latin1_text(tmp_path).read_text("utf-8")
    assert fixtures.utf16_text(tmp_path).read_text("utf-16").splitlines()[1].startswith(fixtures.MARKER)
    assert fixtures.huge_line(tmp_path).read_bytes().count(b"\n") == 0
    assert fixtures.empty_file(tmp_path).stat().st_size == 0
    assert b"\0" in fixtures.binary_text(tmp_path).read_bytes()


def test_links_lead_where_their_names_say(tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    for make in (fixtures.escaping_symlink, fixtures.escaping_folder_link):
        assert not make(folder).resolve().is_relative_to(folder.resolve())
    assert fixtures.inner_symlink(folder).resolve().is_relative_to(folder.resolve())
    assert fixtures.looping_symlink(folder).resolve() == folder.resolve()


def test_every_forbidden_file_holds_the_secret_or_leads_to_it(tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    for make in fixtures.FORBIDDEN:
        path = make(folder)
        text = path.read_text() if path.is_file() else next(path.iterdir()).read_text()
        assert fixtures.SECRET in text


def test_the_fifo_is_a_fifo(tmp_path: Path) -> None:
    assert stat.S_ISFIFO(fixtures.fifo(tmp_path).lstat().st_mode)


def test_entity_files_ask_for_entities(tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    for make in (fixtures.entity_bomb_docx, fixtures.external_entity_docx):
        assert b"<!ENTITY" in zipfile.ZipFile(make(folder)).read("word/document.xml")
