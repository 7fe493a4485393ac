"""How one argument of a function is decoded, by itself: made at registration, used when the whole did not decode.

Limit: it mends nothing (see `repair`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from dragoman.late import late
from dragoman.serving import codec
from dragoman.serving import pydantic_bridge as bridge

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragoman.serving import messages
    from dragoman.serving.faults import Fault
    from dragoman.serving.schemas import Schema
else:
    messages = late("dragoman.serving.messages")


class Argument(msgspec.Struct):
    """How one argument is decoded: `kind` by msgspec, or `adapter` by pydantic."""

    name: str
    schema: Schema
    required: bool
    default: Callable[[], Any]
    kind: Any = None
    adapter: Any = None
    # Made when first needed: most arguments are never wrong.
    strict: codec.Decode | None = None
    lenient: codec.Decode | None = None

    def decode(self, raw: bytes, path: str, value: Any, defs: dict[str, Schema]) -> tuple[Any, list[Fault]]:
        """Return the decoded value and no faults, or None and the faults."""
        try:
            if self.adapter is not None:
                return self.adapter.validate_json(raw), []
            return self._by_msgspec(raw), []
        except msgspec.ValidationError as error:
            return None, [messages.fault_of(str(error), path, value, self.schema, defs)]
        except Exception as error:
            if not bridge.is_validation_error(error):
                raise
            return None, bridge.faults_of(error, path)

    def _by_msgspec(self, raw: bytes) -> Any:
        if self.strict is None:
            self.strict = codec.decoder(self.kind)
        try:
            return self.strict(raw)
        except msgspec.ValidationError:
            if self.lenient is None:
                self.lenient = codec.decoder(self.kind, strict=False)
            return self.lenient(raw)
