"""A value of an entry: text with references in it, and the dialects in which clients write references.

Promise: a text is rendered so that the dialect reads the same value back, or UnfitError says why it cannot be.
Limit: what only one client knows (`${workspaceFolder}`) is kept for that client, and fits no other.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias

from dragoman.configs.faults import UnfitError

Kind: TypeAlias = Literal["env", "secret", "prompt", "file", "own"]


class Ref(NamedTuple):
    """A value that lies elsewhere: in the environment, this user's wallet, a question to the user, or a file.

    `own` is a variable that only the client knows, such as `workspaceFolder`.
    """

    kind: Kind
    name: str
    default: str | None = None


Piece: TypeAlias = str | Ref
Value: TypeAlias = tuple[Piece, ...]


class Dialect(NamedTuple):
    """How a client writes references: `pattern` finds one, `forms` render one kind each."""

    name: str
    pattern: str
    forms: dict[str, str]
    default: str = ""  # how a reference with a default is written, "" if it cannot be


_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_OWN = r"\$\{(?P<own>[^{}]+)\}"
PLAIN = Dialect("none", r"(?!)", {})
SHELL = Dialect("shell", rf"\$\{{(?P<env>{_NAME})(?::-(?P<default>[^}}]*))?\}}", {"env": "${%s}"}, "${%s:-%s}")
DOLLAR = Dialect("dollar", rf"\$\{{(?P<env>{_NAME})\}}|\$(?P<bare>{_NAME})", {"env": "${%s}"})
COLON = Dialect("env:", rf"\$\{{env:(?P<env>{_NAME})\}}|{_OWN}", {"env": "${env:%s}", "own": "${%s}"})
COLON_FILE = Dialect(
    "env: and file:",
    rf"\$\{{env:(?P<env>{_NAME})\}}|\$\{{file:(?P<file>[^}}]+)\}}",
    {"env": "${env:%s}", "file": "${file:%s}"},
)
INPUT = Dialect(
    "env: and input:",
    rf"\$\{{env:(?P<env>{_NAME})\}}|\$\{{input:(?P<prompt>[^}}]+)\}}|{_OWN}",
    {"env": "${env:%s}", "prompt": "${input:%s}", "own": "${%s}"},
)
BRACE = Dialect(
    "brace", rf"\{{env:(?P<env>{_NAME})\}}|\{{file:(?P<file>[^}}]+)\}}", {"env": "{env:%s}", "file": "{file:%s}"}
)
SECRETS = Dialect("secrets", rf"\$\{{\{{\s*secrets\.(?P<env>{_NAME})\s*\}}\}}", {"env": "${{ secrets.%s }}"})
# Ours, in exported files and on the command line; `${NAME}` is read as well.
NEUTRAL = Dialect(
    "neutral",
    rf"\$\{{(?:env:)?(?P<env>{_NAME})(?::-(?P<default>[^}}]*))?\}}|\$\{{secret:(?P<secret>[^}}]+)\}}"
    rf"|\$\{{prompt:(?P<prompt>[^}}]+)\}}|\$\{{file:(?P<file>[^}}]+)\}}|\$\{{own:(?P<own>[^}}]+)\}}",
    {
        "env": "${env:%s}",
        "secret": "${secret:%s}",
        "prompt": "${prompt:%s}",
        "file": "${file:%s}",
        "own": "${own:%s}",
    },
    "${env:%s:-%s}",
)
_KINDS: tuple[Kind, ...] = ("env", "secret", "prompt", "file", "own")


def read(text: str, dialect: Dialect) -> Value:
    """Return `text` as a value: literal pieces and references in turn; empty for no text."""
    pieces: list[Piece] = []
    at = 0
    for found in re.finditer(dialect.pattern, text):
        if found.start() > at:
            pieces.append(text[at : found.start()])
        pieces.append(_reference(found.groupdict()))
        at = found.end()
    if at < len(text):
        pieces.append(text[at:])
    return tuple(pieces)


def _reference(groups: dict[str, str | None]) -> Ref:
    for kind in _KINDS:
        if (name := groups.get(kind)) is not None:
            return Ref(kind, name, groups.get("default"))
    return Ref("env", str(groups["bare"]))


def write(value: Value, dialect: Dialect) -> str:
    """Return `value` as the dialect writes it. Raises UnfitError."""
    text = "".join(piece if isinstance(piece, str) else _form(piece, dialect) for piece in value)
    if read(text, dialect) != value:
        raise UnfitError(f"the client would take a part of {shown(value)!r} for a reference")
    return text


def fits(value: Value, dialect: Dialect) -> bool:
    """Say whether the dialect can write `value`."""
    try:
        write(value, dialect)
    except UnfitError:
        return False
    return True


def _form(ref: Ref, dialect: Dialect) -> str:
    form = dialect.forms.get(ref.kind)
    if form is None:
        raise UnfitError(f"the client knows no reference such as {shown((ref,))}")
    if ref.default is None:
        return form % ref.name
    if not dialect.default:
        raise UnfitError(f"the client knows no default as in {shown((ref,))}")
    return dialect.default % (ref.name, ref.default)


def shown(value: Value) -> str:
    """Return `value` as exported files and messages have it."""
    return "".join(piece if isinstance(piece, str) else _neutral(piece) for piece in value)


def _neutral(ref: Ref) -> str:
    return NEUTRAL.forms[ref.kind] % ref.name if ref.default is None else NEUTRAL.default % (ref.name, ref.default)


def references(value: Value) -> list[Ref]:
    """Return the references in `value`."""
    return [piece for piece in value if isinstance(piece, Ref)]
