"""How a command ends when it fails."""

import io
import json

import pytest

from dragoman import errors
from dragoman.cli.outcome import UsageError, describe, ending, report


@pytest.mark.parametrize(
    "error, status, kind",
    [
        (errors.ToolError("broken"), 1, "tool"),
        (errors.PeerError(-32602, "no"), 1, "refused"),
        (UsageError("no"), 2, "usage"),
        (errors.LocalError("no"), 2, "usage"),
        (errors.AuthorizationError("who?"), 3, "unauthorized"),
        (errors.UnreachableError("nobody"), 4, "unreachable"),
        (errors.ClosedError("gone"), 4, "closed"),
        (errors.DeadlineError("late"), 4, "timeout"),
        (errors.VersionError("none"), 4, "version"),
        (errors.MalformedError("html"), 4, "malformed"),
        (errors.TokenError("expired"), 3, "token"),
        (errors.UnsafeAddressError("inside"), 4, "unsafe"),
        (errors.StoreError("full"), 4, "store"),
    ],
)
def test_every_error_has_an_exit_status_and_a_kind(error, status, kind) -> None:
    assert ending(error) == (status, kind)


def test_every_class_of_the_tree_has_an_ending_of_its_own() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.McpError)]
    instances = [c.__new__(c) for c in classes if c is not errors.McpError]
    assert [type(i).__name__ for i in instances if ending(i)[1] == "error"] == []


def test_as_json_an_error_is_one_object_with_what_it_knows() -> None:
    stream = io.StringIO()
    assert report(errors.PeerError(-32602, "no", {"at": "a"}), as_json=True, stream=stream) == 1
    assert json.loads(stream.getvalue()) == {
        "error": {"kind": "refused", "message": "no (-32602)", "code": -32602, "data": {"at": "a"}}
    }
    assert describe(errors.AuthorizationError("who?", status=403, challenge="Bearer"))["error"] == {
        "kind": "unauthorized",
        "message": "who?",
        "http_status": 403,
        "challenge": "Bearer",
    }


def test_for_people_an_error_is_a_line_that_cannot_steer_the_terminal() -> None:
    stream = io.StringIO()
    report(errors.PeerError(1, "\x1b[2J"), as_json=False, stream=stream)
    assert stream.getvalue() == "dragoman: \\x1b[2J (1)\n"
