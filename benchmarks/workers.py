"""The parent's side of the worker processes: start, ask one thing and wait, end.

The parent sleeps in `poll` while a worker works; a waiting loop would take a core from it.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from multiprocessing import Pipe
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..core.manifest import Manifest
from .plan import Plan
from .variants import Variant

ANSWER_LIMIT_S = 600.0
END_LIMIT_S = 5.0


class WorkerFailed(Exception):
    """A worker died, gave an error or no answer; the message says which."""


class Worker:
    """One variant in a process of its own.

    Args:
        folder: where what the process prints is kept.
    """

    def __init__(self, variant: Variant, manifest: Manifest, plan: Plan, folder: Path) -> None:
        self.variant = variant
        self._log = folder / f"{variant.id}.log"
        self._connection, theirs = Pipe()
        with theirs, self._log.open("wb") as log:
            # Its own session: Ctrl-C reaches the parent alone, which then ends its workers.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", f"{__package__}.worker_process", str(theirs.fileno())],
                pass_fds=[theirs.fileno()], env=_environment(plan.threads), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        setup = asdict(variant) | {
            "device": plan.device,
            "threads": plan.threads,
            "inputs": [spec.name for spec in manifest.inputs],
            "outputs": [spec.name for spec in manifest.outputs],
        }
        self._send(setup)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def wait_until_loaded(self) -> str | None:
        """None when the variant is loaded, or the reason why it cannot be measured here.

        Raises:
            WorkerFailed: loading failed.
        """
        absent: str | None = self._receive().get("absent")
        return absent

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Have the worker do one thing, and wait for it.

        Raises:
            WorkerFailed: it could not.
        """
        self._send({"do": command} | arguments)
        return self._receive()

    def end(self) -> None:
        """End the process: it leaves when the pipe closes, and is killed if it does not."""
        self._connection.close()
        try:
            self._process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process at once."""
        self._connection.close()
        self._process.kill()
        self._process.wait()

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._connection.send_bytes(json.dumps(message).encode())
        except OSError as error:
            raise WorkerFailed(self._how_it_ended()) from error

    def _receive(self) -> dict[str, Any]:
        try:
            if not self._connection.poll(ANSWER_LIMIT_S):
                raise WorkerFailed(f"gave no answer within {ANSWER_LIMIT_S:.0f} s")
            answer: dict[str, Any] = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError) as error:
            raise WorkerFailed(self._how_it_ended()) from error
        if "error" in answer:
            raise WorkerFailed(answer["error"])
        return answer

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            return "its process closed the pipe"
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"its process {how}" + (f": {lines[-1]}" if lines else "")


class WorkerGroup:
    """The workers of one launch, ended together. `loaded` are those that can be asked."""

    def __init__(self, manifest: Manifest, plan: Plan, folder: Path) -> None:
        self._manifest, self._plan, self._folder = manifest, plan, folder
        self._started: dict[str, Worker] = {}
        self.loaded: dict[str, Worker] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for worker in self._started.values():
            if error is None:
                worker.end()
            else:
                worker.kill()

    def start(self, variant: Variant) -> Worker:
        """Start a worker; several load side by side until each is waited for."""
        worker = Worker(variant, self._manifest, self._plan, self._folder)
        self._started[variant.id] = worker
        return worker

    def drop(self, worker: Worker) -> None:
        """End a worker before the others."""
        self.loaded.pop(worker.variant.id, None)
        self._started.pop(worker.variant.id).kill()


def _environment(threads: int) -> dict[str, str]:
    """Thread pools of the given size that sleep while they have no work."""
    settings = {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONUNBUFFERED": "1",
    }
    return dict(os.environ) | settings
