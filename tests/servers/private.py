"""Redis and PostgreSQL from the system's packages, started for tests alone: in a new directory, on a free port.

Nothing of an instance that runs on the machine already is touched. `Private` can be stopped, killed and started again.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

POSTGRES_USER = "postgres"  # PostgreSQL refuses to run as root


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def redis_program() -> str | None:
    return shutil.which("redis-server") or shutil.which("valkey-server")


def postgres_programs() -> Path | None:
    """Return the directory of the newest PostgreSQL's programs: Debian keeps them off the path."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(versions, key=lambda path: int(path.parent.name), default=None)


class Private:
    """A server of our own: `address` is what store_at takes."""

    def __init__(
        self, command: list[str], address: str, ready: Callable[[], bool], user: str | None = None,
        mend: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self.address = address
        self._mend = mend
        self._command = command
        self._ready = ready
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        if self._mend is not None:
            self._mend()
        self._process = subprocess.Popen(
            self._command, user=self._user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        end = time.monotonic() + 30
        while not self._ready():
            assert self._process.poll() is None, f"{self._command[0]} ended at once"
            assert time.monotonic() < end, f"{self._command[0]} does not answer"
            time.sleep(0.02)

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the server and to all processes that it has started."""
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, check=False)
        for pid in [self.pid, *map(int, listed.stdout.split())]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            self.tell(number)
            self._process.wait(20)
            self._process = None


@contextlib.contextmanager
def redis(directory: Path) -> Iterator[Private]:
    """Run a Redis that writes each change to disk before it answers."""
    program = redis_program()
    assert program is not None
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--save", ""]
    command += ["--appendonly", "yes", "--appendfsync", "always", "--unixsocket", str(directory / "redis.sock")]

    def ready() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as sock:
            sock.sendall(b"PING\r\n")
            return sock.recv(7) == b"+PONG\r\n"
        return False

    def mend() -> None:
        """What docs/stores.md says of a Redis that was killed while it wrote."""
        check = Path(program).with_name(Path(program).name.replace("server", "check-aof"))
        for manifest in directory.glob("appendonlydir/*.manifest"):
            subprocess.run([check, "--fix", manifest], input=b"y\n", check=True, capture_output=True)

    server = Private(command, f"redis://127.0.0.1:{port}/0", ready, mend=mend)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def postgres(directory: Path) -> Iterator[Private]:
    """Run a PostgreSQL that trusts who comes from this machine."""
    programs = postgres_programs()
    assert programs is not None
    user = POSTGRES_USER if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(directory, user)
    data, port = directory / "data", free_port()
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", POSTGRES_USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        user=user, check=True, stdout=subprocess.DEVNULL, cwd=directory,
    )  # fmt: skip
    command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(directory)]

    def ready() -> bool:
        asked = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        return subprocess.run(asked, check=False).returncode == 0

    server = Private(command, f"postgresql://{POSTGRES_USER}@127.0.0.1:{port}/postgres", ready, user)
    server.start()
    try:
        yield server
    finally:
        server.tell(signal.SIGCONT)
        server.stop()


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """Make a directory that any user can enter, and remove it with all that is in it."""
    made = Path(tempfile.mkdtemp(prefix="dragoman-servers-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def user_exists() -> bool:
    try:
        pwd.getpwnam(POSTGRES_USER)
    except KeyError:
        return False
    return True
