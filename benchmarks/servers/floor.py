"""No protocol at all: the least that an ASGI server can do with the same bytes. `floor.py PORT`."""

import sys

import msgspec
import uvicorn


class Arguments(msgspec.Struct):
    a: int
    b: int


class Parameters(msgspec.Struct):
    name: str
    arguments: Arguments


class Request(msgspec.Struct):
    id: int
    params: Parameters


decode = msgspec.json.Decoder(Request).decode
encode = msgspec.json.Encoder().encode


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    request = decode(body)
    total = request.params.arguments.a + request.params.arguments.b
    result = {"content": [{"type": "text", "text": str(total)}], "structuredContent": {"result": total}}
    answer = encode({"jsonrpc": "2.0", "id": request.id, "result": {"resultType": "complete", **result}})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    port = int(sys.argv[1])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", loop="uvloop", http="httptools", lifespan="off")
