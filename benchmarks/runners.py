"""One call of a model, by each way of running it. Lives in a worker process.

All take arrays on the host and give arrays on the host, so that a call costs what a caller waits
for, and CPU and GPU variants can be compared.
"""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ArtifactError
from ..core.runs import RunFolder
from .plan import Device

if TYPE_CHECKING:
    import torch

Array = NDArray[np.generic]
Call = Callable[[], object]  # one inference; what it returns goes to `Runner.arrays`


class VariantAbsent(Exception):
    """The variant cannot be measured for a reason that is no fault of the model."""


class Runner(Protocol):
    """A loaded model."""

    uses_torch: bool

    def bind(self, inputs: Sequence[Array]) -> Call:
        """A call on these inputs, in the manifest's order; nothing but the model is left to do."""

    def arrays(self, outputs: object) -> list[Array]:
        """What a call returned, as arrays in the manifest's order."""


class TorchRunner:
    """A module, eager or TorchScript."""

    uses_torch = True

    def __init__(self, module: "torch.nn.Module", device: Device) -> None:
        self._module = module.to(device).eval()
        self._device = device

    def bind(self, inputs: Sequence[Array]) -> Call:
        """A call on these inputs; on a GPU it copies them there and the outputs back."""
        import torch

        tensors = [torch.from_numpy(array) for array in inputs]
        module, device = self._module, self._device

        def call_cpu() -> object:
            with torch.inference_mode():
                return module(*tensors)

        def call_cuda() -> object:
            with torch.inference_mode():
                outputs = module(*[tensor.to(device) for tensor in tensors])
                # Copying to the host waits until the GPU is done.
                return [tensor.cpu() for tensor in _as_sequence(outputs)]

        return call_cpu if device == "cpu" else call_cuda

    def arrays(self, outputs: object) -> list[Array]:
        """The output tensors as arrays."""
        return [tensor.numpy() for tensor in _as_sequence(outputs)]


class OnnxRunner:
    """An ONNX file in onnxruntime."""

    uses_torch = False

    def __init__(
        self, path: Path, device: Device, threads: int, names: tuple[list[str], list[str]]
    ) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads wait actively inside a run, as in production, but not between two runs, where they
        # would take the cores from the variant that is measured next.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        providers = ["CUDAExecutionProvider"] if device == "cuda" else ["CPUExecutionProvider"]
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=providers)
        except Exception as error:  # onnxruntime's errors share no base class
            raise ArtifactError(f"{path.name}: onnxruntime cannot load it: {error}") from error
        if device == "cuda" and "CUDAExecutionProvider" not in self._session.get_providers():
            raise VariantAbsent("onnxruntime's CUDAExecutionProvider does not load on this machine")
        self._input_names, self._output_names = names

    def bind(self, inputs: Sequence[Array]) -> Call:
        """A call on these inputs."""
        feeds = dict(zip(self._input_names, inputs, strict=True))
        session, names = self._session, self._output_names
        return lambda: session.run(names, feeds)

    def arrays(self, outputs: Any) -> list[Array]:
        """The outputs, which are arrays already."""
        return [np.asarray(output) for output in outputs]


def load_runner(setup: dict[str, Any]) -> Runner:
    """The runner that a worker was started for.

    Raises:
        VariantAbsent: it cannot be measured here.
        WfctlError: its file, run or checkpoint cannot be used.
    """
    path, device, threads = Path(setup["path"]), setup["device"], setup["threads"]
    if setup["kind"] == "onnx":
        return OnnxRunner(path, device, threads, (setup["inputs"], setup["outputs"]))
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    if setup["kind"] == "torchscript":
        return TorchRunner(_load_torchscript(path, device), device)
    return TorchRunner(_load_eager(path, setup["checkpoint_sha256"]), device)


def _load_torchscript(path: Path, device: Device) -> "torch.nn.Module":
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.load` is deprecated", FutureWarning)
        try:
            module: torch.nn.Module = torch.jit.load(path, map_location=device)
        except RuntimeError as error:
            raise ArtifactError(f"{path.name}: torch cannot load it: {error}") from error
    return module


def _load_eager(run: Path, checkpoint_sha256: str) -> "torch.nn.Module":
    from ..models.trained import load_trained

    trained = load_trained(RunFolder.open(run))
    if trained.checkpoint_sha256 != checkpoint_sha256:
        raise VariantAbsent(
            f"the best checkpoint of {run} is no longer the one that was exported; export again"
        )
    return trained.pipeline


def _as_sequence(outputs: Any) -> list["torch.Tensor"]:
    """The outputs of a module that gives one tensor or several."""
    return list(outputs) if isinstance(outputs, tuple | list) else [outputs]
