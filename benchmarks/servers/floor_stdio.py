"""No protocol at all: the least that a program can do with the same lines. `floor_stdio.py stdio`."""

import sys

import msgspec


class Arguments(msgspec.Struct):
    a: int = 0
    b: int = 0


class Parameters(msgspec.Struct):
    arguments: Arguments = msgspec.field(default_factory=Arguments)


class Request(msgspec.Struct):
    id: int
    method: str
    params: Parameters


decode = msgspec.json.Decoder(Request).decode
encode = msgspec.json.Encoder().encode
out = sys.stdout.buffer
for line in sys.stdin.buffer:
    request = decode(line)
    total = request.params.arguments.a + request.params.arguments.b
    result = {"content": [{"type": "text", "text": str(total)}], "structuredContent": {"result": total}}
    out.write(encode({"jsonrpc": "2.0", "id": request.id, "result": {"resultType": "complete", **result}}) + b"\n")
    out.flush()
