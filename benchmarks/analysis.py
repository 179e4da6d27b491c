"""Measured blocks to a report: percentiles, ratios, and whether they may be believed."""

from pathlib import Path
from typing import Any

import numpy as np

from ..core.artifact import Artifact
from ..core.environment import describe_environment
from .batches import Batch
from .measured import Measured, Series
from .plan import Plan
from .report import (
    ArtifactRecord,
    BlockRecord,
    Comparison,
    Equivalence,
    Interval,
    Latency,
    Omission,
    OperatorRecord,
    Percentile,
    ProfileRecord,
    Report,
    RunRecord,
    Settings,
    TensorRecord,
    Throughput,
    Validity,
    VariantRecord,
    WarmUpRecord,
    Workload,
)  # fmt: skip
from .statistics import (
    CONFIDENCE,
    NEEDED,
    Estimate,
    estimate_ratio,
    percentile,
    trusted_percentile,
)  # fmt: skip
from .variants import Variant

DETECTABLE = 0.10  # the difference of medians that a comparison is to find
# How far the interval of the A/A ratio may stay away from 1 before nothing here is believed. With
# one launch it also holds what really differs between two processes, so it may stay further away.
AA_TOLERANCE = {"launch": DETECTABLE / 3, "round": DETECTABLE}


def make_report(
    artifact: Artifact, plan: Plan, measured: Measured, started: str, elapsed_s: float
) -> Report:
    """The report of a measurement, complete or cut short.

    Args:
        started: UTC, ISO 8601.
    """
    manifest = artifact.manifest
    workloads = tuple(_workload(artifact, plan, measured, batch) for batch in measured.batches)
    planned, done = plan.launches * plan.rounds, measured.rounds()
    return Report(
        schema="wfctl.benchmark/1",
        run=RunRecord(
            started=started, elapsed=elapsed_s, rounds_planned=planned, rounds_done=done,
            interrupted=measured.interrupted,
        ),
        artifact=ArtifactRecord(
            path=str(artifact.path), name=manifest.name, version=manifest.version,
            checkpoint_sha256=manifest.source.checkpoint_sha256,
            files={name: entry.model_dump() for name, entry in manifest.files.items()},
        ),
        environment=describe_environment(),
        settings=Settings(
            device=plan.device, threads=plan.threads, launches=plan.launches, rounds=plan.rounds,
            block=plan.block_s, block_calls=plan.block_calls, warm_up_limit=plan.warm_up_limit_s,
            seed=plan.seed,
        ),
        reference=measured.reference.id if measured.reference else None,
        absent=tuple(Omission(variant=entry.id, reason=entry.reason) for entry in measured.absent),
        failed=tuple(Omission(variant=id, reason=why) for id, why in measured.failed.items()),
        workloads=workloads,
        validity=_validity(plan, measured, workloads),
    )  # fmt: skip


def _workload(artifact: Artifact, plan: Plan, measured: Measured, batch: Batch) -> Workload:
    reference, copy = measured.reference, measured.copy
    compared = [_compare(measured, variant, batch) for variant in measured.variants[1:]]
    inputs = [
        TensorRecord(name=name, dtype=value.dtype.name, shape=value.shape)
        for name, value in batch.inputs.items()
    ]
    return Workload(
        id=f"{artifact.manifest.name}/b{batch.size}",
        batch=batch.size,
        inputs=tuple(inputs),
        variants=tuple(_variant(variant, measured, batch, plan) for variant in measured.variants),
        comparisons=tuple(entry for entry in compared if entry is not None),
        aa=_compare(measured, copy, batch) if copy is not None and reference is not None else None,
        profile=_profile(measured, batch, plan),
    )


def _variant(variant: Variant, measured: Measured, batch: Batch, plan: Plan) -> VariantRecord:
    series = measured.of(variant.id, batch.size)
    error = series.max_abs_error
    return VariantRecord(
        id=variant.id,
        kind=variant.kind,
        file=None if variant.kind == "eager" else Path(variant.path).name,
        equivalence=(
            None if error is None else Equivalence(max_abs=error, tolerance=plan.tolerance)
        ),
        latency=_latency(series),
        throughput=_throughput(series, batch.size),
        warm_up=tuple(
            WarmUpRecord(calls=entry.calls, stable=entry.stable, first_call=entry.first_call_s)
            for entry in series.warm_ups
        ),
        blocks=tuple(
            BlockRecord(
                launch=block.place.launch, round=block.place.round, position=block.place.position,
                n=len(block.latencies_s), median=float(np.median(block.latencies_s)),
                elapsed=block.elapsed_s, cpu=block.cpu_s,
                involuntary_switches=block.involuntary_switches,
            )
            for block in series.blocks
        ),
    )  # fmt: skip


