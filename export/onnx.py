"""Pipeline to one self-contained ONNX file, with every -1 of the manifest a dynamic axis."""

from collections.abc import Iterable

import onnx
import torch
from onnx import GraphProto, ModelProto
from torch import Tensor, nn

from ..core.manifest import TensorSpec

AXIS_NAMES = ("batch", "height", "width")


def to_onnx(
    pipeline: nn.Module, example: Tensor, input_spec: TensorSpec, output_spec: TensorSpec
) -> bytes:
    """The content of a `.onnx` file; the same bytes for the same model.

    Args:
        pipeline: in evaluation mode.
        example: a raw batch of at least two, so that no axis is taken for a constant 1.
        input_spec: names the input; its axes of -1 become dynamic.
    """
    dynamic = {
        axis: torch.export.Dim(AXIS_NAMES[axis]) if axis == 0 else torch.export.Dim.DYNAMIC
        for axis, size in enumerate(input_spec.shape)
        if size == -1
    }
    program = torch.onnx.export(
        pipeline,
        (example,),
        dynamo=True,
        dynamic_shapes=(dynamic,),
        input_names=[input_spec.name],
        output_names=[output_spec.name],
        external_data=False,
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    model = program.model_proto
    _strip(model)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _strip(model: ModelProto) -> None:
    """Take out what the exporter notes of this machine: source lines, paths, module names."""
    model.doc_string = ""
    del model.metadata_props[:]
    graphs: list[GraphProto] = [model.graph]
    while graphs:
        graph = graphs.pop()
        graph.doc_string = ""
        del graph.metadata_props[:]
        for group in (graph.node, graph.input, graph.output, graph.value_info, graph.initializer):
            _clear_notes(group)
        graphs.extend(
            attribute.g for node in graph.node for attribute in node.attribute
            if attribute.HasField("g")
        )  # fmt: skip
    for function in model.functions:
        function.doc_string = ""
        del function.metadata_props[:]
        _clear_notes(function.node)


def _clear_notes(
    records: Iterable[onnx.NodeProto | onnx.ValueInfoProto | onnx.TensorProto],
) -> None:
    for record in records:
        record.doc_string = ""
        del record.metadata_props[:]
