"""What a server wants to be told before it can start: questions, and answers of the right type.

Promise: an answer that is a secret is only ever named here; its text is in the wallet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from dragoman.registry.document import Input
from dragoman.registry.faults import EntryError

MAX_ANSWER = 32 * 1024  # characters
Kind: TypeAlias = Literal["string", "number", "boolean", "filepath"]


class Secret(msgspec.Struct, frozen=True):
    """A value that is in the user's wallet, under that name."""

    secret: str


Piece: TypeAlias = str | Secret
Word: TypeAlias = tuple[Piece, ...]  # one word of a command line, one value: its pieces, put together
Answers: TypeAlias = Mapping[str, Sequence[Piece]]  # by the name of the question; several where it takes several


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to ask. `least` and `most` bound a number."""

    name: str
    description: str = ""
    kind: Kind = "string"
    required: bool = False
    secret: bool = False
    several: bool = False
    default: tuple[str, ...] = ()
    placeholder: str = ""
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None

    def checked(self, text: str) -> str:
        """Return `text` as the server wants it. Raises EntryError that says what would do, without the text."""
        if len(text) > MAX_ANSWER or "\0" in text:
            raise EntryError(f"{self.name}: at most {MAX_ANSWER} characters, and no NUL")
        if self.choices and text not in self.choices:
            raise EntryError(f"{self.name} is one of: {', '.join(self.choices)}")
        if self.kind == "boolean":
            word = {"true": "true", "yes": "true", "y": "true", "false": "false", "no": "false", "n": "false"}
            if text.lower() not in word:
                raise EntryError(f"{self.name} is true or false")
            return word[text.lower()]
        if self.kind == "number":
            self._check_number(text)
        return text

    def _check_number(self, text: str) -> None:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or not text.isascii() or "_" in text:
            raise EntryError(f"{self.name} is a number, written in decimal digits")
        if (self.least is not None and number < self.least) or (self.most is not None and number > self.most):
            raise EntryError(f"{self.name} is a number from {_shown(self.least)} to {_shown(self.most)}")


def _shown(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:g}"


def question(name: str, given: Input, *, several: bool = False) -> Question:
    """Return an input of a registry's entry as a question."""
    return Question(
        name=name, description=given.description, kind=given.format, required=given.is_required,
        secret=given.is_secret, several=several, default=() if given.default is None else (given.default,),
        placeholder=given.placeholder, choices=given.choices,
    )  # fmt: skip


def answered(questions: Sequence[Question], given: Mapping[str, Sequence[Piece]]) -> dict[str, tuple[Piece, ...]]:
    """Return answers to all questions: those given, checked, else defaults; none for what is left out.

    Raises EntryError that names what is missing, what nobody asked for, and what is of the wrong type.
    """
    known = {one.name: one for one in questions}
    if strange := [name for name in given if name not in known]:
        raise EntryError(f"this server does not ask for {', '.join(strange)}; it asks for {', '.join(known) or 'none'}")
    found: dict[str, tuple[Piece, ...]] = {}
    missing: list[str] = []
    for one in questions:
        pieces = tuple(given.get(one.name, one.default))
        if len(pieces) > 1 and not one.several:
            raise EntryError(f"{one.name} takes one value")
        if any(isinstance(piece, str) and one.secret for piece in given.get(one.name, ())):
            raise EntryError(f"{one.name} is a secret: it is asked for, and kept in the wallet, not given as a word")
        if pieces:
            found[one.name] = tuple(one.checked(piece) if isinstance(piece, str) else piece for piece in pieces)
        elif one.required:
            missing.append(one.name)
    if missing:
        raise EntryError(f"this server also needs: {', '.join(missing)}")
    return found
