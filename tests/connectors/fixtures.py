"""Files that hurt: each function writes one hostile, broken or secret file into a folder and returns its path.

They exist so that every reader is tried on the same bad input, next to a good file of the same kind.
Each file is made when asked for: none is kept in the repository.  Links and FIFOs need a POSIX system.
"""

from __future__ import annotations

import base64
import os
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import docx
from fpdf import FPDF
from openpyxl import Workbook
from PIL import Image, ImageDraw

MARKER = "zanzibar"  # in every readable document's text, so that a test can search for it
SECRET = "correct-horse-battery-staple"  # in every file that must never be served
PASSWORD = "open sesame"
MIB = 1024 * 1024

_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELS = (
    '<?xml version="1.0" encoding="UTF-8"?><Relationships '
    'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def good_pdf(folder: Path, name: str = "good.pdf", pages: int = 3) -> Path:
    """A PDF with `pages` pages; page N holds the marker and the words "page N of good"."""
    pdf = FPDF()
    pdf.set_font("Helvetica", size=12)
    for number in range(1, pages + 1):
        pdf.add_page()
        pdf.multi_cell(0, 8, f"A good document about {MARKER}.\nThis is page {number} of good.")
    return _saved(pdf, folder / name)


def good_docx(folder: Path, name: str = "good.docx") -> Path:
    """A Word file with one heading, one paragraph that holds the marker, and a table of two rows."""
    document = docx.Document()
    document.add_heading("A good document", level=1)
    document.add_paragraph(f"It speaks about {MARKER}.")
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("item", "price"), ("lamp", "12.50")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    path = folder / name
    document.save(str(path))
    return path


def good_xlsx(folder: Path, name: str = "good.xlsx") -> Path:
    """A workbook of two sheets, "Prices" (the marker in its first cell) and "Notes"."""
    book = Workbook()
    prices = book.active
    assert prices is not None
    prices.title = "Prices"
    prices.append([MARKER, "price"])
    prices.append(["lamp", 12.5])
    book.create_sheet("Notes").append(["nothing to note"])
    path = folder / name
    book.save(path)
    return path


def corrupt_pdf(folder: Path) -> Path:
    """A PDF cut in the middle and overwritten with noise: no cross-reference table, no trailer, no page."""
    whole = good_pdf(folder, "corrupt.pdf").read_bytes()
    noise = bytes((i * 37) % 251 for i in range(4096))
    return _written(folder / "corrupt.pdf", whole[:120] + noise)


def encrypted_pdf(folder: Path) -> Path:
    """A PDF that opens only with `PASSWORD`."""
    pdf = FPDF()
    pdf.set_encryption(owner_password="owner " + PASSWORD, user_password=PASSWORD)
    pdf.set_font("Helvetica", size=12)
    pdf.add_page()
    pdf.multi_cell(0, 8, f"Nobody reads this: {SECRET}")
    return _saved(pdf, folder / "encrypted.pdf")


def image_only_pdf(folder: Path) -> Path:
    """A two-page scan: each page is one picture, and there is no text layer."""
    picture = Image.new("L", (600, 800), 255)
    ImageDraw.Draw(picture).text((50, 50), "scanned words", fill=0)
    pdf = FPDF()
    for _ in range(2):
        pdf.add_page()
        pdf.image(picture, x=10, y=10, w=180)
    return _saved(pdf, folder / "scan.pdf")


def empty_docx(folder: Path) -> Path:
    """A valid Word file without a word in it."""
    path = folder / "empty.docx"
    docx.Document().save(str(path))
    return path


def zip_bomb_docx(folder: Path, unpacked: int = 256 * MIB) -> Path:
    """A Word file of a few hundred kilobytes whose text is `unpacked` bytes long."""
    path = folder / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELS)
        with archive.open("word/document.xml", "w", force_zip64=True) as part:
            part.write(f'<?xml version="1.0"?><w:document xmlns:w="{_WORD}"><w:body><w:p><w:r><w:t>'.encode())
            for _ in range(unpacked // MIB):
                part.write(b"A" * MIB)
            part.write(b"</w:t></w:r></w:p></w:body></w:document>")
    return path


def lying_zip_docx(folder: Path, unpacked: int = 64 * MIB) -> Path:
    """A bomb whose directory claims that the text is 1,000 bytes long: only counting what comes out finds it."""
    path = zip_bomb_docx(folder, unpacked).rename(folder / "liar.docx")
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    entry = data.find(b"word/document.xml", start) - 46  # APPNOTE 4.3.12: 46 fixed bytes stand before the name
    data[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")
    return _written(path, bytes(data))


def entity_bomb_docx(folder: Path) -> Path:
    """A Word file whose entities would unfold to 10 to the 9th words ("billion laughs")."""
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))
    return _docx_of(folder / "laughs.docx", f'<!DOCTYPE d [<!ENTITY e0 "lol">{entities}]>', "&e9;")


def external_entity_docx(folder: Path) -> Path:
    """A Word file that asks its reader to paste a file from outside the folder into the text."""
    outside = _outside(folder)
    return _docx_of(folder / "xxe.docx", f'<!DOCTYPE d [<!ENTITY leak SYSTEM "{outside.as_uri()}">]>', "&leak;")


