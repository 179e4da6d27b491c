"""The folder of a run: made for a new one, checked for one that goes on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ..core.environment import describe_environment
from ..core.errors import RunError
from ..core.files import write_bytes_atomically
from ..core.recipe import Recipe
from ..core.recipe_file import built_in_recipes, dump_recipe, load_recipe
from ..core.runs import RunFolder
from ..models.component import copy_user_code
from .scheduler import why_not_extended

RESUMABLE_KEYS = frozenset({
    "data.root", "data.workers", "data.prefetch", "data.pin_memory", "train.epochs",
    "train.time_limit_s", "train.early_stopping", "train.loggers", "train.log_every",
    "train.report", "train.checkpoint.every",
    "train.checkpoint.keep",
})  # fmt: skip


def start_run(
    recipe: Recipe, user_code: Path | None = None, run_dir: Path | None = None
) -> RunFolder:
    """Make the folder of a new run, with the recipe and the user's own modules in it.

    Args:
        user_code: the recipe's folder; the modules imported from it are copied into the run.
        run_dir: the run's folder in place of `runs/<recipe>/<UTC time>/`.

    Raises:
        RunError: `run_dir` is not empty.
    """
    run = RunFolder.create(recipe.name, run_dir)
    if user_code is not None:
        copy_user_code(user_code, run.code)
    write_bytes_atomically(run.recipe_file, dump_recipe(recipe).encode())
    return run


def resume_run(run: RunFolder, overrides: Sequence[str] = (), epochs_more: int = 0) -> Recipe:
    """The recipe that a run goes on with: its own, with the few changes that keep its promise.

    Args:
        overrides: `KEY=VALUE`; only `RESUMABLE_KEYS` may differ from what the run began with.
        epochs_more: epochs to add to those that the run was to have.

    Raises:
        RunError: another key was changed; all of them are named.
    """
    earlier = load_recipe(run.recipe_file)
    if epochs_more:
        overrides = (*overrides, f"train.epochs={earlier.train.epochs + epochs_more}")
    recipe = load_recipe(run.recipe_file, overrides)
    before, now = _flat(earlier.model_dump(mode="json")), _flat(recipe.model_dump(mode="json"))
    changed = [key for key in sorted(before | now) if before.get(key) != now.get(key)]
    forbidden = [key for key in changed if key not in RESUMABLE_KEYS]
    if forbidden:
        shown = "; ".join(f"{key}: {before.get(key)!r} -> {now.get(key)!r}" for key in forbidden)
        raise RunError(
            f"{run.path}: a run cannot be resumed with another recipe ({shown}); "
            "start a new run, or leave these out"
        )
    if recipe.train.epochs != earlier.train.epochs:
        reason = why_not_extended(earlier.train)
        if reason is not None:
            raise RunError(f"{run.path}: the number of epochs cannot be changed: {reason}")
    return recipe


def record_recipe(run: RunFolder, recipe: Recipe) -> None:
    """Write the recipe that a run goes on with, once it does."""
    if load_recipe(run.recipe_file) != recipe:
        write_bytes_atomically(run.recipe_file, dump_recipe(recipe).encode())


def check_same_recipe(run: RunFolder, recipe: Recipe) -> list[str]:
    """In which keys a run's own recipe, with which it goes on, differs from the one named.

    Raises:
        RunError: the run is of a recipe of another name.
    """
    own = load_recipe(run.recipe_file)
    if own.name != recipe.name:
        raise RunError(f"{run.path}: is a run of {own.name}, not of {recipe.name}")
    named, used = _flat(recipe.model_dump(mode="json")), _flat(own.model_dump(mode="json"))
    return [f"{key}: {used.get(key)!r}, not {named.get(key)!r}" for key in sorted(named | used)
            if key not in RESUMABLE_KEYS and named.get(key) != used.get(key)]  # fmt: skip


def how_to_go_on(recipe: Recipe, run: RunFolder, processes: int = 1) -> str:
    """The command that resumes a run."""
    name = recipe.name if recipe.name in built_in_recipes() else str(run.recipe_file)
    several = f" --nproc {processes}" if processes > 1 else ""
    return f"wfctl train {name} --resume {run.path}{several}"


def write_environment(run: RunFolder, device: torch.device, processes: int, seed: int) -> None:
    """Write `environment.json`: what the training runs on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    environment = describe_environment() | {
        "device": {"type": str(device), "name": name},
        "torch_threads": torch.get_num_threads(),
        "processes": processes,
        "seed": seed,
    }
    text = json.dumps(environment, indent=2) + "\n"
    write_bytes_atomically(run.environment_file, text.encode())


def _flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
