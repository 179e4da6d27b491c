import os
import signal
from pathlib import Path

import numpy as np
import pytest

from wfctl.benchmarks.plan import Plan
from wfctl.benchmarks.variants import Variant
from wfctl.benchmarks.workers import WorkerFailed, WorkerGroup
from wfctl.core.artifact import Artifact

PLAN = Plan(batch_sizes=(1,), tolerance=1e-4)


def onnx_variant(artifact: Artifact) -> Variant:
    return Variant("onnx", "onnx", str(artifact.path / "model.onnx"), "a" * 64)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_measures_and_ends_with_its_group(onnx_artifact: Artifact, tmp_path: Path) -> None:
    inputs, outputs = tmp_path / "inputs.npz", tmp_path / "outputs.npz"
    np.savez(inputs, x=np.zeros((2, 4), dtype=np.float32))
    with WorkerGroup(onnx_artifact.manifest, PLAN, tmp_path) as group:
        worker = group.start(onnx_variant(onnx_artifact))
        assert worker.wait_until_loaded() is None
        worker.ask("bind", batch=2, inputs_file=str(inputs), outputs_file=str(outputs))
        block = worker.ask("block", batch=2, minimum_s=0.0, minimum_calls=5)
        assert len(block["latencies_ns"]) == 5
        assert sum(block["latencies_ns"]) * 1e-9 == pytest.approx(block["elapsed_s"])
        long = worker.ask("block", batch=2, minimum_s=0.05, minimum_calls=1)
        assert long["elapsed_s"] >= 0.05
        warm_up = worker.ask("warm_up", batch=2, limit_s=0.0)
        assert (warm_up["calls"], warm_up["stable"]) == (3, False)
        pid = worker.pid
    assert np.load(outputs)["probabilities"] == pytest.approx(np.full((2, 3), 1 / 3))
    assert not is_alive(pid)


def test_a_model_that_cannot_be_loaded_is_a_failure(
    onnx_artifact: Artifact, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"nothing")
    with WorkerGroup(onnx_artifact.manifest, PLAN, tmp_path) as group:
        worker = group.start(Variant("onnx", "onnx", str(broken), "a" * 64))
        with pytest.raises(WorkerFailed, match=r"ArtifactError: .*onnxruntime cannot load it"):
            worker.wait_until_loaded()


def test_a_worker_that_dies_is_a_failure_that_says_how(
    onnx_artifact: Artifact, tmp_path: Path
) -> None:
    with WorkerGroup(onnx_artifact.manifest, PLAN, tmp_path) as group:
        worker = group.start(onnx_variant(onnx_artifact))
        worker.wait_until_loaded()
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerFailed, match="was killed by signal 9"):
            worker.ask("block", batch=1, minimum_s=0.0, minimum_calls=1)


def test_an_error_leaves_the_worker_able_to_answer(onnx_artifact: Artifact, tmp_path: Path) -> None:
    with WorkerGroup(onnx_artifact.manifest, PLAN, tmp_path) as group:
        worker = group.start(onnx_variant(onnx_artifact))
        worker.wait_until_loaded()
        with pytest.raises(WorkerFailed, match="KeyError: 7"):
            worker.ask("block", batch=7, minimum_s=0.0, minimum_calls=1)
        with pytest.raises(WorkerFailed, match="unknown command 'sing'"):
            worker.ask("sing")


def test_workers_are_killed_when_the_parent_meets_an_error(
    onnx_artifact: Artifact, tmp_path: Path
) -> None:
    pids = []

    def interrupted() -> None:
        with WorkerGroup(onnx_artifact.manifest, PLAN, tmp_path) as group:
            pids.append(group.start(onnx_variant(onnx_artifact)).pid)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not is_alive(pids[0])