def _latency(series: Series) -> Latency | None:
    if not series.blocks:
        return None
    ordered = np.sort(np.concatenate([block.latencies_s for block in series.blocks])).tolist()
    tails = {f"p{percent}": _tail(ordered, percent) for percent in (90, 95, 99)}
    return Latency(
        n=len(ordered), min=ordered[0], p50=percentile(ordered, 50), max=ordered[-1],
        mean=float(np.mean(ordered)), **tails,
    )  # fmt: skip


def _tail(ordered: list[float], percent: int) -> Percentile:
    return Percentile(value=trusted_percentile(ordered, percent), need_n=NEEDED[percent])


def _throughput(series: Series, batch: int) -> Throughput | None:
    if not series.blocks:
        return None
    calls = sum(len(block.latencies_s) for block in series.blocks)
    elapsed_s = sum(block.elapsed_s for block in series.blocks)
    return Throughput(items_per_s=calls * batch / elapsed_s)


def _compare(measured: Measured, variant: Variant, batch: Batch) -> Comparison | None:
    """A variant against the reference, in the rounds that both were measured in."""
    reference = measured.variants[0]
    theirs, ours = (_medians(measured.of(v.id, batch.size)) for v in (reference, variant))
    launches: dict[int, list[tuple[float, float]]] = {}
    for place in sorted(ours.keys() & theirs.keys()):
        launches.setdefault(place[0], []).append((ours[place], theirs[place]))
    estimate = estimate_ratio(list(launches.values()))
    if estimate is None:
        return None
    return Comparison(
        variant=variant.id, reference=reference.id, ratio=estimate.ratio,
        interval=_interval(estimate),
    )  # fmt: skip


def _medians(series: Series) -> dict[tuple[int, int], float]:
    """Median latency in seconds by (launch, round)."""
    return {
        (block.place.launch, block.place.round): float(np.median(block.latencies_s))
        for block in series.blocks
    }


def _interval(estimate: Estimate) -> Interval | None:
    if estimate.low is None or estimate.high is None:
        return None
    return Interval(
        low=estimate.low, high=estimate.high, level=CONFIDENCE, clusters=estimate.clusters,
        n=estimate.count,
    )  # fmt: skip


def _profile(measured: Measured, batch: Batch, plan: Plan) -> ProfileRecord | None:
    profile: dict[str, Any] | None = measured.profiles.get(batch.size)
    if profile is None or measured.profiled is None:
        return None
    return ProfileRecord(
        variant=measured.profiled,
        sort_by=plan.profile.sort_by,
        calls=profile["calls"],
        overhead=profile["overhead"],
        attributed=profile["attributed"],
        table=profile["table"],
        trace=profile["trace"],
        operators=tuple(
            OperatorRecord(
                name=row["name"],
                calls=row["calls"],
                self_cpu=row["self_cpu_s"],
                cpu=row["cpu_s"],
                self_device=row["self_device_s"],
            )
            for row in profile["operators"]
        ),
    )


def _validity(plan: Plan, measured: Measured, workloads: tuple[Workload, ...]) -> Validity:
    reasons, warnings = [], []
    planned, done = plan.launches * plan.rounds, measured.rounds()
    if measured.interrupted:
        reasons.append(f"interrupted after {done} of {planned} rounds")
    for workload in workloads:
        reason, warning = _judge_control(workload)
        reasons += reason
        warnings += warning + _not_stable(workload)
    if plan.launches == 1:
        warnings.append("one launch: intervals do not cover what differs from process to process")
    return Validity(valid=not reasons, reasons=tuple(reasons), warnings=tuple(warnings))


def _judge_control(workload: Workload) -> tuple[list[str], list[str]]:
    """Reasons against the numbers and warnings, from the reference and its copy (A/A)."""
    interval = workload.aa.interval if workload.aa else None
    if workload.aa is None or interval is None:
        return [], [f"{workload.id}: no A/A interval, so how noisy the machine is is not known"]
    low, high = interval.low, interval.high
    what = f"{workload.id}: two copies of {workload.aa.reference} differ by a factor of"
    limit = 1 + AA_TOLERANCE[interval.clusters]
    if low > limit or high < 1 / limit:
        return [f"{what} {low:.3f} to {high:.3f}; the machine is too noisy now"], []
    if high / low > (1 + DETECTABLE) ** 2:
        return [], [f"{what} {low:.3f} to {high:.3f}, so smaller differences mean nothing"]
    return [], []


def _not_stable(workload: Workload) -> list[str]:
    return [
        f"{workload.id}: {variant.id} was not stable after its warm-up"
        for variant in workload.variants
        if not all(entry.stable for entry in variant.warm_up)
    ]
