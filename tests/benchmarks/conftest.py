import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper

from wfctl.core.artifact import Artifact, ArtifactWriter, GoldenSample
from wfctl.core.manifest import ImageInput, Manifest, Source, TensorSpec

MakeArtifact = Callable[..., Artifact]
WEIGHTS = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


class Linear(torch.nn.Module):
    """float32 (B, 4) -> probabilities (B, 3)."""

    weights: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weights", torch.from_numpy(WEIGHTS.copy()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        probabilities: torch.Tensor = (x @ self.weights).softmax(dim=-1)
        return probabilities


class FailsOnCall(Linear):
    """As Linear, until the given call raises."""

    calls: int
    last: int

    def __init__(self, last: int) -> None:
        super().__init__()
        self.calls = 0
        self.last = last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls > self.last:
            raise RuntimeError("this model has had enough")
        return (x @ self.weights).softmax(dim=-1)


def torchscript_bytes(module: torch.nn.Module) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", FutureWarning)
        torch.jit.save(torch.jit.script(module), buffer)
    return buffer.getvalue()


def onnx_bytes() -> bytes:
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
        ],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", 4])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["B", 3])],
        [onnx.numpy_helper.from_array(WEIGHTS, "weights")],
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    return bytes(model.SerializeToString())


def golden(count: int) -> list[GoldenSample]:
    """The first sample is all zeros, which gives every label a third."""
    samples = []
    for index in range(count):
        x = np.linspace(-1, 1, 4, dtype=np.float32) * index
        powers = np.exp(x @ WEIGHTS)
        outputs: NDArray[np.float32] = (powers / powers.sum()).astype(np.float32)
        samples.append(GoldenSample({"x": x}, {"probabilities": outputs}))
    return samples


@pytest.fixture
def make_artifact(tmp_path: Path) -> MakeArtifact:
    """Writes a real artifact of a tiny model, with the files and golden samples that are given."""

    def make(
        *, torchscript: bytes | None = None, onnx: bytes | None = None,
        samples: list[GoldenSample] | None = None, place: str = "artifact",
    ) -> Artifact:  # fmt: skip
        with ArtifactWriter(tmp_path / place) as writer:
            if torchscript is not None:
                writer.add("model.torchscript.pt", torchscript, "torchscript", "float32")
            if onnx is not None:
                writer.add("model.onnx", onnx, "onnx", "float32")
            writer.add_golden(golden(3) if samples is None else samples)
            return writer.commit(
                Manifest(
                    schema="wfctl.artifact/1",
                    name="linear",
                    version="1",
                    task="image-classification",
                    labels=("a", "b", "c"),
                    inputs=(TensorSpec(name="x", dtype="float32", shape=(-1, 4)),),
                    outputs=(TensorSpec(name="probabilities", dtype="float32", shape=(-1, 3)),),
                    host_preprocess=ImageInput(mode="L"),
                    boundary=TensorSpec(name="x", dtype="float32", shape=(-1, 4)),
                    files=writer.files,
                    metrics={},
                    parity={},
                    tolerance=1e-4,
                    top_k=3,
                    source=Source(
                        checkpoint_sha256="a" * 64,
                        epoch=1,
                        recipe={"benchmark": {"batch_sizes": [1, 4]}},
                        git_commit=None,
                        data_digest="b" * 64,
                        versions={},
                    ),
                    created="2026-01-01T00:00:00Z",
                )
            )

    return make


@pytest.fixture
def onnx_artifact(make_artifact: MakeArtifact) -> Artifact:
    """With an ONNX file alone: nothing here needs torch."""
    return make_artifact(onnx=onnx_bytes())


@pytest.fixture
def both_artifact(make_artifact: MakeArtifact) -> Artifact:
    """With TorchScript and ONNX, without a run around it."""
    return make_artifact(torchscript=torchscript_bytes(Linear()), onnx=onnx_bytes())


@pytest.fixture
def failing_artifact(make_artifact: MakeArtifact) -> Callable[[int], Artifact]:
    """Its TorchScript file fails after the given number of calls; its ONNX file does not."""

    def make(last: int) -> Artifact:
        return make_artifact(torchscript=torchscript_bytes(FailsOnCall(last)), onnx=onnx_bytes())

    return make


@pytest.fixture
def wrong_artifact(make_artifact: MakeArtifact) -> Artifact:
    """Its golden outputs are not what its ONNX file gives."""
    samples = [
        GoldenSample(sample.inputs, {"probabilities": np.full(3, 1 / 3 + 0.01, dtype=np.float32)})
        for sample in golden(1)
    ]
    return make_artifact(onnx=onnx_bytes(), samples=samples)
