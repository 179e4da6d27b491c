"""Several processes that train one network: the group they form, and what one does for all.

The processes are started by `launch` or by torchrun; each of them runs the same command.
"""

import atexit
import ctypes
import gc
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import torch
from ignite import distributed as idist
from torch import distributed

from ..core.errors import UsageError, WfctlError
from .device import choose_device
from .launch import PARENT, PEER_LOST, RENDEZVOUS

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
Result = TypeVar("Result")


class PeerLost(WfctlError):
    """Another process of the group has ended, and its own error says why."""

    exit_code = PEER_LOST


def is_one_of_several() -> bool:
    """Whether this process was started as one of several that train together."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


@contextmanager
def process_group(device_name: str) -> Iterator[torch.device]:
    """Join the others, where there are any; gives the device of this process.

    Args:
        device_name: `auto`, `cpu`, `cuda`, or `cuda:N` for a single process.

    Raises:
        UsageError: there is no such device.
        PeerLost: another process has ended before its time.
    """
    if not is_one_of_several():
        yield choose_device(device_name)
        return
    _end_with_parent()
    device = _own_device(device_name)
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=os.environ.get(RENDEZVOUS, "env://"),
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
    )
    idist.sync()
    # What refers to the group has to be gone before Python ends: a thread of the group that then
    # still lets go of a tensor aborts the process.
    atexit.register(gc.collect)
    try:
        yield device
    except RuntimeError as error:
        if _is_loss_of_peer(error):
            raise PeerLost(
                "another process of this training has ended; its own error says why"
            ) from error
        raise
    finally:
        gc.collect()
        idist.finalize()


def from_first(make: Callable[[], Result]) -> Result:
    """What `make` gives in the first process, in all of them; an error of it ends them all.

    Raises:
        SystemExit: in the other processes, when the first has an error, which it raises itself.
    """
    if idist.get_world_size() == 1:
        return make()
    outcome: list[Any] = [None, None]
    if idist.get_rank() == 0:
        try:
            outcome[0] = make()
        except BaseException as error:
            outcome[1] = error.exit_code if isinstance(error, WfctlError) else 1
            raise
        finally:
            distributed.broadcast_object_list(outcome, src=0)
    else:
        distributed.broadcast_object_list(outcome, src=0)
    if outcome[1] is not None:
        raise SystemExit(outcome[1])
    return cast(Result, outcome[0])


def gathered(value: Result) -> list[Result]:
    """The plain values of all processes, exactly, in the order of their ranks."""
    if idist.get_world_size() == 1:
        return [value]
    values: list[Any] = [None] * idist.get_world_size()
    distributed.all_gather_object(values, value)
    return values


def _own_device(name: str) -> torch.device:
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    local_processes = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ["WORLD_SIZE"]))
    if name.startswith("cuda:"):
        raise UsageError(f"--device {name}: each process takes its own device; give --device cuda")
    device = choose_device(name)
    if device.type == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ignite would place what it reduces there
        return device
    found = torch.cuda.device_count()
    if found < local_processes:
        raise UsageError(
            f"--nproc {local_processes}: each process takes a CUDA device, but this machine has "
            f"{found}; give --nproc {found} or --device cpu"
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def _end_with_parent() -> None:
    """Have the system end this process when the one that launched it is killed."""
    parent = os.environ.get(PARENT)
    if parent is None or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it was killed before it could be watched
        os.kill(os.getpid(), signal.SIGKILL)


def _is_loss_of_peer(error: RuntimeError) -> bool:
    if isinstance(error, distributed.DistError):
        return True
    lost = r"Connection (closed|reset) by peer|Broken pipe|Socket closed|Timed out waiting"
    return re.search(lost, str(error)) is not None
