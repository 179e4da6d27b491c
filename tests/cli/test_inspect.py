import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wfctl.cli.main import run
from wfctl.core.artifact import ArtifactWriter, GoldenSample
from wfctl.core.files import sha256_file
from wfctl.export.torchscript import to_torchscript
from wfctl.tests.helpers.bad_files import flip_byte
from wfctl.tests.helpers.tiny_artifact import write_artifact


def test_it_shows_what_the_artifact_is(
    image_artifact: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["inspect", str(image_artifact)]) == 0
    shown = capsys.readouterr().out
    file = image_artifact / "model.onnx"
    rows = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert rows["name"] == "digits"
    assert rows["labels"] == "10: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert rows["input"] == "image  uint8 (any, any, any, 1)"
    assert rows["output"] == "probabilities  float32 (any, 10)"
    assert rows["decode"] == "kind image, mode L"
    assert rows["metrics"] == "model.onnx  accuracy 1.0000"
    size_bytes, sha256 = file.stat().st_size, sha256_file(file)
    assert f"model.onnx  {size_bytes} bytes  sha256 {sha256[:12]}  onnx" in shown
    assert "check" not in rows


def test_json_is_the_manifest(image_artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(image_artifact), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == json.loads((image_artifact / "manifest.json").read_text())


def test_check_replays_the_golden_samples(
    image_artifact: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["inspect", str(image_artifact), "--check"]) == 0
    assert "check      model.onnx: golden samples, max error 0" in capsys.readouterr().out
    assert run(["inspect", str(image_artifact), "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["check"] == {"model.onnx": 0.0}


def test_a_changed_file_fails_the_check(
    make_artifact: Callable[[], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_artifact()
    flip_byte(path / "model.onnx")
    assert run(["inspect", str(path), "--check"]) == 2
    printed = capsys.readouterr()
    assert "model.onnx: is not the file that was exported" in printed.err
    assert printed.out == ""


def test_an_answer_that_departs_exits_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    true_golden = ArtifactWriter.add_golden

    def wrong_golden(writer: ArtifactWriter, samples: list[GoldenSample]) -> Path:
        outputs: dict[str, NDArray[np.generic]] = {
            name: value.astype(np.float32) + np.float32(1e-3)
            for name, value in samples[1].outputs.items()
        }
        return true_golden(writer, [samples[0], GoldenSample(samples[1].inputs, outputs)])

    monkeypatch.setattr(ArtifactWriter, "add_golden", wrong_golden)
    path = write_artifact(tmp_path / "artifact").path
    assert run(["inspect", str(path), "--check"]) == 1
    assert (
        "model.onnx: golden sample 1: output 'probabilities' departs by 0.001"
        in capsys.readouterr().err
    )


def test_a_folder_that_is_no_artifact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(tmp_path)]) == 2
    assert "is not an artifact (it has no manifest.json)" in capsys.readouterr().err


class Remainder(nn.Module):
    """What the tiny number model does, in torch; `shift` makes it depart."""

    def __init__(self, shift: int = 0) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, number: Tensor) -> Tensor:
        logits = 5.0 * nn.functional.one_hot((number + self.shift) % 4, 4).float()
        return torch.softmax(logits, dim=-1)


def test_torchscript_is_replayed_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example = torch.tensor([1, 2])
    for shift, code in ((0, 0), (1, 1)):
        path = tmp_path / f"shift-{shift}"
        script = to_torchscript(Remainder(shift).eval(), example)
        write_artifact(path, "number", torchscript=script)
        assert run(["inspect", str(path), "--check"]) == code
        printed = capsys.readouterr()
        if code == 0:
            assert "check      model.torchscript.pt: golden samples, max error" in printed.out
        else:
            assert "model.torchscript.pt: golden sample 0: output 'prob" in printed.err
