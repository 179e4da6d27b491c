"""Asks an ASGI application in this process, with or without its lifespan."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from wfctl.serve.messages import Application, Message

LIFESPAN_TIMEOUT_S = 20


class AsgiClient:
    """Synchronous requests, each run to its end on one event loop."""

    def __init__(self, application: Application, runner: asyncio.Runner) -> None:
        self._application = application
        self._runner = runner

    def request(self, method: str, path: str, content: bytes | None = None) -> httpx.Response:
        return self._runner.run(self._request(method, path, content))

    async def _request(self, method: str, path: str, content: bytes | None) -> httpx.Response:
        transport = httpx.ASGITransport(self._application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, content=content)


@contextmanager
def asgi_client(application: Application, lifespan: bool = True) -> Iterator[AsgiClient]:
    """A client; the application is started before, and shut down after, if it wants."""
    with asyncio.Runner() as runner:
        if not lifespan:
            yield AsgiClient(application, runner)
            return
        to_app: asyncio.Queue[Message] = asyncio.Queue()
        from_app: asyncio.Queue[Message] = asyncio.Queue()

        async def start() -> asyncio.Task[None]:
            task = asyncio.create_task(_run_lifespan(application, to_app, from_app))
            await to_app.put({"type": "lifespan.startup"})
            async with asyncio.timeout(LIFESPAN_TIMEOUT_S):
                assert (await from_app.get())["type"] == "lifespan.startup.complete"
            return task

        async def stop(task: asyncio.Task[None]) -> None:
            await to_app.put({"type": "lifespan.shutdown"})
            async with asyncio.timeout(LIFESPAN_TIMEOUT_S):
                assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
                await task

        task = runner.run(start())
        try:
            yield AsgiClient(application, runner)
        finally:
            runner.run(stop(task))


async def _run_lifespan(
    application: Application, to_app: "asyncio.Queue[Message]", from_app: "asyncio.Queue[Message]"
) -> None:
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    await application(scope, to_app.get, from_app.put)
