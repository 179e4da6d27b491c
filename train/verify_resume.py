"""Prove that a training that was killed and resumed equals one that was never stopped.

Both are trained by `wfctl train` in processes of their own; the killed ones end by SIGKILL. What
they leave is compared: the last checkpoint value by value, and the trace of every iteration.
"""

import json
import math
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.checkpoint_index import CheckpointIndex
from ..core.errors import CheckFailed, RunError
from ..core.files import sha256_bytes
from ..core.recipe_file import built_in_recipes, find_recipe, load_recipe
from ..core.runs import RunFolder
from ..models.component import add_user_code
from ..models.dataset import known_to_sources, load_splits
from ..models.trained import read_checkpoint
from .check import check_recipe
from .launch import KILLED, command_line

AFTER_CHECKPOINT = 3  # iterations that a killed run trains on behind its checkpoint
LONGEST = 400  # iterations up to which two whole epochs are trained without being asked
SHORT = 10  # iterations before the kill, where they are not
NAMES = {
    "model": "weights and buffers",
    "ema": "averaged weights",
    "optimizer": "optimizer",
    "scheduler": "scheduler",
    "precision": "gradient scaler",
    "step": "gradients in flight",
    "metrics": "metrics in flight",
    "early_stopping": "early stopping",
    "random": "random state",
}


@dataclass(frozen=True)
class Kill:
    """A SIGKILL behind iteration `at`, when the newest checkpoint is of iteration `checkpoint`."""

    checkpoint: int
    at: int


@dataclass(frozen=True)
class Plan:
    """How far is trained, and where one of the two trainings is killed in between.

    Attributes:
        every: iterations between the checkpoints of the killed training.
        epochs: at least as many as hold `iterations`.
    """

    iterations: int
    every: int
    epochs: int
    kills: tuple[Kill, ...]


def plan_for(recipe: str, overrides: Sequence[str], iterations: int | None) -> Plan:
    """The plan for a recipe, from the length of its epochs.

    Raises:
        RecipeError: a name or an option of the recipe is unknown.
    """
    path = find_recipe(recipe)
    loaded = load_recipe(path, overrides)
    if path not in built_in_recipes().values():
        add_user_code(path.resolve().parent)
    check_recipe(loaded)
    samples = len(load_splits(loaded.data, known_to_sources(loaded)).train)
    epoch_length = math.ceil(samples / loaded.data.batch_size)
    return make_plan(epoch_length, loaded.train.epochs, loaded.train.accumulate, iterations)


