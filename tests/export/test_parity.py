"""The gate has to stop each fault that an export can have, planted here into real files."""

import copy
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wfctl.core.errors import ParityError
from wfctl.core.manifest import Parity, TensorSpec
from wfctl.export.onnx import to_onnx
from wfctl.export.parity import BATCH_SIZES, check_parity, other_sizes
from wfctl.export.runners import Floats, eager_runner, file_runner
from wfctl.export.torchscript import to_torchscript
from wfctl.models.digits import Digits
from wfctl.models.preprocess import ImageToTensor
from wfctl.models.trained import Trained

INPUT = TensorSpec(name="image", dtype="uint8", shape=(-1, -1, -1, 1))
OUTPUT = TensorSpec(name="probabilities", dtype="float32", shape=(-1, 10))
EXAMPLE = torch.stack(list(Digits("val").pixels[:2]))
SAMPLES = list(Digits("val").pixels[:20])


class PlainResize(ImageToTensor):
    """Without antialiasing, as many libraries resize."""

    def forward(self, image: Tensor) -> Tensor:
        pixels = image.permute(0, 3, 1, 2).float()
        pixels = F.interpolate(pixels, size=[self.height, self.width], mode="bilinear")
        return (pixels - self.mean) / self.std


class BakedBatch(nn.Module):
    """A reshape that takes the batch's size as a number, which tracing writes down."""

    def __init__(self, pipeline: nn.Module) -> None:
        super().__init__()
        self.pipeline = pipeline

    def forward(self, raw: Tensor) -> Tensor:
        batch = int(raw.shape[0])
        answer: Tensor = self.pipeline(raw)
        return answer.reshape(batch, 10)


def gate(trained: Trained, path: Path) -> Parity:
    """The gate as the export asks it."""
    runner = file_runner(path, "onnx" if path.suffix == ".onnx" else "torchscript")
    samples = [*SAMPLES, *other_sizes(SAMPLES, INPUT)]
    return check_parity(path.name, eager_runner(trained.pipeline), runner, samples, 1e-4)


