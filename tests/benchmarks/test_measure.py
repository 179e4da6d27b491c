from collections.abc import Callable
from pathlib import Path

import pytest

from wfctl.benchmarks.measure import measure
from wfctl.benchmarks.measured import Measured
from wfctl.benchmarks.plan import Plan, ProfilePlan
from wfctl.core.artifact import Artifact
from wfctl.core.errors import CheckFailed

# A block is 1 untimed and 5 timed calls, a warm-up 3 calls, the comparison of outputs 1 call.
PLAN = Plan(
    batch_sizes=(1,), tolerance=1e-4, launches=1, rounds=4, block_s=0.0, warm_up_limit_s=0.0,
    profile=ProfilePlan(calls=4),
)  # fmt: skip


def rounds_of(measured: Measured, variant: str) -> list[tuple[int, int]]:
    blocks = measured.of(variant, 1).blocks
    return [(block.place.launch, block.place.round) for block in blocks]


def test_every_round_has_a_block_of_each_variant_and_of_the_copy(onnx_artifact: Artifact) -> None:
    said: list[str] = []
    plan = Plan(
        batch_sizes=(1, 4), tolerance=1e-4, launches=2, rounds=3, block_s=0.0, warm_up_limit_s=0.0
    )
    measured = measure(onnx_artifact, plan, said.append)
    expected = [(launch, number) for launch in range(2) for number in range(3)]
    assert measured.reference is not None
    assert measured.reference.id == "onnx"
    for variant in ("onnx", "onnx (copy)"):
        assert rounds_of(measured, variant) == expected
        assert len(measured.of(variant, 4).blocks) == 6
        assert len(measured.of(variant, 4).warm_ups) == 2
        error = measured.of(variant, 1).max_abs_error
        assert error is not None
        assert error < 1e-6
    assert {block.place.position for block in measured.of("onnx", 1).blocks} == {0, 1}
    assert measured.profiled is None
    assert "profile: left out, since the autograd profiler needs a torch variant" in said
    assert not measured.failed


def test_torchscript_is_measured_profiled_and_traced(
    both_artifact: Artifact, tmp_path: Path
) -> None:
    import gzip
    import json
    from dataclasses import replace

    profile = ProfilePlan("count", 3, tmp_path / "traces", calls=4)
    (tmp_path / "traces").mkdir()
    measured = measure(both_artifact, replace(PLAN, profile=profile), lambda _line: None)
    assert measured.failed == {}
    for variant in ("torchscript", "onnx", "torchscript (copy)"):
        assert len(rounds_of(measured, variant)) == PLAN.rounds
    assert measured.profiled == "torchscript"
    (profiled,) = measured.profiles.values()
    operators = {row["name"]: row for row in profiled["operators"]}
    assert operators["aten::matmul"]["calls"] == 4
    assert operators["aten::matmul"]["cpu_s"] >= operators["aten::matmul"]["self_cpu_s"] > 0
    assert "Self CPU %" in profiled["table"]
    assert profiled["overhead"] > 0
    assert 0 < profiled["attributed"] <= 1.01
    trace = json.loads(gzip.decompress((tmp_path / "traces/torchscript-b1.json.gz").read_bytes()))
    assert "aten::matmul" in {event.get("name") for event in trace["traceEvents"]}


def test_a_variant_that_fails_midway_keeps_what_was_measured(
    failing_artifact: Callable[[int], Artifact],
) -> None:
    said: list[str] = []
    calls_until_the_third_round = 1 + 3 + 2 * 6
    measured = measure(failing_artifact(calls_until_the_third_round), PLAN, said.append)
    assert rounds_of(measured, "torchscript") == [(0, 0), (0, 1)]
    assert rounds_of(measured, "onnx") == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert measured.failed.keys() == {"torchscript", "torchscript (copy)"}
    assert "this model has had enough" in measured.failed["torchscript"]
    assert any(line.startswith("torchscript: failed at batch 1: ") for line in said)


def test_a_reference_that_does_not_load_makes_way(
    make_artifact: Callable[..., Artifact], onnx_artifact: Artifact
) -> None:
    model = (onnx_artifact.path / "model.onnx").read_bytes()
    artifact = make_artifact(torchscript=b"not a zip file", onnx=model, place="other")
    measured = measure(artifact, PLAN, lambda _line: None)
    assert measured.failed.keys() == {"torchscript"}
    assert "torch cannot load it" in measured.failed["torchscript"]
    assert measured.reference is not None
    assert measured.reference.id == "onnx"
    assert len(rounds_of(measured, "onnx (copy)")) == PLAN.rounds


def test_when_everything_fails_there_is_nothing_but_the_reasons(
    make_artifact: Callable[..., Artifact],
) -> None:
    measured = measure(make_artifact(onnx=b"not a model"), PLAN, lambda _line: None)
    assert measured.failed.keys() == {"onnx"}
    assert measured.rounds() == 0


def test_outputs_that_differ_fail_before_anything_is_timed(wrong_artifact: Artifact) -> None:
    with pytest.raises(
        CheckFailed, match=r"onnx, batch 1: output 'probabilities' departs by 0\.01"
    ):
        measure(wrong_artifact, PLAN, lambda _line: None)
