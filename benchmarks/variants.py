"""The forms of an artifact's model that can be measured here, and why others cannot."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..core.artifact import Artifact
from ..core.errors import RunError, UsageError
from ..core.runs import RunFolder
from .plan import Device

Kind = Literal["eager", "torchscript", "onnx"]  # the first that is there is the reference
NO_TORCH = "torch is not installed; pip install 'wfctl[train]'"
NO_CUDA_PROVIDER = "onnxruntime has no CUDAExecutionProvider; it comes with onnxruntime-gpu"


@dataclass(frozen=True)
class Variant:
    """One form of the model. `path` is the exported file, or the run folder for eager."""

    id: str
    kind: Kind
    path: str
    checkpoint_sha256: str


@dataclass(frozen=True)
class Absent:
    """A form that is not measured, and why."""

    id: str
    reason: str


def find_variants(artifact: Artifact, device: Device) -> tuple[list[Variant], list[Absent]]:
    """What there is to measure, the reference first.

    Raises:
        UsageError: the device is not there, or nothing can be measured.
    """
    torch_installed = importlib.util.find_spec("torch") is not None
    providers = _onnxruntime_providers()
    if device == "cuda":
        _require_cuda(torch_installed, providers)
    sources = {
        "eager": _eager(artifact) if torch_installed else NO_TORCH,
        "torchscript": _file(artifact, "torchscript") if torch_installed else NO_TORCH,
        "onnx": _file(artifact, "onnx"),
    }
    if device == "cuda" and "CUDAExecutionProvider" not in providers:
        sources["onnx"] = NO_CUDA_PROVIDER
    checkpoint = artifact.manifest.source.checkpoint_sha256
    variants: list[Variant] = []
    absent: list[Absent] = []
    kinds: tuple[Kind, ...] = ("eager", "torchscript", "onnx")
    for kind in kinds:
        source = sources[kind]
        if isinstance(source, Path):
            variants.append(Variant(kind, kind, str(source), checkpoint))
        else:
            absent.append(Absent(kind, source))
    if not variants:
        raise nothing_to_measure(artifact, absent)
    return variants, absent


def nothing_to_measure(artifact: Artifact, absent: list[Absent]) -> UsageError:
    """The error when every variant is absent."""
    reasons = "; ".join(f"{entry.id}: {entry.reason}" for entry in absent)
    return UsageError(f"{artifact.path}: nothing can be measured ({reasons})")


def _eager(artifact: Artifact) -> Path | str:
    """The run that the artifact lies in (`<run>/export/<name>/`), or why there is none."""
    folder = artifact.path.resolve().parent.parent
    try:
        return RunFolder.open(folder).path
    except RunError:
        return f"the artifact does not lie in a run folder ({folder} has no recipe.yaml)"


def _file(artifact: Artifact, format: Literal["torchscript", "onnx"]) -> Path | str:
    for name, entry in artifact.manifest.files.items():
        if entry.format == format:
            return (artifact.path / name).resolve()
    return f"the artifact has no {format} file"


def _onnxruntime_providers() -> list[str]:
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def _require_cuda(torch_installed: bool, providers: list[str]) -> None:
    if "CUDAExecutionProvider" in providers:
        return
    if not torch_installed:
        raise UsageError(f"--device cuda: {NO_TORCH}, and {NO_CUDA_PROVIDER}")
    import torch

    if not torch.cuda.is_available():
        build = torch.version.cuda or "none"
        raise UsageError(
            f"--device cuda: torch {torch.__version__} (CUDA build: {build}) sees no CUDA device"
        )
