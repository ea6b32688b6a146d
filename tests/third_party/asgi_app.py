"""The application that uvicorn serves in test_uvicorn.py."""

import asyncio

# In bytes; several times what a socket takes at once.
LARGE = 5_000_000


async def app(scope, receive, send):
    await {"lifespan": lifespan, "http": http, "websocket": websocket}[scope["type"]](scope, receive, send)


async def lifespan(scope, receive, send):
    loop = asyncio.get_running_loop()
    assert (await receive())["type"] == "lifespan.startup"
    print(f"started on {type(loop).__module__}.{type(loop).__name__}", flush=True)
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    print("shut down", flush=True)
    await send({"type": "lifespan.shutdown.complete"})


async def http(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    if scope["path"] == "/echo":
        await send({"type": "http.response.body", "body": body})
    elif scope["path"] == "/slow":
        await asyncio.sleep(1)
        await send({"type": "http.response.body", "body": b"slow answer"})
    elif scope["path"] == "/large":
        for _ in range(LARGE // 100_000):
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        await send({"type": "http.response.body"})
    else:
        await send({"type": "http.response.body", "body": b"hello"})


async def websocket(scope, receive, send):
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        answer = {name: message[name] for name in ("text", "bytes") if message.get(name) is not None}
        await send({"type": "websocket.send", **answer})
