"""OpenDocument texts, rich text, books and mail: known input, known text, and hostile ones refused."""

from __future__ import annotations

import email.message
import email.policy
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.extract.document import Document, Unreadable
from dragoman.connectors.extract.registry import convert

OFFICE = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"'
TEXT = 'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
TABLE = 'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'


def text_of(document: Document) -> str:
    return "".join(piece.text for piece in document.pieces)


def zipped(**members: str | bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
    return held.getvalue()


def odt(body: str, **more: str) -> bytes:
    content = (
        f"<office:document-content {OFFICE} {TEXT} {TABLE}><office:body><office:text>{body}</office:text></office:body>"
        "</office:document-content>"
    )
    return zipped(content_xml=content, **more)


def test_an_opendocument_text_keeps_headings_lists_and_tables() -> None:
    body = (
        '<text:h text:outline-level="2">The  pump</text:h>'
        "<text:p>Turn<text:s/>it <text:span>on</text:span>, slowly.</text:p>"
        "<text:list><text:list-item><text:p>one</text:p></text:list-item><text:list-item><text:p>two</text:p>"
        "</text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>"
        '<table:table-cell table:number-columns-repeated="2"><text:p>b</text:p></table:table-cell></table:table-row>'
        '<table:table-row><table:table-cell table:number-columns-repeated="16000"/></table:table-row></table:table>'
        "<text:p># no heading</text:p>"
    )
    meta = '<m xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Guide</dc:title><dc:creator>Ann</dc:creator></m>'
    document = convert("a.odt", odt(body, meta_xml=meta))
    text = text_of(document)
    assert document.title == "Guide" and document.meta == {"author": "Ann"} and document.kind == "odt"
    assert "## The pump\n" in text and "Turn it on, slowly.\n" in text and "- one\n- two\n" in text
    assert "| a | b | b |\n" in text and "\\# no heading" in text
    assert [heading.title for heading in document.outline] == ["The pump"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (odt("<text:p>x</text:p>", **{"META-INF__manifest_xml": "<manifest:encryption-data/>"}), "encrypted"),
        (zipped(mimetype="x"), "corrupt"),
        (zipped(content_xml="<a>"), "corrupt"),
        (zipped(content_xml='<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "document type"),
    ],
    ids=["encrypted", "no text", "broken", "entities"],
)
def test_bad_opendocument_texts_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        convert("a.odt", data)


def test_an_opendocument_text_that_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(Unreadable, match="bomb"):
        convert("a.odt", zipped(content_xml=b" " * 20_000_000))


def test_an_opendocument_text_nested_without_end_ends() -> None:
    deep = convert(
        "a.odt", odt("<text:section>" * 200 + "<text:p>deep</text:p>" + "</text:section>" * 200 + "<text:p>x</text:p>")
    )
    assert text_of(deep).strip() == "x"


def test_rich_text_gives_its_words() -> None:
    source = (
        rb"{\rtf1\ansi\ansicpg1252{\info{\title Pump guide}{\author Ann}}{\fonttbl{\f0 Arial;}}"
        rb"{\pict\pngblip 89504e47}\b Caf\'e9\b0  and \u8364? 5\par Second line\par}"
    )
    document = convert("a.rtf", source)
    assert document.title == "Pump guide" and document.meta == {"author": "Ann"}
    text = text_of(document)
    assert "Café and € 5\nSecond line" in text and "Arial" not in text and "89504e47" not in text


def test_rich_text_is_read_in_the_encoding_of_its_fonts_and_its_links_without_their_addresses() -> None:
    fonts = rb"{\fonttbl{\f0\fcharset0 Arial;}{\f1\fswiss\fcharset204 Arial Cyr;}}"
    link = rb'{\field{\*\fldinst{HYPERLINK "https://a.example/"}}{\fldrslt{\ul there}}}'
    text = convert("a.rtf", rb"{\rtf1\ansi" + fonts + rb"\f0 look " + link + rb", \f1 \'e4\'e0}").pieces[0].text
    assert text.strip() == "look there, да"


@pytest.mark.parametrize("data", [b"no rich text", b"{\\rtf1 \\bin99999999 x}", b"{\\rtf1}"])
def test_bad_rich_text_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        convert("a.rtf", data)


CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
BOOK = (
    '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>Sea</dc:title><dc:creator>Bob</dc:creator>'
    '</metadata><manifest><item id="b" href="two.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="a" href="one%20.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="c" href="missing.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="i" href="i.png" media-type="image/png"/>'
    '</manifest><spine><itemref idref="a"/><itemref idref="b"/><itemref idref="c"/><itemref idref="i"/></spine>'
    "</package>"
)


def epub(**more: str) -> bytes:
    members = {
        "META-INF__container_xml": CONTAINER,
        "OPS__book_opf": BOOK,
        "OPS__one _xhtml": "<title>Dawn</title><h1>Dawn</h1>Waves.",
        "OPS__two_xhtml": "<h1>Dusk</h1><p>Calm.</p>",
    }
    return zipped(**{**members, **more})


def test_a_books_chapters_come_in_the_order_of_reading() -> None:
    document = convert("a.epub", epub())
    assert (document.title, document.unit, document.labels) == ("Sea", "chapter", ["Dawn", "chapter 2"])
    assert document.meta == {"author": "Bob"} and document.notes == ["a chapter is missing: missing.xhtml"]
    text = text_of(document)
    assert text.index("Waves.") < text.index("Calm.")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (epub(**{"META-INF__rights_xml": "<rights/>"}), "protected"),
        (zipped(a="b"), "without a book"),
        (zipped(**{"META-INF__container_xml": "<container/>"}), "without a table"),
        (zipped(**{"META-INF__container_xml": CONTAINER, "OPS__book_opf": "<package/>"}), "without text"),
    ],
)
def test_bad_books_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        convert("a.epub", data)


