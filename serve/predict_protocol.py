"""`POST /predict`: one sample in whatever form it has, labelled scores out."""

import asyncio
import difflib
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from ..core.decode import DEFAULT_LIMITS, Limits
from ..core.manifest import NumberInput
from .media import JSON, MULTIPART, MediaType, check_media, decode_body
from .messages import HttpError, Request, Response, json_response

if TYPE_CHECKING:
    from .runtime import Answer, Runtime

ROUTE = "/predict"
TOP_K = "top_k"


class PredictProtocol:
    """Answers requests with a model that may not be there yet.

    Args:
        runtime: the model, or None while the service is not ready.
        pool: threads in which samples are decoded and predicted.
    """

    route = ROUTE
    methods = ("POST",)

    def __init__(
        self,
        runtime: "Callable[[], Runtime | None]",
        pool: Executor,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._runtime = runtime
        self._pool = pool
        self._limits = limits

    async def answer(self, request: Request) -> Response:
        """The answer to one request.

        Raises:
            HttpError, InputError: the request cannot be answered, and why.
            ClientGone: the client did not wait.
        """
        runtime = self._runtime()
        if runtime is None:
            raise HttpError(503, "the model is not ready yet", ((b"retry-after", b"1"),))
        top_k = _top_k(request)
        media = MediaType.parse(request.header(b"content-type"))
        check_media(runtime.manifest, media)
        coding = request.header(b"content-encoding") or "identity"
        if coding.lower() != "identity":
            raise HttpError(415, f"content-encoding {coding[:40]!r} is not taken; send it plain")
        body = await request.body(self._body_limit(media))
        answer = await self._run(runtime, media, body, top_k)
        return json_response(answer)

    def _body_limit(self, media: MediaType) -> int:
        """Bytes of body; base64 and multipart wrap the file in about half as much again."""
        wrapped = media.essence in {JSON, MULTIPART}
        return self._limits.max_bytes * 3 // 2 if wrapped else self._limits.max_bytes

    async def _run(
        self, runtime: "Runtime", media: MediaType, body: bytes, top_k: int | None
    ) -> "Answer":
        def work() -> "Answer":
            return runtime.answer(decode_body(runtime.manifest, media, body, self._limits), top_k)

        # A number costs less than the way to a thread and back.
        if isinstance(runtime.manifest.host_preprocess, NumberInput) and len(body) < 1024:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _top_k(request: Request) -> int | None:
    """The query's `top_k`, or None; any other field is a mistake that must not pass unseen."""
    found: str | None = None
    for key, value in request.query():
        if key != TOP_K:
            close = difflib.get_close_matches(key, [TOP_K], n=1, cutoff=0.4)
            hint = f"did you mean {TOP_K!r}?" if close else f"known: {TOP_K!r}"
            raise HttpError(400, f"unknown query parameter {key[:60]!r} ({hint})")
        found = value
    if found is None:
        return None
    if not (found.isascii() and found.isdigit() and len(found) <= 9 and int(found) >= 1):
        raise HttpError(400, f"{TOP_K} is {found[:40]!r}, expected a whole number from 1 on")
    return int(found)
