"""Train, kill by SIGKILL at a random moment, resume, and again; prints what was seen as JSON.

    python -m wfctl.tests.helpers.kill_repeatedly FOLDER KILLS SEED

Each training is a process of its own: a fork of this one, which has imported everything before, so
that a start costs no seconds. The network is large and every iteration is saved, so that many of
the kills fall into a save.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

import wfctl.train.request  # noqa: F401  (imported for the forks)
from wfctl.cli.main import run
from wfctl.core.checkpoint_index import CheckpointIndex

NEW = ["train", "fizzbuzz", "--device", "cpu", "--set", "train.epochs=9999",
       "--set", "model.options={hidden: 30000}", "--set", "data.batch_size=16",
       "--set", "train.loggers=[]"]  # fmt: skip
SAVE_ALWAYS = ["--set", "train.checkpoint.every=1"]


def start(arguments: list[str], said: Path) -> int:
    """A training in a new process; its number."""
    process = os.fork()
    if process:
        return process
    with said.open("wb") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    torch.set_num_threads(1)
    code = 70
    try:
        code = run(arguments)
    finally:
        sys.stderr.flush()
        os._exit(code)


def kill(process: int, checkpoints: Path, moments: random.Random, soonest: bool) -> None:
    """Kill within some saves behind its first new checkpoint or, `soonest`, while it starts."""
    before = newest(checkpoints)
    if not soonest or moments.random() < 0.7:
        while newest(checkpoints) == before:
            if os.waitpid(process, os.WNOHANG) != (0, 0):
                raise RuntimeError("the training has ended by itself")
            time.sleep(0.005)
    time.sleep(moments.uniform(0.0, 0.3))
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def newest(checkpoints: Path) -> int:
    return max((entry.iteration for entry in CheckpointIndex.read(checkpoints).entries), default=0)


def see(checkpoints: Path, process: int, said: Path) -> dict[str, object]:
    """What a killed training left."""
    index = CheckpointIndex.read(checkpoints)
    files = {path.name for path in checkpoints.iterdir()} if checkpoints.is_dir() else set()
    return {
        "process": process,
        "iterations": [entry.iteration for entry in index.entries],
        "damaged": [entry.file for entry in index.entries if not entry.is_whole(checkpoints)],
        "temporary": sorted(name for name in files if name.endswith(".tmp")),
        "unlisted": sorted(
            name for name in files
            if name.endswith(".pt") and index.entry(name) is None
        ),
        "said": said.read_text(),
    }  # fmt: skip


def main() -> None:
    folder, kills, moments = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
    checkpoints, said = folder / "checkpoints", folder.parent / "said"
    seen = []
    for _ in range(kills):
        fresh = not (folder / "recipe.yaml").is_file()
        target = ["--run-dir", str(folder)] if fresh else ["--resume", str(folder)]
        process = start([*(NEW if fresh else NEW[:4]), *SAVE_ALWAYS, *target], said)
        kill(process, checkpoints, moments, soonest=not fresh)
        seen.append(see(checkpoints, process, said))
    iteration = newest(checkpoints) + 2
    last = start([*NEW[:4], "--resume", str(folder), "--stop-at", str(iteration)], said)
    _, status = os.waitpid(last, 0)
    whole = folder.parent / "whole"
    process = start([*NEW, "--stop-at", str(iteration), "--run-dir", str(whole)], said)
    _, whole_status = os.waitpid(process, 0)
    codes = [os.waitstatus_to_exitcode(each) for each in (status, whole_status)]
    result = {"kills": seen, "last": see(checkpoints, last, said), "iteration": iteration,
              "codes": codes}  # fmt: skip
    print(json.dumps(result))  # noqa: T201


if __name__ == "__main__":
    main()
