from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from wfctl.core.artifact import ArtifactWriter, GoldenSample
from wfctl.core.errors import ArtifactError, ParityError
from wfctl.serve.runtime import Runtime
from wfctl.tests.helpers.bad_files import flip_byte


def test_a_sample_is_predicted_and_labelled(image_artifact: Path) -> None:
    runtime = Runtime.load(image_artifact)
    bright = {"image": np.full((3, 9, 1), 255, dtype=np.uint8)}
    probabilities = runtime.predict(bright)
    assert probabilities.shape == (10,)
    assert probabilities.sum() == pytest.approx(1)
    answer = runtime.answer(bright)
    assert answer["model"] == "digits"
    assert answer["version"] == "3"
    assert [entry["label"] for entry in answer["predictions"]] == ["9", "8", "7"]
    assert answer["predictions"][0]["score"] == probabilities[9]
    assert len(runtime.answer(bright, top_k=1)["predictions"]) == 1


def test_a_changed_file_is_refused(make_artifact: Callable[[], Path]) -> None:
    path = make_artifact()
    flip_byte(path / "model.onnx")
    with pytest.raises(ArtifactError, match=r"model.onnx: is not the file that was exported"):
        Runtime.load(path)
    with pytest.raises(ArtifactError, match=r"model.onnx: is not the file that was exported"):
        Runtime.load(path, replay_golden=False)


def test_a_golden_sample_that_departs_is_refused(
    make_artifact: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    true_golden = ArtifactWriter.add_golden

    def wrong_golden(writer: ArtifactWriter, samples: list[GoldenSample]) -> Path:
        first = samples[0]
        wrong = {name: value[::-1] for name, value in first.outputs.items()}
        return true_golden(writer, [GoldenSample(first.inputs, wrong), *samples[1:]])

    monkeypatch.setattr(ArtifactWriter, "add_golden", wrong_golden)
    path = make_artifact()
    with pytest.raises(ParityError, match=r"model.onnx: golden sample 0: output 'probabilities'"):
        Runtime.load(path)
    Runtime.load(path, replay_golden=False)


def test_threads_share_a_runtime(image_artifact: Path) -> None:
    runtime = Runtime.load(image_artifact)
    samples = [{"image": np.full((4, 4, 1), value, dtype=np.uint8)} for value in range(0, 256, 5)]
    alone = [runtime.answer(sample) for sample in samples]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(runtime.answer, samples)) == alone
