"""Who may ask, and what a page may do. Middleware of the server; it knows no traces.

On the loopback, requests must name it in ``Host``: a page of a stranger's site that resolves its own name to this
machine is refused (DNS rebinding). Elsewhere a token is asked for, once in the URL and then as a cookie. Writing needs
``Content-Type: application/json``, which no other site can send without asking first.
"""

import hmac
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from tracegen.browse import is_loopback

COOKIE = "tracegen_token"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """A signal of aiohttp: to every answer, errors too."""
    del request
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def guard(token: str) -> object:
    """The middleware that lets in: with a token who has it, else who names the loopback."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if token and not _same(request.cookies.get(COOKIE, ""), token):
            return _with_token(request, token)
        if not token and not _names_loopback(request.headers.get("Host", "")):
            raise web.HTTPForbidden(text="this server answers to localhost and 127.0.0.1 only\n")
        if request.method not in ("GET", "HEAD") and request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="only application/json is written\n")
        return await handler(request)

    return guarded


def _with_token(request: web.Request, token: str) -> web.StreamResponse:
    """The first visit: the token moves from the URL into a cookie."""
    if not _same(request.query.get("token", ""), token):
        raise web.HTTPForbidden(text="the URL that `tracegen browse` printed has a token: open that one\n")
    rest = [(name, value) for name, value in request.query.items() if name != "token"]
    response = web.HTTPSeeOther(request.path + (f"?{urlencode(rest)}" if rest else ""))
    response.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
    raise response


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _names_loopback(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name)
