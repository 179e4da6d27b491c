"""Pipeline to TorchScript: scripted, so that branches survive; traced where scripting cannot."""

import io
import re
import warnings
import zipfile

import torch
from torch import Tensor, nn

FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP can say
SERIALIZATION_ID = "/.data/serialization_id"  # a digest of the records that loading does not need
MANGLED = re.compile(rb"___torch_mangle_(\d+)")  # counts what this process has compiled before


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
    return _canonical(buffer.getvalue())


def _canonical(archive: bytes) -> bytes:
    """Leave out what tells of this machine or of this process: paths, source lines, counters."""
    buffer, numbers = io.BytesIO(), dict[bytes, int]()

    def renumber(content: bytes) -> bytes:
        return MANGLED.sub(
            lambda match: b"___torch_mangle_%d" % numbers.setdefault(match[1], len(numbers)),
            content,
        )

    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            if name.endswith((".debug_pkl", SERIALIZATION_ID)):
                continue
            content = source.read(name)
            if name.endswith((".py", ".pkl")):
                content = renumber(content)
            info = zipfile.ZipInfo(renumber(name.encode()).decode(), FIXED_TIME)
            target.writestr(info, content)
    return buffer.getvalue()
