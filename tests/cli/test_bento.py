import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from wfctl.cli.main import run
from wfctl.core.artifact import Artifact
from wfctl.serve.bento_build import stage
from wfctl.tests.helpers.bad_files import flip_byte
from wfctl.tests.helpers.tiny_artifact import write_artifact

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "py.typed", "bentofile.yaml", ".bentoignore")


@pytest.fixture
def checkout(repository: Path, tmp_path: Path) -> Path:
    """A copy of what a wheel and a Bento are made from."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for folder in sorted(repository.glob("*/__init__.py")):
        shutil.copytree(folder.parent, copy / folder.parent.name)
    for name in ("__init__.py", *SOURCES):
        shutil.copyfile(repository / name, copy / name)
    return copy


def test_it_needs_the_checkouts_root(
    image_artifact: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["bento", str(image_artifact)]) == 2
    assert (
        "bentofile.yaml: is not there; run this in the checkout's root" in capsys.readouterr().err
    )


def test_it_needs_the_wheel(
    image_artifact: Path,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copyfile(repository / "bentofile.yaml", tmp_path / "bentofile.yaml")
    monkeypatch.chdir(tmp_path)
    assert run(["bento", str(image_artifact)]) == 2
    printed = capsys.readouterr().err
    assert ".whl: is not there; `make wheel` makes it" in printed
    assert not (tmp_path / "artifact").exists()


def test_a_changed_artifact_is_not_packed(
    make_artifact: Callable[[], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_artifact()
    flip_byte(path / "model.onnx")
    assert run(["bento", str(path)]) == 2
    assert "model.onnx: is not the file that was exported" in capsys.readouterr().err


def test_staging_replaces_what_was_there(
    image_artifact: Path, number_artifact: Path, tmp_path: Path
) -> None:
    target = tmp_path / "artifact"
    stage(Artifact.open(image_artifact), target)
    (target / "left-over.txt").write_text("x")
    stage(Artifact.open(number_artifact), target)
    assert Artifact.open(target).manifest.name == "fizzbuzz"
    assert sorted(path.name for path in target.iterdir()) == [
        "golden.npz",
        "manifest.json",
        "model.onnx",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["artifact"]


def test_an_artifact_can_be_staged_onto_itself(tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "artifact")
    stage(artifact, tmp_path / "artifact")
    assert Artifact.open(tmp_path / "artifact").manifest == artifact.manifest


@pytest.mark.slow
def test_a_bento_answers_like_the_artifact(
    checkout: Path,
    image_artifact: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    # Any package index is out of reach: a build that asked for one would fail.
    for name in ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/simple")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", "."]
    subprocess.run(build, cwd=checkout, check=True, capture_output=True, timeout=120)
    monkeypatch.chdir(checkout)

    assert run(["bento", str(image_artifact)]) == 0
    tag = capfd.readouterr().out.strip()
    name, _, version = tag.partition(":")
    assert name == "digits"
    bento = tmp_path / "home" / "bentos" / name / version
    packed = sorted(str(path.relative_to(bento)) for path in bento.rglob("*") if path.is_file())
    assert [path for path in packed if path.startswith("src/")] == [
        "src/artifact/golden.npz",
        "src/artifact/manifest.json",
        "src/artifact/model.onnx",
        "src/bentofile.yaml",
    ]
    assert any(path.endswith(".whl") for path in packed)
    requirements = (bento / "env/python/requirements.txt").read_text()
    assert "onnxruntime==" in requirements
    assert "torch" not in requirements

    picture = tmp_path / "grey.png"
    Image.new("L", (8, 8), 200).save(picture)
    assert run(["predict", str(image_artifact), str(picture), "--json"]) == 0
    expected = json.loads(capfd.readouterr().out)
    assert _ask_bento(tag, picture.read_bytes(), tmp_path) == expected["predictions"]


def _ask_bento(tag: str, picture: bytes, folder: Path) -> object:
    """Serve a Bento by BentoML's own command, in a folder that holds nothing, and ask it once."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if key != "WFCTL_ARTIFACT"}
    empty = folder / "empty"
    empty.mkdir()
    command = [sys.executable, "-m", "bentoml", "serve", tag, "--host", "127.0.0.1"]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)], cwd=empty, env=environment, stdout=log, stderr=log
        )
    try:
        deadline_s = time.monotonic() + 60
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.request("POST", "/predict", picture, {"content-type": "image/png"})
                reply = connection.getresponse()
                assert reply.status == 200
                return json.loads(reply.read())["predictions"]
            except OSError:
                alive = process.poll() is None and time.monotonic() < deadline_s
                assert alive, (folder / "log.txt").read_text()
                time.sleep(0.1)
            finally:
                connection.close()
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
