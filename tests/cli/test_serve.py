import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wfctl.tests.helpers.bad_files import flip_byte
from wfctl.tests.helpers.server_process import WFCTL, running_server
from wfctl.tests.helpers.tiny_artifact import write_artifact


def serve(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WFCTL, "serve", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    lines = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("wfctl: error: ")
    for word in words:
        assert word in lines[0]
    assert done.stdout == ""


def test_it_says_where_it_listens_and_how_to_ask(image_artifact: Path) -> None:
    with running_server(image_artifact, "--host", "localhost") as server:
        url = f"http://127.0.0.1:{server.port}"
        assert server.log[0] == f"serving digits 3 ({image_artifact}) at {url}"
        assert server.log[1] == (
            "try: curl --data-binary @picture.png -H 'content-type: image/png' " + url + "/predict"
        )


def test_the_curl_line_of_a_number_model_works_as_printed(number_artifact: Path) -> None:
    with running_server(number_artifact) as server:
        line = server.log[1].removeprefix("try: ")
        done = subprocess.run(
            ["bash", "-c", f"{line} --silent --fail"], capture_output=True, timeout=30, check=False
        )
    assert done.returncode == 0, done.stderr
    assert b'"predictions":[{"label":"number"' in done.stdout


def test_without_an_artifact_the_newest_is_served(tmp_path: Path) -> None:
    write_artifact(tmp_path / "runs/digits/2026-01-01T00-00-00Z/export/digits")
    time.sleep(0.02)  # the newest is told by its manifest's time
    newest = tmp_path / "runs/fizzbuzz/2026-01-02T00-00-00Z/export/fizzbuzz"
    write_artifact(newest, "number")
    process = subprocess.Popen(
        [*WFCTL, "serve", "--port", "0"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(
            f"serving fizzbuzz 3 ({newest.relative_to(tmp_path)}) at "
        )
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stderr.close() if process.stderr else None


def test_no_artifact_at_all(tmp_path: Path) -> None:
    done = serve(folder=tmp_path)
    assert_refused(done, 2, "there is no artifact under runs/; `wfctl export` makes one")


def test_a_port_in_use(number_artifact: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = serve(str(number_artifact), "--port", port)
    assert_refused(done, 2, f"port {port} on 127.0.0.1 is in use", "--port")


def test_a_host_that_is_a_name(number_artifact: Path) -> None:
    assert_refused(serve(str(number_artifact), "--host", "example.org"), 2, "an IP address")


def test_a_changed_artifact_is_refused_before_anybody_can_connect(
    make_artifact: Callable[[], Path],
) -> None:
    path = make_artifact()
    flip_byte(path / "model.onnx")
    done = serve(str(path), "--port", "0")
    assert_refused(done, 2, f"{path}/model.onnx: is not the file that was exported", "SHA-256")


def test_an_artifact_without_its_manifest(make_artifact: Callable[[], Path]) -> None:
    path = make_artifact()
    (path / "manifest.json").unlink()
    assert_refused(serve(str(path)), 2, "is not an artifact (it has no manifest.json)")


@pytest.mark.slow
def test_bentomls_own_server_stops_when_its_worker_cannot_start(
    make_artifact: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_artifact()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    monkeypatch.setenv("WFCTL_ARTIFACT", str(path))
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    command = [sys.executable, "-m", "bentoml", "serve", "wfctl.serve.service:service"]
    flip_byte(path / "model.onnx")
    done = subprocess.run(
        [*command, "--port", port], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "model.onnx: is not the file that was exported" in done.stderr + done.stdout
