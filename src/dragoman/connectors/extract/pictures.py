"""Pictures for a model to look at: image files, and pages of a PDF, made small enough to be sent.

Runs in the process that reads files, with its limits.  What is inside a picture is not read here.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import pypdfium2  # pyright: ignore[reportMissingTypeStubs]
from PIL import Image

from dragoman.connectors.extract.document import Draft, Part, Unreadable

MAX_PIXELS = 80_000_000
SIDE = 1_568  # pixels of the longer side: what models look at without making it smaller themselves
_SMALL = 700_000  # bytes of a file that is sent as it is, and of any picture: `MAX_BLOB` of connectors.source
_SENT = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
_KINDS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")


def read_image(data: bytes) -> Draft:
    """Return what can be said of an image in words: its form and size.  Raises Unreadable for what is none."""
    with _opened(data) as image:
        text = f"{image.format} image, {image.width:,} x {image.height:,} pixels\n"
    return Draft(parts=[Part(text=text)], markdown=False)


def picture(data: bytes, page: int) -> tuple[bytes, str]:
    """Return an image and its media type: the file itself, or a page (from 1) of a PDF.  Raises Unreadable."""
    if data[:1024].find(b"%PDF-") >= 0:
        return _page(data, page), "image/jpeg"
    with _opened(data) as image:
        kind = str(image.format)
        if kind in _SENT and len(data) <= _SMALL and max(image.size) <= SIDE:
            return data, _SENT[kind]
        try:
            image.draft("RGB", (SIDE, SIDE))
            image.thumbnail((SIDE, SIDE))
            return _jpeg(image), "image/jpeg"
        except (OSError, ValueError, SyntaxError) as fault:
            raise Unreadable("corrupt: the image ends too early, or is damaged") from fault


def _opened(data: bytes) -> Any:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data), formats=_KINDS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        raise Unreadable(f"refused: an image of more than {MAX_PIXELS:,} pixels") from fault
    except (OSError, ValueError, SyntaxError) as fault:
        raise Unreadable("corrupt: no image that can be opened") from fault


def _page(data: bytes, number: int) -> bytes:
    try:
        pdf: Any = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as fault:
        raise Unreadable("this PDF cannot be opened: corrupt, or it wants a password") from fault
    try:
        if not 1 <= number <= len(pdf):
            raise Unreadable(f"there is no page {number}: it has {len(pdf):,}")
        page = pdf[number - 1]
        longest = max(page.get_size())
        if not 0 < longest < 1_000_000:
            raise Unreadable(f"page {number} has no size")
        return _jpeg(page.render(scale=min(SIDE / longest, 4.0)).to_pil())
    except pypdfium2.PdfiumError as fault:
        raise Unreadable(f"corrupt: page {number} of this PDF cannot be shown") from fault
    finally:
        pdf.close()


def _jpeg(image: Any) -> bytes:
    held = io.BytesIO()
    flat: Any = image
    if image.mode in ("RGBA", "LA", "P"):
        clear = image.convert("RGBA")
        flat = Image.new("RGB", clear.size, "white")
        flat.paste(clear, mask=clear.getchannel("A"))
    flat = flat.convert("RGB")
    flat.save(held, "JPEG", quality=80)
    while len(held.getvalue()) > _SMALL:  # noise: each turn has about half the bytes
        flat = flat.resize((max(flat.width * 7 // 10, 1), max(flat.height * 7 // 10, 1)))
        held = io.BytesIO()
        flat.save(held, "JPEG", quality=60)
    return held.getvalue()
