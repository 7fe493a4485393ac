"""URIs as 1.x handlers get them: text that also has `scheme`, `host` and `path`."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


class Uri(str):
    """A URI; equal to its text, with the parts that pydantic's AnyUrl has."""

    __slots__ = ()

    @classmethod
    def of(cls, text: object) -> Uri:
        """Return the URI of a text, or of anything whose text is one."""
        return cls(str(text))

    def _split(self) -> SplitResult:
        return urlsplit(str(self))

    @property
    def scheme(self) -> str:
        """What stands before the colon."""
        return self._split().scheme

    @property
    def host(self) -> str | None:
        """The host, or None."""
        return self._split().hostname

    @property
    def path(self) -> str | None:
        """The path, or None if it is empty."""
        return self._split().path or None

    @property
    def query(self) -> str | None:
        """The query, or None if there is none."""
        return self._split().query or None
