"""The owner's rules for one database: what may be seen, how long and how much a statement may take."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec

from dragoman.connectors.view import View, complaint_about

Seconds = Annotated[float, msgspec.Meta(gt=0, le=600)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One parameter of a query of the owner's: written `:name` in its SQL, bound by the driver."""

    type: Annotated[str, msgspec.Meta(pattern=r"^(string|integer|number|boolean|date)$")] = "string"
    about: str = ""
    required: bool = True
    default: Any = None
    choices: list[Any] = []
    minimum: int | float | None = None  # as it was written: 1 is told as 1, not as 1.0
    maximum: int | float | None = None
    max_length: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One query of the owner's: a statement with parameters, run by its name.  `writes` says that it changes rows.

    `format` is how it answers where the caller does not say: rows, CSV, a
    Markdown table, or a file to download.
    """

    sql: str
    writes: bool = False
    about: str = ""
    format: Annotated[str, msgspec.Meta(pattern=r"^(rows|csv|table|file)$")] = "rows"
    parameters: dict[Name, Parameter] = {}


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the owner says about one database.

    `allow`, `deny` and `mask` are patterns of "table" and "table.column", with
    the schema before it where that is not the first one. `max_read` bounds the
    rows that the engine expects to read, 0 for the engine's usual bound.
    `poll` is how many seconds lie between two looks for changes, 0 for none.
    `functions` may be called though they are not known to be harmless. `samples`
    lets `describe` show a few rows. Where the source may be written to,
    `writable` are patterns of what statements may change (none: all that may be
    read), `max_change` how many rows at once, and `statements: false` leaves it
    to the owner's own queries. `read_only_role` says that the account may
    only read, where the engine offers no guard of its own; `superuser` that it
    is one, and shall be used all the same.
    """

    allow: list[str] = []
    deny: list[str] = []
    mask: list[str] = []
    samples: bool = False
    writable: list[str] = []
    max_change: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 100
    statements: bool = True
    timeout: Seconds = 5.0
    max_rows: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1_000
    max_read: Annotated[float, msgspec.Meta(ge=0)] = 0
    poll: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 10.0
    functions: list[str] = []
    queries: dict[Name, Query] = {}
    read_only_role: bool = False
    superuser: bool = False

    def __post_init__(self) -> None:
        for pattern in (*self.allow, *self.deny, *self.mask, *self.writable):
            if complaint := complaint_about(pattern):
                raise ValueError(f"{pattern!r}: {complaint}")
        for pattern in self.mask:
            if "." not in pattern:
                raise ValueError(f"mask {pattern!r}: a masked column is written table.column")
        for name in self.functions:
            if not re.fullmatch(r"[A-Za-z_]\w*", name):
                raise ValueError(f"functions: {name!r} is no function's name")

    @property
    def view(self) -> View:
        return View(tuple(self.allow), tuple(self.deny))

    @property
    def function_names(self) -> frozenset[str]:
        return frozenset(name.lower() for name in self.functions)
