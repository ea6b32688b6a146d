"""The measured application on aiohttp: `python -m bench.peers.aiohttp_app --loop uvloop --port 8000`."""

import msgspec.json
from aiohttp import web

from bench.loops import new_loop
from bench.peers._loops import arguments


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello, World!")


async def greet(request: web.Request) -> web.Response:
    return web.Response(text=f"Greetings, {request.match_info['name']}!")


async def message(request: web.Request) -> web.Response:
    body = msgspec.json.encode({"message": "Hello, World!"})
    return web.Response(body=body, content_type="application/json")


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


if __name__ == "__main__":
    args = arguments().parse_args()
    app = web.Application()
    app.router.add_get("/", hello)
    app.router.add_get("/greet/{name}", greet)
    app.router.add_get("/json", message)
    app.router.add_post("/echo", echo)
    loop = new_loop(args.loop)
    web.run_app(app, host="127.0.0.1", port=args.port, access_log=None, print=None, loop=loop, backlog=1024)
