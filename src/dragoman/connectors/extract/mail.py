"""E-mail: one message (.eml) or a box of them (.mbox), each a part; attachments are read where a reader exists.

Read by the standard library's parser.  Promise: bounded messages, parts and depth; no address in a message is opened.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

from dragoman.connectors.extract.document import MAX_CHARS, Document, Draft, Part, Unreadable
from dragoman.connectors.extract.text import decode

MAX_MESSAGES = 20_000
MAX_PARTS = 200  # of one message
MAX_ATTACHED = 20_000_000  # bytes of an attachment that is read
_BODY_CHARS = 2_000_000  # characters of one message
_HEAD_CHARS = 2_000  # as they are written; 500 are shown
_HEADS = ("From", "To", "Cc", "Date", "Subject")
_LINE = re.compile(rb"^From [^\r\n]{1,300}\d{4}\r?$", re.MULTILINE)
# Reads an attachment by its name: the registry's `convert`, given from there.
Convert: TypeAlias = Callable[[str, bytes], Document]


class _Short(policy.EmailPolicy):
    """Cuts heads off before they are parsed: the standard library takes the square of their length for many of them."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_HEAD_CHARS]


def read_mail(data: bytes, convert: Convert | None = None) -> Draft:
    """Read one message.  Raises Unreadable for what is none."""
    message = _parsed(data)
    if not any(message.get(name) for name in ("From", "To", "Subject", "Received", "Message-ID")):
        raise Unreadable("corrupt: it has none of the heads of a message")
    notes: list[str] = []
    text = _told(message, convert, notes)
    meta = {"author": _head(message, "From"), "created": _day(message)}
    return Draft(
        parts=[Part(text=text)], title=_head(message, "Subject"),
        meta={key: value for key, value in meta.items() if value}, markdown=False, notes=notes[:20],
    )  # fmt: skip


def read_mbox(data: bytes, convert: Convert | None = None) -> Draft:
    """Read a box of messages, each a part whose label is its subject."""
    starts = [found.start() for found in _LINE.finditer(data)]
    if not starts or data[: starts[0]].strip():
        raise Unreadable("corrupt: a box of messages starts with a line From")
    parts: list[Part] = []
    notes: list[str] = []
    held = 0
    for begin, end in zip(starts[:MAX_MESSAGES], [*starts[1:], len(data)], strict=False):
        raw = data[begin:end].partition(b"\n")[2].replace(b"\n>From ", b"\nFrom ")
        message = _parsed(raw)
        text = _told(message, convert, notes)
        parts.append(Part(text=text, label=f"{_day(message)} {_head(message, 'Subject')}".strip()[:200]))
        held += len(text)
        if held > MAX_CHARS:
            break
    if len(parts) < len(starts):
        notes.insert(0, f"{len(starts):,} messages, of which {len(parts):,} were read")
    return Draft(parts=parts, unit="message", markdown=False, notes=notes[:20])


def _parsed(data: bytes) -> EmailMessage:
    message: Any = message_from_bytes(data, policy=_Short(raise_on_defect=False))
    return message  # type: ignore[no-any-return]


def _told(message: EmailMessage, convert: Convert | None, notes: list[str]) -> str:
    """Return a message as text: its heads, its body, then what is attached."""
    lines = [f"{name}: {value}" for name in _HEADS if (value := _head(message, name))]
    bodies: list[str] = []
    pages: list[str] = []
    attached: list[str] = []
    for number, part in enumerate(_leaves(message)):
        if number >= MAX_PARTS:
            notes.append(f"a message has more than {MAX_PARTS} parts; the rest was left out")
            break
        name = _filename(part)
        kind = part.get_content_type()
        if name or part.get_content_disposition() == "attachment":
            attached.append(_attachment(name or "without a name", part, convert))
        elif kind == "text/plain":
            bodies.append(_text(part))
        elif kind == "text/html":
            pages.append(_page(_text(part)))
    body = "\n\n".join(bodies or pages)[:_BODY_CHARS].replace("\r", "")
    return "\n".join([*lines, "", body.strip("\n"), *attached]) + "\n"


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that hold something, without recursion."""
    waiting: list[Any] = [message]
    seen = 0
    while waiting and seen < MAX_PARTS * 10:
        one = waiting.pop()
        seen += 1
        if one.is_multipart():
            waiting.extend(reversed(one.get_payload()[:MAX_PARTS]))
        else:
            yield one


def _attachment(name: str, part: EmailMessage, convert: Convert | None) -> str:
    data = _payload(part)
    said = f"\n[attached: {name}, {len(data):,} bytes]"
    if convert is None or not data or len(data) > MAX_ATTACHED or name.lower().endswith((".eml", ".mbox")):
        return said
    try:
        document = convert(name, data)
    except Unreadable:
        return said
    return f"{said}\n{''.join(piece.text for piece in document.pieces)}"[:_BODY_CHARS]


def _text(part: EmailMessage) -> str:
    try:
        return decode(_payload(part), str(part.get_content_charset() or ""))
    except Unreadable as fault:
        return f"[{fault.reason}]"


def _payload(part: EmailMessage) -> bytes:
    try:
        data: Any = part.get_payload(decode=True)
    except (ValueError, LookupError, UnicodeError):
        return b""
    return data if isinstance(data, bytes) else b""


def _page(text: str) -> str:
    if importlib.util.find_spec("selectolax") is None:
        return re.sub(r"<[^<>]{0,1000}>", " ", text)
    read: Any = importlib.import_module("dragoman.connectors.extract.html").read_html
    found: str = read(text.encode()).parts[0].text
    return found


def _filename(part: EmailMessage) -> str:
    try:
        return " ".join((part.get_filename() or "").replace("\\", "/").rpartition("/")[2].split())[:200]
    except (ValueError, LookupError, UnicodeError, AttributeError):
        return "unreadable name"


def _head(message: EmailMessage, name: str) -> str:
    try:
        value = str(message.get(name) or "")
    except Exception:  # the standard library's parser of heads fails in many ways on hostile ones
        value = next((str(text) for key, text in message.raw_items() if key.lower() == name.lower()), "")
        try:
            value = str(make_header(decode_header(value)))
        except (ValueError, LookupError, UnicodeError):
            value = value.encode("ascii", "replace").decode()
    return " ".join(value.split())[:500]


def _day(message: EmailMessage) -> str:
    try:
        return parsedate_to_datetime(_head(message, "Date")).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
