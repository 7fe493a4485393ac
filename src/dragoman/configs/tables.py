"""From a client's table to an entry and back, by the client's shape.

Promise: keys that mean nothing here are kept; an entry put into a table that says the same already changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from dragoman.configs.entry import Entry, Transport
from dragoman.configs.faults import UnfitError, UnreadableError
from dragoman.configs.shapes import Shape, Timed
from dragoman.configs.values import PLAIN, Dialect, Ref, Value, fits, read, shown, write


def entry_of(name: str, table: Any, shape: Shape, client: str) -> Entry:
    """Return the entry that `table` is. Raises UnreadableError for what the client itself would not take."""
    if not isinstance(table, dict):
        raise UnreadableError(f"the server {name!r} is no table")
    rest = dict(cast("dict[str, Any]", table))
    take = _Taker(name, rest, shape.dialect)
    transport, url = _reached(take, shape)
    words = take.words(shape.command) if not shape.args else [*take.text(shape.command), *take.words(shape.args)]
    if transport == "stdio" and not words:
        raise UnreadableError(f"the server {name!r} has neither a command nor an address")
    env = {**take.texts((shape.env,)), **{n: (Ref("env", n),) for n in take.names(shape.env_names) or ()}}
    headers = {**take.texts(shape.headers), **_named_headers(take, shape)}
    off = rest.pop(shape.off[0]) if shape.off and isinstance(rest.get(shape.off[0]), bool) else None
    for key, value in {**shape.fixed, **({shape.named: name} if shape.named else {})}.items():
        if rest.get(key) == value:
            del rest[key]
    return Entry(
        name=name,
        transport=transport,
        command=words[0] if words else (),
        args=tuple(words[1:]),
        env=env,
        cwd=next(iter(take.text(shape.cwd)), None),
        url=url,
        headers=headers,
        disabled=None if off is None or shape.off is None else off is shape.off[1],
        timeout=take.seconds(shape.timeout),
        startup=take.seconds(shape.startup),
        allow=take.names(shape.allow),
        deny=take.names(shape.deny),
        extra=rest,
        client=client,
    )


def _reached(take: _Taker, shape: Shape) -> tuple[Transport, Value]:
    said = take.rest.get(shape.type) if shape.type else None
    transport = shape.types.get(said) if isinstance(said, str) else None
    if transport:
        del take.rest[shape.type]
    for key, meant in shape.urls:
        if take.rest.get(shape.command) is None and isinstance(take.rest.get(key), str):
            if transport == "stdio":
                raise UnreadableError(f"the server {take.name!r} has an address, but is said to be a command")
            return transport or meant, read(take.rest.pop(key), shape.dialect)
    if transport in ("http", "sse"):
        raise UnreadableError(f"the server {take.name!r} has no address")
    return "stdio", ()


def _named_headers(take: _Taker, shape: Shape) -> dict[str, Value]:
    headers: dict[str, Value] = {}
    if shape.header_names:
        for header, names in take.texts((shape.header_names,), PLAIN).items():
            headers[header] = (Ref("env", shown(names)),)
    for bearer in take.text(shape.bearer):
        headers["Authorization"] = ("Bearer ", Ref("env", shown(bearer)))
    return headers


class _Taker:
    """Takes out of a table what is understood; `rest` is what is left."""

    def __init__(self, name: str, rest: dict[str, Any], dialect: Dialect) -> None:
        self.name = name
        self.rest = rest
        self.dialect = dialect

    def text(self, key: str) -> list[Value]:
        """Return the text under `key` as a value, alone in a list; an empty one if there is none."""
        if not key or key not in self.rest:
            return []
        if not isinstance(self.rest[key], str):
            raise UnreadableError(f"{key} of the server {self.name!r} is no text")
        return [read(self.rest.pop(key), self.dialect)]

    def words(self, key: str) -> list[Value]:
        """Return the list of texts under `key`."""
        return [read(word, self.dialect) for word in self.names(key) or ()]

    def names(self, key: str) -> tuple[str, ...] | None:
        """Return the list under `key` as it stands, None if there is none."""
        if not key or key not in self.rest:
            return None
        found = self.rest[key]
        if not isinstance(found, list) or not all(isinstance(one, str) for one in cast("list[object]", found)):
            raise UnreadableError(f"{key} of the server {self.name!r} is no list of texts")
        del self.rest[key]
        return tuple(cast("list[str]", found))

    def texts(self, path: tuple[str, ...], dialect: Dialect | None = None) -> dict[str, Value]:
        """Return the table of texts at `path`; numbers and truth values in it count as the text they stand for."""
        table: Any = self.rest
        for key in path[:-1]:
            table = cast("dict[str, Any]", table).get(key, {})
        found = table.get(path[-1]) if isinstance(table, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if found is None:
            return {}
        if not isinstance(found, dict):
            raise UnreadableError(f"{'.'.join(path)} of the server {self.name!r} is no table")
        self._remove(path)
        members = cast("dict[str, Any]", found)
        return {name: read(_text(value), dialect or self.dialect) for name, value in members.items()}

    def _remove(self, path: tuple[str, ...]) -> None:
        if len(path) == 1:
            del self.rest[path[0]]
            return
        inner = {key: value for key, value in self.rest[path[0]].items() if key != path[1]}
        if inner:
            self.rest[path[0]] = inner
        else:
            del self.rest[path[0]]

    def seconds(self, timed: Timed | None) -> float | None:
        """Return a time in seconds."""
        found = self.rest.get(timed[0]) if timed else None
        if timed is None or isinstance(found, bool) or not isinstance(found, int | float):
            return None
        del self.rest[timed[0]]
        return found / timed[1]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def table_of(entry: Entry, shape: Shape, client: str) -> dict[str, Any]:
    """Return the table that says `entry` in a client's words. Raises UnfitError for what it has no words for."""
    table: dict[str, Any] = dict({shape.named: entry.name} if shape.named else {})
    said = next((word for word, meant in shape.types.items() if meant == entry.transport), None)
    if shape.type and said:
        table[shape.type] = said
    elif shape.type and entry.transport != "stdio":
        raise UnfitError(f"it has no servers over {entry.transport}")
    table.update(shape.fixed)
    _put_way(table, entry, shape)
    if entry.cwd is not None:
        if not shape.cwd:
            raise UnfitError("it cannot say in which folder a server starts")
        table[shape.cwd] = write(entry.cwd, shape.dialect)
    if shape.off and (shape.always or entry.disabled is not None):
        table[shape.off[0]] = shape.off[1] if entry.disabled else not shape.off[1]
    elif entry.disabled:
        raise UnfitError("it cannot switch a server off")
    for timed, value in ((shape.timeout, entry.timeout), (shape.startup, entry.startup)):
        if timed and value is not None:
            table[timed[0]] = _number(value * timed[1])
    for key, tools in ((shape.allow, entry.allow), (shape.deny, entry.deny)):
        if key and tools is not None:
            table[key] = list(tools)
    return _with_extra(table, entry.extra) if entry.client == client else table


