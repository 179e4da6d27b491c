"""What a number or a file was made with: versions, machine, commit. Without importing torch."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = (
    "wfctl", "torch", "torchvision", "torchaudio", "torchtext", "pytorch-ignite", "onnx",
    "onnxscript", "onnxruntime", "bentoml", "numpy", "pillow", "soundfile", "click", "pydantic",
    "scikit-learn",
)  # fmt: skip


def version_of(package: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Package -> version, of those that are installed, and Python's own."""
    found = {package: version_of(package) for package in packages}
    return {"python": platform.python_version()} | {
        package: version for package, version in found.items() if version is not None
    }


def git_commit(folder: Path) -> str | None:
    """The commit of the checkout that holds `folder`, with `+` behind it if files were changed."""
    command = ["git", "-C", str(folder)]
    try:
        commit = subprocess.run(
            [*command, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*command, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True, text=True, timeout=10, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "")


def processor_name() -> str:
    """The processor's model name where the system says it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores that this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def memory_bytes() -> int | None:
    """The machine's memory."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def describe_environment() -> dict[str, Any]:
    """Versions, machine and the commit of the current folder, as plain values."""
    return {
        "versions": versions(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "cores": usable_cores(),
        "memory_bytes": memory_bytes(),
        "git_commit": git_commit(Path.cwd()),
    }
