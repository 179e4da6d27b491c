"""The autograd profiler on a model's calls: a pass of its own, whose times are in no result."""

import gzip
import json
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..core.files import write_bytes_atomically
from .plan import Device
from .runners import Call

MICROSECOND_S = 1e-6


def profile_calls(
    call: Call, device: Device, calls: int, sort_by: str, row_limit: int, trace: Path | None
) -> dict[str, Any]:
    """Run a call under the profiler.

    Args:
        trace: where to write a gzip'ed Chrome trace, or None.

    Returns:
        `table` (the profiler's own text), `operators` (all rows, times in seconds), `calls`,
        `overhead` (median of a profiled call over that of as many calls just before, without the
        profiler) and `attributed` (share of the profiled calls' time spent in operators).
    """
    with _profiler(device, sort_by):  # the first session of a process pays for the profiler's start
        call()
    plain_s = _durations_s(call, calls)
    profiler = _profiler(device, sort_by)
    with profiler:
        profiled_s = _durations_s(call, calls)
    averages = profiler.key_averages()
    operators = [_operator(event) for event in averages]
    if trace is not None:
        _write_trace(profiler, trace)
    return {
        "table": averages.table(sort_by=sort_by, row_limit=row_limit),
        "operators": sorted(operators, key=lambda row: -float(row["self_cpu_s"])),
        "calls": calls,
        "overhead": statistics.median(profiled_s) / statistics.median(plain_s),
        "attributed": sum(row["self_cpu_s"] for row in operators) / sum(profiled_s),
    }


def _durations_s(call: Call, calls: int) -> list[float]:
    stamps_ns = [time.perf_counter_ns()]
    for _ in range(calls):
        call()
        stamps_ns.append(time.perf_counter_ns())
    return [(later - earlier) * 1e-9 for earlier, later in pairwise(stamps_ns)]


def _profiler(device: Device, sort_by: str) -> Any:
    from torch.autograd import profiler

    on_gpu = device == "cuda"
    return profiler.profile(
        use_device="cuda" if on_gpu else None,
        use_kineto=on_gpu,  # without it a trace has no kernels
        profile_memory="memory" in sort_by,  # it slows every allocation, so only when asked for
    )


def _operator(event: Any) -> dict[str, Any]:
    return {
        "name": event.key,
        "calls": event.count,
        "self_cpu_s": event.self_cpu_time_total * MICROSECOND_S,
        "cpu_s": event.cpu_time_total * MICROSECOND_S,
        "self_device_s": event.self_device_time_total * MICROSECOND_S,
    }


def _write_trace(profiler: Any, path: Path) -> None:
    """A Chrome trace, checked to be one, compressed and put in its place whole."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(plain))
        data = plain.read_bytes()
    if not json.loads(data).get("traceEvents"):
        raise RuntimeError("the profiler gave a trace without events")
    write_bytes_atomically(path, gzip.compress(data, mtime=0))
