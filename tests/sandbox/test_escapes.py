"""What a hostile server tries from within: its home folder, the network, forks without end, a life after its parent.

With bubblewrap and with Landlock where they work, each with a twin outside that succeeds; what is skipped says why.
"""

from __future__ import annotations

import ast
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman import LocalError
from dragoman.host.sandbox.profile import Profile
from dragoman.host.sandbox.tiers import Tier, tier

HERE = Path(__file__).parent
INTRUDER = HERE / "intruder.py"
SECONDS = 20
USUAL = {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PWD"}


def works(one: Tier) -> str:
    """Return why a tier does not work here, "" if it does."""
    try:
        tier(Profile(), one)
    except LocalError as error:
        return str(error).partition("(")[2].partition(")")[0]
    return ""


TIERS = [
    pytest.param(one, marks=pytest.mark.skipif(bool(why := works(one)), reason=why or "it works"))
    for one in (Tier.BUBBLEWRAP, Tier.LANDLOCK)
]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap and Landlock are Linux's")


class Place:
    """A home folder with a secret, a project in it, and a folder that may be granted."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.project = self.home / "work" / "project"
        self.granted = self.home / "granted"
        for made in (self.project, self.granted, self.home / ".ssh"):
            made.mkdir(parents=True)
        (self.home / ".ssh" / "id_test").write_text("canary")
        (self.home / "letter.txt").write_text("canary")
        (self.project / "data.txt").write_text("figures")

    def words(self, one: Tier, *flags: str) -> list[str]:
        own = [
            sys.executable,
            "-P",
            "-m",
            "dragoman",
            "run",
            "--sandbox",
            "--tier",
            one,
            "--project",
            str(self.project),
        ]
        # The intruder is shown, as any server's own program is.
        return [*own, *flags, "--read", str(HERE), "--", sys.executable, str(INTRUDER)]

    def run(self, one: Tier, *tries: str, flags: tuple[str, ...] = ()) -> dict[str, str]:
        """Return how each try went, in a sandbox."""
        return self.of([*self.words(one, *flags), *tries])

    def of(self, words: list[str]) -> dict[str, str]:
        done = subprocess.run(
            words, env={**os.environ, "HOME": str(self.home)}, stdin=subprocess.DEVNULL, timeout=SECONDS,
            capture_output=True, check=False, cwd=self.project,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()
        return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def listening() -> Iterator[str]:
    """Give the address of a server on this machine that answers any request."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    with server.accept()[0] as made:
                        made.settimeout(2)
                        made.recv(1000)
                        made.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
                except OSError:
                    if server.fileno() < 0:
                        return

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("one", TIERS)
def test_the_home_folder_and_the_network_are_not_there(one: Tier, place: Place, listening: str) -> None:
    tries = [
        f"read={place.home}/letter.txt", f"list={place.home}/.ssh", f"write={place.project}/new", "read=data.txt",
    ]  # fmt: skip
    inside = place.run(one, *tries[:1], f"connect={listening}", "datagram", "environ")
    assert inside["read"] in {"FileNotFoundError", "PermissionError"}
    assert inside["connect"] in {"ConnectionRefusedError", "PermissionError"}
    assert inside["datagram"] in {"OSError", "PermissionError"}
    assert set(ast.literal_eval(inside["environ"][3:])) <= {
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "TMPDIR",
        "PWD",
    }
    inside = place.run(one, *tries[1:3], tries[3])
    assert inside["list"] in {"FileNotFoundError", "PermissionError"} and inside["write"] in {
        "OSError",
        "PermissionError",
    }
    assert inside["read"] == "ok figures"
    inside = place.run(one, "list=/etc/ssl/private", "read=/etc/shadow")
    assert set(inside.values()) <= {"FileNotFoundError", "PermissionError"}
    # The twin: without a sandbox each of these is possible.
    bare = [sys.executable, str(INTRUDER)]
    outside = place.of([*bare, *tries[:3], f"connect={listening}"])
    assert outside["read"] == "ok canary" and outside["list"] == "ok ['id_test']"
    assert outside["write"] == "ok 1" and outside["connect"] == "ok connected"


@pytest.mark.parametrize("one", TIERS)
def test_what_is_granted_is_there(one: Tier, place: Place) -> None:
    flags = ("--write", str(place.granted), "--env", "TOKEN=abc", "--limit", "file=1M", "--limit", "memory=200M")
    tries = (f"write={place.granted}/new", "variable=TOKEN", f"large={place.granted}/large", "memory=900000000")
    inside = place.run(one, *tries, flags=flags)
    assert inside["write"] == "ok 1" and (place.granted / "new").read_text() == "x"
    assert inside["variable"] == "ok abc"
    assert inside["large"] == "OSError" and inside["memory"] == "MemoryError"
    # The twin of the limits: what stays below them.
    assert place.run(one, "memory=9000000", f"large={place.granted}/large", flags=flags[:2])["large"] == "ok 3000000"


@pytest.mark.parametrize("one", TIERS)
def test_forks_without_end_come_to_an_end(one: Tier, place: Place) -> None:
    inside = place.run(one, "fork", flags=("--limit", "processes=40"))
    assert 0 < int(inside["fork"][3:]) <= 40
    assert not [pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and said_by(pid, str(place.project))]


def said_by(process: Path, text: str) -> bool:
    try:
        return text.encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False


def grown(marker: Path) -> bool:
    """Say whether somebody still writes to a file: looks often, for as long as many writes take."""
    before = marker.stat().st_size
    for _ in range(15):
        time.sleep(0.02)
        if marker.stat().st_size > before:
            return True
    return False


def started(words: list[str], place: Place) -> subprocess.Popen[bytes]:
    env, pipe = {**os.environ, "HOME": str(place.home)}, subprocess.PIPE
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, env=env)


