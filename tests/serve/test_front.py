"""The front over a real BentoML application, in process."""

import logging
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response as StarletteResponse

from wfctl.core.errors import InputError
from wfctl.serve import bento_service
from wfctl.serve.front import Front
from wfctl.serve.messages import Application, HttpError, Request, Response, json_response
from wfctl.serve.runtime import Runtime
from wfctl.tests.helpers.asgi_client import AsgiClient, asgi_client


class Broken:
    """Raises what its test wants."""

    route = "/broken"
    methods = ("POST", "GET")
    error: Exception = RuntimeError("a secret path: /etc/passwd")

    async def answer(self, request: Request) -> Response:
        raise self.error


class Echo:
    route = "/echo"
    methods = ("POST",)

    async def answer(self, request: Request) -> Response:
        return json_response((await request.body(100)).decode())


@pytest.fixture
def application(image_artifact: Path) -> Application:
    runtime = Runtime.load(image_artifact)
    return bento_service.make_service(runtime.manifest, lambda: runtime).to_asgi()


@pytest.fixture
def client(application: Application) -> Iterator[AsgiClient]:
    assert isinstance(application, Front)
    application._protocols = {**application._protocols, "/broken": Broken(), "/echo": Echo()}

    async def explode(_: StarletteRequest) -> StarletteResponse:
        raise RuntimeError("a secret in BentoML's part")

    application._inner.add_route("/explode", explode)
    with asgi_client(application) as client:
        yield client


def test_a_handler_that_raises_answers_at_once_and_tells_nothing(
    client: AsgiClient, caplog: pytest.LogCaptureFixture
) -> None:
    started_s = time.monotonic()
    with caplog.at_level(logging.ERROR, "wfctl.serve"):
        reply = client.request("POST", "/broken", b"x")
    assert time.monotonic() - started_s < 5  # BentoML's own stack would wait for its 60 s timeout
    assert reply.status_code == 500
    assert "secret" not in reply.text
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    assert reply.json()["request_id"] in caplog.text
    assert "a secret path" in caplog.text


def test_a_failure_inside_bentoml_has_the_same_form(client: AsgiClient) -> None:
    started_s = time.monotonic()
    reply = client.request("GET", "/explode")
    assert time.monotonic() - started_s < 5
    assert reply.status_code == 500
    assert "secret" not in reply.text
    assert reply.json()["request_id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (HttpError(429, "slow down", ((b"retry-after", b"2"),)), 429, "slow down"),
        (InputError("bad sample"), 400, "bad sample"),
        (InputError("too large", status=413), 413, "too large"),
    ],
)
def test_expected_errors_keep_their_status_and_words(
    client: AsgiClient,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    message: str,
) -> None:
    monkeypatch.setattr(Broken, "error", error)
    reply = client.request("GET", "/broken")
    assert (reply.status_code, reply.json()["error"]) == (status, message)
    if isinstance(error, HttpError):
        assert reply.headers["retry-after"] == "2"


def test_other_routes_and_bentomls_own_stand_side_by_side(client: AsgiClient) -> None:
    assert client.request("POST", "/echo", b"hello").json() == "hello"
    assert client.request("GET", "/livez").status_code == 200
    assert client.request("GET", "/readyz").status_code == 200
    assert client.request("GET", "/docs.json").json()["paths"].keys() >= {"/predict", "/readyz"}
    assert client.request("GET", "/echo").status_code == 405
    assert (
        client.request("GET", "/ech").json()["error"]
        == "there is no '/ech' here (did you mean '/echo'?)"
    )


def test_two_applications_live_in_one_process(image_artifact: Path, number_artifact: Path) -> None:
    for path in (image_artifact, number_artifact):
        load = partial(Runtime.load, path)
        service = bento_service.make_service(load().manifest, load)
        with asgi_client(service.to_asgi()) as client:
            assert client.request("GET", "/readyz").status_code == 200
            assert client.request("GET", "/nowhere").status_code == 404


def test_a_model_that_is_not_loaded_yet_is_503(image_artifact: Path) -> None:
    runtime = Runtime.load(image_artifact)
    service = bento_service.make_service(runtime.manifest, lambda: runtime)
    with asgi_client(service.to_asgi(), lifespan=False) as client:
        reply = client.request("POST", "/predict", b"x")
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "1"
    assert reply.json()["error"] == "the model is not ready yet"
