"""Packages made for tests: a wheel, an npm package and a bundle that hold a server, and indexes that give them out.

Nothing is downloaded: each server speaks the protocol by itself, in a few lines.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SERVER = """
import json, os, sys


def main():
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked:
            continue
        if asked["method"] == "initialize":
            result = {"protocolVersion": asked["params"]["protocolVersion"], "capabilities": {"tools": {}},
                      "serverInfo": {"name": "made", "version": "1.0.0"}}
        elif asked["method"] == "tools/list":
            result = {"tools": [{"name": "told", "inputSchema": {"type": "object"}}]}
        elif asked["method"] == "tools/call":
            env = {n: v for n, v in os.environ.items() if n.startswith(("MADE_", "DRAGOMAN_"))}
            told = {"args": sys.argv[1:], "env": env}
            result = {"content": [{"type": "text", "text": json.dumps(told)}]}
        else:
            fault = {"code": -32601, "message": "no"}
            print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": fault}), flush=True)
            continue
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)


if __name__ == "__main__":
    main()
"""
NODE_SERVER = """#!/usr/bin/env node
const lines = require("node:readline").createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const asked = JSON.parse(line);
  if (asked.id === undefined) return;
  const answer = (rest) => console.log(JSON.stringify({ jsonrpc: "2.0", id: asked.id, ...rest }));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(MADE|DRAGOMAN)_/.test(name)));
  const told = JSON.stringify({ args: process.argv.slice(2), env });
  if (asked.method === "initialize")
    answer({ result: { protocolVersion: asked.params.protocolVersion, capabilities: { tools: {} },
      serverInfo: { name: "made", version: "1.0.0" } } });
  else if (asked.method === "tools/list")
    answer({ result: { tools: [{ name: "told", inputSchema: { type: "object" } }] } });
  else if (asked.method === "tools/call") answer({ result: { content: [{ type: "text", text: told }] } });
  else answer({ error: { code: -32601, message: "no" } });
});
"""


def wheel(folder: Path, name: str, version: str, *, claim: str = "", needs: str = "") -> Path:
    """Write a wheel with a server and its command, and return its path."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    wants = f"Requires-Dist: {needs}\n" if needs else ""
    readme = f"\n# {name}\n\n<!-- mcp-name: {claim} -->\n" if claim else "\n# readme\n"
    members = {
        f"{module}.py": SERVER,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{wants}{readme}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {module}:main\n",
    }
    path = folder / f"{module}-{version}-py3-none-any.whl"
    records: list[str] = []
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            digest = urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            records.append(f"{member},sha256={digest},{len(text.encode())}")
            archive.writestr(zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0)), text)
        archive.writestr(f"{info}/RECORD", "\n".join([*records, f"{info}/RECORD,,", ""]))
    return path


def python_index(folder: Path, *wheels: Path) -> None:
    """Lay wheels out in a folder as a package index of Python (PEP 503)."""
    for path in wheels:
        place = folder / "simple" / path.name.split("-")[0].replace("_", "-")
        place.mkdir(parents=True, exist_ok=True)
        (place / path.name).write_bytes(path.read_bytes())
        names = [one.name for one in sorted(place.glob("*.whl"))]
        links = [
            f'<a href="{one}#sha256={hashlib.sha256((place / one).read_bytes()).hexdigest()}">{one}</a>'
            for one in names
        ]
        (place / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")


def npm_registry(folder: Path, base: str, name: str, version: str, *, claim: str = "", script: str = "") -> None:
    """Lay an npm package with a server out in a folder as a package registry of npm."""
    said: dict[str, Any] = {"name": name, "version": version, "bin": {name: "server.js"}}
    if claim:
        said["mcpName"] = claim
    if script:
        said["scripts"] = {"install": script, "postinstall": script}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for member, text in (("package.json", json.dumps(said)), ("server.js", NODE_SERVER)):
            info = tarfile.TarInfo(f"package/{member}")
            info.size, info.mode = len(text.encode()), 0o755
            archive.addfile(info, io.BytesIO(text.encode()))
    data = out.getvalue()
    (folder / f"{name}-{version}.tgz").write_bytes(data)
    dist = {
        "tarball": f"{base}/{name}-{version}.tgz",
        "integrity": f"sha512-{b64encode(hashlib.sha512(data).digest()).decode()}",
        "shasum": hashlib.sha1(data).hexdigest(),
    }
    versions = {version: {**said, "dist": dist}}
    (folder / name).write_text(json.dumps({"name": name, "dist-tags": {"latest": version}, "versions": versions}))


def bundle(version: str = "1.0.0") -> bytes:
    """Return a bundle with a server that asks for a word and a secret."""
    manifest = {
        "manifest_version": "0.3",
        "name": "made",
        "version": version,
        "description": "Made for a test",
        "author": {"name": "T"},
        "server": {
            "type": "python",
            "entry_point": "server.py",
            "mcp_config": {
                "command": "python3",
                "args": ["${__dirname}/server.py", "${user_config.word}"],
                "env": {"MADE_KEY": "${user_config.key}"},
            },
        },
        "user_config": {
            "word": {"type": "string", "title": "Word", "description": "A word", "required": True},
            "key": {"type": "string", "title": "Key", "description": "A key", "sensitive": True, "required": True},
        },
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        archive.writestr("server.py", SERVER)
    return out.getvalue()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def files_over_http(folder: Path) -> Iterator[str]:
    """Give a folder out over HTTP on a port of this machine, and yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
