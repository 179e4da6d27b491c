"""What passes between the wire and the protocols: requests, responses, and their errors."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

Headers = tuple[tuple[bytes, bytes], ...]
MAX_QUERY_FIELDS = 100


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. Its length, and the request's id, are added when it is sent."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    headers: Headers = ()


class HttpError(Exception):
    """Ends a request with a status and one sentence for the client."""

    def __init__(self, status: int, message: str, headers: Headers = ()) -> None:
        self.status = status
        self.message = message
        self.headers = headers
        super().__init__(message)


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


def json_response(value: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status, orjson.dumps(value))


def error_response(error: HttpError, request_id: str) -> Response:
    """Every error has this form."""
    body = orjson.dumps({"error": error.message, "request_id": request_id})
    return Response(error.status, body, headers=error.headers)


class Request:
    """A request whose body is still on the wire."""

    def __init__(self, scope: Scope, receive: Receive, request_id: str) -> None:
        self.scope = scope
        self.request_id = request_id
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.started_s = time.perf_counter()
        self.body_complete = False
        self._receive = receive

    def header(self, name: bytes) -> str | None:
        """The first header of a name, which is given in lower case."""
        for key, value in self.scope["headers"]:
            if key == name:
                return str(value.decode("latin-1"))
        return None

    def query(self) -> list[tuple[str, str]]:
        """The fields behind the question mark, in order.

        Raises:
            HttpError: there are too many of them.
        """
        try:
            return parse_qsl(
                self.scope["query_string"].decode("latin-1"),
                keep_blank_values=True,
                max_num_fields=MAX_QUERY_FIELDS,
            )
        except ValueError as error:
            raise HttpError(400, "the query has too many fields") from error

    def content_length(self) -> int | None:
        """The body's size as the client announces it; None for a chunked body.

        Raises:
            HttpError: it is not a number.
        """
        announced = self.header(b"content-length")
        if announced is None:
            return None
        if not announced.isascii() or not announced.isdigit():
            raise HttpError(400, f"content-length is {announced[:20]!r}, expected a number")
        return int(announced[:20])

    async def body(self, limit_bytes: int) -> bytes:
        """The whole body. Its announced size is judged before a byte is read, the true one after.

        Raises:
            HttpError: 413, it is larger than the limit.
            ClientGone: it ended before it was complete.
        """
        announced = self.content_length()
        if announced is not None and announced > limit_bytes:
            raise _too_large(f"{announced} bytes", limit_bytes)
        pieces: list[bytes] = []
        size = 0
        while not self.body_complete:
            piece = await self.next_piece()
            size += len(piece)
            if size > limit_bytes:
                raise _too_large("more", limit_bytes)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def next_piece(self) -> bytes:
        """What has arrived of the body since the last call.

        Raises:
            ClientGone: the connection was closed.
        """
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self.body_complete = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece


def _too_large(size: str, limit_bytes: int) -> HttpError:
    return HttpError(413, f"the body has {size}; at most {limit_bytes} bytes are taken")