def make_plan(epoch_length: int, epochs: int, accumulate: int, iterations: int | None) -> Plan:
    """Where to stop: in the middle of an epoch and at its end, or behind `iterations`.

    Args:
        epochs: of the recipe; they are the least that the plan has, for schedules follow them.
        accumulate: of the recipe; the middle is chosen between two steps of the optimiser.
        iterations: trained before the kill and after it; None chooses. Where two epochs are too
            long, the end of one is left out.
    """
    if iterations is None and 2 * epoch_length <= LONGEST:
        middle = max(1, epoch_length // 2)
        if accumulate > 1 and middle % accumulate == 0 and middle + 1 < epoch_length:
            middle += 1
        every, total = middle, 2 * epoch_length
        stops = sorted({middle, epoch_length})
    else:
        every = iterations if iterations is not None else SHORT
        total, stops = 2 * every, [every]
    kills = tuple(Kill(stop, _kill_behind(stop, every, epoch_length, total)) for stop in stops)
    return Plan(total, every, max(epochs, math.ceil(total / epoch_length)), kills)


def _kill_behind(stop: int, every: int, epoch_length: int, total: int) -> int:
    """An iteration before the next checkpoint is written, which is at its end."""
    next_saves = (each * (stop // each + 1) for each in (every, epoch_length))
    return min(stop + AFTER_CHECKPOINT, total, *next_saves)


def verify_resume(
    recipe: str, overrides: Sequence[str], device: str, processes: int, plan: Plan, folder: Path
) -> dict[str, int]:
    """Train twice, once with kills, and compare.

    Args:
        recipe: a built-in name or a YAML path.
        folder: for both runs, `uninterrupted` and `interrupted`.

    Returns:
        What was compared, and how many values of it.

    Raises:
        CheckFailed: they differ; the first difference is named.
        RunError: a training ended otherwise than planned.
    """
    common = ["--device", device, "--nproc", str(processes), "--trace"]
    settings = [*overrides, f"train.epochs={plan.epochs}", "train.time_limit_s=null",
                "train.loggers=[]"]  # fmt: skip
    begin = ["train", recipe, *common, *(f"--set={setting}" for setting in settings)]
    end = ["--stop-at", str(plan.iterations)]
    whole, parted = RunFolder(folder / "uninterrupted"), RunFolder(folder / "interrupted")
    _run([*begin, *end, "--run-dir", str(whole.path)], kill=None)

    every = f"--set=train.checkpoint.every={plan.every}"
    arguments = [*begin, every, "--run-dir", str(parted.path)]
    resume = ["train", recipe, *common, "--resume", str(parted.path)]
    for kill in plan.kills:
        _run([*arguments, "--kill-at", str(kill.at)], kill)
        _check_newest(parted, kill)
        arguments = resume
    _run([*resume, *end], kill=None)
    _check_resumed(parted, plan)
    return compare_runs(whole, parted, plan.iterations, plan.kills[0].checkpoint)


def compare_runs(
    whole: RunFolder, parted: RunFolder, iterations: int, stopped_behind: int = 0
) -> dict[str, int]:
    """Compare the traces, the last checkpoints and the metrics of two runs.

    Args:
        stopped_behind: the iteration up to which both have trained without a stop.

    Raises:
        CheckFailed: they differ; the first difference is named.
    """
    compared = {"iterations (samples, inputs, loss)": iterations}
    for path in sorted(whole.path.glob("trace*.jsonl")):
        expected, given = _read_lines(path), _read_lines(parted.path / path.name)
        _compare_traces(expected, given, iterations, stopped_behind)
    _compare_metrics(_read_lines(whole.metrics_file), _read_lines(parted.metrics_file))
    compared["lines of metrics.jsonl"] = len(_read_lines(whole.metrics_file))
    reference, state = (dict(leaves(_state(run, iterations))) for run in (whole, parted))
    for key in [*reference, *(state.keys() - reference.keys())]:
        if reference.get(key) != state.get(key):
            raise CheckFailed(
                f"resuming does not equal not stopping: in the checkpoint of iteration "
                f"{iterations}, {key} is {state.get(key, 'missing')}, "
                f"not {reference.get(key, 'missing')}"
            )
    counts = Counter(NAMES.get(key.partition(".")[0], "the rest") for key in reference)
    return compared | dict(counts)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value of a nested state by its path, exactly: tensors by SHA-256, floats in bits."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)) and not all(isinstance(each, int) for each in value):
        for position, each in enumerate(value):
            yield from leaves(each, f"{path}.{position}")
    elif isinstance(value, Tensor):
        raw = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest = sha256_bytes(raw.numpy().tobytes())[:16]
        yield path, f"{value.dtype} {tuple(value.shape)} {digest}"
    elif isinstance(value, float):
        yield path, value.hex()
    else:
        text = repr(value)
        yield path, text if len(text) < 80 else sha256_bytes(text.encode())[:16]


def _compare_traces(
    expected: list[dict[str, Any]],
    given: list[dict[str, Any]],
    iterations: int,
    stopped_behind: int,
) -> None:
    by_iteration = {line["iteration"]: line for line in expected}
    if {line["iteration"] for line in given} != set(range(1, iterations + 1)):
        raise CheckFailed("resuming does not equal not stopping: it skipped iterations")
    # The killed run went on behind its checkpoint: such an iteration has two lines.
    for line in sorted(given, key=lambda line: int(line["iteration"])):
        reference = by_iteration[line["iteration"]]
        for key in ("samples", "inputs", "loss"):
            if line[key] == reference[key]:
                continue
            difference = (
                f"at iteration {line['iteration']}, {key} is {_short(line[key])}, "
                f"not {_short(reference[key])}"
            )
            if line["iteration"] <= stopped_behind:
                raise CheckFailed(
                    f"training twice gives two results, before any stop: {difference}; "
                    "try train.deterministic: true"
                )
            raise CheckFailed(f"resuming does not equal not stopping: {difference}")


def _compare_metrics(expected: list[dict[str, Any]], given: list[dict[str, Any]]) -> None:
    for reference, line in zip(expected, given, strict=False):
        if line != reference:
            raise CheckFailed(
                f"resuming does not equal not stopping: metrics.jsonl has {json.dumps(line)}, "
                f"not {json.dumps(reference)}"
            )
    if len(expected) != len(given):
        raise CheckFailed(
            f"resuming does not equal not stopping: metrics.jsonl has {len(given)} lines, "
            f"not {len(expected)}"
        )


def _state(run: RunFolder, iteration: int) -> dict[str, Any]:
    entry = CheckpointIndex.read(run.checkpoints).entries[-1]
    if entry.iteration != iteration:
        raise RunError(f"{run.path}: ended at iteration {entry.iteration}, not {iteration}")
    return read_checkpoint(run.checkpoints / entry.file)


def _run(arguments: Sequence[str], kill: Kill | None) -> None:
    """Run `wfctl`; it has to end well, or by its kill."""
    finished = subprocess.run(
        command_line(arguments), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if finished.returncode in ({0} if kill is None else {-signal.SIGKILL, KILLED}):
        return
    said = finished.stderr.strip().splitlines() or ["nothing"]
    raise RunError(
        f"the training ended with exit code {finished.returncode}; it said: "
        f"{said[-1].removeprefix('wfctl: error: ')}"
    )


def _check_newest(run: RunFolder, kill: Kill) -> None:
    index = CheckpointIndex.read(run.checkpoints)
    newest = index.entries[-1].iteration if index.entries else 0
    if newest != kill.checkpoint:
        raise RunError(
            f"{run.path}: the newest checkpoint of the run killed behind iteration {kill.at} is "
            f"of iteration {newest}, not {kill.checkpoint}"
        )


def _check_resumed(run: RunFolder, plan: Plan) -> None:
    """Each kill has to be followed by the iteration behind its checkpoint, not by another."""
    trained = [line["iteration"] for line in _read_lines(run.path / "trace.jsonl")]
    expected: list[int] = []
    first = 1
    for kill in plan.kills:
        expected += range(first, kill.at + 1)
        first = kill.checkpoint + 1
    expected += range(first, plan.iterations + 1)
    if trained != expected:
        raise RunError(f"{run.path}: the resumed runs did not begin behind the checkpoints")


def _read_lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:12]
