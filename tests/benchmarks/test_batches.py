from collections.abc import Callable

import numpy as np
import pytest

from wfctl.benchmarks.batches import Batch, largest_error, make_batches
from wfctl.core.artifact import Artifact, GoldenSample
from wfctl.core.errors import ArtifactError, CheckFailed

BATCH = Batch(1, {}, {"y": np.array([[0.25, 0.75]], dtype=np.float32)})


def sample(size: int, value: float) -> GoldenSample:
    x = np.full(size, value, dtype=np.float32)
    return GoldenSample({"x": x}, {"y": x[:1]})


def test_samples_are_repeated_in_turn(make_artifact: Callable[..., Artifact]) -> None:
    artifact = make_artifact(samples=[sample(4, 1), sample(4, 2)])
    one, five = make_batches(artifact, [1, 5])
    assert one.inputs["x"].shape == (1, 4)
    assert five.inputs["x"][:, 0].tolist() == [1, 2, 1, 2, 1]
    assert five.outputs["y"].tolist() == [[1], [2], [1], [2], [1]]


def test_only_samples_of_the_most_frequent_shape_are_used(
    make_artifact: Callable[..., Artifact],
) -> None:
    artifact = make_artifact(samples=[sample(9, 1), sample(4, 2), sample(4, 3)])
    (batch,) = make_batches(artifact, [2])
    assert batch.inputs["x"][:, 0].tolist() == [2, 3]


def test_an_artifact_without_golden_samples_is_refused(
    make_artifact: Callable[..., Artifact],
) -> None:
    with pytest.raises(ArtifactError, match="no golden sample"):
        make_batches(make_artifact(samples=[]), [1])


def test_error_within_the_tolerance_is_given() -> None:
    outputs = {"y": np.array([[0.25, 0.7501]], dtype=np.float32)}
    assert largest_error(outputs, BATCH, 1e-3, "onnx") == pytest.approx(1e-4, rel=1e-2)


@pytest.mark.parametrize("value", [0.8, float("nan")])
def test_error_beyond_the_tolerance_fails(value: float) -> None:
    outputs = {"y": np.array([[0.25, value]], dtype=np.float32)}
    with pytest.raises(CheckFailed, match=r"onnx, batch 1: output 'y' departs by .*0\.001"):
        largest_error(outputs, BATCH, 1e-3, "onnx")


def test_another_shape_fails() -> None:
    outputs = {"y": np.zeros((1, 3), dtype=np.float32)}
    with pytest.raises(CheckFailed, match=r"of shape \(1, 3\), expected \(1, 2\)"):
        largest_error(outputs, BATCH, 1e-3, "onnx")


def test_a_missing_output_fails() -> None:
    with pytest.raises(CheckFailed, match="output 'y' is missing"):
        largest_error({}, BATCH, 1e-3, "onnx")
