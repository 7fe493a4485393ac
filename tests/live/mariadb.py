"""MariaDB from the system's packages, started for tests alone: in a new directory, on a free port."""

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.servers.private import Private, free_port

USER = "mysql"  # the package's own


def mariadb_program() -> str | None:
    return shutil.which("mariadbd") if shutil.which("mariadb-install-db") else None


@contextlib.contextmanager
def mariadb(directory: Path) -> Iterator[str]:
    """Run a MariaDB and give the address of an account that may do anything, also read files."""
    program = mariadb_program()
    assert program is not None
    user = USER if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(directory, user)
    data, port, sock = directory / "data", free_port(), directory / "s.sock"
    # Without the database of tests, there are no accounts without a name, either, that would stand before others.
    made = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db"]
    subprocess.run(
        [*made, "--auth-root-authentication-method=normal"],
        user=user, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory,
    )  # fmt: skip
    command = [program, "--no-defaults", f"--datadir={data}", f"--port={port}", f"--socket={sock}"]
    command += ["--bind-address=127.0.0.1", f"--pid-file={directory / 'pid'}", "--innodb-buffer-pool-size=64M"]

    def ready() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
            return bool(connection.recv(1))
        return False

    server = Private(command, f"mysql://root@127.0.0.1:{port}/", ready, user)
    server.start()
    try:
        yield server.address
    finally:
        server.stop()
