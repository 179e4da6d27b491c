"""A tiny artifact with a real ONNX model, made in milliseconds and without torch."""

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from wfctl.core.artifact import Artifact, ArtifactWriter, GoldenSample
from wfctl.core.manifest import ImageInput, Manifest, NumberInput, Source, TensorSpec
from wfctl.core.session import Session

LABELS = tuple(str(digit) for digit in range(10))
FIZZBUZZ = ("number", "fizz", "buzz", "fizzbuzz")
ZERO_SHA256 = "0" * 64


def image_model() -> bytes:
    """uint8 (B, H, W, 1) -> probabilities (B, 10): brightness chooses the label."""
    weights = np.linspace(-2, 2, len(LABELS), dtype=np.float32)[None]  # (1, 10)
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["centred"]),
        helper.make_node("MatMul", ["centred", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    constants: dict[str, NDArray[np.generic]] = {
        "axes": np.array([1, 2], dtype=np.int64),
        "scale": np.array(1 / 32, dtype=np.float32),
        "shift": np.array(-4, dtype=np.float32),
        "weights": weights,
    }
    return _model(nodes, constants, "image", TensorProto.UINT8, ["B", "H", "W", 1], len(LABELS))


def number_model() -> bytes:
    """int64 (B,) -> probabilities (B, 4): the remainder by 4 is the label."""
    nodes = [
        helper.make_node("Mod", ["number", "four"], ["remainder"]),
        helper.make_node("OneHot", ["remainder", "four", "values"], ["logits"], axis=-1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    constants: dict[str, NDArray[np.generic]] = {
        "four": np.array(4, dtype=np.int64),
        "values": np.array([0, 5], dtype=np.float32),
    }
    return _model(nodes, constants, "number", TensorProto.INT64, ["B"], len(FIZZBUZZ))


def _model(
    nodes: list[onnx.NodeProto],
    constants: dict[str, NDArray[np.generic]],
    name: str,
    kind: int,
    shape: list[str | int],
    classes: int,
) -> bytes:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, kind, shape)],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["B", classes])],
        [onnx.numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def write_artifact(
    path: Path, kind: Literal["image", "number"] = "image", torchscript: bytes | None = None
) -> Artifact:
    """A real artifact with a tiny model, three golden samples and every hash."""
    image = kind == "image"
    data = image_model() if image else number_model()
    name, labels = ("image", LABELS) if image else ("number", FIZZBUZZ)
    with ArtifactWriter(path) as writer:
        session = Session(writer.add("model.onnx", data, "onnx", "float32"))
        if torchscript is not None:
            writer.add("model.torchscript.pt", torchscript, "torchscript", "float32")
        raw: list[NDArray[np.generic]] = (
            [np.full((8, 8, 1), 80 * step, dtype=np.uint8) for step in range(3)]
            if image
            else [np.asarray(3 * step + 1, dtype=np.int64) for step in range(3)]
        )
        samples = [{name: value} for value in raw]
        writer.add_golden([GoldenSample(one, session.run_one(one)) for one in samples])
        shape = (-1, -1, -1, 1) if image else (-1,)
        spec = TensorSpec(name=name, dtype=str(raw[0].dtype), shape=shape)
        manifest = Manifest(
            schema="wfctl.artifact/1",
            name="digits" if image else "fizzbuzz",
            version="3",
            task="classification",
            labels=labels,
            inputs=(spec,),
            outputs=(TensorSpec(name="probabilities", dtype="float32", shape=(-1, len(labels))),),
            host_preprocess=ImageInput(mode="L") if image else NumberInput(minimum=0, maximum=1023),
            boundary=TensorSpec(name=f"{name}_in", dtype="float32", shape=(-1, 8)),
            files=writer.files,
            metrics={"model.onnx": {"accuracy": 1.0}},
            parity={},
            tolerance=1e-4,
            top_k=3,
            source=Source(
                checkpoint_sha256=ZERO_SHA256,
                epoch=1,
                recipe={"name": "tiny"},
                git_commit=None,
                data_digest=ZERO_SHA256,
                versions={},
            ),
            created="2026-01-01T00:00:00Z",
        )
        return writer.commit(manifest)
