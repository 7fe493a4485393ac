"""URIs and URI templates: checking, expanding (RFC 6570, all levels), matching.

Resource templates are matched against what strangers send, so matching is linear in time and guards
against values that climb out of a folder.  No URI is ever opened or resolved here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from dragoman.protocol.patterns import late_pattern
from dragoman.protocol.uri_grammar import Expression, Operator, Part, TemplateError, Variable, encode, parse
from dragoman.protocol.uri_match import Matcher, Values, required

__all__ = ["MAX_URI", "Template", "TemplateError", "check_uri", "is_absolute"]

MAX_URI = 64 * 1024
"""Longest URI accepted by default, in characters."""

_SCHEME = late_pattern(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_NOT_URI = late_pattern(r"[^A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]|%(?![0-9A-Fa-f]{2})")


def is_absolute(text: str) -> bool:
    """Return whether `text` begins with a scheme (RFC 3986, section 3.1); the rest is not looked at."""
    return _SCHEME.match(text) is not None


def check_uri(text: str, *, max_length: int = MAX_URI) -> str | None:
    """Return what is wrong with an absolute URI, or None.

    Checked are length, scheme, characters and percent-encoding (RFC 3986, sections 2 and 3.1), and that at most one
    "#" is in it; what a scheme demands of its URIs is not.
    """
    if len(text) > max_length:
        return f"the URI is longer than {max_length} characters"
    if not is_absolute(text):
        return f"the URI {_shown(text)} has no scheme; write it in full, as in file:///a or docs://a"
    if fault := _NOT_URI.search(text):
        what = "starts no percent-encoded byte" if fault[0] == "%" else "must be percent-encoded"
        return f"{fault[0]!r} at character {fault.start()} of the URI {_shown(text)} {what}"
    if text.count("#") > 1:
        return f"the URI {_shown(text)} has more than one '#'; percent-encode all but the first as %23"
    return None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:100] + "...")


class Template:
    """A URI template.  Make one with `Template.parse`; it never changes after that."""

    def __init__(self, text: str, parts: tuple[Part, ...]) -> None:
        self.text = text
        self._parts = parts
        self._matcher = Matcher(parts)
        expressions = [part for part in parts if isinstance(part, Expression)]
        names = [variable.name for expression in expressions for variable in expression.variables]
        self.variables: tuple[str, ...] = tuple(dict.fromkeys(names))
        """The variables' names, in the order of their first appearance."""
        self.required: tuple[str, ...] = required(parts)
        """Those that every match has a value for; the others may be missing from it."""

    @classmethod
    def parse(cls, text: str) -> Template:
        """Return the template written as `text`.

        Raises TemplateError, which says where, for a text that is no RFC 6570 template or is longer than 2,048
        characters.
        """
        return cls(text, parse(text))

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def expand(self, values: Mapping[str, object]) -> str:
        """Return the URI for `values`: strings, numbers, booleans, lists and mappings of these.

        A variable that is missing, None, or an empty list or mapping is left out.  Raises TemplateError for any other
        type, a lone surrogate, or a prefix (`{name:3}`) of a list or mapping.  Source: RFC 6570, section 3.
        """
        return "".join(part if isinstance(part, str) else self._expand(part, values) for part in self._parts)

    def _expand(self, expression: Expression, values: Mapping[str, object]) -> str:
        operator = expression.operator
        pieces: list[str] = []
        for variable in expression.variables:
            try:
                pieces += _pieces(operator, variable, values.get(variable.name))
            except (TypeError, UnicodeEncodeError) as error:
                raise TemplateError(f"no value for {variable.name!r}: {error}", self.text, expression.at) from None
        return operator.first + operator.separator.join(pieces) if pieces else ""

    def match(self, uri: str, *, guard: bool = True, max_length: int = MAX_URI) -> Values | None:
        """Return the values with which this template gives `uri`, or None.

        - A plain `{id}` is one path segment: it never matches "/", "?" or "#", nor nothing at all.  `{+path}` does
          match "/", and may begin with one: don't join it to a folder without looking.
        - Query variables (`{?a,b}`) may be missing and come in any order; an unknown or repeated one is no match.
        - An exploded variable (`{a*}`) is a list of strings, every other a string.  Lists that were expanded without
          `*`, and mappings, cannot be told from strings again.
        - Where a text can be divided in several ways, the first variable gets as much as it can, except what an
          optional part behind it could take.
        - Percent-encoding is decoded once.  A value that is not UTF-8 is no match.
        - With `guard`, a value with NUL or a ".." segment is no match, nor one with "/" or a backslash where the
          template stands for one segment; `guard=False` is for values that are never used as paths.

        Takes time linear in the length of `uri`; one longer than `max_length` characters is no match.
        """
        if len(uri) > max_length:
            return None
        return self._matcher.match(uri, guard=guard)


def _pieces(operator: Operator, variable: Variable, value: object) -> list[str]:
    """Return what one variable contributes, to be joined by the operator's separator (RFC 6570, section 3.2.1)."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return _composite(operator, variable, [(_text(key), _text(item)) for key, item in pairs])
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return _composite(operator, variable, [_text(item) for item in cast("Sequence[object]", value)])
    text = _text(value)
    return [_named(operator, variable.name, encode(text[: variable.prefix or None], reserved=operator.reserved))]


def _composite(operator: Operator, variable: Variable, items: Sequence[str | tuple[str, str]]) -> list[str]:
    if variable.prefix:
        raise TypeError("a prefix of a list or mapping has no meaning")
    encoded: list[str] = []
    for item in items:
        if isinstance(item, str):
            text = encode(item, reserved=operator.reserved)
            encoded.append(_named(operator, variable.name, text) if variable.explode else text)
        else:
            key, text = (encode(half, reserved=operator.reserved) for half in item)
            if variable.explode:
                encoded.append(key + operator.if_empty if operator.named and not text else f"{key}={text}")
            else:
                encoded += [key, text]
    if variable.explode or not encoded:
        return encoded
    return [_named(operator, variable.name, ",".join(encoded))]


def _named(operator: Operator, name: str, text: str) -> str:
    if not operator.named:
        return text
    return f"{name}={text}" if text else name + operator.if_empty


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError(f"{type(value).__name__} is neither text nor a number")
