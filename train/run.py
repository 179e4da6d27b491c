"""Recipe to run folder: the whole story of one training on a page."""

import json
import logging
import sys
from pathlib import Path

import torch
from ignite.engine import Engine, Events

from ..core.environment import describe_environment
from ..core.errors import Interrupted, RunError
from ..core.files import write_bytes_atomically
from ..core.recipe import Recipe
from ..core.recipe_file import dump_recipe, load_recipe
from ..core.runs import RunFolder
from ..models.component import copy_user_code
from ..models.trained import read_checkpoint
from .checkpoint import CheckpointStore
from .engine import build_evaluator, classification_metrics
from .handlers.interrupt import StopOnSignal
from .handlers.metrics_log import MetricsLog
from .handlers.progress import Progress
from .loader import held_out_batches
from .training import Training, build_training

SCORE = "accuracy"


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


def resume_run(recipe: Recipe, run: RunFolder) -> RunFolder:
    """An earlier run that this recipe may continue.

    Raises:
        RunError: the run was made with other values; they are named.
    """
    earlier = _flat(load_recipe(run.recipe_file).model_dump(mode="json"))
    now = _flat(recipe.model_dump(mode="json"))
    changed = [key for key in sorted(earlier | now) if earlier.get(key) != now.get(key)]
    if changed:
        shown = "; ".join(f"{key}: {earlier.get(key)!r} -> {now.get(key)!r}" for key in changed)
        raise RunError(f"{run.path}: cannot be resumed with another recipe ({shown})")
    return run


def train(recipe: Recipe, run: RunFolder, device: torch.device) -> None:
    """Train until the recipe's last epoch, from the run's newest checkpoint on.

    Raises:
        RecipeError: a name or an option is unknown.
        Interrupted: a signal came; the state was saved.
        RunError: the run has already finished.
    """
    logging.getLogger("ignite").addHandler(logging.NullHandler())
    training = build_training(recipe, device)
    trainer, epochs = training.trainer, recipe.train.epochs
    store = CheckpointStore(run.checkpoints, recipe.train.checkpoint.keep)
    log, progress, stop = MetricsLog(run.metrics_file), Progress(), StopOnSignal()
    _write_environment(run, device, recipe.train.seed)

    training.epoch_loss.attach(trainer)
    _attach_evaluation(recipe, training, store, log, progress, device)
    if recipe.train.checkpoint.every:
        every = Events.ITERATION_COMPLETED(every=recipe.train.checkpoint.every)
        trainer.add_event_handler(every, _save_mid_epoch, training, store)
    stop.attach(trainer)
    progress.attach(trainer)

    _restore(training, store, log, epochs)
    with stop:
        stream = training.batches.stream(trainer.state.iteration)
        trainer.run(stream, max_epochs=epochs, epoch_length=len(training.batches))
    if stop.received is not None and trainer.state.iteration < epochs * len(training.batches):
        _save_mid_epoch(trainer, training, store)
        raise Interrupted(
            f"stopped by {stop.received.name} at iteration {trainer.state.iteration}; "
            f"all is saved. Go on with: --resume {run.path}"
        )


def _attach_evaluation(
    recipe: Recipe,
    training: Training,
    store: CheckpointStore,
    log: MetricsLog,
    progress: Progress,
    device: torch.device,
) -> None:
    """Behind each epoch: metrics of the held-out split, then log, progress line and checkpoint."""
    held_out = held_out_batches(recipe, training.splits)
    metrics = classification_metrics(training.loss)
    evaluator = build_evaluator(training.network, metrics, device)

    def evaluate(trainer: Engine) -> None:
        state = trainer.state
        train_loss = training.epoch_loss.compute()
        training.epoch_loss.reset()
        values = {name: float(value) for name, value in evaluator.run(held_out).metrics.items()}
        log.write(state.epoch, state.iteration, "train", {"loss": train_loss})
        log.write(state.epoch, state.iteration, training.splits.held_out_name, values)
        store.save(training.state_dict(), state.epoch, state.iteration, values.get(SCORE))
        progress.epoch(state.epoch, recipe.train.epochs, {"train_loss": train_loss, **values})

    training.trainer.add_event_handler(Events.EPOCH_COMPLETED, evaluate)


def _save_mid_epoch(trainer: Engine, training: Training, store: CheckpointStore) -> None:
    """Save without a score. At an epoch's end the evaluation saves instead."""
    state = trainer.state
    if state.iteration % len(training.batches) != 0:
        store.save(training.state_dict(), state.epoch, state.iteration, None)


def _restore(training: Training, store: CheckpointStore, log: MetricsLog, epochs: int) -> None:
    if not store.index.entries:
        return
    entry, damaged = store.index.newest_whole(store.folder)
    for each in damaged:
        _say(f"{store.folder / each.file}: is damaged; going on from {entry.file}")
    if entry.iteration >= epochs * len(training.batches):
        raise RunError(f"the run has finished its {epochs} epochs; there is nothing to resume")
    training.load_state_dict(read_checkpoint(store.folder / entry.file), epochs)
    store.forget(damaged)
    log.rewind(entry.iteration // len(training.batches))
    _say(f"resuming behind iteration {entry.iteration} (epoch {entry.epoch})")


def _write_environment(run: RunFolder, device: torch.device, seed: int) -> None:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    environment = describe_environment() | {
        "device": {"type": str(device), "name": name},
        "torch_threads": torch.get_num_threads(),
        "seed": seed,
    }
    text = json.dumps(environment, indent=2) + "\n"
    write_bytes_atomically(run.environment_file, text.encode())


def _flat(values: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _say(message: str) -> None:
    print(f"wfctl: {message}", file=sys.stderr)  # noqa: T201
