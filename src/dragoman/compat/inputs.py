"""Functions that ask by what they return: an `InputRequiredResult`, and run again with the answers.

Promise: the state that such a result carries comes back only as it was sent, for the same call. Limit: in an era with
a way back to the client the questions are put there and then, one after the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, get_args

from msgspec import UNSET

from dragoman.app.server import Server
from dragoman.compat.calls import answers
from dragoman.compat.ground import states_of
from dragoman.compat.models import Model
from dragoman.compat.questions import InputRequiredResult
from dragoman.compat.session import ServerSession
from dragoman.errors import LocalError
from dragoman.protocol.exchange import Call
from dragoman.serving.suspended import Suspended
from dragoman.wire.questions import ELICIT, ROOTS, SAMPLE, InputRequest, InputRequired

MAX_ROUNDS = 20
Once = Callable[[dict[str, Any] | None, str | None], Awaitable[Any]]


def may_ask(annotation: Any) -> bool:
    """Say whether a function so annotated may return an `InputRequiredResult`."""
    if isinstance(annotation, type):
        return issubclass(annotation, InputRequiredResult)
    return any(may_ask(option) for option in get_args(annotation))


async def answered(call: Call, native: Server, once: Once) -> Any:
    """Return what `once(answers, state)` returns when it asks no more.

    Raises Suspended where the client has to send the call again, and
    RequestError for a state that this server did not send.
    """
    responses, state = answers(call), await _unsealed(call, native)
    for _ in range(MAX_ROUNDS):
        value = await once(responses, state)
        if not isinstance(value, InputRequiredResult):
            return value
        if call.era.replays:
            raise Suspended(_Wanted(call, native, value))
        session = ServerSession(call, native)
        requests: dict[str, Any] = value.input_requests or {}
        responses = {key: await _put(session, request) for key, request in requests.items()}
        state = value.request_state
    raise LocalError(f"asked more than {MAX_ROUNDS} times in one call")


class _Wanted:
    """What a suspended call waits for, told by the function itself."""

    def __init__(self, call: Call, native: Server, result: Any) -> None:
        self._call = call
        self._native = native
        self._result = result

    async def required(self) -> InputRequired:
        """Return the result for the client, with the state sealed."""
        requests: dict[str, Any] = self._result.input_requests or {}
        state = self._result.request_state
        return InputRequired(
            result_type="input_required",
            input_requests={key: _request(request) for key, request in requests.items()},
            request_state=UNSET if state is None else await _sealed(state, self._call, self._native),
        )


def _request(request: Any) -> InputRequest:
    params = request.params.model_dump(exclude_none=True) if isinstance(request.params, Model) else request.params or {}
    return InputRequest(method=request.method, params=params)


async def _sealed(state: str, call: Call, native: Server) -> str:
    asking: Any = import_module("dragoman.serving.asking")
    states = states_of(native)
    text: str = await states.save(state.encode(), asking.binding_of(call))
    return text


async def _unsealed(call: Call, native: Server) -> str | None:
    sent: Any = getattr(call.params, "request_state", UNSET)
    if not isinstance(sent, str):
        return None
    asking: Any = import_module("dragoman.serving.asking")
    states = states_of(native)
    payload: bytes = await states.load(sent, asking.binding_of(call))
    return payload.decode()


async def _put(session: ServerSession, request: Any) -> Any:
    """Put one question to a client that can be reached, and return its answer as a model."""
    params = request.params
    if request.method == ROOTS:
        return await session.list_roots()
    if request.method == SAMPLE:
        fields = {key: value for key, value in params if value is not None and key != "meta"}
        return await session.create_message(**fields)
    if request.method == ELICIT and params.mode == "url":
        return await session.elicit_url(params.message, params.url, params.elicitation_id or "")
    if request.method == ELICIT:
        return await session.elicit_form(params.message, params.requested_schema)
    raise LocalError(f"a client cannot be asked {request.method}; it can be {ELICIT}, {SAMPLE} or {ROOTS}")
