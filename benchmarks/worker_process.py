"""The process that runs one variant: loads it, then does what the parent asks, one thing at a time.

Started by `workers.Worker`, with the number of a pipe's descriptor as its argument. A message is
JSON: `{"do": <method of Measurer>, ...its arguments}`, answered by the method's values or `error`.
"""

import gc
import json
import os
import resource
import statistics
import sys
import time
import traceback
from collections.abc import Sequence
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from .plan import Device
from .runners import Call, Runner, VariantAbsent, load_runner

WARM_UP_CALLS = 3
WARM_UP_WINDOW = 5  # calls; the medians of the last two windows must agree
WARM_UP_AGREEMENT = 0.03
WARM_UP_MINIMUM_S = 0.05  # a window of very short calls says little
COMMANDS = ("bind", "warm_up", "block", "profile")


class Measurer:
    """What a worker can be asked for."""

    def __init__(self, runner: Runner, setup: dict[str, Any]) -> None:
        self._runner = runner
        self._inputs: Sequence[str] = setup["inputs"]
        self._outputs: Sequence[str] = setup["outputs"]
        self._device: Device = setup["device"]
        self._calls: dict[int, Call] = {}

    def bind(self, batch: int, inputs_file: str, outputs_file: str) -> dict[str, Any]:
        """Take a batch of inputs, run it once, and write the outputs to a file."""
        with np.load(inputs_file, allow_pickle=False) as arrays:
            call = self._runner.bind([arrays[name] for name in self._inputs])
        given = self._runner.arrays(call())
        if len(given) != len(self._outputs):
            raise RuntimeError(f"gives {len(given)} outputs, the manifest has {len(self._outputs)}")
        outputs = dict(zip(self._outputs, given, strict=True))
        np.savez(outputs_file, allow_pickle=False, **outputs)
        self._calls[batch] = call
        return {}

    def warm_up(self, batch: int, limit_s: float) -> dict[str, Any]:
        """Call until the time of a call no longer changes, or the limit is over."""
        call = self._calls[batch]
        begin_s = time.perf_counter()
        durations_ns = [_timed(call) for _ in range(WARM_UP_CALLS)]
        windows: list[float] = []
        stable = False
        while not stable and time.perf_counter() - begin_s < limit_s:
            window = [_timed(call) for _ in range(WARM_UP_WINDOW)]
            durations_ns += window
            windows.append(statistics.median(window))
            stable = time.perf_counter() - begin_s >= WARM_UP_MINIMUM_S and _agree(windows[-2:])
        # What was made until now stays; a collection in the midst of a block would be timed.
        gc.collect()
        gc.freeze()
        gc.disable()
        return {
            "calls": len(durations_ns),
            "stable": stable,
            "first_call_s": durations_ns[0] * 1e-9,
        }

    def block(self, batch: int, minimum_s: float, minimum_calls: int) -> dict[str, Any]:
        """Call until both minima are reached; every call's time, and what else the block cost."""
        call, clock = self._calls[batch], time.perf_counter_ns
        call()  # untimed: fills the caches that the variant before has emptied
        before = resource.getrusage(resource.RUSAGE_SELF)
        stamps_ns = [clock()]
        until_ns = stamps_ns[0] + int(minimum_s * 1e9)
        while stamps_ns[-1] < until_ns or len(stamps_ns) <= minimum_calls:
            call()
            stamps_ns.append(clock())
        after = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "latencies_ns": [later - earlier for earlier, later in pairwise(stamps_ns)],
            "elapsed_s": (stamps_ns[-1] - stamps_ns[0]) * 1e-9,
            "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            "involuntary_switches": after.ru_nivcsw - before.ru_nivcsw,
        }

    def profile(
        self, batch: int, calls: int, sort_by: str, row_limit: int, trace: str | None
    ) -> dict[str, Any]:
        """The autograd profiler's view of a batch."""
        from .profile import profile_calls

        where = Path(trace) if trace is not None else None
        return profile_calls(self._calls[batch], self._device, calls, sort_by, row_limit, where)


def _timed(call: Call) -> int:
    begin_ns = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - begin_ns


def _agree(windows: Sequence[float]) -> bool:
    return len(windows) == 2 and abs(windows[1] / windows[0] - 1) <= WARM_UP_AGREEMENT


def _describe(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if "TorchScript interpreter" in lines[0]:  # the cause stands at the end of its own traceback
        return lines[-1]
    return f"{type(error).__name__}: {lines[0]}"


def serve(connection: Connection) -> None:
    """Load the variant, then answer until the parent hangs up."""
    setup = json.loads(connection.recv_bytes())
    try:
        measurer = Measurer(load_runner(setup), setup)
    except VariantAbsent as reason:
        return _send(connection, {"absent": str(reason)})
    except Exception as error:
        traceback.print_exc()
        return _send(connection, {"error": _describe(error)})
    _send(connection, {})
    while True:
        try:
            message = json.loads(connection.recv_bytes())
        except EOFError:
            return None
        _send(connection, _answer(measurer, message))


def _answer(measurer: Measurer, message: dict[str, Any]) -> dict[str, Any]:
    command = message.pop("do")
    if command not in COMMANDS:
        return {"error": f"unknown command {command!r}"}
    try:
        answer: dict[str, Any] = getattr(measurer, command)(**message)
    except Exception as error:
        traceback.print_exc()
        return {"error": _describe(error)}
    return answer


def _send(connection: Connection, answer: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(answer).encode())


def main() -> None:
    """The process: what the model prints goes to stderr, since the result's place is the pipe."""
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with Connection(int(sys.argv[1])) as connection:
        serve(connection)


if __name__ == "__main__":
    main()
