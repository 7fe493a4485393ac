"""Where a server is served, and what a person is told about it."""

import json
import os
import re
import socket
from argparse import ArgumentParser

import pytest

from dragoman.cli import hosting, inherited, paste
from dragoman.cli.outcome import UsageError
from dragoman.cli.supervisor import Watch


def options(*words):
    parser = ArgumentParser()
    hosting.add_options(parser)
    return parser.parse_args(words)


class Terminal:
    """What stdin looks like when a person sits there."""

    closed = False

    def isatty(self):
        return True


def test_a_person_gets_http_and_is_taught() -> None:
    assert hosting.choose(options(), Terminal()) == hosting.Place(False, "127.0.0.1", 8848, True)


def test_a_program_gets_stdio() -> None:
    read, write = os.pipe()
    with os.fdopen(read) as stdin:
        os.close(write)
        assert hosting.choose(options(), stdin) == hosting.Place(True, "127.0.0.1", 8848, False)


def test_nobody_is_told_what_to_say() -> None:
    with open(os.devnull) as stdin:
        with pytest.raises(UsageError, match="--http"):
            hosting.choose(options(), stdin)
        assert hosting.choose(options("--stdio"), stdin).stdio
        assert not hosting.choose(options("--http"), stdin).stdio


def test_an_address_means_http_and_contradicts_stdio() -> None:
    assert hosting.choose(options("--port", "9000"), Terminal()) == hosting.Place(False, "127.0.0.1", 9000, True)
    assert hosting.choose(options("--port", "9000", "--http"), Terminal()).teaches is False
    with open(os.devnull) as stdin:
        assert hosting.choose(options("--port", "9000"), stdin) == hosting.Place(False, "127.0.0.1", 9000, False)
    assert hosting.choose(options("--host", "::1"), Terminal()).host == "::1"
    with pytest.raises(UsageError, match="for HTTP"):
        hosting.choose(options("--stdio", "--port", "9000"), Terminal())


def test_a_port_in_use_is_told_with_one_that_is_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} on 127.0.0.1 is in use") as refused:
            hosting.listen(hosting.Place(False, "127.0.0.1", port, False))
    found = re.search(r"--port (\d+)", str(refused.value))
    assert found is not None
    with hosting.listen(hosting.Place(False, "127.0.0.1", int(found[1]), False)) as free:
        assert free.getsockname()[1] == int(found[1])


def test_what_to_paste_is_json_with_the_command_and_the_address() -> None:
    told = paste.teach("my server\x1b", "http://127.0.0.1:8848/mcp", ["/bin/dragoman", "run", "/srv/s.py", "--stdio"])
    pasted = [json.loads(block) for block in re.findall(r"^\{.*?^\}", told, re.MULTILINE | re.DOTALL)]
    assert pasted == [
        {"mcpServers": {"my-server": {"command": "/bin/dragoman", "args": ["run", "/srv/s.py", "--stdio"]}}},
        {"mcpServers": {"my-server": {"url": "http://127.0.0.1:8848/mcp"}}},
        {"servers": {"my-server": {"type": "http", "url": "http://127.0.0.1:8848/mcp"}}},
    ]
    assert "\x1b" not in told


def test_the_own_command_can_be_started_from_anywhere() -> None:
    assert os.path.isabs(paste.own_words()[0])
    assert os.access(paste.own_words()[0], os.X_OK)


def test_a_worker_reads_what_it_inherits() -> None:
    assert inherited.read("7:quiet") == inherited.Inherited(7, "quiet")
    for text in ("7", "7:loud", "x:quiet", ""):
        with pytest.raises(ValueError):
            inherited.read(text)


def test_changes_of_python_files_are_seen_and_others_are_not(tmp_path) -> None:
    (tmp_path / "server.py").write_text("a = 1")
    for folder in (".hidden", "__pycache__", "env"):
        (tmp_path / folder).mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    watch = Watch(tmp_path)
    assert watch.changed() is None
    (tmp_path / "server.py").write_text("a = 22")
    assert watch.changed() == "server.py"
    assert watch.changed() is None
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden" / "a.py").write_text("x")
    (tmp_path / "__pycache__" / "a.py").write_text("x")
    (tmp_path / "env" / "a.py").write_text("x")
    assert watch.changed() is None
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "new.py").write_text("x")
    assert watch.changed() == os.path.join("sub", "new.py")
    (tmp_path / "server.py").unlink()
    assert watch.changed() == "server.py"
