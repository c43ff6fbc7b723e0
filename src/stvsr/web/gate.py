"""Who may see the page, and what the page may load: nothing that does not come from here."""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stvsr.service.gate import limited
from stvsr.service.refusals import TooLargeError, refusal
from stvsr.service.settings import is_loopback

COOKIE = "stvsr"
OWN_THINGS_ONLY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)
"""A Content-Security-Policy: the browser itself refuses whatever the page might ask of another machine."""
LARGEST_QUESTION = 2**20
"""Bytes of any body that is not a film."""
QUESTION = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
<title>stvsr</title><body style="font: 1.1rem system-ui; max-width: 26rem; margin: 15vh auto; padding: 0 1rem">
<h1>stvsr</h1><form method="get" action="/"><label>Token <input name="token" type="password" autofocus required
style="font: inherit; width: 100%; margin: .5rem 0"></label><button style="font: inherit">Enter</button></form>
<p>{why} The command line that started the page has said where the token is.</p>"""


class Gate:
    """ASGI middleware. With a token: lets in who has shown it once, by ``?token=`` in the address or in a form.
    Without one: only this machine's own browser. Pages of other sites get in neither way.

    largest: for some paths, the bytes of a body that may come; elsewhere LARGEST_QUESTION.
    """

    def __init__(self, app: ASGIApp, token: str | None, largest: Mapping[str, int]) -> None:
        self._app, self._token, self._largest = app, token, largest
        self._pass = sha256((token or "").encode()).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers, largest = Headers(scope=scope), self._largest.get(scope["path"], LARGEST_QUESTION)
        shown = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if self._token is not None and hmac.compare_digest(shown.encode(), self._token.encode()):
            answer: Response = RedirectResponse(scope["path"], status_code=303)  # the token leaves the address bar
            answer.set_cookie(COOKIE, self._pass, httponly=True, samesite="lax", max_age=30 * 86400)
        elif (why := self.why_not(headers)) is not None:
            answer = HTMLResponse(QUESTION.format(why="That is not the token." if shown else why), status_code=401)
        elif int(headers.get("content-length", 0)) > largest:
            answer = refusal(TooLargeError(f"This page takes films of up to {largest / 2**30:.3g} GiB; it is larger."))
        else:
            return await self._app(scope, limited(receive, largest), own_things_only(send))
        return await answer(scope, receive, send)

    def why_not(self, headers: Headers) -> str | None:
        """None for those who may come in."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return "A page of another site asked for this."
        if self._token is None:
            # a name of somebody else's that leads to this machine must not get in
            own = is_loopback(urlsplit(f"//{host}").hostname or "")
            return None if own else "Without a token, the page is for this machine's own browser."
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            found = None
        good = found is not None and hmac.compare_digest(found.value.encode(), self._pass.encode())
        return None if good else "This page is not open to everyone."


def own_things_only(send: Send) -> Send:
    """The same, with answers that tell the browser to load nothing from elsewhere."""

    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = OWN_THINGS_ONLY
            headers["Referrer-Policy"] = "no-referrer"
        await send(message)

    return send_guarded
