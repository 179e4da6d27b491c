"""onnxruntime around one exported file: named arrays in, named arrays out."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .artifact import GoldenSample
from .departure import departure
from .errors import ArtifactError, ParityError

# From 1.29 on onnxruntime reports its use home, unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

Arrays = Mapping[str, NDArray[np.generic]]  # name -> (B, ...)


class Session:
    """A loaded ONNX file.

    Args:
        path: the file.
        threads: threads inside one operator; 0 lets onnxruntime take one a core.

    Raises:
        ArtifactError: onnxruntime cannot load the file.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no base class
            raise ArtifactError(f"{path}: onnxruntime cannot load it: {error}") from error
        self.input_names = tuple(entry.name for entry in self._session.get_inputs())
        self.output_names = tuple(entry.name for entry in self._session.get_outputs())

    def run(self, inputs: Arrays) -> dict[str, NDArray[np.generic]]:
        """One inference of a batch; every array has the batch axis first."""
        outputs = self._session.run(self.output_names, dict(inputs))
        return dict(zip(self.output_names, outputs, strict=True))

    def run_one(self, sample: Arrays) -> dict[str, NDArray[np.generic]]:
        """One inference of one sample; neither inputs nor outputs have the batch axis."""
        outputs = self.run({name: value[None] for name, value in sample.items()})
        return {name: value[0] for name, value in outputs.items()}


class AnswersOne(Protocol):
    """An exported file in the runtime that serves it."""

    def run_one(self, sample: Arrays) -> Arrays:
        """One inference of one sample, without the batch axis."""
        ...


def check_golden(session: AnswersOne, samples: list[GoldenSample], tolerance: float) -> float:
    """Replay golden samples; the largest `departure`.

    Raises:
        ParityError: an answer departs from training's by more than `tolerance`.
    """
    worst = 0.0
    for number, sample in enumerate(samples):
        outputs = session.run_one(sample.inputs)
        for name, expected in sample.outputs.items():
            if outputs[name].shape != expected.shape:
                raise ParityError(
                    f"golden sample {number}: output {name!r} has shape {outputs[name].shape}, but "
                    f"training gave {expected.shape}"
                )
            error = float(np.max(departure(outputs[name], expected), initial=0.0))
            if not error <= tolerance:
                raise ParityError(
                    f"golden sample {number}: output {name!r} departs by {error:.3g} from what "
                    f"training gave (at most {tolerance:.3g} is allowed)"
                )
            worst = max(worst, error)
    return worst
