"""The report of a benchmark: `wfctl.benchmark/1`, in seconds and bytes."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Record(BaseModel):
    """A part of a report: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Percentile(Record):
    """A percentile; the value is null when there are fewer than `need_n` calls."""

    value: float | None
    need_n: int


class Latency(Record):
    """Seconds of one call with inputs and outputs on the host, over all blocks."""

    unit: Literal["s"] = "s"
    clock: Literal["perf_counter_ns"] = "perf_counter_ns"
    mode: Literal["single_stream"] = "single_stream"
    n: int
    min: float
    p50: float
    p90: Percentile
    p95: Percentile
    p99: Percentile
    max: float
    mean: float


class Equivalence(Record):
    """How far the outputs depart from what training gave; compared before anything is timed."""

    vs: Literal["golden"] = "golden"
    max_abs: float
    tolerance: float


class Throughput(Record):
    """Samples a second: calls times batch size over the time that the blocks took."""

    items_per_s: float


class WarmUpRecord(Record):
    """The calls before the first block of a launch. Times in seconds."""

    calls: int
    stable: bool
    first_call: float


class BlockRecord(Record):
    """One block. `median`, `elapsed` and `cpu` are in seconds."""

    launch: int
    round: int
    position: int
    n: int
    median: float
    elapsed: float
    cpu: float
    involuntary_switches: int


class VariantRecord(Record):
    """One variant at one batch size; what was not reached is null."""

    id: str
    kind: str
    file: str | None = Field(description="The artifact's file; null for eager")
    equivalence: Equivalence | None
    latency: Latency | None
    throughput: Throughput | None
    warm_up: tuple[WarmUpRecord, ...]
    blocks: tuple[BlockRecord, ...]


class Interval(Record):
    """A confidence interval. `clusters` is what was taken as independent, `n` their number."""

    low: float
    high: float
    level: float
    clusters: Literal["launch", "round"]
    n: int


class Comparison(Record):
    """Latency of a variant over that of the reference, from pairs of blocks of the same round."""

    metric: Literal["latency.p50"] = "latency.p50"
    kind: Literal["paired"] = "paired"
    variant: str
    reference: str
    ratio: float
    interval: Interval | None


class OperatorRecord(Record):
    """An operator in the profile. Times in seconds, over all profiled calls."""

    name: str
    calls: int
    self_cpu: float
    cpu: float
    self_device: float


class ProfileRecord(Record):
    """The autograd profiler's pass, separate from all timing.

    `overhead` is the median of a profiled call over that of a plain call just before; `attributed`
    the share of the profiled calls' time that was spent in operators.
    """

    variant: str
    calls: int
    overhead: float
    attributed: float
    sort_by: str
    table: str
    operators: tuple[OperatorRecord, ...]
    trace: str | None


class TensorRecord(Record):
    """A tensor that goes into every call, with its batch axis."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Workload(Record):
    """Everything at one batch size. `aa` compares the reference with its own copy."""

    id: str
    batch: int
    inputs: tuple[TensorRecord, ...]
    variants: tuple[VariantRecord, ...]
    comparisons: tuple[Comparison, ...]
    aa: Comparison | None
    profile: ProfileRecord | None


class ArtifactRecord(Record):
    """What was measured."""

    path: str
    name: str
    version: str
    checkpoint_sha256: str
    files: dict[str, dict[str, Any]]


class Settings(Record):
    """How it was measured. Times in seconds."""

    device: str
    threads: int
    launches: int
    rounds: int
    block: float
    block_calls: int
    warm_up_limit: float
    seed: int


class RunRecord(Record):
    """When it was measured, and how much of it was done."""

    started: str
    elapsed: float
    rounds_planned: int
    rounds_done: int
    interrupted: bool


class Omission(Record):
    """A variant without (all its) numbers, and why."""

    variant: str
    reason: str


class Validity(Record):
    """Whether the numbers may be believed. Warnings leave them valid."""

    valid: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]


class Report(Record):
    """One benchmark of one artifact."""

    schema_: Literal["wfctl.benchmark/1"] = Field("wfctl.benchmark/1", alias="schema")
    run: RunRecord
    artifact: ArtifactRecord
    environment: dict[str, Any]
    settings: Settings
    reference: str | None
    absent: tuple[Omission, ...]
    failed: tuple[Omission, ...]
    workloads: tuple[Workload, ...]
    validity: Validity

    def to_json(self) -> str:
        """The text of the report file."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"
