"""No protocol at all, for what `ours.py roomy` does: progress, a megabyte in, a megabyte out. `floor_roomy.py PORT`."""

import sys

import msgspec
import uvicorn


class Arguments(msgspec.Struct):
    text: str = ""
    size: int = 0
    to: int = 0


class Parameters(msgspec.Struct):
    name: str
    arguments: Arguments


class Request(msgspec.Struct):
    id: int
    params: Parameters


decode = msgspec.json.Decoder(Request).decode
encode = msgspec.json.Encoder().encode
JSON, EVENTS = (b"content-type", b"application/json"), (b"content-type", b"text/event-stream")


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    request = decode(b"".join(parts))
    given = request.params.arguments
    match request.params.name:
        case "count":
            await counted(request.id, given.to, send)
            return
        case "take":
            answer = result(request.id, len(given.text))
        case _:
            answer = result(request.id, "x" * given.size)
    headers = [JSON, (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def result(number, value):
    content = [{"type": "text", "text": str(value)}]
    shown = {"resultType": "complete", "content": content, "structuredContent": {"result": value}}
    return encode({"jsonrpc": "2.0", "id": number, "result": shown})


async def counted(number, to, send):
    await send({"type": "http.response.start", "status": 200, "headers": [EVENTS]})
    for step in range(to):
        params = {"progressToken": "one", "progress": step + 1, "total": to}
        told = encode({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
        await send({"type": "http.response.body", "body": b"data: %b\n\n" % told, "more_body": True})
    await send({"type": "http.response.body", "body": b"data: %b\n\n" % result(number, to)})


if __name__ == "__main__":
    port = int(sys.argv[1])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", loop="uvloop", http="httptools", lifespan="off")
