"""What each reader makes of a file: literal input, literal Markdown."""

import io
import zipfile
from pathlib import Path

import pytest
from fpdf import FPDF
from openpyxl import Workbook
from tests.connectors import fixtures

from dragoman.connectors.extract.document import Document
from dragoman.connectors.extract.registry import convert
from dragoman.connectors.extract.text import decode


def text_of(document: Document) -> str:
    return "".join(piece.text for piece in document.pieces)


def test_markdown_stays_as_it_is_and_front_matter_tells_the_title() -> None:
    document = convert("a.md", b"---\ntitle: Pump Guide\ndate: 2025-03-01\n---\n# One\n\ntext\n\n## Two\n")
    assert document.title == "Pump Guide"
    assert document.meta == {"date": "2025-03-01"}
    assert [(heading.level, heading.title, heading.line) for heading in document.outline] == [
        (1, "One", 5),
        (2, "Two", 9),
    ]


def test_html_becomes_markdown() -> None:
    page = b"""<html><head><title>Notes &amp; more</title><style>x</style></head><body><nav>menu</nav>
    <h1>Pumps</h1><p>One <b>bold</b> word,<br>two lines.</p><ul><li>first</li><li>second</li></ul>
    <pre># not a heading
      kept</pre><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>x|y</td></tr></table>
    <script>alert(1)</script><p># plain</p></body></html>"""
    document = convert("a.html", page)
    assert document.title == "Notes & more"
    text = text_of(document)
    assert "# Pumps\n" in text
    assert "One bold word,\ntwo lines.\n" in text
    assert "- first\n- second\n" in text
    assert "```\n# not a heading\n      kept\n```\n" in text
    assert "| a | b |\n| --- | --- |\n| 1 | x\\|y |\n" in text
    assert "alert" not in text
    assert "menu" not in text
    assert [heading.title for heading in document.outline] == ["Pumps"]


@pytest.mark.parametrize(
    "declared", ["a\0b", "undefined", "punycode", "idna", "unicode_escape", "hex", "\u00e9", "nothing", ""]
)
def test_an_encoding_that_no_document_is_written_in_is_passed_over(declared: str) -> None:
    """Found by fuzzing: names with a NUL, and what Python calls encodings."""
    assert decode("a\\u0041 \u00e4".encode(), declared) == "a\\u0041 \u00e4"
    assert decode(b"\xe4", "latin-1") == "\u00e4"


def test_html_is_decoded_by_its_own_declaration() -> None:
    page = '<html><head><meta charset="iso-8859-2"></head><body><p>Łódź</p></body></html>'
    assert "Łódź" in text_of(convert("a.html", page.encode("iso-8859-2")))


def test_csv_finds_its_delimiter_and_becomes_a_table() -> None:
    table = "| name | price |\n| --- | --- |\n| lamp, big | 12.5 |\n| a\\|b | 3 |\n"
    assert text_of(convert("a.csv", b'name,price\n"lamp, big",12.5\na|b,3\n')) == table
    assert text_of(convert("a.csv", b"name;price\nlamp, big;12.5\na|b;3\n")) == table
    assert text_of(convert("a.tsv", b"name\tprice\nlamp, big\t12.5\na|b\t3\n")) == table


def test_a_row_far_down_knows_its_columns() -> None:
    rows = "name,price\n" + "".join(f"thing {number},{number}\n" for number in range(500))
    assert convert("a.csv", rows.encode()).pieces[-1].heading == " | name, price"


def test_workbooks_show_sheets_as_tables_with_plain_values() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Prices"
    for row in (
        ["item", "price", "since", None],
        ["lamp", 12.0, __import__("datetime").date(2025, 3, 1), None],
        [None] * 4,
    ):
        sheet.append(row)
    book.create_sheet("More").append(["x", 0.1 + 0.2])
    stream = io.BytesIO()
    book.save(stream)
    document = convert("a.xlsx", stream.getvalue())
    assert document.labels == ["Prices", "More"]
    assert document.pieces[0].text == "| item | price | since |\n| --- | --- | --- |\n| lamp | 12 | 2025-03-01 |\n"
    assert document.pieces[1].text == "| x | 0.3 |\n| --- | --- |\n"


