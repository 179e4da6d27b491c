"""A TorchScript file that answers one sample at a time, as `core.session.Session` does for ONNX."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.manifest import Manifest
from ..core.session import Arrays
from .runners import file_runner


class TorchScriptSession:
    """A loaded TorchScript file of an artifact."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._runner = file_runner(path, "torchscript")
        self._input = manifest.inputs[0].name
        self._output = manifest.outputs[0].name

    def run_one(self, sample: Arrays) -> dict[str, NDArray[np.generic]]:
        """One inference of one sample; neither inputs nor outputs have the batch axis."""
        raw = torch.from_numpy(np.asarray(sample[self._input])[None])
        return {self._output: self._runner(raw)[0]}
