"""A folder of an SFTP server, on asyncssh's own: judged by where the server says that paths lead, before and after."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from dragoman.connectors.address import parse
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_options
from dragoman.connectors.source import ALL, Question, SourceError, View
from dragoman.connectors.trees import sftp as room
from dragoman.connectors.trees.tree import Broken, Missing, Scope
from dragoman.errors import ToolError

HOST = asyncssh.generate_private_key("ssh-ed25519")
USER = asyncssh.generate_private_key("ssh-ed25519")


class Door(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("reader", "very-secret")

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == "reader" and key.public_data == USER.public_data


class Server:
    """An SFTP server in a thread; `before` is called with each request's name."""

    def __init__(self) -> None:
        self.before: Callable[[str], None] = lambda name: None
        self.asked: list[str] = []
        self.connections: list[Any] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)

    async def _open(self) -> int:
        outer = self

        class Files(asyncssh.SFTPServer):
            def _told(self, name: str) -> None:
                outer.asked.append(name)
                outer.before(name)

            def realpath(self, path: bytes) -> Any:
                self._told("realpath")
                return super().realpath(path)

            def lstat(self, path: bytes) -> Any:
                self._told("lstat")
                return super().lstat(path)

            def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
                assert pflags == asyncssh.FXF_READ
                self._told("open")
                return super().open(path, pflags, attrs)

            def fstat(self, file_obj: object) -> Any:
                self._told("fstat")
                return super().fstat(file_obj)

        def door() -> Door:
            return Door()

        acceptor = await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[HOST], server_factory=door, sftp_factory=Files, acceptor=self._accepted
        )
        self._acceptor = acceptor
        return acceptor.get_port()

    async def _accepted(self, connection: Any) -> None:
        self.connections.append(connection)

    def lose(self) -> None:
        """Cut all connections off."""
        self._loop.call_soon_threadsafe(lambda: [one.abort() for one in self.connections])

    def close(self) -> None:
        async def end() -> None:
            self._acceptor.close()
            for one in self.connections:
                one.abort()
            await self._acceptor.wait_closed()

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("sftp")
    root = top / "root"
    for name, text in {
        "a.txt": "first\nsecond pump\nthird\n", "src/pump.py": "def pump():\n    pass\n", "src/deep/x.txt": "x",
        "long.txt": "".join(f"line {number}\n" for number in range(1, 60_001)), "empty.txt": "",
        ".env": "secret", "server.key": "secret", "mail/ImapMail/x.txt": "secret",
    }.items():  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (top / "outside").mkdir()
    (top / "outside" / "pump.py").write_text("outside")
    (root / "in.txt").symlink_to("a.txt")
    (root / "out.txt").symlink_to("../outside/pump.py")
    (root / "folder").symlink_to("../outside")
    (root / "same").symlink_to("src")
    os.mkfifo(root / "pipe")
    (top / "known_hosts").write_text("")
    return root


def config(server: Server, place: Path, **other: str) -> dict[str, str]:
    known = place.parent / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {HOST.export_public_key().decode()}")
    return {"known_hosts": str(known), "key": USER.export_private_key().decode(), **other}


@pytest.fixture(scope="module")
def source(server: Server, place: Path) -> Iterator[Any]:
    path = f"sftp://reader@127.0.0.1:{server.port}{place}"
    source = open_options("files", "far", {"path": path, "config": config(server, place)}, Opening())
    yield source
    source.close()


def text(source: Any, uri: str, view: View = ALL) -> str:
    read: str = source.fetch(view, parse(uri), None, 20_000).text
    return read


NAMES = ["a.txt", "empty.txt", "in.txt", "long.txt", "src/deep/x.txt", "src/pump.py"]


def test_a_folder_of_a_server_is_a_tree(source: Any) -> None:
    page = source.items(ALL, "", "", 99)
    assert [entry.key for entry in page.entries] == NAMES
    assert page.entries[0].size == 24 and page.entries[0].date
    assert [entry.key for entry in source.items(ALL, "src/", "", 9).entries] == NAMES[4:]
    assert [entry.key for entry in source.items(ALL, "", "src/deep/x.txt", 9).entries] == ["src/pump.py"]
    assert text(source, "file://far/long.txt#lines=50000-50001") == "line 50000\nline 50001\n"
    assert text(source, "file://far/long.txt#bytes=8-13") == "line 2"
    assert text(source, "file://far/in.txt").startswith("first") and text(source, "file://far/empty.txt") == ""
    hits = source.search(ALL, Question(text="def pump", exact=True), 5).hits
    assert [(hit().title, hit().where) for hit in hits] == [("src/pump.py", "line 1")]


SECRET = [".env", "server.key", "out.txt", "folder/pump.py", "same/pump.py", "../outside/pump.py", "pipe", "src",
          "mail/ImapMail/x.txt", "no.txt"]  # fmt: skip


