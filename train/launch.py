"""Start one training as several processes of this machine, and end them as one."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from ..core.environment import usable_cores

PARENT = "WFCTL_LAUNCHER"  # the launching process's number, for the processes to end with it
RENDEZVOUS = "WFCTL_RENDEZVOUS"  # where the processes find each other
PEER_LOST = 76  # exit code of a process that ended because another one had
GRACE_S = 5.0  # for the others to notice by themselves that one has ended
PAUSE_S = 0.05
KILLED = 128 + signal.SIGKILL


def command_line(arguments: Sequence[str]) -> list[str]:
    """The command that runs `wfctl` with these arguments in another process."""
    package = __package__.partition(".")[0]
    # -P: the current folder is the user's, and must not stand before the installed packages.
    return [sys.executable, "-P", "-m", f"{package}.cli.main", *arguments]


def launch(arguments: Sequence[str], processes: int) -> int:
    """Run a `wfctl` command as several processes, of which the first prints its result.

    A signal to this process is passed on to the first, which stops all at the same iteration; a
    second one kills them.

    Returns:
        0 when the first process has done its work, which it does with all others; else the exit
        code of the first process that failed by itself.
    """
    with tempfile.TemporaryDirectory(prefix="wfctl-") as folder:
        group = _Group(arguments, processes, Path(folder))
        earlier = {each: signal.signal(each, group.note)
                   for each in (signal.SIGINT, signal.SIGTERM)}  # fmt: skip
        try:
            group.wait()
        finally:
            group.kill()
            for each, handler in earlier.items():
                signal.signal(each, handler)
        return group.conclude()


class _Group:
    """The processes, the first of which has this one's stderr and stdout."""

    def __init__(self, arguments: Sequence[str], count: int, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._signals: list[int] = []
        self._passed_on = 0
        self._killed: set[int] = set()
        for rank in range(count):
            with self._errors_of(rank).open("wb") as errors:
                self._processes.append(
                    subprocess.Popen(
                        command_line(arguments),
                        env=_environment(rank, count, folder),
                        stdin=subprocess.DEVNULL,
                        stdout=None if rank == 0 else subprocess.DEVNULL,
                        stderr=None if rank == 0 else errors,
                        start_new_session=True,  # Ctrl-C reaches this process alone
                    )
                )

    def wait(self) -> None:
        """Until all have ended, or one has failed and the others had time to follow."""
        deadline_s = None
        while None in (codes := [process.poll() for process in self._processes]):
            if deadline_s is None and any(codes):
                deadline_s = time.monotonic() + GRACE_S
            if deadline_s is not None and time.monotonic() > deadline_s:
                return
            if not self._pass_on():
                return
            time.sleep(PAUSE_S)

    def kill(self) -> None:
        """End those that are left."""
        for rank, process in enumerate(self._processes):
            if process.poll() is None:
                self._killed.add(rank)
                process.kill()
        for process in self._processes:
            process.wait()

    def note(self, number: int, frame: FrameType | None) -> None:
        """A signal handler."""
        self._signals.append(number)

    def _errors_of(self, rank: int) -> Path:
        return self._folder / f"stderr-{rank}"

    def _pass_on(self) -> bool:
        """Whether to go on waiting: the first signal goes to the first process."""
        if len(self._signals) > 1:
            return False
        for number in self._signals[self._passed_on :]:
            self._processes[0].send_signal(number)
            self._passed_on += 1
        return True

    def conclude(self) -> int:
        """The exit code; what another process than the first has said is shown if it failed."""
        codes = {rank: process.returncode for rank, process in enumerate(self._processes)
                 if rank not in self._killed}  # fmt: skip
        if codes.get(0) == 0:
            return 0
        failed = [rank for rank, code in codes.items() if code not in {0, PEER_LOST}]
        if not failed:
            return KILLED if self._killed else max(codes.values(), default=0)
        rank = failed[0]
        code = codes[rank]
        if rank:
            sys.stderr.write(self._errors_of(rank).read_text(errors="replace"))
        if code < 0:
            name = signal.Signals(-code).name
            print(f"wfctl: process {rank} was ended by {name}", file=sys.stderr)  # noqa: T201
            return 128 - code
        return code


def _environment(rank: int, count: int, folder: Path) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("SLURM_")}  # fmt: skip
    environment.setdefault("OMP_NUM_THREADS", str(max(1, usable_cores() // count)))
    environment.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # training needs unused parts allowed
    if sys.platform == "linux":
        environment.setdefault("GLOO_SOCKET_IFNAME", "lo")
    return environment | {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        PARENT: str(os.getpid()),
        RENDEZVOUS: f"file://{folder / 'rendezvous'}",
    }