def message(
    body: str = "Dear Bob,\n\nthe pump is late.\n", *, subject: str = "Überfällig", html: str = ""
) -> email.message.EmailMessage:
    made = email.message.EmailMessage(policy=email.policy.SMTP)
    made["From"], made["To"], made["Subject"] = "Ann <ann@example.com>", "bob@example.com", subject
    made["Date"] = "Fri, 02 Jan 2026 10:00:00 +0100"
    made.set_content(body)
    if html:
        made.add_alternative(html, subtype="html")
    return made


def test_a_message_is_its_heads_its_text_and_what_is_attached() -> None:
    made = message(html="<b>other</b>")
    made.add_attachment(b"name,price\nlamp,3\n", maintype="text", subtype="csv", filename="../prices.csv")
    made.add_attachment(b"\0\1", maintype="application", subtype="octet-stream", filename="x.bin")
    document = convert("a.eml", made.as_bytes())
    text = text_of(document)
    assert document.title == "Überfällig" and document.meta == {
        "author": "Ann <ann@example.com>",
        "created": "2026-01-02",
    }
    assert text.startswith("From: Ann <ann@example.com>\nTo: bob@example.com\nDate: Fri, 02 Jan 2026")
    assert "the pump is late." in text and "other" not in text
    assert "[attached: prices.csv, 18 bytes]\n| name | price |" in text and "[attached: x.bin, 2 bytes]" in text


def test_a_message_that_has_only_a_page_gives_its_text() -> None:
    made = message()
    made.set_content("<p>Only <b>this</b></p><script>alert(1)</script>", subtype="html")
    text = text_of(convert("a.eml", made.as_bytes()))
    assert "Only this" in text and "alert" not in text


def test_each_message_of_a_box_is_a_part() -> None:
    one, two = (message(f"Body {n}\n>From here\n", subject=f"Letter {n}").as_bytes() for n in (1, 2))
    box = b"From ann@example.com Fri Jan  2 10:00:00 2026\n" + one + b"\nFrom bob Sat Jan  3 10:00:00 2026\n" + two
    document = convert("a.mbox", box.replace(b"\r\n", b"\n"))
    assert document.unit == "message" and document.labels == ["2026-01-02 Letter 1", "2026-01-02 Letter 2"]
    assert "Body 1" in text_of(document) and "Body 2" in text_of(document)


def test_messages_inside_messages_end() -> None:
    made = message("innermost")
    for _ in range(60):
        outer = message("outer")
        outer.add_attachment(made)
        made = outer
    assert "outer" in text_of(convert("a.eml", made.as_bytes()))


@pytest.mark.parametrize(("name", "data"), [("a.eml", b"just text\n"), ("a.mbox", b"just text\nFrom x 2026\n")])
def test_what_is_no_mail_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(Unreadable):
        convert(name, data)


@given(
    st.sampled_from(["a.odt", "a.rtf", "a.epub", "a.eml", "a.mbox"]),
    st.binary(max_size=300) | st.sampled_from([odt("<text:p>x</text:p>"), epub(), message().as_bytes(), b"{\\rtf1 a}"])
    .flatmap(lambda data: st.integers(0, len(data)).map(lambda at: data[:at] + b"\0" + data[at:])),
)  # fmt: skip
def test_any_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    try:
        document = convert(name, data)
    except Unreadable as fault:
        document = None
        reason = fault.reason
    assert document is not None or reason
