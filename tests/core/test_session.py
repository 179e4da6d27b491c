from pathlib import Path

import numpy as np
import pytest

from wfctl.core.artifact import Artifact, GoldenSample
from wfctl.core.errors import ArtifactError, ParityError
from wfctl.core.session import Session, check_golden
from wfctl.tests.helpers.tiny_artifact import write_artifact


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_artifact(tmp_path_factory.mktemp("artifacts") / "tiny")


@pytest.fixture(scope="module")
def session(artifact: Artifact) -> Session:
    return Session(artifact.file("onnx"), threads=1)


def pictures(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(3).integers(0, 256, (count, 5, 6, 1), dtype=np.uint8)


def test_names(session: Session) -> None:
    assert session.input_names == ("image",)
    assert session.output_names == ("probabilities",)


def test_a_batch_gives_what_its_samples_give(session: Session) -> None:
    batch = pictures(3)
    together = session.run({"image": batch})["probabilities"]
    assert together.shape == (3, 10)
    alone = [session.run_one({"image": picture})["probabilities"] for picture in batch]
    np.testing.assert_allclose(
        together.astype(np.float64), np.stack(alone).astype(np.float64), atol=1e-6
    )


@pytest.mark.parametrize("content", [b"", b"not a model"])
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.onnx: onnxruntime cannot load it"):
        Session(file)


def test_golden_samples_agree(session: Session, artifact: Artifact) -> None:
    samples = artifact.golden_samples()
    assert samples
    assert check_golden(session, samples, 1e-5) <= 1e-5


def test_a_golden_sample_that_departs(session: Session, artifact: Artifact) -> None:
    first, second, *_ = artifact.golden_samples()
    shifted = {name: value.astype(np.float64) + 0.01 for name, value in second.outputs.items()}
    with pytest.raises(ParityError, match=r"golden sample 1: output .* departs by 0\.01"):
        check_golden(session, [first, GoldenSample(second.inputs, shifted)], 1e-4)


def test_an_answer_that_is_no_number(session: Session, artifact: Artifact) -> None:
    first = artifact.golden_samples()[0]
    nothing = {name: np.full_like(value, np.nan) for name, value in first.outputs.items()}
    with pytest.raises(ParityError, match="departs by nan"):
        check_golden(session, [GoldenSample(first.inputs, nothing)], 1e-4)


def test_an_answer_of_another_shape(session: Session, artifact: Artifact) -> None:
    first = artifact.golden_samples()[0]
    longer = {name: np.stack([value, value]) for name, value in first.outputs.items()}
    with pytest.raises(ParityError, match=r"has shape \(10,\), but training gave \(2, 10\)"):
        check_golden(session, [GoldenSample(first.inputs, longer)], 1e-4)
