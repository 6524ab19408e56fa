"""The web server of `tracegen browse`: routes, errors of one line, and its life. What is asked is ``api.py``."""

import asyncio
from collections.abc import Callable
from importlib.resources import files

from aiohttp import web
from aiohttp.typedefs import Handler

from tracegen.browse import api
from tracegen.browse.desk import Desk
from tracegen.browse.place import Place
from tracegen.browse.questions import TooSlow
from tracegen.browse.security import add_headers, guard
from tracegen.errors import StoreError, StoreUnavailable, TracegenError, UserError

STATIC = {
    "style.css": "text/css",
    "app.js": "text/javascript",
    "list.js": "text/javascript",
    "trace.js": "text/javascript",
    "text.js": "text/javascript",
    "dom.js": "text/javascript",
    "katex.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
MOST_BYTES_SENT = 64 * 1024
"""Of a note."""


def application(desk: Desk, token: str = "") -> web.Application:
    """The server over an open place; with a token, only for who has it."""
    app = web.Application(middlewares=[guard(token), _told], client_max_size=MOST_BYTES_SENT)  # type: ignore[list-item]
    app[api.DESK] = desk
    app.on_response_prepare.append(add_headers)
    app.router.add_get("/", _page)
    app.router.add_get("/trace/{id}", _page)
    app.router.add_get("/static/{name}", _static)
    # Where browsers look after a page that names no icon, as a refusal is.
    app.router.add_get("/favicon.ico", _icon)
    app.router.add_get("/api/about", api.about)
    app.router.add_get("/api/rows", api.rows)
    app.router.add_get("/api/counts", api.count)
    app.router.add_get("/api/openings", api.opening)
    app.router.add_get("/api/search", api.search)
    app.router.add_get("/api/trace/{id}", api.trace)
    app.router.add_put("/api/notes/{id}", api.put_note)
    return app


async def serve(place: Place, host: str, port: int, token: str, ready: Callable[[str], None]) -> None:
    """Serve until cancelled. ``ready`` is told the URL. Raises UserError where the port is taken."""
    desk = await asyncio.to_thread(Desk, place)
    runner = web.AppRunner(application(desk, token), access_log=None, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        bound = runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        ready(f"http://{shown}:{bound}/" + (f"?token={token}" if token else ""))
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
        desk.dataset.close()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror}", hint="name another --port") from error


@web.middleware
async def _told(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as one line of JSON."""
    try:
        return await handler(request)
    except web.HTTPError as error:
        return _error(error.status, error.text or error.reason)
    except StoreUnavailable as error:
        return _error(503, str(error))
    except UserError as error:
        return _error(400, str(error))
    except TooSlow as error:
        return _error(504, str(error))
    except (StoreError, TracegenError) as error:
        return _error(500, str(error))


def _error(status: int, text: str) -> web.Response:
    return web.json_response({"error": " ".join(text.split())}, status=status)


async def _page(request: web.Request) -> web.Response:
    del request
    return web.Response(body=_file("index.html"), content_type="text/html", charset="utf-8")


async def _static(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in STATIC:
        raise web.HTTPNotFound(text=f"no file {name[:80]!r}")
    return web.Response(body=_file(name), content_type=STATIC[name], charset="utf-8")


async def _icon(request: web.Request) -> web.Response:
    del request
    return web.Response(body=_file("icon.svg"), content_type=STATIC["icon.svg"], charset="utf-8")


def _file(name: str) -> bytes:
    return files("tracegen.browse").joinpath("static", name).read_bytes()
