"""One server as any client could have it: the neutral entry between all formats.

Times in seconds. Promise: two entries are equal when a client would do the same with them.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from dragoman.configs.values import Ref, Value, references

Transport: TypeAlias = Literal["stdio", "http", "sse"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A server: how it is started or reached, and what the client does with it.

    None stands for what the file does not say. `extra` are keys that only
    the program `client` knows, as they stand there.
    """

    name: str
    transport: Transport
    command: Value = ()
    args: tuple[Value, ...] = ()
    env: dict[str, Value] = {}
    cwd: Value | None = None
    url: Value = ()
    headers: dict[str, Value] = {}
    disabled: bool | None = None
    timeout: float | None = None
    startup: float | None = None
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] | None = None
    extra: dict[str, Any] = {}
    client: str = ""

    def values(self) -> list[Value]:
        """Return every value that may hold references."""
        cwd = [] if self.cwd is None else [self.cwd]
        return [self.command, *self.args, *self.env.values(), *cwd, self.url, *self.headers.values()]

    def references(self) -> list[Ref]:
        """Return the references of all values, each once."""
        return list(dict.fromkeys(ref for value in self.values() for ref in references(value)))


FIELDS = (
    "transport", "command", "args", "env", "cwd", "url", "headers", "disabled", "timeout", "startup", "allow", "deny",
)  # fmt: skip


def differences(one: Entry, other: Entry) -> list[str]:
    """Return the fields in which two entries differ; to say nothing of `disabled` is to say that it is not."""
    found: list[str] = []
    for field in FIELDS:
        a, b = getattr(one, field), getattr(other, field)
        if a != b and not (field == "disabled" and not a and not b):
            found.append(field)
    return found
