"""Who may come in, and with how much: looked at before anything else of a request is read."""

import hmac
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stvsr.errors import RequestError
from stvsr.service.refusals import TokenError, TooLargeError, refusal
from stvsr.service.settings import is_loopback

OPEN = ("/openapi.json", "/v1/health")
"""What anyone may see."""
LARGEST_QUESTION = 64 * 2**10
"""Bytes of any body that is not a film."""
TOO_LARGE = "The body has more than the {largest} bytes that this service takes; --max-upload is the limit of films."


class Gate:
    """ASGI middleware: lets through who shows the token; without a token, only this machine's own programs.

    largest: for some paths, the bytes of a body that may come; elsewhere LARGEST_QUESTION.
    """

    def __init__(self, app: ASGIApp, token: str | None, largest: Mapping[str, int]) -> None:
        self._app, self._token, self._largest = app, token, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers, largest = Headers(scope=scope), self._largest.get(scope["path"], LARGEST_QUESTION)
        try:
            if scope["path"] not in OPEN:
                self.check_token(headers)
            if int(headers.get("content-length", 0)) > largest:
                raise TooLargeError(TOO_LARGE.format(largest=largest))
        except RequestError as error:
            return await refusal(error)(scope, receive, send)
        return await self._app(scope, limited(receive, largest), send)

    def check_token(self, headers: Headers) -> None:
        """Raises TokenError."""
        if self._token is None:
            # A page from elsewhere in this machine's browser must not get in: neither by asking, nor by a name of its
            # own that leads here.
            host = headers.get("host", "").rsplit(":", 1)[0].strip("[]")
            if not is_loopback(host) or "origin" in headers:
                raise TokenError("Without a token, only programs on this machine may use the service, and no web page.")
            return
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        # bytes, and in constant time: the answer's delay must not tell how much of a guess was right
        if scheme.lower() != "bearer" or not hmac.compare_digest(shown.strip().encode(), self._token.encode()):
            raise TokenError("The token is missing or wrong. Send the header `Authorization: Bearer TOKEN`.")


def limited(receive: Receive, largest: int) -> Receive:
    """The same, for a body whose length was not announced, or was announced wrongly."""
    come = 0

    async def receive_some() -> Message:
        nonlocal come
        message = await receive()
        come += len(message.get("body", b""))
        if come > largest:
            raise HTTPException(413, TOO_LARGE.format(largest=largest))  # FastAPI lets no other kind pass
        return message

    return receive_some
