"""A real `wfctl serve` process, waited for and ended within bounds."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 40.0
STOP_TIMEOUT_S = 20.0
REQUEST_TIMEOUT_S = 20.0
LISTENING = re.compile(r" at (http://\S+)$")
WFCTL = (sys.executable, "-m", "wfctl.cli.main")


@dataclass(frozen=True)
class Reply:
    """An HTTP answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


@dataclass
class ServerProcess:
    """A running server. `log` grows with its stderr."""

    process: subprocess.Popen[str]
    port: int = 0
    log: list[str] = field(default_factory=list)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_TIMEOUT_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, names, response.read())
        finally:
            connection.close()

    def predict(self, body: bytes, content_type: str, query: str = "") -> Reply:
        return self.request("POST", f"/predict{query}", body, {"content-type": content_type})

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the process by a signal; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)


@contextmanager
def running_server(artifact: Path, *options: str) -> Iterator[ServerProcess]:
    """`wfctl serve` on a free port, ready to answer; killed at the end if it still runs."""
    process = subprocess.Popen(
        [*WFCTL, "serve", str(artifact), "--port", "0", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"BENTOML_DO_NOT_TRACK": "True"},
    )
    server = ServerProcess(process)
    reader = threading.Thread(target=_collect, args=(server,), daemon=True)
    reader.start()
    try:
        _wait_until_listening(server)
        assert server.request("GET", "/readyz").status == 200
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(STOP_TIMEOUT_S)
        reader.join(STOP_TIMEOUT_S)
        assert process.stderr is not None
        process.stderr.close()


def _collect(server: ServerProcess) -> None:
    assert server.process.stderr is not None
    for line in server.process.stderr:
        server.log.append(line.rstrip("\n"))


def _wait_until_listening(server: ServerProcess) -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        for line in list(server.log):
            found = LISTENING.search(line)
            if found:
                server.port = int(found[1].rpartition(":")[2])
                return
        if server.process.poll() is not None:
            break
        time.sleep(0.02)
    raise AssertionError("the server did not start:\n" + "\n".join(server.log))