def _with_extra(table: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in extra.items():
        table[key] = _joined(table.get(key), value)
    return table


def _joined(below: Any, above: Any) -> Any:
    """Return both tables as one, `above` counting where both say something; what is no table counts alone."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {**cast("dict[str, Any]", below), **cast("dict[str, Any]", above)}
    return cast("Any", below if above is None else above)


def _put_way(table: dict[str, Any], entry: Entry, shape: Shape) -> None:
    if entry.transport == "stdio":
        words = [write(word, shape.dialect) for word in (entry.command, *entry.args)]
        if shape.args:
            table[shape.command] = words[0]
            table[shape.args] = words[1:]
        else:
            table[shape.command] = words
        plain = {n: v for n, v in entry.env.items() if not (shape.env_names and v == (Ref("env", n),))}
        names = [n for n in entry.env if n not in plain]
        if plain:
            table[shape.env] = {name: write(value, shape.dialect) for name, value in plain.items()}
        if names:
            table[shape.env_names] = names
        return
    key = next((key for key, meant in shape.urls if meant == entry.transport), None)
    if key is None:
        raise UnfitError(f"it has no servers over {entry.transport}" if shape.urls else "it only starts commands")
    table[key] = write(entry.url, shape.dialect)
    _put_headers(table, entry.headers, shape)


def _put_headers(table: dict[str, Any], headers: Mapping[str, Value], shape: Shape) -> None:
    plain: dict[str, str] = {}
    named: dict[str, str] = {}
    for header, value in headers.items():
        match value:
            case ("Bearer ", Ref("env", name, None)) if shape.bearer and header.lower() == "authorization":
                table[shape.bearer] = name
            case (Ref("env", name, None),) if shape.header_names:
                named[header] = name
            case _:
                plain[header] = write(value, shape.dialect)
    if plain:
        inner: Any = plain
        for key in reversed(shape.headers[1:]):
            inner = {key: inner}
        table[shape.headers[0]] = inner
    if named:
        table[shape.header_names] = named


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value


def merged(existing: Any, entry: Entry, shape: Shape, client: str) -> dict[str, Any]:
    """Return `existing`, a table of the client or nothing, changed so that it says `entry`.

    What it says in its own spelling and what is only the client's stays.
    """
    new = table_of(entry, shape, client)
    if not isinstance(existing, dict):
        return new
    table = dict(cast("dict[str, Any]", existing))
    known = entry_of(entry.name, table, shape, client)
    try:
        old = table_of(known, shape, client)
    except UnfitError:
        return new
    for key in {**old, **new}:
        if key in new and old.get(key) != new[key]:
            table[key] = _joined(table.get(key), new[key]) if key in known.extra else new[key]
        elif key not in new and key not in known.extra:
            table.pop(key, None)
    # The same said with another of the client's keys would now stand twice.
    if entry_of(entry.name, table, shape, client).url != entry.url:
        return {**known.extra, **new}
    return table


def lost(entry: Entry, shape: Shape, client: str) -> list[str]:
    """Return what of `entry` a client cannot be told, and that it can do without."""
    words: tuple[tuple[str, object, object], ...] = (
        ("timeout", entry.timeout, shape.timeout),
        ("startup timeout", entry.startup, shape.startup),
        ("allowed tools", entry.allow, shape.allow),
        ("denied tools", entry.deny, shape.deny),
    )
    left = [name for name, value, word in words if value is not None and not word]
    if entry.client != client:
        left += [f"{key} (only {entry.client or 'its client'} knows it)" for key in entry.extra]
    return left


def unfit_env(entry: Entry, shape: Shape) -> list[str]:
    """Return the variables whose value the client cannot say."""
    names = {n for n, v in entry.env.items() if shape.env_names and v == (Ref("env", n),)}
    return [n for n, v in entry.env.items() if n not in names and not fits(v, shape.dialect)]
