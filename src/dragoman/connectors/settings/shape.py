"""What dragoman.yaml may say: types that are the validation, the error texts and the published JSON Schema at once.

Unknown keys are refused, with the nearest that there is.  What a source takes beside these keys is its kind's matter.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from dragoman.connectors.view import complaint_about
from dragoman.errors import LocalError
from dragoman.protocol.bearer import checked_scopes

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
PromptName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
MAX_RULES = 200


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what the file says: unknown keys are refused."""


class ServerSettings(Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the server is called, and how it speaks."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = ""
    title: str = ""
    instructions: Annotated[str, msgspec.Meta(max_length=4_000)] = ""
    profile: Annotated[str, msgspec.Meta(pattern=r"^(default|chatgpt)$")] = "default"
    record: str = ""


class Rule(Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What some callers see of a source: `allow` and `deny` are patterns of paths within it.

    It is for callers to whom all of `scope`, `subject`, `client` and `claim`
    apply; a rule without any of these is for everybody.  A claim that is a list
    has to hold the value.
    """

    scope: str = ""
    subject: str = ""
    client: str = ""
    claim: dict[str, str | int | bool] = {}
    allow: list[Pattern] = []
    deny: list[Pattern] = []

    def __post_init__(self) -> None:
        check_patterns([*self.allow, *self.deny])


class Access(Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who sees a source, and what of it: the keys that every source takes.

    `scopes` are all needed for it to be there at all, `write_scopes` besides for
    changing it, where it can be changed.  Of `rules` the first that
    fits a caller counts; whom none fits, for them the source is not there.
    `local_only` keeps it to stdio and to HTTP on this machine.
    """

    scopes: list[str] = []
    write_scopes: list[str] = []
    rules: Annotated[list[Rule], msgspec.Meta(max_length=MAX_RULES)] = []
    allow: list[Pattern] = []
    deny: list[Pattern] = []
    local_only: bool = False

    def __post_init__(self) -> None:
        try:
            checked_scopes(self.scopes, "scopes")
            checked_scopes(self.write_scopes, "write_scopes")
        except LocalError as fault:
            raise ValueError(str(fault)) from fault
        check_patterns([*self.allow, *self.deny])
        if self.allow and any(rule.allow for rule in self.rules):
            raise ValueError("allow stands beside rules that have one, too: say it in the rules")

    @property
    def everybody(self) -> bool:
        """True when all callers are alike."""
        return not (self.scopes or self.write_scopes or self.rules or self.local_only or self.allow or self.deny)


class PromptArgument(Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One argument of a prompt."""

    about: str = ""
    required: bool = True


class PromptSettings(Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A prompt of the owner's: `{name}` in its text is an argument, `{{` a brace."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
    title: str = ""
    about: str = ""
    arguments: dict[str, PromptArgument] = {}


class Settings(Said, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file.

    A source is a text, as on the command line, or a mapping with its `kind`,
    what that kind takes, and who sees it (`Access`).  `tools` are programs with
    typed arguments; `auth` says whose tokens are taken over HTTP; `index` is the
    address of a database that keeps the indexes of documents.
    """

    sources: dict[Name, str | dict[str, Any]] = {}
    server: ServerSettings = ServerSettings()
    tools: dict[str, dict[str, Any]] = {}
    prompts: dict[PromptName, PromptSettings] = {}
    auth: dict[str, Any] = {}
    allow_write: list[Name] = []
    index: str = ""


def check_patterns(patterns: list[str]) -> None:
    """Raise ValueError for the first that is no pattern."""
    for pattern in patterns:
        if complaint := complaint_about(pattern):
            raise ValueError(f"{pattern!r}: {complaint}")
