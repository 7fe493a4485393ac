"""Trees of files on servers as they are in the world: sshd, nginx, Apache, Caddy, and stores like Azure's and Google's.

Azurite comes from npm by a lock file; fake-gcs-server is tried where it is on the path: building it takes minutes.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pwd
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.conformance.run import node, npm_ci
from tests.servers.private import Private, free_port

from dragoman.connectors.address import parse
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_options
from dragoman.connectors.source import ALL, Question, SourceError
from dragoman.connectors.trees.tree import Broken, Scope
from dragoman.errors import ToolError

HERE = Path(__file__).parent / "azurite"
HOME = Path(__file__).parent.parent.parent / ".servers" / "azurite"
LONG = b"".join(b"line %d\n" % number for number in range(1, 60_001))
FILES = {
    "a.txt": b"first\nsecond pump\n", "long.txt": LONG, "src/pump.py": b"def pump():\n    pass\n",
    "with space & more.txt": b"spaced", "empty.txt": b"", ".env": b"secret", "server.key": b"secret",
}  # fmt: skip
SERVED = ["a.txt", "empty.txt", "long.txt", "src/pump.py", "with space & more.txt"]


def program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def listening(port: int) -> Callable[[], bool]:
    def ready() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    return ready


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    server = Private(command, f"127.0.0.1:{port}", listening(port), None)
    server.start()
    try:
        yield
    finally:
        server.stop()


def filled(folder: Path) -> Path:
    for name, body in FILES.items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    (folder / "outside.txt").write_bytes(b"outside")
    for path in [folder, *folder.rglob("*"), *folder.parents[:2]]:
        path.chmod(0o755 if path.is_dir() else 0o644)  # for servers that do not run as root
    return folder


def text(source: Any, path: str) -> str:
    read: str = source.fetch(ALL, parse(f"file://far/{path}"), None, 20_000).text
    return read


def tried(source: Any) -> None:
    """Try what every tree has to do."""
    assert [entry.key for entry in source.items(ALL, "", "", 99).entries] == SERVED
    for at, name in enumerate(SERVED):
        assert [entry.key for entry in source.items(ALL, "", name, 2).entries] == SERVED[at + 1 : at + 3]
    assert text(source, "a.txt").startswith("first") and text(source, "empty.txt") == ""
    assert text(source, "with%20space%20&%20more.txt") == "spaced"
    assert text(source, "long.txt#lines=50000-50001") == "line 50000\nline 50001\n"
    hits = source.search(ALL, Question(text="def pump", exact=True), 5).hits
    assert [(hit().title, hit().where) for hit in hits] == [("src/pump.py", "line 1")]
    for path in ("../outside.txt", ".env", "server.key", "src", "nothing.txt"):
        with pytest.raises(ToolError, match=r"there is no file|is a folder"):
            text(source, path)


# --- the web -------------------------------------------------------------------------------------------------------

NGINX = """daemon off; {user} pid {top}/pid; error_log {top}/error; events {{}}
http {{ access_log off; client_body_temp_path {top}/b; proxy_temp_path {top}/p; fastcgi_temp_path {top}/f;
uwsgi_temp_path {top}/u; scgi_temp_path {top}/s;
server {{ listen 127.0.0.1:{port}; root {root}; autoindex on; {more} }} }}
"""
APACHE = """ServerRoot {top}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule autoindex_module /usr/lib/apache2/modules/mod_autoindex.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
Listen 127.0.0.1:{port}
ServerName localhost
PidFile {top}/pid
ErrorLog {top}/error
DocumentRoot {root}
<Directory {root}>
  Options +Indexes
  IndexOptions FancyIndexing
  Require all granted
