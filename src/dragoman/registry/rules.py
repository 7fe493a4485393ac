"""Checks of JSON values that give every fault with its place, put together from small ones.

For files that people write, who want to know all that is wrong at once. Limit: reads the whole value; bound it before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias, cast
from urllib.parse import urlsplit

from dragoman.registry.untyped import is_row, row

_OLD = re.compile(r"[a-z]+(_[a-z0-9]+)+")  # names were snake_case once


class Problem(NamedTuple):
    """One fault: `at` is a JSON Pointer, "" for the whole; `fatal` if whoever the file is for would refuse it."""

    at: str
    what: str
    fatal: bool = True


Check: TypeAlias = Callable[[Any, str], Iterator[Problem]]


def text(least: int = 0, most: int = 0, pattern: re.Pattern[str] | None = None, like: str = "") -> Check:
    """Return a check for text: `least` to `most` characters (0: any number), written as `pattern`."""

    def check_text(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield Problem(at, f"has to be text, is {kind_of(value)}")
        elif len(value) < least:
            yield Problem(at, f"has to have at least {least} characters")
        elif most and len(value) > most:
            yield Problem(at, f"has {len(value)} characters; at most {most} are taken")
        elif pattern is not None and not pattern.fullmatch(value):
            yield Problem(at, f"{value!r} is not written as in {like}")

    return check_text


def flag(value: Any, at: str) -> Iterator[Problem]:
    """Check a truth value."""
    if not isinstance(value, bool):
        yield Problem(at, f"has to be true or false, is {kind_of(value)}")


def one_of(*words: str) -> Check:
    """Return a check for one of `words`."""

    def check_word(value: Any, at: str) -> Iterator[Problem]:
        if value not in words:
            yield Problem(at, f"{value!r} is none of {', '.join(words)}")

    return check_word


def url(value: Any, at: str) -> Iterator[Problem]:
    """Check an absolute URL."""
    if not isinstance(value, str):
        yield Problem(at, f"has to be a URL, is {kind_of(value)}")
        return
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if not parts.scheme or not parts.netloc or re.search(r"\s", value):
        yield Problem(at, f"{value!r} is no absolute URL")


def list_of(of: Check) -> Check:
    """Return a check for a list, each of whose items `of` checks."""

    def check_list(value: Any, at: str) -> Iterator[Problem]:
        if not is_row(value):
            yield Problem(at, f"has to be a list, is {kind_of(value)}")
        for number, one in enumerate(row(value)):
            yield from of(one, f"{at}/{number}")

    return check_list


def map_of(of: Check) -> Check:
    """Return a check for an object of any names, each of whose values `of` checks."""

    def check_map(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(at, f"has to be an object, is {kind_of(value)}")
            return
        for name, one in cast("dict[str, Any]", value).items():
            yield from of(one, f"{at}/{name.replace('~', '~0').replace('/', '~1')}")

    return check_map


def object_of(fields: Mapping[str, Check], required: tuple[str, ...] = ()) -> Check:
    """Return a check for an object with `fields`; other names are told of, old spellings refused."""

    def check_object(value: Any, at: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(at, f"has to be an object, is {kind_of(value)}")
            return
        held = cast("dict[str, Any]", value)
        for name in required:
            if name not in held:
                yield Problem(at, f"lacks {name}")
        for name, one in held.items():
            if name in fields:
                yield from fields[name](one, f"{at}/{name}")
            elif _OLD.fullmatch(name):
                first, *rest = name.split("_")
                yield Problem(at, f"{name!r} is written {first + ''.join(map(str.title, rest))} today")
            else:
                yield Problem(at, f"{name!r} means nothing here; readers ignore it", fatal=False)

    return check_object


def anything(value: Any, at: str) -> Iterator[Problem]:
    """Find nothing wrong."""
    yield from ()


def kind_of(value: Any) -> str:
    """Return what a JSON value is, in words."""
    names: dict[type[Any], str] = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return next((word for kind, word in names.items() if isinstance(value, kind)), "null")
