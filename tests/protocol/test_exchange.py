"""A call, its door, and what is kept prepared."""

import msgspec
import pytest
from tests.protocol.fixtures import LEGACY

from dragoman.protocol.eras import HANDSHAKE
from dragoman.protocol.exchange import CLOSED_DOOR, NO_META, Call, Caller, meta_of
from dragoman.wire.jsonrpc import Notification
from dragoman.wire.lifecycle import ClientCapabilities, Params, RequestMeta


async def test_a_call_that_nobody_listens_to_drops_what_it_says() -> None:
    era = HANDSHAKE[LEGACY[0]]
    call = Call("ping", None, 1, era, Caller(era.version, ClientCapabilities()), NO_META)
    assert call.door is CLOSED_DOOR and not call.door.cancelled and not call.over
    await call.door.emit(Notification(method="notifications/progress"))
    with pytest.raises(NotImplementedError):
        await call.door.ask("roots/list", {})


def test_parameters_without_metadata_have_an_empty_one() -> None:
    assert meta_of(Params(meta=RequestMeta(progress_token=1))).progress_token == 1
    assert meta_of(Params()) is NO_META
    assert meta_of(None) is NO_META
    assert NO_META.protocol_version is msgspec.UNSET
