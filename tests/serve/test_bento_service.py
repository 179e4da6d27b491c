"""BentoML's side of the service: its client, its OpenAPI document, its in-process use."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from wfctl.core.errors import ArtifactError
from wfctl.serve.bento_service import LEFT_OUT_MIDDLEWARE, make_service, service_name
from wfctl.serve.runtime import Runtime
from wfctl.tests.helpers.server_process import ServerProcess

CLIENT = """
import sys, json, pathlib, bentoml
with bentoml.SyncHTTPClient(sys.argv[1]) as client:
    value = pathlib.Path(sys.argv[3]) if sys.argv[2] == "image" else int(sys.argv[3])
    print(json.dumps(client.predict(**{sys.argv[2]: value})))
"""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    Image.new("L", (8, 8), 200).save(path)
    return path


@pytest.mark.parametrize("kind", ["image", "number"])
def test_bentomls_own_client_gets_the_answer(
    kind: str, picture: Path, image_server: ServerProcess, number_server: ServerProcess
) -> None:
    server, value = (image_server, str(picture)) if kind == "image" else (number_server, "14")
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, f"http://127.0.0.1:{server.port}", kind, value],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ('"label": "9"' if kind == "image" else '"label": "buzz"') in done.stdout


def test_the_openapi_document_says_what_goes_in_and_out(image_server: ServerProcess) -> None:
    document = image_server.request("GET", "/docs.json").json()
    operation = document["paths"]["/predict"]["post"]
    assert list(operation["requestBody"]["content"]) == ["multipart/form-data"]
    assert "200" in operation["responses"]
    schemas = document["components"]["schemas"]
    assert schemas["PredictionModel"]["required"] == ["label", "index", "score"]
    assert "digits 3: classification" in document["info"]["description"]
    assert "http" not in document["info"]["description"]
    assert image_server.request("GET", "/").headers["content-type"].startswith("text/html")


def test_the_method_answers_in_process(image_artifact: Path, picture: Path) -> None:
    runtime = Runtime.load(image_artifact)
    service = make_service(runtime.manifest, lambda: runtime)
    instance = service()
    answer = asyncio.run(service.apis["predict"].func(instance, image=picture))
    assert answer.predictions[0].label == "9"
    assert service.runtime() is runtime


def test_a_model_that_cannot_load_leaves_the_service_unready(image_artifact: Path) -> None:
    def load() -> Runtime:
        raise ArtifactError("changed meanwhile")

    service = make_service(Runtime.load(image_artifact).manifest, load)
    with pytest.raises(ArtifactError, match="changed meanwhile"):
        service()
    assert service.runtime() is None


def test_what_is_left_out_of_bentomls_stack_is_really_there(image_artifact: Path) -> None:
    """If BentoML renames a middleware, leaving it out by name would silently do nothing."""
    from _bentoml_impl.server.app import ServiceAppFactory  # type: ignore[import-untyped]

    runtime = Runtime.load(image_artifact)
    service = make_service(runtime.manifest, lambda: runtime)
    service.inject_config()
    names = {entry.cls.__name__ for entry in ServiceAppFactory(service, is_main=True).middlewares}
    assert names >= LEFT_OUT_MIDDLEWARE
    assert "AccessLogMiddleware" not in names


@pytest.mark.parametrize(
    ("model", "expected"),
    [("digits", "digits"), ("My Model/2", "my-model-2"), ("a.b_c-d", "a.b_c-d"), ("数字", "model")],
)
def test_a_models_name_becomes_a_tag(model: str, expected: str) -> None:
    assert service_name(model) == expected
