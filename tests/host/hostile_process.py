"""A hostile server on stdio, written by hand: die, never, twice, flood, babble. No library would do what it does."""

from __future__ import annotations

import json
import sys
from typing import Any


def _answer(trick: str, message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a process says to a request, in the handshake era, written by hand: no library would say this."""
    method, id_ = message.get("method"), message.get("id")
    if method == "initialize":
        info = {"name": "h", "version": "1"}
        version = message["params"]["protocolVersion"]
        result: Any = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        return [{"jsonrpc": "2.0", "id": id_, "result": result}]
    if method == "tools/list":
        tool = {"name": "go", "inputSchema": {"type": "object"}}
        return [{"jsonrpc": "2.0", "id": id_, "result": {"tools": [tool]}}]
    if method != "tools/call":
        return [] if id_ is None else [{"jsonrpc": "2.0", "id": id_, "error": {"code": -32601, "message": "no"}}]
    text = {"content": [{"type": "text", "text": "first"}]}
    other = {"content": [{"type": "text", "text": "second"}]}
    if trick == "never":
        return []
    if trick == "twice":
        return [{"jsonrpc": "2.0", "id": id_, "result": text}, {"jsonrpc": "2.0", "id": id_, "result": other}]
    if trick == "flood":
        return [{"jsonrpc": "2.0", "id": id_, "result": {"content": [{"type": "text", "text": "y" * 20_000_000}]}}]
    if trick == "babble":
        params = {"level": "info", "data": "z" * 100}
        noise = {"jsonrpc": "2.0", "method": "notifications/message", "params": params}
        return [*[noise] * 5000, {"jsonrpc": "2.0", "id": id_, "result": text}]
    raise SystemExit(3)


def main() -> None:
    """Speak on stdio."""
    for line in sys.stdin:
        for said in _answer(sys.argv[1], json.loads(line)):
            sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
