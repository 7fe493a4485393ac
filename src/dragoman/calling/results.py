"""Results as a caller wants them: one value, or the parts.

Source: specification, server/tools "Tool Result", server/resources "Reading Resources".
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import Any, cast

from msgspec import UNSET

from dragoman.errors import MalformedError
from dragoman.wire.base import Meta
from dragoman.wire.content import AnyContents, Content, TextContent
from dragoman.wire.resources import ReadResourceResult
from dragoman.wire.tools import CallToolResult

WRAPPED = "result"  # the one member of an object that stands for a value that is no object


class CallResult:
    """What a tool gave.

    `content` holds its blocks as they came, `wire` the whole result.
    """

    __slots__ = ("wire",)

    def __init__(self, wire: CallToolResult) -> None:
        self.wire = wire

    @property
    def content(self) -> list[Content]:
        """The content blocks, in order."""
        return self.wire.content

    @property
    def is_error(self) -> bool:
        """Whether the tool says that it failed."""
        return self.wire.is_error is True

    @property
    def meta(self) -> Meta:
        """The `_meta` of the result, empty if it has none."""
        return self.wire.meta if isinstance(self.wire.meta, dict) else {}

    @property
    def has_structured(self) -> bool:
        """Whether there is structured content; it may be null."""
        return self.wire.structured_content is not UNSET

    @property
    def structured(self) -> Any:
        """The structured content as it came, None if there is none."""
        return self.wire.structured_content if self.has_structured else None

    @property
    def text(self) -> str:
        """All text blocks, joined by line ends."""
        return "\n".join(block.text for block in self.wire.content if isinstance(block, TextContent))

    @property
    def value(self) -> Any:
        """The result in one piece: the structured content if there is any, else the text.

        A value that is no object travels as `{"result": value}`; it is taken out of that.
        """
        if not self.has_structured:
            return self.text
        found = self.wire.structured_content
        if isinstance(found, dict):
            members = cast("dict[str, Any]", found)
            if len(members) == 1 and WRAPPED in members:
                return members[WRAPPED]
            return members
        return found

    def __repr__(self) -> str:
        shown = repr(self.value)
        return f"CallResult({shown[:200]}{'...' if len(shown) > 200 else ''}, is_error={self.is_error})"


class ReadResult:
    """What a resource holds, in one part or several."""

    __slots__ = ("wire",)

    def __init__(self, wire: ReadResourceResult) -> None:
        self.wire = wire

    @property
    def contents(self) -> list[AnyContents]:
        """The parts as they came: each has `text`, or `blob` in Base64."""
        return self.wire.contents

    @property
    def text(self) -> str:
        """All textual parts, joined by line ends."""
        return "\n".join(part.text for part in self.wire.contents if isinstance(part.text, str))

    @property
    def data(self) -> bytes:
        """All parts as bytes, text in UTF-8. Raises MalformedError for broken Base64."""
        return b"".join(_bytes(part) for part in self.wire.contents)

    @property
    def mime_type(self) -> str | None:
        """The media type of the first part, if it says one."""
        kind = self.wire.contents[0].mime_type if self.wire.contents else UNSET
        return kind if isinstance(kind, str) else None

    def __repr__(self) -> str:
        return f"ReadResult({[part.uri for part in self.wire.contents][:5]})"


def _bytes(part: AnyContents) -> bytes:
    if isinstance(part.text, str):
        return part.text.encode(errors="surrogatepass")
    try:
        return a2b_base64(part.blob) if isinstance(part.blob, str) else b""
    except (Base64Error, ValueError) as error:
        raise MalformedError(f"the resource {part.uri[:200]!r} is not Base64: {error}") from None
