import json

import numpy as np
import pytest

from wfctl.benchmarks.analysis import make_report
from wfctl.benchmarks.batches import make_batches
from wfctl.benchmarks.measured import Block, Measured, Place, WarmUp
from wfctl.benchmarks.plan import Plan
from wfctl.benchmarks.report import Report
from wfctl.benchmarks.table import milliseconds, render
from wfctl.benchmarks.variants import Absent, Variant
from wfctl.core.artifact import Artifact

ROUNDS = 4
PLAN = Plan(batch_sizes=(4,), tolerance=1e-4, launches=1, rounds=ROUNDS)
FIRST = Variant("torchscript", "torchscript", "model.torchscript.pt", "a" * 64)
SECOND = Variant("onnx", "onnx", "model.onnx", "a" * 64)
COPY = Variant("torchscript (copy)", "torchscript", "model.torchscript.pt", "a" * 64)


@pytest.fixture
def measured(onnx_artifact: Artifact) -> Measured:
    """Nothing yet."""
    batches = make_batches(onnx_artifact, PLAN.batch_sizes)
    absent = [Absent("eager", "there is no run")]
    return Measured(batches, [FIRST, SECOND], absent, COPY)


def add(
    measured: Measured,
    variant: Variant,
    latencies_s: list[float],
    calls: int = 40,
    launch: int = 0,
) -> None:
    """One round after the other, in each `calls` calls of the same latency."""
    series = measured.of(variant.id, 4)
    series.warm_ups.append(WarmUp(8, True, 0.1))
    for number, latency_s in enumerate(latencies_s):
        taken = np.full(calls, latency_s)
        series.blocks.append(Block(Place(launch, number, 0), taken, float(taken.sum()), 0.1, 0))


def report(artifact: Artifact, measured: Measured) -> Report:
    return make_report(artifact, PLAN, measured, "2026-01-01T00:00:00+00:00", 1.0)


def test_numbers_of_a_variant(onnx_artifact: Artifact, measured: Measured) -> None:
    add(measured, FIRST, [0.01, 0.02, 0.03, 0.04])
    variant = report(onnx_artifact, measured).workloads[0].variants[0]
    assert variant.latency is not None
    assert variant.throughput is not None
    assert (variant.latency.n, variant.latency.min, variant.latency.max) == (160, 0.01, 0.04)
    assert variant.latency.p50 == 0.02
    assert variant.latency.p95.value == 0.04
    assert variant.latency.p99.value is None
    assert variant.latency.p99.need_n == 662
    assert variant.throughput.items_per_s == pytest.approx(4 * 160 / (40 * 0.1))
    assert [block.median for block in variant.blocks] == pytest.approx([0.01, 0.02, 0.03, 0.04])


def test_p95_is_withheld_from_few_calls(onnx_artifact: Artifact, measured: Measured) -> None:
    add(measured, FIRST, [0.01] * ROUNDS, calls=10)
    made = report(onnx_artifact, measured)
    latency = made.workloads[0].variants[0].latency
    assert latency is not None
    assert latency.p95.value is None
    assert "n<130" in render(made)


def test_variants_are_compared_round_by_round(onnx_artifact: Artifact, measured: Measured) -> None:
    drift = [0.01, 0.02, 0.03, 0.04]
    add(measured, FIRST, drift)
    add(measured, COPY, drift)
    add(measured, SECOND, [value / 2 for value in drift[:3]])  # its last round is missing
    workload = report(onnx_artifact, measured).workloads[0]
    (comparison,) = workload.comparisons
    assert (comparison.variant, comparison.reference) == ("onnx", "torchscript")
    assert comparison.ratio == pytest.approx(0.5)
    assert comparison.interval is not None
    assert (comparison.interval.clusters, comparison.interval.n) == ("round", 3)
    assert workload.aa is not None
    assert workload.aa.ratio == pytest.approx(1.0)


