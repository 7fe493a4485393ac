"""How a server is started or reached, put together from its entry and the user's answers: words, never a shell's line.

Source: MCP registry, `server.json` format, "Argument" and "Input"; OpenAPI document of API v0.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from dragoman.registry.document import Argument, Input, KeyValue, Package, Transport
from dragoman.registry.faults import EntryError
from dragoman.registry.inputs import Answers, Piece, Question, Word, question

_BRACES = re.compile(r"\{([^{}]+)\}")
_REFERENCE = re.compile(r"\$[{(\w]|\{(env|file):|`")  # in the dialect of any client
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,200}")


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """A command with its environment and folder, or an address with its headers."""

    words: tuple[Word, ...] = ()
    env: dict[str, Word] = {}
    cwd: str = ""
    url: Word = ()
    sse: bool = False
    headers: dict[str, Word] = {}

    def shown(self) -> list[str]:
        """Return the command line, or the address, with `***` for secrets."""
        return [text(word) for word in self.words] or [text(self.url)]

    def exposed(self) -> bool:
        """Say whether a secret is in a word of the command or the address, where other programs can read it."""
        return any(not isinstance(piece, str) for word in (*self.words, self.url) for piece in word)

    def secrets(self) -> list[str]:
        """Return the names of the secrets that have to be fetched."""
        words = [*self.words, self.url, *self.env.values(), *self.headers.values()]
        return list(dict.fromkeys(piece.secret for word in words for piece in word if not isinstance(piece, str)))


def text(word: Word) -> str:
    """Return a word to show: `***` stands for a secret."""
    return "".join(piece if isinstance(piece, str) else "***" for piece in word)


class _Slot(NamedTuple):
    """An input with the name that it is asked under; `asks` is False for one whose value is fixed."""

    given: Input
    name: str
    asks: bool
    variables: dict[str, str]  # by the name in braces, the name that it is asked under


def slots(inputs: Sequence[Input]) -> list[_Slot]:
    """Return the inputs with names to ask under; each name stands for one thing."""
    taken: set[str] = set()
    found: list[_Slot] = []
    for number, given in enumerate(inputs, 1):
        own = _name(given) or f"argument-{number}"
        asks = given.value is None and not _bare(given)
        name = _free(own, taken) if asks else own
        used = _BRACES.findall(given.value) if given.value is not None else ()
        variables = {one: _free(one, taken) for one in given.variables if one in used}
        found.append(_Slot(given, name, asks, variables))
    return found


def _name(given: Input) -> str:
    if isinstance(given, Argument):
        return given.value_hint or given.name.lstrip("-")
    return given.name if isinstance(given, KeyValue) else ""


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    taken.add(free)
    return free


def _bare(given: Input) -> bool:
    """Say whether a named argument is a flag without a value: nothing in it speaks of one."""
    if not isinstance(given, Argument) or given.type != "named":
        return False
    speaks = given.default is not None or given.value_hint or given.placeholder or given.choices or given.variables
    return not speaks and not given.is_secret and given.format == "string" and not given.is_repeated


def questions(inputs: Sequence[Input]) -> list[Question]:
    """Return what has to be asked for these inputs."""
    found: list[Question] = []
    for slot in slots(inputs):
        if slot.asks:
            several = isinstance(slot.given, Argument) and slot.given.is_repeated
            found.append(question(slot.name, slot.given, several=several))
        for variable, name in slot.variables.items():
            given = slot.given.variables[variable]
            # What stands in a secret is one; what a required value is made of is required.
            found.append(
                question(
                    name,
                    msgspec.structs.replace(
                        given,
                        is_secret=given.is_secret or slot.given.is_secret,
                        is_required=given.is_required or slot.given.is_required,
                    ),
                )
            )
    return found


def _words(slot: _Slot, answers: Answers) -> list[Word]:
    """Return the values of an input; none if it is left out."""
    if slot.given.value is None:
        return [(piece,) for piece in answers.get(slot.name, ())] if slot.asks else []
    if any(name not in answers for name in slot.variables.values()) and not slot.given.is_required:
        return []
    return [_filled(slot.given.value, {one: answers.get(name, ("",))[0] for one, name in slot.variables.items()})]


def _filled(template: str, values: dict[str, Piece]) -> Word:
    """Return `template` with values in the place of their names in braces; other braces stay."""
    pieces: list[Piece] = []
    at = 0
    for found in _BRACES.finditer(template):
        if found[1] in values:
            pieces += [template[at : found.start()], values[found[1]]]
            at = found.end()
    return joined([*pieces, template[at:]])


def joined(pieces: Sequence[Piece]) -> Word:
    """Return pieces as one word, texts that stand together as one."""
    word: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and word and isinstance(word[-1], str):
            word[-1] += piece
        elif piece != "":
            word.append(piece)
    return tuple(word) or ("",)


def command_inputs(package: Package) -> list[Input]:
    """Return all inputs of a package, in the order in which they are asked."""
    return package.inputs()


class Parts(NamedTuple):
    """What a package's inputs come to: words for the runtime, words for the package, variables."""

    runtime: list[Word]
    package: list[Word]
    env: dict[str, Word]


def parts(package: Package, answers: Answers) -> Parts:
    """Return a package's words and variables. Raises EntryError for a name that no variable can have."""
    found = Parts([], [], {})
    number = len(package.runtime_arguments), len(package.package_arguments)
    for at, slot in enumerate(slots(command_inputs(package))):
        values = _words(slot, answers)
        if isinstance(slot.given, Argument):
            (found.runtime if at < number[0] else found.package).extend(_arguments(slot.given, values))
        elif isinstance(slot.given, KeyValue) and values:
            if not _VARIABLE.fullmatch(slot.given.name):
                raise EntryError(f"{slot.given.name!r} is no name of an environment variable")
            found.env[slot.given.name] = values[0]
    return found


def _arguments(given: Argument, values: Sequence[Word]) -> Iterator[Word]:
    if given.type == "named" and _bare(given) and given.value is None:
        yield (given.name,)
    for value in values:
        if given.type == "named":
            yield (given.name,)
        yield value


# --- addresses ----------------------------------------------------------------------------------------------


def remote_inputs(remote: Transport) -> list[Input]:
    """Return the inputs of a remote server: its address, as a template, and its headers."""
    return [Input(value=remote.url, variables=remote.variables, is_required=True), *remote.headers]


def remote_recipe(remote: Transport, answers: Answers) -> Recipe:
    """Return how a remote server is reached. Raises EntryError."""
    url, *headers = slots(remote_inputs(remote))
    (address,) = _words(url, answers)
    found: dict[str, Word] = {}
    for slot in headers:
        values = _words(slot, answers)
        if isinstance(slot.given, KeyValue) and values:
            if not _HEADER.fullmatch(slot.given.name):
                raise EntryError(f"{slot.given.name!r} is no name of a header")
            found[slot.given.name] = values[0]
    if not text(address).lower().startswith(("https://", "http://")):
        raise EntryError(f"{text(address)!r} is no address of a server over HTTP")
    for name, word in (("the address", address), *found.items()):
        if any(isinstance(piece, str) and _REFERENCE.search(piece) for piece in word):
            raise EntryError(
                f"{name} of this server has a text such as ${{NAME}}, which clients fill in: "
                "it would be told what is in your environment"
            )
    return Recipe(url=address, sse=remote.type == "sse", headers=found)
