"""A server that tries what a server must not, in a process of its own, and says in JSON how each try went."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen


def outcome(tried: Callable[[], Any]) -> str:
    try:
        return f"ok {tried()}"
    except OSError as error:
        return f"{type(error).__name__}"


def fork_without_end() -> int:
    count = 0
    try:
        while count < 5000:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            count += 1
    except BlockingIOError:
        pass
    return count


def connect(address: str) -> str:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), 2):
        return "connected"


def datagram() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        return made.sendto(b"x", ("192.0.2.1", 53))


def through_proxy(address: str) -> int:
    with urlopen(f"http://{address}/", timeout=5) as answer:
        return int(answer.status)


def outlive(marker: str) -> str:
    # In a session of its own, with nothing that ties it to us.
    code = f"import time,os\nwhile True:\n open({marker!r}, 'a').write('x')\n time.sleep(0.02)"
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    while not os.path.exists(marker):
        time.sleep(0.01)
    return "started"


TRIES: dict[str, Callable[[str], Any]] = {
    "read": lambda path: Path(path).read_text(),
    "list": os.listdir,
    "write": lambda path: Path(path).write_text("x"),
    "connect": connect,
    "datagram": lambda _: datagram(),
    "proxy": through_proxy,
    "environ": lambda _: sorted(os.environ),
    "variable": lambda name: os.environ.get(name, "none"),
    "fork": lambda _: fork_without_end(),
    "outlive": outlive,
    "large": lambda path: Path(path).write_bytes(b"x" * 3_000_000),
    "memory": lambda size: len(bytearray(int(size))),
    "echo": lambda text: text,
}


def main() -> None:
    """Try what the words say, as in `read=/etc/shadow`, then echo stdin until it ends."""
    for word in sys.argv[1:]:
        name, _, argument = word.partition("=")
        try:
            found = outcome(lambda name=name, argument=argument: TRIES[name](argument))
        except MemoryError:
            found = "MemoryError"
        print(json.dumps([name, found]), flush=True)
    for line in sys.stdin:
        print(line, end="", flush=True)


if __name__ == "__main__":
    main()