@pytest.mark.parametrize("path", SECRET)
def test_nothing_beside_the_folder_and_no_secret_is_served(source: Any, path: str) -> None:
    with pytest.raises(ToolError, match=r"there is no file|is a folder"):
        text(source, f"file://far/{path}")
    with pytest.raises(Missing):
        source._tree.open(path, Scope())
    with pytest.raises(ToolError, match="there is no file"):
        text(source, "file://far/in.txt", View(deny=("a.txt",)))


def test_a_swap_at_any_step_of_opening_gains_nothing(
    source: Any, server: Server, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PROFILE_MARKS", ("ImapMail",))  # one of many that are alike
    secret, good, away = place.parent / "outside" / "pump.py", place / "src" / "pump.py", place / "src" / "away.py"
    server.asked = []
    source._tree._judged.clear()
    assert text(source, "file://far/src/pump.py").startswith("def")
    steps, seen = len(server.asked), set()
    assert steps >= 8 and "open" in server.asked
    for swapped in ("file", "folder"):
        for step in range(steps + 1):
            left = step

            def swap(_: str, swapped: str = swapped) -> None:
                nonlocal left
                left -= 1
                if left == -1 and swapped == "file":
                    good.rename(away)
                    good.symlink_to(secret)
                elif left == -1:
                    (place / "src").rename(place / "moved")
                    (place / "src").symlink_to("../outside")

            server.before = swap
            source._tree._judged.clear()
            try:
                opened = source._tree.open("src/pump.py", Scope())
                assert opened.at(0, 20).startswith(b"def")
                opened.close()
                seen.add("read")
            except (Missing, Broken):
                seen.add("refused")
            server.before = lambda name: None
            if good.is_symlink():
                good.unlink()
                away.rename(good)
            if (place / "src").is_symlink():
                (place / "src").unlink()
                (place / "moved").rename(place / "src")
    assert seen == {"read", "refused"}


def test_a_connection_that_is_lost_is_made_anew(source: Any, server: Server) -> None:
    opened = source._tree.open("a.txt", Scope())
    connection = source._tree._connection
    server.lose()
    source._tree.asked(connection.wait_closed())
    with pytest.raises(Broken, match="does not answer as it should"):
        opened.at(0, 5)
    opened.close()
    assert text(source, "file://far/a.txt").startswith("first")


def test_a_server_with_another_key_is_told_nothing(server: Server, place: Path) -> None:
    given = config(server, place)
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    path = f"sftp://reader@127.0.0.1:{server.port}{place}"
    for known in ("", f"[127.0.0.1]:{server.port} {stranger}"):
        Path(given["known_hosts"]).write_text(known)
        with pytest.raises(SourceError, match=r"ssh-keyscan -p \d+ 127.0.0.1"):
            open_options("files", "far", {"path": path, "config": given}, Opening())
    with pytest.raises(SourceError, match="there is no file"):
        open_options("files", "far", {"path": path, "config": {**given, "known_hosts": "/nowhere"}}, Opening())
    open_options("files", "far", {"path": path, "config": config(server, place)}, Opening()).close()


def test_passwords_and_key_files_open_the_door_and_others_do_not(server: Server, place: Path) -> None:
    path = f"sftp://reader@127.0.0.1:{server.port}{place}"
    base = config(server, place)
    locked = place.parent / "id"
    locked.write_bytes(USER.export_private_key("pkcs8-pem", passphrase="long words"))
    del base["key"]
    for login in ({"password": "very-secret"}, {"key": str(locked), "passphrase": "long words"}):
        open_options("files", "far", {"path": path, "config": {**base, **login}}, Opening()).close()
    wrong = [
        ({"password": "not-the-secret"}, "accepts none"),
        ({"key": str(locked), "passphrase": "other"}, "passphrase"), ({"key": str(locked)}, "passphrase"),
        ({"key": "-----BEGIN very-secret"}, "no private key"), ({"key": "/nowhere/id"}, "cannot be read"),
        ({"agent": "no"}, "how to log in"), ({"pasword": "very-secret"}, "did you mean"),
    ]  # fmt: skip
    for login, said in wrong:
        with pytest.raises(SourceError, match=said) as fault:
            open_options("files", "far", {"path": path, "config": {**base, **login}}, Opening())
        assert "secret" not in str(fault.value) and "long words" not in str(fault.value)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("sftp://reader:very-secret@127.0.0.1/x", "goes into config"),
        ("sftp://", "sftp://USER@HOST"),
        ("sftp://h:x/", "no address"),
        ("sftp://reader@127.0.0.1:{port}{root}/nothing", "there is no folder"),
        ("sftp://reader@127.0.0.1:{port}{root}/a.txt", "there is no folder"),
        ("sftp://reader@127.0.0.1:1/", "does not answer"),
    ],
)
def test_what_cannot_be_served_is_refused(server: Server, place: Path, path: str, said: str) -> None:
    given = {"path": path.format(port=server.port, root=place), "config": config(server, place)}
    with pytest.raises(SourceError, match=said) as fault:
        open_options("files", "far", given, Opening())
    assert "very-secret" not in str(fault.value)