def dead(marker: Path) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if not grown(marker):
            return True
    return False


@pytest.mark.parametrize("one", TIERS)
@pytest.mark.parametrize("how", ["end of stdin", "SIGTERM"])
def test_nothing_outlives_the_server(one: Tier, how: str, place: Place) -> None:
    marker = place.granted / "marker"
    words = [*place.words(one, "--write", str(place.granted)), f"outlive={marker}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, "HOME": str(place.home)}
    ) as it:
        assert it.stdout is not None and it.stdin is not None
        assert json.loads(it.stdout.readline()) == ["outlive", "ok started"]
        assert grown(marker)
        it.stdin.close() if how == "end of stdin" else it.terminate()
        status = it.wait(SECONDS)
        assert dead(marker)
        assert status == (0 if how == "end of stdin" else 128 + signal.SIGTERM)


@pytest.mark.parametrize("one", TIERS[:1])
def test_not_even_when_what_holds_the_sandbox_is_killed(one: Tier, place: Place) -> None:
    marker = place.granted / "marker"
    words = [*place.words(one, "--write", str(place.granted)), f"outlive={marker}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, stdin=pipe, stdout=pipe, stderr=pipe, env={**os.environ, "HOME": str(place.home)}
    ) as it:
        assert it.stdout is not None
        it.stdout.readline()
        it.kill()
        assert dead(marker)


@pytest.mark.parametrize("one", TIERS[:1])
def test_only_hosts_that_were_named_are_reached_and_through_us(one: Tier, place: Place, listening: str) -> None:
    inside = place.run(one, f"proxy={listening}", f"connect={listening}", flags=("--connect", listening))
    assert inside == {"proxy": "ok 200", "connect": "ConnectionRefusedError"}
    inside = place.run(one, f"proxy={listening}", flags=("--connect", "other.test"))
    assert inside == {"proxy": "HTTPError"}


@pytest.mark.parametrize("one", TIERS)
def test_a_python_file_is_served_from_within_and_a_client_of_ours_calls_it(one: Tier, place: Place) -> None:
    (place.project / "shop.py").write_text(
        "from dragoman import Server\nserver = Server('shop')\n\n@server.tool\ndef look() -> list[str]:\n"
        f"    try:\n        return [open('{place.home}/letter.txt').read()]\n"
        "    except OSError as error:\n        return [type(error).__name__]\n"
    )
    words = ["-m", "dragoman", "run", "--sandbox", "--tier", str(one), "shop.py"]
    called = [sys.executable, "-m", "dragoman", "call", "look", "--json", "--", sys.executable, "-P", *words]
    done = subprocess.run(
        called, env={**os.environ, "HOME": str(place.home)}, capture_output=True, text=True, timeout=SECONDS,
        check=False, cwd=place.project,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["structuredContent"]["result"]
    assert found in {"FileNotFoundError", "PermissionError"}


@pytest.mark.parametrize("one", TIERS)
def test_messages_pass_untouched(one: Tier, place: Place) -> None:
    sent = b'{"a": "\xc3\xa4"}\r\n\x00\x01 no message\n' * 2000
    done = subprocess.run(
        [*place.words(one)[:-2], "cat"], input=sent, capture_output=True, timeout=SECONDS, check=False,
        env={**os.environ, "HOME": str(place.home)},
    )  # fmt: skip
    assert done.stdout == sent and done.returncode == 0
    assert done.stderr.decode().startswith(f"dragoman: sandbox: {one}; project {place.project}")
