"""What is to be measured, and how long: all the choices of one benchmark."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from ..core.errors import UsageError
from ..core.manifest import Manifest

Device = Literal["cpu", "cuda"]
DEFAULT_BATCH_SIZES = (1, 8)

# What the profiler's table can be sorted by; "cuda" stands for the device column in every torch.
PROFILE_COLUMNS = (
    "self_cpu_time_total", "cpu_time_total", "cpu_time", "count", "cpu_memory_usage",
    "self_cpu_memory_usage", "self_cuda_time_total", "cuda_time_total", "cuda_time",
    "cuda_memory_usage", "self_cuda_memory_usage",
)  # fmt: skip


@dataclass(frozen=True)
class ProfilePlan:
    """The separate, never timed pass under the autograd profiler."""

    sort_by: str = "self_cpu_time_total"
    row_limit: int = 10
    trace_folder: Path | None = None
    calls: int = 20


@dataclass(frozen=True)
class Plan:
    """All choices of one benchmark.

    A block is one variant called until `block_s` seconds and `block_calls` calls are over; a round
    is one block of every variant in random order; a launch is `rounds` rounds in fresh processes.
    """

    batch_sizes: tuple[int, ...]
    tolerance: float
    device: Device = "cpu"
    threads: int = 1
    launches: int = 6
    rounds: int = 6
    block_s: float = 0.1
    block_calls: int = 5
    warm_up_limit_s: float = 10.0
    seed: int = 0
    profile: ProfilePlan = ProfilePlan()


def make_profile_plan(
    device: Device, sort_by: str | None, row_limit: int, trace_folder: Path | None
) -> ProfilePlan:
    """The profiler's pass; the table is sorted by the device's own time when nothing is said.

    Raises:
        UsageError: there is no such column, or the device has none.
    """
    column = sort_by or f"self_{device}_time_total"
    if column not in PROFILE_COLUMNS:
        close = difflib.get_close_matches(column, PROFILE_COLUMNS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"columns: {', '.join(PROFILE_COLUMNS)}"
        raise UsageError(f"--profile-sort {column}: there is no such column; {hint}")
    if "cuda" in column and device != "cuda":
        raise UsageError(f"--profile-sort {column}: needs --device cuda")
    return ProfilePlan(column, row_limit, trace_folder)


def make_plan(
    manifest: Manifest,
    profile: ProfilePlan,
    *,
    device: Device = "cpu",
    batch_sizes: tuple[int, ...] | None = None,
    threads: int = 1,
    rounds: int | None = None,
    quick: bool = False,
) -> Plan:
    """The plan for an artifact; batch sizes that are left out come from its recipe.

    One thread is the default: with two, whether a small model's threads share a core changes from
    block to block, and its time with it, to twice and back. Quick means one launch: the intervals
    then miss what differs from process to process.
    """
    return Plan(
        batch_sizes=batch_sizes or _batch_sizes(manifest.source.recipe),
        tolerance=manifest.tolerance,
        device=device,
        threads=threads,
        launches=1 if quick else 6,
        rounds=rounds or (8 if quick else 6),
        warm_up_limit_s=3.0 if quick else 10.0,
        profile=profile,
    )


def _batch_sizes(recipe: Mapping[str, JsonValue]) -> tuple[int, ...]:
    section = recipe.get("benchmark")
    sizes = section.get("batch_sizes") if isinstance(section, dict) else None
    if not isinstance(sizes, list):
        return DEFAULT_BATCH_SIZES
    return tuple(size for size in sizes if isinstance(size, int)) or DEFAULT_BATCH_SIZES