</Directory>
"""
CADDY = "{{\n  admin off\n}}\nhttp://127.0.0.1:{port} {{\n  root * {root}\n  file_server browse\n}}\n"


def web(name: str, top: Path, port: int) -> list[str]:
    """Return the command that serves `top`/root; skips where the program is not here."""
    runs = program({"nginx as JSON": "nginx"}.get(name, name))
    if runs is None:
        pytest.skip(f"no {name} on this machine")
    if name == "caddy":
        settings, end = CADDY, [runs, "run", "--adapter", "caddyfile", "--config"]
    elif name == "apache2":
        settings, end = APACHE, [runs, "-X", "-f"]
    else:
        settings, end = NGINX, [runs, "-c"]
    user = "user root;" if os.geteuid() == 0 else ""
    more = "autoindex_format json;" if name.endswith("JSON") else "autoindex_exact_size on;"
    (top / "settings").write_text(settings.format(top=top, root=top / "root", port=port, more=more, user=user))
    return [*end, str(top / "settings")]


@pytest.mark.parametrize("name", ["nginx", "nginx as JSON", "apache2", "caddy"])
def test_folders_of_web_servers_are_trees(name: str, tmp_path: Path) -> None:
    root, port = filled(tmp_path / "root"), free_port()
    with running(web(name, tmp_path, port), port):
        source = open_options("files", "far", {"path": f"http://127.0.0.1:{port}/data/"}, Opening())
        tried(source)
        entries = {entry.key: entry for entry in source.items(ALL, "", "", 99).entries}
        assert entries["a.txt"].date and (name == "apache2" or entries["long.txt"].size == len(LONG))
        opened = source._tree.open("long.txt", Scope())
        assert opened.node.tag and opened.at(600_000, 4) == LONG[600_000:600_004]
        (root / "data" / "long.txt").write_bytes(LONG + b"more\n")
        with pytest.raises(Broken, match="has changed while it was read"):
            opened.at(0, 400_000)
        source.close()
        with pytest.raises(SourceError, match="no page that lists files"):
            open_options("files", "far", {"path": f"http://127.0.0.1:{port}/nothing/"}, Opening())


# --- sshd ----------------------------------------------------------------------------------------------------------


def test_a_folder_of_openssh_is_a_tree(tmp_path: Path) -> None:
    asyncssh = pytest.importorskip("asyncssh")
    sshd = program("sshd")
    if sshd is None:
        pytest.skip("no sshd on this machine")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it shuts its unprivileged half in
    root, port = filled(tmp_path / "root"), free_port()
    host, user = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    host.write_private_key(tmp_path / "host")
    (tmp_path / "host").chmod(0o600)
    (tmp_path / "keys").write_bytes(user.export_public_key())
    (tmp_path / "settings").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/keys\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        f"PidFile {tmp_path}/pid\nSubsystem sftp internal-sftp\n"
    )
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {host.export_public_key().decode()}")
    (root / "data" / "out.txt").symlink_to("../outside.txt")
    (root / "data" / "folder").symlink_to("..")
    me = pwd.getpwuid(os.geteuid()).pw_name
    given = {
        "path": f"sftp://{me}@127.0.0.1:{port}{root}/data",
        "config": {"known_hosts": str(tmp_path / "known_hosts"), "key": user.export_private_key().decode()},
    }
    with running([sshd, "-D", "-e", "-f", str(tmp_path / "settings")], port):
        source = open_options("files", "far", given, Opening())
        tried(source)
        for path in ("out.txt", "folder/outside.txt"):
            with pytest.raises(ToolError, match="there is no file"):
                text(source, path)
        source.close()


# --- stores --------------------------------------------------------------------------------------------------------

# The account that every emulator of Azure's storage has, known to all the world.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@contextlib.contextmanager
def azure(_: Path) -> Iterator[dict[str, Any]]:
    npm_ci(HERE, HOME, "azurite")
    port = free_port()
    script = HOME / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    command = [str(node()[0]), str(script), "--inMemoryPersistence", "--blobPort", str(port)]
    with running([*command, "--silent", "--skipApiVersionCheck"], port):
        date, version = formatdate(time.time(), usegmt=True), "2021-08-06"
        told = f"x-ms-date:{date}\nx-ms-version:{version}\n/{ACCOUNT}/{ACCOUNT}/shop\nrestype:container"
        signed = "PUT" + 12 * "\n" + told
        sign = base64.b64encode(hmac.new(base64.b64decode(KEY), signed.encode(), hashlib.sha256).digest()).decode()
        headers = {"x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {ACCOUNT}:{sign}"}
        ask(port, "PUT", f"/{ACCOUNT}/shop?restype=container", b"", headers)
        config = {
            "account_name": ACCOUNT,
            "account_key": KEY,
            "endpoint": f"http://127.0.0.1:{port}/{ACCOUNT}",
        }
        obstore = pytest.importorskip("obstore")
        store = obstore.store.from_url("az://shop", config=config, client_options={"allow_http": True})
        for name, body in {**{f"data/{name}": body for name, body in FILES.items()}, "outside.txt": b"outside"}.items():
            obstore.put(store, name, body)
        yield {"path": "az://shop/data", "config": config}


@contextlib.contextmanager
def google(folder: Path) -> Iterator[dict[str, Any]]:
    runs = program("fake-gcs-server")
    if runs is None:
        pytest.skip("no fake-gcs-server on this machine")
    port = free_port()
    command = [runs, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory"]
    with running([*command, "-public-host", f"127.0.0.1:{port}"], port):
        ask(port, "POST", "/storage/v1/b?project=x", b'{"name":"shop"}')
        for name, body in {**{f"data/{name}": body for name, body in FILES.items()}, "outside.txt": b"outside"}.items():
            ask(port, "POST", f"/upload/storage/v1/b/shop/o?uploadType=media&name={quote(name, safe='')}", body)
        account = {"gcs_base_url": f"http://127.0.0.1:{port}", "disable_oauth": True}
        account |= {"client_email": "", "private_key": "", "private_key_id": ""}
        (folder / "account.json").write_text(json.dumps(account))
        yield {
            "path": "gs://shop/data",
            "config": {"google_service_account": str(folder / "account.json"), "allow_http": "true"},
        }


def ask(port: int, method: str, path: str, body: bytes, headers: dict[str, str] | None = None) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {"Content-Type": "application/json"})
        assert connection.getresponse().status in (200, 201)
    finally:
        connection.close()


@pytest.mark.parametrize("store", [azure, google])
def test_stores_are_trees(store: Callable[[Path], Any], tmp_path: Path) -> None:
    pytest.importorskip("obstore")
    with store(tmp_path) as given:
        source = open_options("files", "far", given, Opening())
        tried(source)
        source.close()
