from pathlib import Path

import numpy as np
import pytest
import torch

from wfctl.core.artifact import Artifact
from wfctl.core.manifest import TensorSpec
from wfctl.core.session import Session, check_golden
from wfctl.export import golden
from wfctl.export.golden import GOLDEN_SAMPLES, golden_samples, spread
from wfctl.export.runners import Floats, eager_runner
from wfctl.models.digits import Digits
from wfctl.models.trained import Trained

INPUT = TensorSpec(name="number", dtype="int64", shape=(-1,))
OUTPUT = TensorSpec(name="value", dtype="float32", shape=(-1, 1))


def double(raw: torch.Tensor) -> Floats:
    return (raw.numpy()[:, None] * 2).astype(np.float32)


@pytest.mark.parametrize(
    ("size", "chosen"),
    [
        (3, [0, 1, 2]),
        (8, [0, 1, 2, 3, 4, 5, 6, 7]),
        (15, [0, 1, 3, 5, 7, 9, 11, 13]),
        (360, [0, 45, 90, 135, 180, 225, 270, 315]),
    ],
)
def test_samples_are_spread_over_the_split(size: int, chosen: list[int]) -> None:
    samples = golden_samples(double, list(torch.arange(size)), INPUT, OUTPUT)
    assert [int(sample.inputs["number"]) for sample in samples] == chosen
    assert [sample.outputs["value"].tolist() for sample in samples] == [[2 * i] for i in chosen]


def test_of_large_outputs_there_are_fewer_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    one_bytes = torch.tensor(1).nbytes + double(torch.tensor([1])).nbytes
    for budget, chosen in ((3 * one_bytes, [0, 5, 10]), (1, [0])):
        monkeypatch.setattr(golden, "GOLDEN_BYTES", budget)
        samples = golden_samples(double, list(torch.arange(15)), INPUT, OUTPUT)
        assert [int(sample.inputs["number"]) for sample in samples] == chosen


def test_an_artifact_holds_real_samples_with_what_training_gave(
    artifact: Path, trained: Trained
) -> None:
    samples = Artifact.open(artifact).golden_samples()
    assert len(samples) == GOLDEN_SAMPLES
    pixels = Digits("val").pixels[::45]
    eager = eager_runner(trained.pipeline)
    for raw, sample in zip(pixels, samples, strict=True):
        assert np.array_equal(sample.inputs["image"], raw.numpy())
        assert sample.inputs["image"].dtype == np.uint8
        expected = eager(raw.unsqueeze(0))[0]
        given = sample.outputs["probabilities"].astype(np.float32)
        assert np.abs(given - expected).max() < 1e-6


def test_the_exported_file_answers_them_as_the_service_will_ask(artifact: Path) -> None:
    opened = Artifact.open(artifact)
    session = Session(opened.file("onnx"))
    assert check_golden(session, opened.golden_samples(), opened.manifest.tolerance) < 1e-5


def test_chosen_samples_are_spread_over_all_of_them() -> None:
    samples = [torch.tensor(index) for index in range(10)]
    assert [int(each) for each in spread(samples, 4)] == [0, 2, 5, 7]
    assert len(spread(samples, 99)) == 10
