"""Our authorization server under the official suite, whose user is this program: it opens the page and agrees.

`python authserver.py COMMAND...` runs the suite's command against it.
"""

from __future__ import annotations

import http.client
import re
import socket
import subprocess
import sys
import threading
from html import unescape
from urllib.parse import urlencode, urlsplit

import uvicorn

from dragoman import AuthorizationServer

CLIENT = "conformance"


def visit(url: str) -> str:
    """Open the page that the suite shows, allow, and go where that leads; return where that was."""
    parts = urlsplit(url)
    page, cookie, _ = _ask("GET", parts.netloc, f"{parts.path}?{parts.query}")
    hidden = re.search(r'name="transaction" value="([^"]+)"', page)
    assert hidden is not None, page
    form = urlencode({"transaction": unescape(hidden[1]), "answer": "allow"})
    headers = {"cookie": cookie.partition(";")[0], "content-type": "application/x-www-form-urlencoded"}
    _, _, location = _ask("POST", parts.netloc, "/decide", form, headers)
    back = urlsplit(location)
    _ask("GET", back.netloc, f"{back.path}?{back.query}")
    return location


def _ask(
    method: str, place: str, target: str, body: str = "", headers: dict[str, str] | None = None
) -> tuple[str, str, str]:
    connection = http.client.HTTPConnection(place, timeout=20)
    try:
        connection.request(method, target, body, headers or {})
        got = connection.getresponse()
        return got.read().decode(), got.headers.get("set-cookie", ""), got.headers.get("location", "")
    finally:
        connection.close()


def main() -> int:
    """Serve in a thread, run the suite whose command line follows, and be its user; return its exit status."""
    callback, listener = free_port(), socket.create_server(("127.0.0.1", 0))
    url = f"http://localhost:{listener.getsockname()[1]}"
    resource = f"{url}/mcp"
    client = {"client_name": "Conformance", "redirect_uris": [f"http://127.0.0.1:{callback}/callback"]}
    auth = AuthorizationServer(
        url, login=lambda visitor: "ann", clients={CLIENT: client}, resources={resource: ["mcp"]}
    )
    server = uvicorn.Server(uvicorn.Config(auth, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    words = ["--url", url, "--client-id", CLIENT, "--resource", resource, "-p", str(callback)]
    try:
        with subprocess.Popen(
            [*sys.argv[1:], *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as suite:
            assert suite.stdout is not None
            for line in suite.stdout:
                print(line, end="", flush=True)
                if line.startswith(f"{url}/authorize?"):
                    visit(line.strip())
        return suite.returncode
    finally:
        server.should_exit = True
        thread.join(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
