"""Every "no" of the service as one JSON object, ``{"error": {"kind", "message"}}``, and never a traceback."""

import logging
import sqlite3
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from stvsr.errors import JobError, NoSuchJobError, RequestError, STVSRError

log = logging.getLogger(__name__)


class TokenError(RequestError):
    """No token, or a wrong one."""


class PathError(RequestError):
    """A path that is not in an allowed folder."""


class TooLargeError(RequestError):
    """More bytes than the service takes."""


class DiskFullError(RequestError):
    """The service's disk has no room for this."""


STATUS: dict[type[Exception], int] = {
    TokenError: 401,
    PathError: 403,
    NoSuchJobError: 404,
    JobError: 409,
    TooLargeError: 413,
    DiskFullError: 507,
    STVSRError: 422,
}
"""The first that fits counts."""


class Reason(BaseModel):
    """What went wrong."""

    kind: str
    """A class of `stvsr.errors`, or the name of the HTTP status."""
    message: str
    """What happened, what was found, and what to do."""


class Refused(BaseModel):
    """Every answer that is not a success."""

    error: Reason


def answers(*codes: int) -> dict[int | str, dict[str, object]]:
    """For the documentation of an endpoint."""
    return {code: {"model": Refused, "description": HTTPStatus(code).phrase} for code in codes}


def refuse(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer. Characters that UTF-8 does not have, which JSON can smuggle in, become question marks."""
    message = message.encode(errors="replace").decode()
    return JSONResponse({"error": {"kind": kind, "message": message}}, status_code=status, headers=headers)


def refusal(error: STVSRError) -> JSONResponse:
    """The answer to an error of ours."""
    status = next(status for kind, status in STATUS.items() if isinstance(error, kind))
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return refuse(status, type(error).__name__, str(error), headers)


def install(app: FastAPI) -> None:
    """Let every error of the app's endpoints end here."""

    @app.exception_handler(STVSRError)
    def ours(_: Request, error: STVSRError) -> JSONResponse:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    def misunderstood(_: Request, error: RequestValidationError) -> JSONResponse:
        faults = [f"{'.'.join(map(str, fault['loc'][1:])) or 'body'}: {fault['msg']}" for fault in error.errors()]
        return refuse(422, "SettingsError", f"{'; '.join(faults)}. /openapi.json tells what is understood.")

    @app.exception_handler(HTTPException)
    def plain(_: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 413:
            return refusal(TooLargeError(error.detail))
        kind = HTTPStatus(error.status_code).phrase.replace(" ", "")
        return refuse(error.status_code, kind, f"{error.detail}. /openapi.json tells what is here.", error.headers)

    @app.exception_handler(sqlite3.OperationalError)
    def unwritable(_: Request, error: sqlite3.OperationalError) -> JSONResponse:
        log.error("the queue cannot be written: %s", error)
        return refusal(DiskFullError(f"The queue cannot be written ({error}). See that its disk has room."))

    @app.exception_handler(Exception)
    def unforeseen(_: Request, error: Exception) -> JSONResponse:
        message = f"{type(error).__name__}. This is a mistake in stvsr, not yours; the service's log has the details."
        return refuse(500, "InternalError", message)
