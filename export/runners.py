"""Exported files as functions from a raw batch to outputs, each in the runtime that serves it."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.manifest import Format
from ..core.session import Session

Floats = NDArray[np.floating]
Runner = Callable[[Tensor], Floats]  # raw batch (B, ...) -> (B, outputs)


def eager_runner(pipeline: nn.Module) -> Runner:
    """The trained model itself."""

    def run(raw: Tensor) -> Floats:
        with torch.no_grad():
            outputs: Tensor = pipeline(raw)
        return outputs.numpy()

    return run


def file_runner(path: Path, format: Format) -> Runner:
    """The runner of an exported file."""
    return _onnx_runner(path) if format == "onnx" else _torchscript_runner(path)


def _onnx_runner(path: Path) -> Runner:
    session = Session(path, threads=1)  # as it is served

    def run(raw: Tensor) -> Floats:
        outputs = session.run({session.input_names[0]: raw.numpy()})
        return outputs[session.output_names[0]].astype(np.float32)

    return run


def _torchscript_runner(path: Path) -> Runner:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
        module = torch.jit.load(path, map_location="cpu")
    return eager_runner(module)
