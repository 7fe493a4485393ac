"""The one map from exceptions to errors, and the one from codes to statuses."""

import pytest

from dragoman.errors import ClosedError, LocalError, MalformedError, PeerError, RequestError, ToolError
from dragoman.protocol.failures import REFUSED_STATUS, STATUS, failure_of, internal, unknown_method


def test_errors_that_are_meant_for_the_peer_keep_code_words_and_data() -> None:
    failure = failure_of(RequestError(7, "no", {"a": 1}))
    assert failure is not None and (failure.code, failure.message, failure.data) == (7, "no", {"a": 1})
    passed = failure_of(PeerError(8, "theirs", [1]))
    assert passed is not None and (passed.code, passed.message, passed.data) == (8, "theirs", [1])
    malformed = failure_of(MalformedError("bad", at="$.x"))
    assert malformed is not None and (malformed.code, malformed.message) == (-32600, "bad (at $.x)")
    shown = failure_of(ToolError("the printer is on fire"))
    assert shown is not None and (shown.code, shown.message) == (-32603, "the printer is on fire")


@pytest.mark.parametrize(
    "error", [ValueError("secret"), LocalError("secret"), ClosedError("secret"), SystemExit("x"), KeyError("secret")]
)
def test_all_other_errors_are_not_for_the_peer(error: BaseException) -> None:
    """ERR-07, LOG-06"""
    assert failure_of(error) is None


def test_an_internal_error_names_only_the_id_in_the_log() -> None:
    """ERR-16"""
    assert internal("ab12").code == -32603
    assert "ab12" in internal("ab12").message


def test_statuses_are_those_of_the_specification() -> None:
    """ERR-08, ERR-09, ERR-10, ERR-12"""
    assert STATUS == {-32020: 400, -32021: 400, -32022: 400, -32601: 404}
    assert REFUSED_STATUS == {**STATUS, -32700: 400, -32600: 400, -32602: 400}


def test_an_unknown_method_is_named_but_not_at_any_length() -> None:
    """ERR-12"""
    error = unknown_method("x" * 100_000)
    assert error.code == -32601 and len(error.message) < 300
    assert unknown_method("a/b").message == "method not found: a/b"
