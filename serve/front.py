"""The ASGI application in front of BentoML's: our routes are answered here, the rest is passed on.

Every answer carries `x-request-id`; every error, BentoML's too, is `{"error", "request_id"}`.
"""

import asyncio
import difflib
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Mapping
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse
from starlette.routing import Match, Route

from ..core.errors import InputError
from .messages import (
    ClientGone,
    HttpError,
    Message,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    error_response,
)
from .metrics import process_metrics

logger = logging.getLogger("wfctl.serve")

REQUEST_ID = b"x-request-id"
REQUEST_ID_KEY = "wfctl.request_id"
GIVEN_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
OTHER_ROUTE = "other"
STATUS_CLIENT_GONE = 499
LINGER_S = 2.0
LINGER_BYTES = 64 * 2**20


class WireProtocol(Protocol):
    """What answers the requests of one route."""

    @property
    def route(self) -> str:
        """The path, which is also the label in metrics."""
        ...

    @property
    def methods(self) -> tuple[str, ...]:
        """What is allowed."""
        ...

    def answer(self, request: Request) -> Awaitable[Response]:
        """The answer; raises HttpError, InputError or ClientGone."""


class Front:
    """Routes by exact path.

    Args:
        inner: BentoML's application, which also gets the lifespan.
        protocols: what is answered here.
        model, version: labels of the metrics.
    """

    def __init__(
        self, inner: Starlette, protocols: Mapping[str, WireProtocol], model: str, version: str
    ) -> None:
        self._inner = inner
        self._protocols = protocols
        self._model = model
        self._version = version
        inner.add_exception_handler(HTTPException, _inner_error)
        inner.add_exception_handler(Exception, _inner_error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection event of ASGI."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        request = Request(scope, receive, request_id_of(scope))
        scope[REQUEST_ID_KEY] = request.request_id
        protocol = self._protocols.get(request.path)
        if protocol is None and self._is_of_inner(scope):
            await self._inner(scope, receive, with_request_id(send, request.request_id))
            return
        response: Response | None = None
        try:
            response = await self._answer(request, protocol)
            await _send(request, response, send)
        except ClientGone:
            pass
        finally:
            route = OTHER_ROUTE if protocol is None else protocol.route
            status = STATUS_CLIENT_GONE if response is None else response.status
            duration_s = time.perf_counter() - request.started_s
            process_metrics().observe(route, self._model, self._version, status, duration_s)

    async def _answer(self, request: Request, protocol: WireProtocol | None) -> Response:
        try:
            if protocol is None:
                raise HttpError(404, self._not_found(request.path))
            if request.method not in protocol.methods:
                allowed = ", ".join(protocol.methods)
                raise HttpError(
                    405,
                    f"{protocol.route} takes {allowed}, not {request.method[:20]}",
                    ((b"allow", allowed.encode()),),
                )
            return await protocol.answer(request)
        except HttpError as error:
            return error_response(error, request.request_id)
        except InputError as error:
            return error_response(HttpError(error.status, str(error)), request.request_id)
        except (ClientGone, asyncio.CancelledError):
            raise
        except Exception:
            logger.exception("request %s failed", request.request_id)
            message = "the server failed; its log says why, under this request id"
            return error_response(HttpError(500, message), request.request_id)

    def _is_of_inner(self, scope: Scope) -> bool:
        return any(route.matches(scope)[0] is not Match.NONE for route in self._inner.routes)

    def _not_found(self, path: str) -> str:
        known = [*self._protocols]
        known += [route.path for route in self._inner.routes if isinstance(route, Route)]
        close = difflib.get_close_matches(path, known, n=1, cutoff=0.6)
        hint = f"did you mean {close[0]!r}?" if close else f"the model answers at {known[0]!r}"
        return f"there is no {path[:200]!r} here ({hint})"


def request_id_of(scope: Scope) -> str:
    """The client's own request id when it gave a plain one, otherwise a new one."""
    for key, value in scope["headers"]:
        if key == REQUEST_ID:
            given = value.decode("latin-1")
            if GIVEN_REQUEST_ID.fullmatch(given):
                return str(given)
    return uuid.uuid4().hex


def with_request_id(send: Send, request_id: str) -> Send:
    """A `send` that adds the header to an answer."""

    async def send_with_id(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (REQUEST_ID, request_id.encode())]
            message = {**message, "headers": headers}
        await send(message)

    return send_with_id


async def _send(request: Request, response: Response, send: Send) -> None:
    """Send an answer; behind one given before the body was read, close the connection."""
    early = not request.body_complete and _announces_body(request)
    headers = [
        (b"content-type", response.content_type),
        (b"content-length", str(len(response.body)).encode()),
        (REQUEST_ID, request.request_id.encode()),
        *response.headers,
    ]
    if early:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if early:
        await send({"type": "http.response.body", "body": response.body, "more_body": True})
        await _linger(request)
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": response.body})


def _announces_body(request: Request) -> bool:
    if request.header(b"transfer-encoding"):
        return True
    return (request.header(b"content-length") or "0") != "0"


async def _linger(request: Request) -> None:
    """Throw away what a client is still sending, within limits.

    Closing at once would reset the connection under the answer, and the client would never see it.
    One that asked `Expect: 100-continue` sends nothing more.
    """
    if request.header(b"expect"):
        return
    thrown_away = 0
    try:
        async with asyncio.timeout(LINGER_S):
            while not request.body_complete and thrown_away < LINGER_BYTES:
                thrown_away += len(await request.next_piece())
    except (TimeoutError, ClientGone):
        return


async def _inner_error(request: StarletteRequest, error: Exception) -> StarletteResponse:
    """BentoML's own errors in our form."""
    if isinstance(error, HTTPException):
        status, headers = error.status_code, dict(error.headers or {})
        message = str(error.detail)
    else:
        request_id = request.scope[REQUEST_ID_KEY]
        logger.error("request %s failed inside BentoML: %r", request_id, error)
        status, headers = 500, {}
        message = "the server failed; its log says why, under this request id"
    body = error_response(HttpError(status, message), request.scope[REQUEST_ID_KEY]).body
    return StarletteResponse(body, status, headers, media_type="application/json")