def test_word_files_show_headings_lists_and_tables(tmp_path: Path) -> None:
    import docx

    made = docx.Document()
    made.core_properties.title = "Travel policy"
    made.add_heading("Purpose", level=1)
    made.add_paragraph("Why we travel.")
    made.add_paragraph("by train", style="List Bullet")
    table = made.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("a", "b"), ("1", "2")), strict=True):
        for cell, value in zip(row.cells, cells, strict=True):
            cell.text = value
    made.add_heading("Limits", level=2)
    made.add_paragraph("# not a heading")
    path = tmp_path / "a.docx"
    made.save(str(path))
    document = convert(path.name, path.read_bytes())
    assert document.title == "Travel policy"
    assert [(heading.level, heading.title) for heading in document.outline] == [(1, "Purpose"), (2, "Limits")]
    text = text_of(document)
    assert "# Purpose\n\nWhy we travel.\n\n- by train\n" in text
    assert "| a | b |\n| --- | --- |\n| 1 | 2 |\n" in text


def test_pdf_pages_show_headings_and_tables() -> None:
    pdf = FPDF()
    pdf.set_title("Quarterly Report")
    pdf.add_page()
    pdf.set_font("Helvetica", size=20)
    pdf.cell(0, 12, "Revenue by region", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("Helvetica", size=11)
    pdf.multi_cell(0, 6, "The following table shows what each of the regions has sold in this quarter. " * 4)
    pdf.ln()
    with pdf.table() as table:
        for cells in (
            ("Region", "Revenue", "Share of all"),
            ("North", "1,200.50", "60.0 %"),
            ("South", "800.00", "40.0 %"),
        ):
            row = table.row()
            for cell in cells:
                row.cell(cell)
    pdf.add_page()
    pdf.multi_cell(0, 6, "Nothing more to say.")
    document = convert("a.pdf", bytes(pdf.output()))
    assert (document.title, document.unit, document.pieces[-1].part) == ("Quarterly Report", "page", 2)
    text = text_of(document)
    assert "# Revenue by region\n" in text
    assert "| Region | Revenue | Share of all |\n| --- | --- | --- |\n| North | 1,200.50 | 60.0 % |\n" in text
    assert document.outline[0].title == "Revenue by region"


def test_a_pdf_with_a_scanned_page_says_which(tmp_path: Path) -> None:
    from PIL import Image

    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=12)
    pdf.cell(0, 10, "some text")
    pdf.add_page()
    pdf.image(Image.new("L", (50, 50), 200), x=10, y=10, w=50)
    assert convert("a.pdf", bytes(pdf.output())).notes == ["pages without text: 2"]


PRESENTATION = """<p:presentation xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"
 xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><p:sldIdLst>
 <p:sldId id="256" r:id="rId2"/><p:sldId id="257" r:id="rId1"/></p:sldIdLst></p:presentation>"""
RELATIONS = """<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
 <Relationship Id="rId1" Target="slides/slide1.xml"/><Relationship Id="rId2" Target="/ppt/slides/slide2.xml"/>
 </Relationships>"""
SHAPE = """<p:sp><p:nvSpPr><p:nvPr>{ph}</p:nvPr></p:nvSpPr><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody>
 </p:sp>"""
SLIDE = """<p:sld xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"
 xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><p:cSld><p:spTree>{}</p:spTree></p:cSld></p:sld>"""


def slide(title: str, body: str) -> str:
    return SLIDE.format(SHAPE.format(ph='<p:ph type="title"/>', text=title) + SHAPE.format(ph="", text=body))


def test_presentations_show_slides_in_order(tmp_path: Path) -> None:
    path = tmp_path / "a.pptx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ppt/presentation.xml", PRESENTATION)
        archive.writestr("ppt/_rels/presentation.xml.rels", RELATIONS)
        archive.writestr("ppt/slides/slide1.xml", slide("Last", fixtures.MARKER))
        archive.writestr("ppt/slides/slide2.xml", slide("First", "hello"))
    document = convert("a.pptx", path.read_bytes())
    assert document.unit == "slide"
    assert [piece.text for piece in document.pieces] == ["# First\n\nhello\n", f"# Last\n\n{fixtures.MARKER}\n"]


def test_a_table_beyond_the_limit_is_cut_at_a_row_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.connectors.extract.tabular.MAX_CHARS", 20)
    document = convert("a.csv", b"name,price\nlamp,1\nchair,2\ntable,3\n")
    assert text_of(document) == "| name | price |\n| --- | --- |\n| lamp | 1 |\n"
    assert document.notes == ["only the first 20 characters are indexed"]
