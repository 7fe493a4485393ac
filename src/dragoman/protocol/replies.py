"""What comes from a server, read: frames out of bytes, results and errors out of frames.

More lenient than the server's own door: a null id, a batch, a null where a member should be absent are taken as meant.
What cannot be meant is MalformedError, with the place.
Source: JSON-RPC 2.0, section 5; requirements BASE-04, BASE-06, BASE-07, LEG-24.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar, cast

import msgspec
from msgspec import UNSET

from dragoman.errors import LocalError, MalformedError, PeerError, VersionError
from dragoman.protocol.frames import read_batch, read_frame
from dragoman.protocol.strict import read_strict
from dragoman.wire.base import RequestId
from dragoman.wire.decoding import Decoding
from dragoman.wire.jsonrpc import UNSUPPORTED_VERSION, Frame
from dragoman.wire.lifecycle import Result
from dragoman.wire.questions import AnyInputRequired
from dragoman.wire.tasks import TASK

T = TypeVar("T", bound=Result)

# Free-form data, where null is a value like any other; elsewhere it can only mean "absent".
_DATA = frozenset({"structuredContent", "inputSchema", "outputSchema", "_meta", "input"})
_NULLABLE = "structuredContent"


class _NullId(msgspec.Struct):
    jsonrpc: Literal["2.0"]
    id: None
    error: msgspec.Raw


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""
    data: Any = None


_decode_null = Decoding(_NullId)
_decode_error = Decoding(_Error)
_decode_any = msgspec.json.Decoder().decode
_decode_result = Decoding(Result)
_decode_asked = Decoding(AnyInputRequired)


class InputWantedError(LocalError):
    """The server asks before it answers: `asked` has its questions. Met by answering, and else told to the caller."""

    def __init__(self, method: str, asked: AnyInputRequired) -> None:
        super().__init__(f"the server asks for input before it answers {method}, and nobody gave any")
        self.asked = asked


class TaskBegunError(MalformedError):
    """The server answers with a task, `raw`: no answer, except to who said that it takes one (TASK-04)."""

    def __init__(self, method: str, raw: msgspec.Raw) -> None:
        super().__init__(
            f"the server answers {method} with a task, which only tools/call can become", at="$.resultType"
        )
        self.raw = raw


def read_messages(data: bytes) -> list[Frame]:
    """Return the messages in `data`, several if it is a batch. Raises MalformedError."""
    if data.lstrip()[:1] == b"[":
        return [_read(bytes(item)) for item in read_batch(data)]
    return [_read(data)]


def _read(data: bytes) -> Frame:
    try:
        return read_frame(data)
    except MalformedError as fault:
        try:
            read_strict(data, "the message")  # what is wrong with it may be more than an id that is null
            error = _decode_null.decode(data).error
        except (msgspec.DecodeError, MalformedError):
            raise fault from None
        return Frame(jsonrpc="2.0", error=error)


def is_response(frame: Frame) -> bool:
    """Say whether a frame answers something: it has no method."""
    return frame.method is UNSET


def answers(frame: Frame, request_id: RequestId) -> bool:
    """Say whether `frame` is the response to a request; an error without an id may be (BASE-04)."""
    return is_response(frame) and (frame.id == request_id or (frame.id is UNSET and bool(frame.error)))


def result_of(frame: Frame) -> msgspec.Raw:
    """Return the raw result of a response.

    Raises PeerError if it is an error, VersionError if one about versions, and
    MalformedError if it is neither.
    """
    if frame.error:
        raise error_of(frame.error)
    if not frame.result:
        raise MalformedError("the response has neither a result nor an error")
    return frame.result


def error_of(raw: msgspec.Raw) -> PeerError | MalformedError:
    """Return the exception that a JSON-RPC error object means."""
    try:
        error = _decode_error.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        return MalformedError(f"the error object of the response is not one: {fault}", at="$.error")
    if error.code == UNSUPPORTED_VERSION:
        return VersionError(error.message, supported=_supported(error.data))
    return PeerError(error.code, error.message, error.data)


def _supported(data: Any) -> tuple[str, ...]:
    listed = cast("dict[str, Any]", data).get("supported") if isinstance(data, dict) else None
    versions = cast("list[object]", listed) if isinstance(listed, list) else []
    return tuple(version for version in versions if isinstance(version, str))


class ResultReader(Generic[T]):
    """Decodes results of one kind."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._decoding = Decoding(kind)

    def read(self, raw: msgspec.Raw, method: str) -> T:
        """Return the decoded result of `method`.

        Raises MalformedError when it is not of its kind, or says by `resultType`
        that it is of a kind that nobody here knows (BASE-07); InputWantedError
        when the server asks for input first.
        """
        try:
            result = self._decoding.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            _check_kind(raw, method)
            result = self._without_nulls(raw, method, fault)
        if result.result_type is not UNSET and result.result_type != "complete":
            _check_kind(raw, method)
        return result

    def _without_nulls(self, raw: msgspec.Raw, method: str, fault: Exception) -> T:
        try:
            return msgspec.convert(_present(_decode_any(raw)), self._kind)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
            raise MalformedError(f"the result of {method} is not what the protocol says: {fault}") from None


def _check_kind(raw: msgspec.Raw, method: str) -> None:
    """Raise if `resultType` is not `complete`."""
    try:
        kind = _decode_result.decode(raw).result_type
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if kind == "input_required":
        raise InputWantedError(method, _asked(raw, method))
    if kind == TASK:
        raise TaskBegunError(method, raw)
    if kind is not UNSET and kind != "complete":
        raise MalformedError(f"the result of {method} is of an unknown kind, {kind[:100]!r}", at="$.resultType")


def _asked(raw: msgspec.Raw, method: str) -> AnyInputRequired:
    try:
        return _decode_asked.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise MalformedError(f"what the server asks before it answers {method} cannot be read: {fault}") from None


def _present(value: Any) -> Any:
    """Return `value` without members that are null, except in free-form data."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {k: v if k in _DATA else _present(v) for k, v in members.items() if v is not None or k == _NULLABLE}
    if isinstance(value, list):
        return [_present(item) for item in cast("list[object]", value)]
    return value
