"""The grammar of RFC 6570 URI templates: text in, literals and expressions out.

Apart from expansion and matching, which both read these parts.
All four levels are understood; operators that the RFC only reserves are refused.
"""

from __future__ import annotations

import re
from urllib.parse import quote

import msgspec

from dragoman.errors import LocalError
from dragoman.protocol.patterns import late_pattern

MAX_TEMPLATE = 2048
"""Longest template accepted, in characters.  Matching costs template length times URI length."""

UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
SUB_DELIMS = "!$&'()*+,;="
RESERVED = ":/?#[]@" + SUB_DELIMS

_SPEC = late_pattern(
    r"(?P<name>(?:\w|%[0-9A-Fa-f]{2})+(?:\.(?:\w|%[0-9A-Fa-f]{2})+)*)(?::(?P<prefix>[1-9]\d{0,3})|(?P<explode>\*))?",
    re.ASCII,
)
_BARE_PERCENT = late_pattern(r"%(?![0-9A-Fa-f]{2})")
_NOT_LITERAL = late_pattern(r'[\x00-\x20\x7f"<>\\^`{|}]|%(?![0-9A-Fa-f]{2})')


class TemplateError(LocalError):
    """A URI template that does not parse, or a value that it cannot be expanded with.

    `at` is the place in `text` where reading stopped, counted in characters from 0.
    """

    def __init__(self, reason: str, text: str, at: int) -> None:
        shown = text if len(text) <= 200 else text[:200] + "..."
        super().__init__(f"{reason}, at character {at} of the URI template {shown!r}")
        self.reason = reason
        self.text = text
        self.at = at


class Operator(msgspec.Struct, frozen=True):
    """How an expression writes its variables (RFC 6570, appendix A)."""

    first: str
    separator: str
    named: bool
    if_empty: str
    reserved: bool


OPERATORS = {
    "": Operator("", ",", False, "", False),
    "+": Operator("", ",", False, "", True),
    "#": Operator("#", ",", False, "", True),
    ".": Operator(".", ".", False, "", False),
    "/": Operator("/", "/", False, "", False),
    ";": Operator(";", ";", True, "", False),
    "?": Operator("?", "&", True, "=", False),
    "&": Operator("&", "&", True, "=", False),
}


class Variable(msgspec.Struct, frozen=True):
    """One variable of an expression; `prefix` is 0 without a `:n` modifier."""

    name: str
    prefix: int
    explode: bool


class Expression(msgspec.Struct, frozen=True):
    """What stands between braces, and the place of its opening brace."""

    symbol: str
    variables: tuple[Variable, ...]
    at: int

    @property
    def operator(self) -> Operator:
        return OPERATORS[self.symbol]


Part = str | Expression
"""A literal, percent-encoded as it stands in a URI, or an expression."""


def parse(text: str) -> tuple[Part, ...]:
    """Return the parts of a template.

    Raises TemplateError with the place of the first fault.  Source: RFC 6570, section 2.
    """
    if len(text) > MAX_TEMPLATE:
        raise TemplateError(f"longer than {MAX_TEMPLATE} characters", text, MAX_TEMPLATE)
    parts: list[Part] = []
    at = 0
    while at < len(text):
        if text[at] == "{":
            end = text.find("}", at)
            if end < 0:
                raise TemplateError("a brace is opened and never closed", text, at)
            parts.append(_expression(text, at, end))
            at = end + 1
        else:
            end = text.find("{", at)
            end = len(text) if end < 0 else end
            parts.append(_literal(text, at, end))
            at = end
    return tuple(parts)


def _literal(text: str, at: int, end: int) -> str:
    if fault := _NOT_LITERAL.search(text, at, end):
        what = "a closing brace without an opening one" if fault[0] == "}" else f"{fault[0]!r} must be percent-encoded"
        raise TemplateError(what, text, fault.start())
    return encode(text[at:end], reserved=True)


def _expression(text: str, at: int, end: int) -> Expression:
    inside = at + 1
    symbol = ""
    if text[inside] in OPERATORS:
        symbol = text[inside]
        inside += 1
    elif text[inside] in "=,!@|":
        raise TemplateError(f"the operator {text[inside]!r} has no meaning yet", text, inside)
    variables: list[Variable] = []
    for spec in text[inside:end].split(","):
        found = _SPEC.fullmatch(spec)
        if found is None:
            raise TemplateError(f"{spec!r} is not a variable (letters, digits, _; then :n or *)", text, inside)
        variables.append(Variable(found["name"], int(found["prefix"] or 0), found["explode"] is not None))
        inside += len(spec) + 1
    return Expression(symbol, tuple(variables), at)


def encode(text: str, *, reserved: bool) -> str:
    """Return `text` percent-encoded: all but unreserved characters, or all that a URI may not contain.

    With `reserved`, triplets that are already encoded stay.  Raises UnicodeEncodeError for a lone surrogate.
    Source: RFC 6570, section 3.2.1 and 3.2.3.
    """
    if reserved:
        return quote(_BARE_PERCENT.sub("%25", text), safe=RESERVED + "%~")
    return quote(text, safe="~")
