"""A server over stdio: time to its first reply, round trips, memory."""

import json
import subprocess
import time
from pathlib import Path
from statistics import median

import load

SERVERS = Path(__file__).parent / "servers"
CALLS = 1000


def measure(python: Path, server: str) -> dict[str, float]:
    """Start a server, discover, call it; return milliseconds and MB."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [python, SERVERS / server, "stdio"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
    )  # fmt: skip

    def call(number: int, method: str, params: dict) -> dict:
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, "_meta": load.META}}
        process.stdin.write(json.dumps(message).encode() + b"\n")
        while line := process.stdout.readline():
            reply = json.loads(line)
            if reply.get("id") == number:
                return reply
        raise RuntimeError(f"{server} ended")

    call(0, "server/discover", {})
    first = time.perf_counter() - began
    times = []
    for number in range(1, CALLS + 1):
        start = time.perf_counter()
        reply = call(number, "tools/call", {"name": "add", "arguments": {"a": number, "b": 1}})
        times.append(time.perf_counter() - start)
    if reply["result"]["structuredContent"]["result"] != CALLS + 1:
        raise RuntimeError(f"{server} answered {reply}")
    status = Path(f"/proc/{process.pid}/status").read_text()
    memory = int(status.split("VmRSS:")[1].split()[0]) / 1024
    process.stdin.close()
    process.wait(10)
    return {"first_ms": first * 1e3, "p50_ms": median(times) * 1e3, "rss_mb": memory}


def compare(ours: Path, rival: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Return for each figure ours, the rival's and the ratio, as medians over the rounds."""
    pairs = [(measure(ours, "ours.py"), measure(rival, "official.py")) for _ in range(rounds)]
    figures = {}
    for name in pairs[0][0]:
        figures[name] = {
            "ours": median(mine[name] for mine, _ in pairs),
            "mcp": median(theirs[name] for _, theirs in pairs),
            "ratio": median(mine[name] / theirs[name] for mine, theirs in pairs),
        }
    return figures