def broken_xlsx(folder: Path) -> Path:
    """A workbook that is a zip file, but whose inside is not a workbook."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        types = _TYPES.replace("/word/document.xml", "/xl/workbook.xml").replace(
            "wordprocessingml.document", "spreadsheetml.sheet"
        )
        archive.writestr("[Content_Types].xml", types)
        archive.writestr("xl/workbook.xml", "<workbook><sheets><sheet name=")
    return _written(folder / "broken.xlsx", buffer.getvalue())


def truncated_xlsx(folder: Path) -> Path:
    """A workbook whose download stopped half way."""
    whole = good_xlsx(folder, "truncated.xlsx").read_bytes()
    return _written(folder / "truncated.xlsx", whole[: len(whole) // 2])


def latin1_text(folder: Path) -> Path:
    """Text in Windows-1252, which is not valid UTF-8; holds the marker."""
    return _written(folder / "latin1.txt", f"Größe und Maß: {MARKER} für 5 €, café, naïve\n".encode("cp1252"))


def utf16_text(folder: Path) -> Path:
    """Text in UTF-16 with a byte order mark, as Windows programs save it; holds the marker."""
    return _written(folder / "utf16.txt", f"Zeile eins\r\n{MARKER} für alle\r\n".encode("utf-16"))


def binary_text(folder: Path) -> Path:
    """Bytes of no encoding with NULs among them, named as if they were text."""
    return _written(folder / "noise.txt", bytes(range(256)) * 64)


def empty_file(folder: Path) -> Path:
    """A file of no bytes."""
    return _written(folder / "nothing.md", b"")


def huge_line(folder: Path, length: int = 8 * MIB) -> Path:
    """One line of `length` bytes with the marker at its end and no newline."""
    word = b"word "
    return _written(folder / "oneline.txt", word * (length // len(word)) + MARKER.encode())


def deep_html(folder: Path, depth: int = 50_000) -> Path:
    """HTML whose elements are nested `depth` deep; holds the marker in the innermost."""
    return _written(folder / "deep.html", b"<div>" * depth + MARKER.encode() + b"</div>" * depth)


def escaping_symlink(folder: Path) -> Path:
    """A link in the folder to a secret file beside the folder."""
    path = folder / "linked.txt"
    path.symlink_to(_outside(folder))
    return path


def escaping_folder_link(folder: Path) -> Path:
    """A link in the folder to a whole folder outside, which holds a secret file."""
    target = _outside(folder).parent / "outside-folder"
    target.mkdir(exist_ok=True)
    _written(target / "inner.txt", f"inner {SECRET}\n".encode())
    path = folder / "linked-folder"
    path.symlink_to(target, target_is_directory=True)
    return path


def looping_symlink(folder: Path) -> Path:
    """A link from a folder inside to the folder itself: a walker that follows it never comes back."""
    inner = folder / "loop"
    inner.mkdir()
    path = inner / "again"
    path.symlink_to(folder, target_is_directory=True)
    return path


def inner_symlink(folder: Path) -> Path:
    """A link that stays inside: `alias.md` to `real.md`, which holds the marker.  The legal twin of the others."""
    _written(folder / "real.md", f"# Real\n\nabout {MARKER}\n".encode())
    path = folder / "alias.md"
    path.symlink_to("real.md")
    return path


def hidden_file(folder: Path) -> Path:
    """A Markdown file whose name starts with a dot."""
    return _written(folder / ".hidden.md", f"# hidden\n\n{SECRET}\n".encode())


def hidden_folder(folder: Path) -> Path:
    """A folder whose name starts with a dot, with an innocent name in it.  Returns the file."""
    (folder / ".git").mkdir()
    return _written(folder / ".git" / "notes.md", f"{SECRET}\n".encode())


def dot_env(folder: Path) -> Path:
    """An environment file with a password."""
    return _written(folder / ".env", f"DATABASE_PASSWORD={SECRET}\n".encode())


def private_key(folder: Path, name: str = "server.pem") -> Path:
    """A file in the shape of a PEM private key.  It holds no real key."""
    body = base64.encodebytes(SECRET.encode() * 8).decode()
    kind = "PRIVATE" + " KEY"
    return _written(folder / name, f"-----BEGIN {kind}-----\n{body}-----END {kind}-----\n{SECRET}\n".encode())


def ssh_key(folder: Path) -> Path:
    """A private key under the name that ssh gives it, without an extension."""
    return private_key(folder, "id_rsa")


def fifo(folder: Path) -> Path:
    """A named pipe that looks like a text file: whoever opens it to read waits for ever."""
    path = folder / "pipe.txt"
    os.mkfifo(path)
    return path


def unreadable_file(folder: Path) -> Path:
    """A file whose mode forbids reading it.  The superuser can read it all the same."""
    path = _written(folder / "locked.md", f"# locked\n\n{MARKER}\n".encode())
    path.chmod(0)
    return path


Maker = Callable[[Path], Path]

# Each must be reported by name and reason, and must not stop the files beside it.
UNREADABLE: tuple[Maker, ...] = (
    corrupt_pdf,
    encrypted_pdf,
    image_only_pdf,
    zip_bomb_docx,
    lying_zip_docx,
    broken_xlsx,
    truncated_xlsx,
)

# None of these may be found, listed or fetched.
FORBIDDEN: tuple[Maker, ...] = (
    escaping_symlink,
    escaping_folder_link,
    hidden_file,
    hidden_folder,
    dot_env,
    private_key,
    ssh_key,
)


def _saved(pdf: FPDF, path: Path) -> Path:
    return _written(path, bytes(pdf.output()))


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _outside(folder: Path) -> Path:
    """A secret file beside the folder, so it is gone with the test's own temporary folder."""
    return _written(folder.parent / f"{folder.name}-outside.txt", f"outside {SECRET}\n".encode())


def _docx_of(path: Path, doctype: str, text: str) -> Path:
    body = f'<w:document xmlns:w="{_WORD}"><w:body><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:body></w:document>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _RELS)
        archive.writestr("word/document.xml", f'<?xml version="1.0"?>{doctype}{body}')
    return path
