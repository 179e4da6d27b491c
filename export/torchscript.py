"""Pipeline to TorchScript: scripted, so that branches survive; traced where scripting cannot."""

import io
import warnings
import zipfile

import torch
from torch import Tensor, nn

FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP can say


def to_torchscript(pipeline: nn.Module, example: Tensor) -> bytes:
    """The content of a frozen `.torchscript.pt` file; the same bytes for the same model.

    Args:
        pipeline: in evaluation mode.
        example: a raw batch, used only where the module has to be traced.
    """
    with warnings.catch_warnings():
        # Deprecated from torch 2.13 on; it stays a first-class export here.
        warnings.filterwarnings("ignore", message="`torch.jit", category=FutureWarning)
        try:
            module = torch.jit.script(pipeline)
        except Exception:  # the compiler raises many kinds for what it cannot express
            with torch.no_grad():
                module = torch.jit.trace(pipeline, example)
        frozen = torch.jit.freeze(module)
        buffer = io.BytesIO()
        torch.jit.save(frozen, buffer)
    return _without_sources(buffer.getvalue())


def _without_sources(archive: bytes) -> bytes:
    """Leave out the debug records: they hold paths and source lines of this machine."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            if not name.endswith(".debug_pkl"):
                target.writestr(zipfile.ZipInfo(name, FIXED_TIME), source.read(name))
    return buffer.getvalue()
