"""`wfctl serve`: one process that binds, checks, serves, drains and stops.

BentoML's own supervisor is left out on purpose: it binds before the model loads (probes hang),
starts a broken worker again for ever, and does not bound its stop. The application is the same one.
"""

import errno
import ipaddress
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from ..core.errors import UsageError, WfctlError

if TYPE_CHECKING:
    import uvicorn

    from .runtime import Runtime

BACKLOG = 2048
STOP_TIMEOUT_S = 10
KEEP_ALIVE_TIMEOUT_S = 5


def serve(artifact: Path, host: str, port: int, announce: Callable[[str, "Runtime"], None]) -> None:
    """Serve an artifact until SIGTERM or SIGINT; then finish what was accepted and return.

    Args:
        host: an IP address, or `localhost`.
        port: 0 takes a free one.
        announce: told the URL and the model once requests are answered.

    Raises:
        UsageError: the address cannot be had.
        ArtifactError: the artifact is incomplete or was changed.
        ParityError: a golden sample is not answered as training answered it.
    """
    with bind(host, port) as listener, _metrics_folder():
        from .runtime import Runtime

        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")  # to stderr
        runtime = Runtime.load(artifact)
        _listen(listener)
        url = url_of(listener)
        _run(runtime, listener, lambda: announce(url, runtime))


@contextmanager
def bind(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that holds the address; nobody can connect to it yet.

    Raises:
        UsageError: the host is not an address of this machine, or the port is in use.
    """
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise UsageError(
            f"--host {host}: expected an IP address such as 127.0.0.1 or 0.0.0.0, or localhost"
        ) from error
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with _address_errors(str(address), port):
            listener.bind((str(address), port))
        yield listener


def url_of(listener: socket.socket) -> str:
    """Where a bound socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listen(listener: socket.socket) -> None:
    # Two programs may both bind an address that nobody listens on yet; the second fails here.
    host, port = listener.getsockname()[:2]
    with _address_errors(host, port):
        listener.listen(BACKLOG)


@contextmanager
def _address_errors(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reasons = {
            errno.EADDRINUSE: f"port {port} on {host} is in use; stop the program that has it, or "
            "choose another with --port (0 takes a free one)",
            errno.EACCES: f"port {port} on {host} needs privileges; choose one from 1024 on",
            errno.EADDRNOTAVAIL: f"--host {host}: this machine has no such address",
        }
        reason = reasons.get(error.errno or 0, f"cannot listen on {host}:{port}: {error.strerror}")
        raise UsageError(reason) from error


@contextmanager
def _metrics_folder() -> Iterator[None]:
    """Where `prometheus_client` keeps counts; BentoML's `/metrics` reads them from there."""
    folder = tempfile.mkdtemp(prefix="wfctl-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(runtime: "Runtime", listener: socket.socket, announce: Callable[[], None]) -> None:
    import uvicorn

    from .bento_service import make_service

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            announce()

    config = uvicorn.Config(
        make_service(runtime.manifest, lambda: runtime).to_asgi(),
        lifespan="on",
        log_config=None,
        access_log=False,
        ws="none",
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_TIMEOUT_S,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    _serve_until_signal(Server(config), listener)


def _serve_until_signal(server: "uvicorn.Server", listener: socket.socket) -> None:
    def stop(signal_number: int, _: FrameType | None) -> None:
        # uvicorn puts its own handlers in place while it runs, and raises the signal again at the
        # end of a clean stop; a signal that comes before it runs must stop it just the same.
        server.handle_exit(signal_number, None)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        server.run(sockets=[listener])
    except SystemExit as error:
        raise WfctlError("the service did not start; its log above says why") from error
    if not server.started:
        raise WfctlError("stopped before the service was ready")
