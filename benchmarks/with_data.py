"""The demo's budgets: how soon its port is open, all is indexed, a second start answers; PDF text; search."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import environments
import load
import processes

ROOT = environments.ROOT
CHUNKS = 20_000
SEARCHES = 60


def call(port: int, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the structured content of one tool call."""
    params = {"name": tool, "arguments": arguments, "_meta": load.META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
    status, answer = asyncio.run(load.exchange(port, load.request(port, body, {"Mcp-Name": tool})))
    if status != 200:
        raise RuntimeError(f"{tool} was answered with {status}: {answer[:300]!r}")
    result = json.loads(answer)["result"]
    return result.get("structuredContent") or {"text": result["content"][0]["text"]}


def start(python: Path, sources: list[Path], cache: Path) -> tuple[subprocess.Popen[bytes], int, float]:
    """Serve `sources`; return the process, its port and the seconds until the port was open."""
    port = processes.free_port()
    began = time.monotonic()
    process = subprocess.Popen(
        [python, "-m", "dragoman", "serve", *sources, "--http", "--port", str(port)],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while time.monotonic() - began < 30 and process.poll() is None:
        try:
            asyncio.run(_open(port))
            return process, port, time.monotonic() - began
        except OSError:
            time.sleep(0.01)
    raise RuntimeError("dragoman serve did not start")


async def _open(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(20)


def indexed(port: int, most: float) -> float:
    """Return the seconds until the list of sources no longer says that indexing goes on."""
    began = time.monotonic()
    while time.monotonic() - began < most:
        if "goes on" not in json.dumps(call(port, "list", {})):
            return time.monotonic() - began
        time.sleep(0.1)
    return most


def acme(python: Path, folder: Path, table: Any) -> None:
    """The demo: from made data to the first answer, and again."""
    subprocess.run([sys.executable, ROOT / "examples/acme/generate.py", folder / "acme"], check=True, stdout=sys.stderr)
    sources = [folder / "acme" / "documents", folder / "acme" / "sales.db"]
    process, port, opened = start(python, sources, folder / "cache")
    done = opened + indexed(port, 120)
    stop(process)
    table.add("demo: seconds until the port is open", opened, 2)
    table.add("demo: seconds until all is indexed", done, 60)
    began = time.monotonic()
    process, port, _ = start(python, sources, folder / "cache")
    call(port, "search", {"query": "latest quarterly sales report"})
    table.add("demo: seconds of a second start to its first answer", time.monotonic() - began, 2)
    stop(process)


def pdf(python: Path, folder: Path, table: Any) -> None:
    """Pages of text per second, through the reader that the server uses."""
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from dragoman.connectors.extract.pdf import read_pdf\n"
        "files = [file.read_bytes() for file in sorted(Path(sys.argv[1]).rglob('*.pdf'))]\n"
        "pages, began = 0, time.process_time()\n"
        "while time.process_time() - began < 3:\n"
        "    for file in files:\n"
        "        pages += len(read_pdf(file).parts)\n"
        "print(pages / (time.process_time() - began))\n"
    )
    done = subprocess.run(
        [python, "-c", program, folder / "acme" / "documents"], check=True, capture_output=True, text=True
    )
    table.add("PDF text: pages per CPU second", float(done.stdout), 500, at_least=True)


def search(python: Path, folder: Path, table: Any) -> None:
    """The middle time of a search over 20,000 chunks, through HTTP."""
    corpus = folder / "corpus"
    corpus.mkdir()
    words = (ROOT / "docs" / "design" / "house.md").read_text("utf-8").split()
    for number in range(200):
        lines = []
        for part in range(CHUNKS // 200):
            at = (number * 131 + part * 17) % (len(words) - 60)
            lines.append(f"## Part {number}-{part}\n\n{' '.join(words[at : at + 60])} token{number * 100 + part}\n")
        (corpus / f"note-{number}.md").write_text("\n".join(lines), "utf-8")
    process, port, _ = start(python, [corpus], folder / "cache")
    indexed(port, 120)
    times = []
    for number in range(SEARCHES):
        began = time.perf_counter()
        call(port, "search", {"query": f"protocol {words[number * 7 % len(words)]} token{number * 97}"})
        times.append((time.perf_counter() - began) * 1e3)
    stop(process)
    table.add(f"search over {CHUNKS:,} chunks: p50 in ms", median(times), 10)


def measure(table: Any) -> None:
    """Add the rows of all that serves data."""
    python = environments.ours("all")
    folder = Path(tempfile.mkdtemp(prefix="dragoman-bench-"))
    try:
        acme(python, folder, table)
        pdf(python, folder, table)
        search(python, folder, table)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
