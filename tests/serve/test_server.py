import signal
import socket
import time
from pathlib import Path

import pytest

from wfctl.core.errors import UsageError
from wfctl.serve.server import bind, url_of
from wfctl.tests.helpers.server_process import ServerProcess, running_server

HEAVY = ("libtorch", "torchvision", "onnx/onnx_cpp2py", "onnxscript", "libcuda", "sklearn")


def test_the_address_is_held_and_said() -> None:
    with bind("localhost", 0) as listener:
        port = listener.getsockname()[1]
        assert url_of(listener) == f"http://127.0.0.1:{port}"
        with pytest.raises(ConnectionRefusedError):  # nobody waits in a queue before it is ready
            socket.create_connection(("127.0.0.1", port), 5)


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        message = f"port {port} on 127.0.0.1 is in use; stop the program .* with --port"
        with pytest.raises(UsageError, match=message), bind("127.0.0.1", port):
            pass


@pytest.mark.parametrize("host", ["example.org", "", "127.0.0.1:80", "http://127.0.0.1"])
def test_a_host_that_is_no_address_is_named(host: str) -> None:
    with pytest.raises(UsageError, match="expected an IP address such as"), bind(host, 0):
        pass


def test_an_address_of_another_machine_is_named() -> None:
    message = "this machine has no such address"
    with pytest.raises(UsageError, match=message), bind("192.0.2.1", 0):
        pass


def test_nothing_of_training_is_in_the_serving_process(image_server: ServerProcess) -> None:
    assert image_server.predict(b"x", "image/png").status == 415
    process = Path(f"/proc/{image_server.process.pid}")
    children = (process / "task" / str(image_server.process.pid) / "children").read_text().split()
    assert children == []  # one process: the one that is looked at is the one that serves
    mapped = (process / "maps").read_text()
    assert "onnxruntime" in mapped
    assert [name for name in HEAVY if name in mapped] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(number_artifact: Path, number: signal.Signals) -> None:
    with running_server(number_artifact) as server:
        idle = socket.create_connection(("127.0.0.1", server.port), 5)  # must not hold it up
        started_s = time.monotonic()
        assert server.stop(number) == 0
        assert time.monotonic() - started_s < 5
        idle.close()
    assert server.log[-1] == "stopped"
    assert not any("Traceback" in line for line in server.log)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), 5)


@pytest.mark.slow
def test_a_client_that_never_ends_its_request_cannot_keep_it(number_artifact: Path) -> None:
    with running_server(number_artifact) as server:
        head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\n"
        with socket.create_connection(("127.0.0.1", server.port), 5) as slow:
            slow.sendall(head + b"content-length: 10\r\n\r\n1")
            assert server.predict(b"14", "text/plain").status == 200
            started_s = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - started_s < 18


def test_nothing_is_left_behind_and_nothing_is_kept_to_report_home(
    number_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")  # wfctl says it by itself
    with running_server(number_artifact) as server:
        assert server.predict(b"14", "text/plain").status == 200
        names = {path.name.rpartition("-")[0] or path.name for path in tmp_path.iterdir()}
        assert names == {"bentoml-client", "wfctl-metrics"}  # and no .ses of onnxruntime
        assert server.stop() == 0
    assert list(tmp_path.iterdir()) == []
