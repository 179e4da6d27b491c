from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from wfctl.core.manifest import TensorSpec
from wfctl.core.recipe import NumberPreprocess
from wfctl.core.session import Session
from wfctl.export.onnx import to_onnx
from wfctl.models.preprocess import build_preprocess, describe_input
from wfctl.models.trained import Trained

INPUT = TensorSpec(name="image", dtype="uint8", shape=(-1, -1, -1, 1))
OUTPUT = TensorSpec(name="probabilities", dtype="float32", shape=(-1, 10))
EXAMPLE = torch.zeros(2, 8, 8, 1, dtype=torch.uint8)


@pytest.fixture(scope="module")
def content(artifact: Path) -> bytes:
    return (artifact / "model.onnx").read_bytes()


@pytest.mark.parametrize("shape", [(1, 8, 8), (7, 8, 8), (5, 13, 29), (2, 50, 37), (3, 4, 4),
                                   (1, 1, 1), (4, 8, 16), (4, 16, 8)])  # fmt: skip
def test_batch_and_size_are_free(
    artifact: Path, trained: Trained, shape: tuple[int, int, int]
) -> None:
    """It was traced with two pictures of 8 x 8."""
    raw = torch.randint(0, 256, (*shape, 1), dtype=torch.uint8)
    with torch.no_grad():
        expected = trained.pipeline(raw).numpy()
    given = Session(artifact / "model.onnx").run({"image": raw.numpy()})["probabilities"]
    assert given.shape == expected.shape
    assert np.abs(given.astype(np.float32) - expected).max() < 1e-5


def test_axes_are_named_or_fixed_as_the_manifest_says(content: bytes) -> None:
    graph = onnx.load_from_string(content).graph
    (entry,), (answer,) = graph.input, graph.output
    batch, height, width, channels = entry.type.tensor_type.shape.dim
    assert (entry.name, answer.name) == ("image", "probabilities")
    assert batch.dim_param == "batch"
    assert all(dim.dim_param and not dim.HasField("dim_value") for dim in (batch, height, width))
    assert height.dim_param != width.dim_param
    assert channels.dim_value == 1
    assert answer.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_the_file_passes_onnxs_own_checker(content: bytes) -> None:
    onnx.checker.check_model(onnx.load_from_string(content), full_check=True)


def test_everything_is_in_one_file(content: bytes) -> None:
    initializers = onnx.load_from_string(content).graph.initializer
    assert sum(np.prod(each.dims) for each in initializers) > 10_000  # the weights are here
    assert all(each.data_location == onnx.TensorProto.DEFAULT for each in initializers)
    assert not any(each.external_data for each in initializers)


def test_nothing_in_a_file_tells_of_the_machine(content: bytes, repository: Path) -> None:
    folders = (str(repository), str(Path(torch.__file__).parent))
    for trace in (*folders, "site-packages", ".py", "stack_trace", "pkg.torch"):
        assert trace.encode() not in content


def test_notes_inside_of_branches_are_stripped_too() -> None:
    """An `If` holds whole graphs of its own, where notes could hide."""

    class Branch(torch.nn.Module):
        def forward(self, raw: torch.Tensor) -> torch.Tensor:
            answer: torch.Tensor = torch.cond(
                raw.sum() > 0, lambda x: x * 2.0, lambda x: x - 1.0, (raw,)
            )
            return answer

    values = TensorSpec(name="values", dtype="float32", shape=(-1, 3))
    answer = TensorSpec(name="answer", dtype="float32", shape=(-1, 3))
    content = to_onnx(Branch().eval(), torch.zeros(2, 3), values, answer)
    model = onnx.load_from_string(content)
    assert any(attribute.g.node for node in model.graph.node for attribute in node.attribute) or (
        len(model.functions) > 0
    )
    assert b".py" not in content
    assert b"stack_trace" not in content


@pytest.mark.slow
def test_the_same_model_gives_the_same_bytes(content: bytes, trained: Trained) -> None:
    assert to_onnx(trained.pipeline, EXAMPLE, INPUT, OUTPUT) == content


def test_bits_of_numbers_beyond_float_precision_are_exact(tmp_path: Path) -> None:
    """A division would go through float32 in ONNX, and lose the small digits."""
    preprocess = NumberPreprocess(kind="number", bits=62)
    digits = TensorSpec(name="digits", dtype="float32", shape=(-1, 62))
    module = build_preprocess(preprocess).eval()
    path = tmp_path / "bits.onnx"
    path.write_bytes(to_onnx(module, torch.tensor([1, 2]), describe_input(preprocess)[1], digits))
    numbers = [0, 1, 2**24 + 1, 2**53 + 1, 2**62 - 1, 1234567890123456789]
    given = Session(path).run({"number": np.array(numbers)})["digits"]
    assert given.tolist() == [
        [int(digit) for digit in reversed(format(number, "062b"))] for number in numbers
    ]
