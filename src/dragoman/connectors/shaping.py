"""What an owner wrote in a file, as the types that it has to have; what does not fit, in the owner's words.

Promise: the place is named with the names that stand in the file, and no value is repeated: it may be a secret.
Limit: one fault at a time, the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import msgspec

from dragoman.serving.nearest import nearest
from dragoman.serving.shapes import is_list

_WORDS = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "object": "a mapping",
    "array": "a list", "null": "nothing",
}  # fmt: skip
_QUOTED = re.compile(r"`([^`]*)`")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[(\.\.\.)\]")
_SMALL = "^[a-z][a-z0-9-]{0,31}$"
_NAMES = {
    _SMALL: "small letters, digits and dashes, a letter first, at most 32",
    "^[A-Za-z][A-Za-z0-9_-]{0,63}$": "letters, digits, dashes and low lines, a letter first, at most 64",
}


def shaped(said: Any, shape: Any, where: str) -> Any:
    """Return `said` as its shape. Raises ValueError with its place below `where`, and the nearest key or word."""
    try:
        return msgspec.convert(said, shape)
    except msgspec.ValidationError as fault:
        text, _, at = str(fault).partition(" - at `")
        in_key = at.startswith("key` in `")
        steps = list(_steps(at.rstrip("`").rpartition("`")[2] if in_key else at.rstrip("`")))
        found = _followed(said, shape, [*steps, ...] if in_key else steps, str(fault))
        named = found[:-1] if in_key else found
        place = re.sub(r"\.(?=\[)", "", ".".join(filter(None, (where, *named))))
        told = _key(text, found[-1]) if in_key else _told(text, _at(shape, steps))
        raise ValueError(f"{place}: {told}" if place else told) from fault


def _steps(at: str) -> Iterator[Any]:
    """Cut msgspec's `$.a[0][...]` into names, `[0]`, and ... for a member that it does not name."""
    for name, index, unnamed in _STEP.findall(at.removeprefix("$")):
        yield name or (f"[{index}]" if index else ... if unnamed else "")


def _followed(said: Any, shape: Any, steps: list[Any], fault: str) -> list[str]:
    """Return the steps with the names of the members that msgspec left out: with them alone the fault is the same."""
    for number, step in enumerate(steps):
        if step is ...:
            keys = _member(said, steps[:number])
            for key in keys if isinstance(keys, Mapping) else ():  # pyright: ignore[reportUnknownVariableType]
                only = _pruned(said, steps[:number], key)
                try:
                    msgspec.convert(only, shape)
                except msgspec.ValidationError as same:
                    if str(same) == fault:
                        said, steps[number] = only, str(key)  # pyright: ignore[reportUnknownArgumentType]
                        break
    return [str("[...]" if step is ... else step) for step in steps]


def _member(said: Any, steps: list[Any]) -> Any:
    for step in steps:
        if isinstance(said, Mapping):
            said = cast("Mapping[str, Any]", said).get(step)
        elif is_list(said) and str(step).startswith("["):
            at = int(str(step)[1:-1])
            said = said[at] if at < len(said) else None
    return said


def _pruned(said: Any, steps: list[Any], key: Any) -> Any:
    """Return a copy of `said` in which the mapping at `steps` has only `key`."""
    if not steps:
        return {key: said[key]}
    if is_list(said):
        at = int(steps[0][1:-1])
        return [_pruned(one, steps[1:], key) if number == at else one for number, one in enumerate(said)]
    return {name: _pruned(one, steps[1:], key) if name == steps[0] else one for name, one in said.items()}


def _at(shape: Any, steps: list[Any]) -> Any:
    """Return the shape at the end of the steps, as far as it can be told."""
    for step in steps:
        shape = _known(shape)
        if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
            shape = get_type_hints(shape, include_extras=True).get(str(step), Any)
        elif get_args(shape):
            shape = get_args(shape)[-1]
    return _known(shape)


def _known(shape: Any) -> Any:
    """Return a shape without what was annotated to it; of several, the Struct among them."""
    while hasattr(shape, "__metadata__"):
        shape = shape.__origin__
    structs = [one for one in get_args(shape) if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    return structs[0] if structs and get_origin(shape) not in (dict, list, tuple, Literal) else shape


def _told(text: str, shape: Any) -> str:
    """Return the complaint in words, with the nearest key or word where one is unknown."""
    name = (_QUOTED.findall(text) or [""])[-1]
    if text.startswith("Object contains unknown field"):
        keys = shape.__struct_encode_fields__ if hasattr(shape, "__struct_encode_fields__") else ()
        return f"there is no key {name!r}{nearest(name, keys)}"
    if text.startswith("Object missing required field"):
        return f"the key {name!r} is missing"
    if text.startswith("Invalid enum value") and get_origin(shape) is Literal:
        word = text.removeprefix("Invalid enum value ").strip("'")
        return f"there is no {word!r}{nearest(word, [str(one) for one in get_args(shape)])}"
    return _QUOTED.sub(
        lambda found: " or ".join(_WORDS.get(word, f"`{word}`") for word in found[1].split(" | ")),
        text.replace("Expected", "expected", 1),
    )


def _key(text: str, key: str) -> str:
    pattern = text.partition("matching regex ")[2].strip("'")
    return f"{key!r} is no name: " + (f"names are of {_NAMES[pattern]}" if pattern in _NAMES else _told(text, None))