def test_copies_that_differ_make_the_numbers_invalid(
    onnx_artifact: Artifact, measured: Measured
) -> None:
    add(measured, FIRST, [0.01] * ROUNDS)
    add(measured, COPY, [0.012] * ROUNDS)
    validity = report(onnx_artifact, measured).validity
    assert not validity.valid
    assert "linear/b4: two copies of torchscript differ" in validity.reasons[0]


@pytest.mark.parametrize(("launches", "valid"), [(1, True), (3, False)])
def test_what_may_be_between_two_processes_may_not_be_over_several_launches(
    onnx_artifact: Artifact, measured: Measured, launches: int, valid: bool
) -> None:
    for launch in range(launches):
        add(measured, FIRST, [0.01] * ROUNDS, launch=launch)
        add(measured, COPY, [0.0106] * ROUNDS, launch=launch)
    assert report(onnx_artifact, measured).validity.valid is valid


def test_copies_that_hardly_differ_are_fine(onnx_artifact: Artifact, measured: Measured) -> None:
    for launch in range(3):
        add(measured, FIRST, [0.01] * ROUNDS, launch=launch)
        add(measured, COPY, [0.0102] * ROUNDS, launch=launch)
    assert report(onnx_artifact, measured).validity.valid


def test_a_wide_control_is_a_warning(onnx_artifact: Artifact, measured: Measured) -> None:
    add(measured, FIRST, [0.01] * ROUNDS)
    add(measured, COPY, [0.007, 0.014, 0.008, 0.012])
    validity = report(onnx_artifact, measured).validity
    assert validity.valid
    assert any("smaller differences mean nothing" in warning for warning in validity.warnings)


def test_a_warm_up_that_did_not_settle_is_a_warning(
    onnx_artifact: Artifact, measured: Measured
) -> None:
    add(measured, FIRST, [0.01] * ROUNDS)
    measured.of("torchscript", 4).warm_ups.append(WarmUp(500, False, 0.1))
    warnings = report(onnx_artifact, measured).validity.warnings
    assert "linear/b4: torchscript was not stable after its warm-up" in warnings


def test_a_report_of_nothing_says_so(onnx_artifact: Artifact, measured: Measured) -> None:
    measured.interrupted = True
    made = report(onnx_artifact, measured)
    assert (made.run.rounds_done, made.run.rounds_planned) == (0, ROUNDS)
    assert made.validity.reasons == ("interrupted after 0 of 4 rounds",)
    assert made.workloads[0].variants[0].latency is None
    assert "INVALID: interrupted" in render(made)


def test_json_reads_back_as_the_same_report(onnx_artifact: Artifact, measured: Measured) -> None:
    add(measured, FIRST, [0.01] * ROUNDS)
    made = report(onnx_artifact, measured)
    values = json.loads(made.to_json())
    assert values["schema"] == "wfctl.benchmark/1"
    assert values["workloads"][0]["variants"][0]["latency"]["unit"] == "s"
    assert values["environment"]["versions"]["onnxruntime"]
    assert Report.model_validate_json(made.to_json()) == made


def test_table_shows_each_variant_in_milliseconds(
    onnx_artifact: Artifact, measured: Measured
) -> None:
    for variant, latency_s in ((FIRST, 0.01), (COPY, 0.01), (SECOND, 0.0025)):
        add(measured, variant, [latency_s] * ROUNDS)
    text = render(report(onnx_artifact, measured))
    (row,) = [line.split() for line in text.splitlines() if line.split()[1:2] == ["onnx"]]
    assert row[:7] == ["4", "onnx", "160", "2.500", "2.500", "2.500", "1600"]
    assert row[7:] == ["0.250", "0.250", "to", "0.250"]
    assert "ratio to torchscript" in text
    assert "not measured: eager: there is no run" in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(1.23456e-5, "0.01235"), (0.0123456, "12.35"), (12.3, "12300")]
)
def test_milliseconds_have_four_digits(seconds: float, text: str) -> None:
    assert milliseconds(seconds) == text
