"""What a text hides, and how it speaks: the tricks that one string can play, each as a rule.

Text is judged as it is, and as a model may read it: without what is invisible, look-alikes as the letters that they
stand for, what is encoded decoded. Source: threat 11; Unicode Technical Standard 39 (confusables), section 4.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from dragoman.host.definitions_phrases import RULES

MAX_DECODED = 4096  # characters of one encoded piece
MAX_PIECES = 20
SHORTEST = 24  # characters of a text that could say something backwards
# Letters of other scripts that are drawn as Latin letters, each before the letter that it is taken for: only those
# that look the same, not all that resemble.
_PAIRS = (
    "аa еe ёe іi їi јj оo рp сc уy хx ԁd ԛq ѕs һh кk мm нh тt ьb ӏl пn ԝw οo αa εe ιi κk νv ρp τt υu χx γy ηn "
    "АA ВB ЕE ІI ЈJ КK МM НH ОO РP СC ТT УY ХX ЅS ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX օo սu հh ոn ցg ɑa ɡg ıi"
)
_LIKE = {ord(pair[0]): pair[1] for pair in _PAIRS.split()}
_DIGITS = str.maketrans("013457@$", "oieastas")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_JOINERS = {0x200C, 0x200D, 0xFE0E, 0xFE0F}
_BLANKS = {0x115F, 0x1160, 0x3164, 0xFFA0, 0x2800, 0x034F, 0x17B4, 0x17B5}  # letters that are drawn as nothing
_ANSI = re.compile(r"\x1b|\x9b|\\x1b\[|\\033\[|\\u001b\[|\\e\[", re.IGNORECASE)
_SEQUENCE = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]|\x1b\][^\x07\x1b]{0,200}(\x07|\x1b\\)")
_FAR = re.compile(r"(?:[ \t\u00a0]*\r?\n){12,}|[ \t\u00a0\u2000-\u200a\u3000]{120,}|\t{20,}")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{24,}={0,2}(?![A-Za-z0-9+/=])")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{2}){16,}(?![0-9A-Za-z])|(?:\\x[0-9A-Fa-f]{2}){6,}")
_ESCAPED = re.compile(r"(?:\\u[0-9A-Fa-f]{4}){6,}|(?:%[0-9A-Fa-f]{2}){6,}|(?:&#x?[0-9A-Fa-f]+;){6,}")


def suspicions(said: str, *, spoken_too: bool = True) -> Iterator[tuple[str, str]]:
    """Yield what is suspect in a text: a kind, and a sentence. How it speaks is looked at only if that is wanted."""
    yield from _hidden(said)
    if "<!--" in said:
        yield "hidden-text", "it has a comment, which is not shown where the text is"
    if _FAR.search(said):
        yield "hidden-text", "it puts a part of its text far away, where nobody scrolls"
    if spoken_too:
        yield from spoken(said)
    for way, piece in _decoded(said):
        found = list(spoken(piece))
        if found or way != "encoded":
            yield "encoded", f"it holds {way} text: {shown(piece)}" + (f"; {found[0][1]}" if found else "")
        else:
            yield "encoded", f"it holds text that has to be decoded: {shown(piece)}"


def spoken(said: str) -> Iterator[tuple[str, str]]:
    """Yield how a text speaks to a model, read plainly, and with digits read as the letters that they stand for."""
    simple = plain(said)
    forms = {simple, _spaced(simple)}
    if re.search(r"[a-z][013457@$][a-z]", simple):
        forms.add(simple.translate(_DIGITS))
    seen: set[str] = set()
    for form in sorted(forms):
        for kind, why, rule in RULES:
            if why not in seen and rule.search(form):
                seen.add(why)
                yield kind, why


def plain(said: str) -> str:
    """Return a text as a model reads it: nothing invisible, plain letters, small, one space between words."""
    said = _SEQUENCE.sub("", said)
    if said.isascii():
        return re.sub(r"\s+", " ", _CONTROLS.sub("", said)).lower()
    # Compatible forms first: letters of mathematics, full-width ones, those in circles.
    normal = unicodedata.normalize("NFKC", said)
    kept = "".join(sign for sign in normal if not _is_hidden(sign) or sign in "\n\t")
    bare = "".join(sign for sign in unicodedata.normalize("NFKD", kept) if not unicodedata.combining(sign))
    # Only words that mix scripts: a text in Cyrillic is one.
    words = [_latin(word) for word in re.split(r"(\s+)", unicodedata.normalize("NFC", bare))]
    return re.sub(r"[^\S\n]+|\n+", " ", "".join(words)).lower().replace("’", "'")


def skeleton(name: str) -> str:
    """Return what a name looks like: two that look alike have the same."""
    simple = plain(name).translate(_LIKE).translate(_DIGITS)
    return re.sub(r"[\s_.-]+", "", simple).replace("rn", "m").replace("vv", "w").replace("l", "i")


def shown(said: str) -> str:
    """Return a text for the user: short, with what is hidden or obeyed by terminals written out."""
    return ascii(said if len(said) <= 80 else said[:80] + "...")


def _latin(word: str) -> str:
    has_latin = any("a" <= sign.lower() <= "z" for sign in word)
    changed = word.translate(_LIKE)
    return changed if has_latin or (changed.isascii() and changed != word and len(word) > 2) else word


def _spaced(said: str) -> str:
    """Return a text with letters that stand alone put together: `i g n o r e` is a word."""
    return re.sub(r"(?<![^\s])(?:[a-z][ ._*-]){3,}[a-z](?![^\s])", lambda found: re.sub(r"[ ._*-]", "", found[0]), said)


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in {"Cc", "Cf", "Co", "Cs"} or ord(sign) in _BLANKS or _is_selector(ord(sign))


def _is_selector(code: int) -> bool:
    return 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF


def _hidden(said: str) -> Iterator[tuple[str, str]]:
    if said.isascii() and said.isprintable():
        return
    if _ANSI.search(said):
        yield "terminal", "it has sequences that terminals obey"
    tags = "".join(chr(ord(sign) - 0xE0000) for sign in said if 0xE0020 <= ord(sign) <= 0xE007E)
    if tags:
        yield "hidden-text", f"it has text in invisible tag characters: {shown(tags)}"
    selectors = [code for code in map(ord, said) if _is_selector(code)]
    if len(selectors) > 4 and len(selectors) > said.count("\ufe0f"):
        yield "hidden-text", "it has variation selectors that vary nothing, by which bytes can be hidden"
    codes = {f"U+{ord(sign):04X}" for number, sign in enumerate(said) if _suspect(said, number, sign)}
    if codes:
        yield "hidden-character", f"it has characters that are not seen: {', '.join(sorted(codes)[:5])}"


def _suspect(said: str, at: int, sign: str) -> bool:
    code = ord(sign)
    if sign in "\n\t\r" or not _is_hidden(sign) or 0xE0020 <= code <= 0xE007F or _is_selector(code):
        return False
    if code in _JOINERS:
        # Between letters of scripts that need them, and within emoji.
        around = said[max(0, at - 1) : at] + said[at + 1 : at + 2]
        return len(around) < 2 or around.isascii()
    return True


def _decoded(said: str) -> Iterator[tuple[str, str]]:
    """Yield what text that is encoded says, with the way, where that is text again."""
    pieces = 0
    for way, pattern, decode in (
        ("base64", _BASE64, _from_base64), ("hexadecimal", _HEX, _from_hex), ("escaped", _ESCAPED, _from_escapes),
    ):  # fmt: skip
        for match in pattern.finditer(said):
            pieces += 1
            if pieces > MAX_PIECES:
                return
            if (piece := decode(match[0][:MAX_DECODED])) and _is_prose(piece):
                yield way, piece
    if len(said) < SHORTEST:
        return
    simple = plain(said[:MAX_DECODED])
    for way, piece in (("reversed", simple[::-1]), ("rotated", codecs.encode(simple, "rot13"))):
        if any(True for _ in spoken(piece)) and not any(True for _ in spoken(simple)):
            yield way, piece


def _from_base64(said: str) -> str:
    body = said.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4)).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""


def _from_hex(said: str) -> str:
    try:
        return bytes.fromhex(said.replace("\\x", "")).decode("utf-8")
    except ValueError:
        return ""


def _from_escapes(said: str) -> str:
    if said.startswith("%"):
        return unquote(said, errors="replace")
    if said.startswith("&"):
        return html.unescape(said)
    return "".join(chr(int(code, 16)) for code in re.findall(r"\\u([0-9A-Fa-f]{4})", said))


def _is_prose(said: str) -> bool:
    """Say whether what was decoded is words: names and digests decode to something now and then."""
    letters = sum(sign.isalpha() or sign in " .,:/'\n" for sign in said)
    return len(said) >= 6 and letters >= 0.85 * len(said) and said.isprintable() | ("\n" in said)
