"""Serve the made company Acme over HTTP: `python demo.py --port 8848`, or `make demo`.

Makes the data when it is missing or out of date, approves the scripts that it wrote, says what to try, then becomes
`dragoman serve`.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import generate

HOST = "127.0.0.1"
DATA = generate.HERE / "data"


def command(data: Path, *options: str) -> list[str]:
    """The words that serve the data; the same command line that a user would type."""
    return [
        sys.executable,
        "-m",
        "dragoman",
        "serve",
        "--config",
        str(data / generate.SETTINGS),
        *options,
    ]


def approve(data: Path) -> None:
    """Approve the commands of the settings that this program wrote: exactly those, by their digests."""
    # Imported late: a wrong port is told at once.
    from dragoman.app.launching import approvals
    from dragoman.connectors.settings.approving import Book, commands_of
    from dragoman.connectors.settings.reading import read_settings

    settings = read_settings(data / generate.SETTINGS)
    kept, book = approvals(), Book(settings.path)
    for where, words, cwd in commands_of(settings):
        launch = book.launch(where, words, cwd)
        if not kept.approved(launch):
            kept.approve(launch, launch.digest)


def free(port: int) -> bool:
    """Whether the server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do, so that a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def welcome(data: Path, port: int) -> str:
    """What to tell the user: what is served, some calls to try, and what clients need."""
    truth = json.loads((data / "truth.json").read_text(encoding="utf-8"))
    url = f"http://{HOST}:{port}/mcp"
    latest = truth["quarters"][-1]
    failed = next(build for build in truth["builds"] if build["failure"])
    formats = ", ".join(f"{count} {kind}" for kind, count in truth["formats"].items())
    dragoman = _shown(Path(sys.executable).with_name("dragoman"))
    stdio = command(data, "--stdio")
    return f"""
Acme Industrial, a made company, at {url}
  {truth["documents"]} documents ({formats}) in {data / "documents"}
  a sales database with {truth["order_lines"]:,} order lines, {data / "sales.db"}
  a pricing program with {len(truth["commits"])} commits, {len(truth["builds"])} build logs, nightly exports as CSV and
  Parquet, and three scripts; {data / generate.SETTINGS} says what is served

Calls to try from another terminal:
  {dragoman} call {url} search query="latest quarterly sales report"
  {dragoman} call {url} fetch uri="docs://documents/{latest["report"]}#page=2"
  {dragoman} call {url} query source=sales sql="{latest["sql"]}"
  {dragoman} call {url} run tool=check_books arguments='{{"quarter": "{latest["slug"]}"}}'
  {dragoman} call {url} history uri="git://code/pricing/price.py"
  {dragoman} call {url} fetch uri="logs://builds/{failed["log"]}"
  {dragoman} ask --server acme={url} --model ollama/llama3.2 "Summarize the latest sales report"
  (without a model: make assistant, and --model http://{HOST}:8849/v1#scripted)
The report of {latest["quarter"]} states {latest["total"]}, and the query and the script give the same.

Claude Desktop (claude_desktop_config.json):
{_json({"mcpServers": {"acme": {"command": stdio[0], "args": stdio[1:]}}})}

Cursor (.cursor/mcp.json):
{_json({"mcpServers": {"acme": {"url": url}}})}

VS Code (.vscode/mcp.json):
{_json({"servers": {"acme": {"type": "http", "url": url}}})}

Ctrl-C stops the server.
"""


def _json(value: object) -> str:
    return json.dumps(value, indent=2)


def _shown(path: Path) -> str:
    """The path from where the user stands, when that is shorter."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return an exit status when the server can't start; otherwise this process becomes the server."""
    parser = argparse.ArgumentParser(description="Serve the made company Acme over HTTP.")
    parser.add_argument("--port", type=int, default=8848)
    parser.add_argument("--data", type=Path, default=DATA, help="where the data is, or will be made")
    parser.add_argument("--lines", type=int, default=generate.LINES, help="order lines in the sales database")
    options = parser.parse_args(arguments)
    data = options.data.absolute()
    if not 1 <= options.port <= 65535:
        print(f"demo: {options.port} is not a port; choose one from 1 to 65535", file=sys.stderr)
        return 2
    if not free(options.port):
        other = next((port for port in range(options.port + 1, 65536) if free(port)), 8849)
        print(
            f"demo: port {options.port} is in use or not allowed; choose another, for example: make demo PORT={other}",
            file=sys.stderr,
        )
        return 2
    if not generate.is_current(data, 1, options.lines):
        print("Making the company's data; this is done once.", file=sys.stderr)
        status = generate.main([str(data), "--lines", str(options.lines)])
        if status:
            return status
    approve(data)
    print(welcome(data, options.port), flush=True)
    # Imported late, as above.  In this process, so that Ctrl-C and the exit status are the server's own.
    from dragoman.cli import main as dragoman

    return dragoman(command(data, "--http", "--port", str(options.port))[3:])


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