def script(module: nn.Module, path: Path) -> Path:
    """As somebody might write TorchScript, without any of wfctl's care."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(module), path)
    return path


def trace(module: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(module, EXAMPLE, check_trace=False), path)
    return path


def test_a_good_file_passes_and_the_numbers_say_how_well(trained: Trained, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(to_torchscript(trained.pipeline, EXAMPLE))
    parity = gate(trained, path)
    assert parity.batch_sizes == (1, 2, 3, 7)
    assert parity.samples == 20 + 14
    assert parity.mean_abs_error <= parity.max_abs_error < 1e-5
    assert parity.label_agreement == 1


def test_a_model_left_in_training_mode_fails(trained: Trained, tmp_path: Path) -> None:
    """Dropout and batch statistics would be served."""
    spoiled = copy.deepcopy(trained.pipeline).train()
    with pytest.raises(ParityError, match=r"^model.pt: departs from the trained model by"):
        gate(trained, script(spoiled, tmp_path / "model.pt"))


def test_another_mean_fails(trained: Trained, tmp_path: Path) -> None:
    spoiled = copy.deepcopy(trained.pipeline)
    spoiled.preprocess = ImageToTensor((8, 8), mean=(0.5,), std=(0.376,))
    with pytest.raises(ParityError, match="departs from the trained model"):
        gate(trained, script(spoiled, tmp_path / "model.pt"))


def test_another_resize_filter_fails_although_the_data_needs_no_resize(
    trained: Trained, tmp_path: Path
) -> None:
    spoiled = copy.deepcopy(trained.pipeline)
    spoiled.preprocess = PlainResize((8, 8), mean=(0.305,), std=(0.376,))
    path = script(spoiled, tmp_path / "model.pt")
    eager, runner = eager_runner(trained.pipeline), file_runner(path, "torchscript")
    check_parity("", eager, runner, SAMPLES, 1e-4)  # nothing to be seen at the data's own size
    with pytest.raises(ParityError, match=r"worst at sample \d+ \(16 x 24 x 1\), batch size 1"):
        gate(trained, path)


def test_one_changed_weight_fails(trained: Trained, tmp_path: Path) -> None:
    spoiled = copy.deepcopy(trained.pipeline)
    with torch.no_grad():
        next(spoiled.network.parameters()).view(-1)[0] += 0.5
    with pytest.raises(ParityError, match="departs from the trained model"):
        gate(trained, script(spoiled, tmp_path / "model.pt"))


@pytest.mark.parametrize("nan_in", ["one class", "every answer"])
def test_outputs_that_are_no_numbers_fail(trained: Trained, tmp_path: Path, nan_in: str) -> None:
    class Broken(nn.Module):
        def __init__(self, pipeline: nn.Module) -> None:
            super().__init__()
            self.pipeline = pipeline
            spoil = torch.zeros(10)
            spoil[(3 if nan_in == "one class" else slice(None))] = float("nan")
            self.register_buffer("spoil", spoil)

        def forward(self, raw: Tensor) -> Tensor:
            answer: Tensor = self.pipeline(raw)
            return answer + self.get_buffer("spoil")

    with pytest.raises(ParityError, match=r"by nan .* worst at sample 0 \(8 x 8 x 1\)"):
        gate(trained, trace(Broken(trained.pipeline).eval(), tmp_path / "model.pt"))


def test_a_model_that_itself_gives_no_numbers_fails(trained: Trained, tmp_path: Path) -> None:
    """Equal faults are no agreement."""
    with torch.no_grad():
        for parameter in trained.pipeline.network.parameters():
            parameter.fill_(float("nan"))
    with pytest.raises(ParityError, match="by nan"):
        gate(trained, script(trained.pipeline, tmp_path / "model.pt"))


def test_a_traced_batch_size_fails(trained: Trained, tmp_path: Path) -> None:
    """Traced with two pictures, it can do nothing but two."""
    path = trace(BakedBatch(trained.pipeline), tmp_path / "model.pt")
    with pytest.raises(ParityError, match=r"cannot run .* \(1, 8, 8, 1\): .* shape '\[2, 10\]'"):
        gate(trained, path)


def test_answers_of_another_shape_fail(trained: Trained, tmp_path: Path) -> None:
    path = trace(nn.Sequential(trained.pipeline, nn.Unflatten(1, (2, 5))), tmp_path / "model.pt")
    with pytest.raises(ParityError, match=r"gives shape \(1, 2, 5\) .* \(1, 10\), at batch size 1"):
        gate(trained, path)


def test_a_file_that_cannot_run_a_batch_fails(trained: Trained, tmp_path: Path) -> None:
    """An error of the runtime is a difference, too, and not a fault of wfctl."""
    fixed = TensorSpec(name="image", dtype="uint8", shape=(2, 8, 8, 1))
    path = tmp_path / "model.onnx"
    path.write_bytes(to_onnx(trained.pipeline, EXAMPLE, fixed, OUTPUT))
    with pytest.raises(ParityError, match=r"cannot run a batch .*Got: 1 Expected: 2") as caught:
        gate(trained, path)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_an_onnx_file_of_other_weights_fails(trained: Trained, tmp_path: Path) -> None:
    spoiled = copy.deepcopy(trained.pipeline)
    with torch.no_grad():
        next(spoiled.network.parameters()).mul_(1.05)
    path = tmp_path / "model.onnx"
    path.write_bytes(to_onnx(spoiled, EXAMPLE, INPUT, OUTPUT))
    with pytest.raises(ParityError, match=r"model.onnx: departs from the trained model"):
        gate(trained, path)


def answers(raw: Tensor, shift: float = 0.0) -> Floats:
    """A model of two classes whose answer is the sample itself."""
    first = raw.numpy() + np.float32(shift)
    return np.stack([first, 1 - first], axis=-1)


def test_an_error_within_the_tolerance_passes_and_is_noted() -> None:
    samples = list(torch.tensor([0.1, 0.9, 0.2]))
    parity = check_parity("", answers, lambda raw: answers(raw, 0.05), samples, 0.06)
    assert parity.max_abs_error == pytest.approx(0.05, abs=1e-6)
    assert parity.mean_abs_error == pytest.approx(0.05, abs=1e-6)


def test_another_label_fails_whatever_the_tolerance() -> None:
    samples = list(torch.tensor([0.1, 0.49, 0.2]))
    with pytest.raises(ParityError, match="1 labels of 1 differ; worst at sample 1, batch size 1"):
        check_parity("", answers, lambda raw: answers(raw, 0.05), samples, 0.5)


def pixels(raw: Tensor, shift: float = 0.0) -> Floats:
    """A model of two classes for pixels (B, h, w), whose answer is the picture itself."""
    first = raw.numpy() + np.float32(shift)
    return np.stack([first, 1 - first], axis=1)


def test_a_pixel_between_two_classes_may_be_of_either() -> None:
    picture = torch.tensor([[0.1, 0.9], [0.49999, 0.8]])
    parity = check_parity("", pixels, lambda raw: pixels(raw, 2e-5), [picture], 1e-4)
    assert parity.label_agreement == 1
    with pytest.raises(ParityError, match="1 labels of 1 differ"):
        check_parity("", pixels, lambda raw: pixels(raw, -0.5), [picture], 0.2)


def test_large_values_are_compared_by_their_share_and_have_no_label() -> None:
    samples = list(torch.tensor([[3e5], [-2e5]]))
    parity = check_parity(
        "", lambda raw: raw.numpy(), lambda raw: raw.numpy() * np.float32(1 + 5e-5), samples, 1e-4,
        classes_of=None,
    )  # fmt: skip
    assert parity.max_abs_error == pytest.approx(5e-5, rel=0.02)
    assert parity.label_agreement is None


def test_the_worst_sample_is_named() -> None:
    samples = list(torch.tensor([0.1, 0.2, 0.3, 0.4]))

    def runner(raw: Tensor) -> Floats:
        return answers(torch.where(raw == 0.3, raw - 0.1, raw))

    with pytest.raises(ParityError, match=r"by 0.1 \(tolerance 0.0001\).* worst at sample 2"):
        check_parity("", answers, runner, samples, 1e-4)


def test_every_sample_is_tried_at_every_batch_size_with_its_own_kind() -> None:
    sizes: dict[int, set[int]] = {size: set() for size in BATCH_SIZES}

    def runner(raw: Tensor) -> Floats:
        sizes[len(raw)].update(raw.view(len(raw), -1)[:, 0].tolist())
        return answers(raw.view(len(raw), -1)[:, 0] / 10)

    shapes = [(2,), (2,), (3,), (2,), (3,)]
    samples = [torch.full(shape, float(index)) for index, shape in enumerate(shapes)]
    check_parity("", runner, runner, samples, 1e-4)
    assert sizes == {size: {0.0, 1.0, 2.0, 3.0, 4.0} for size in BATCH_SIZES}


def test_samples_of_other_sizes_are_made_along_the_free_axes_only() -> None:
    picture = torch.arange(12, dtype=torch.uint8).reshape(3, 4, 1)
    stretched, cropped = other_sizes([picture], INPUT)
    assert (stretched.shape, cropped.shape) == ((6, 12, 1), (1, 1, 1))
    assert torch.equal(stretched[::2, ::3], picture)
    number = TensorSpec(name="number", dtype="int64", shape=(-1,))
    assert other_sizes([torch.tensor(3)], number) == []
