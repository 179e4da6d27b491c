"""`--device auto|cpu|cuda[:N]` to a torch device."""

import torch

from ..core.errors import UsageError


def choose_device(name: str) -> torch.device:
    """The device of a name; `auto` is CUDA where there is one.

    Raises:
        UsageError: the name is unknown, or there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind == "cpu" and not number:
        return torch.device("cpu")
    if kind != "cuda" or (number and not number.isdecimal()):
        raise UsageError(f"--device {name}: expected auto, cpu, cuda or cuda:N")
    found = torch.cuda.device_count()
    if int(number or 0) >= found:
        raise UsageError(f"--device {name}: this machine has {found} CUDA devices; try cpu")
    return torch.device(name)
