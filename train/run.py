"""Recipe to run folder: the whole story of one training on a page."""

import logging
import math
import warnings
from contextlib import closing

import torch
from ignite import distributed as idist
from ignite.engine import Engine, Events
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ..core.checkpoint_index import CheckpointIndex
from ..core.errors import Interrupted
from ..core.recipe import Recipe
from ..core.runs import RunFolder
from .build import build_training
from .evaluation import HeldOutEvaluation
from .handlers.progress import say
from .handlers.stop import (
    KillAtIteration,
    StopAtIteration,
    StopAtTimeLimit,
    StopOnNan,
    StopOnSignal,
)
from .handlers.trace import Trace
from .handlers.user import attach_handlers
from .parameters import set_training_mode
from .recorder import Recorder
from .report.behind import ReportBehind
from .run_folder import how_to_go_on, record_recipe, write_environment
from .training import Training


def train(
    recipe: Recipe,
    run: RunFolder,
    device: torch.device,
    stop_at: int | None = None,
    kill_at: int | None = None,
    trace: bool = False,
) -> None:
    """Train until the recipe's last epoch, from the run's newest checkpoint on.

    Args:
        stop_at: save and return behind this iteration.
        kill_at: end by SIGKILL behind this iteration, for `wfctl verify-resume`.
        trace: write the loss and the samples of every iteration, for `wfctl verify-resume`.

    Raises:
        RecipeError: a name or an option is unknown.
        CheckFailed: the loss is no longer a number; the last good checkpoint is kept.
        Interrupted: a signal came; the state was saved.
        RunError: the run has already finished.
    """
    logging.getLogger("ignite").addHandler(logging.NullHandler())
    fresh = not CheckpointIndex.read(run.checkpoints).entries
    training = build_training(recipe, device, initial_weights=fresh)
    trainer = training.trainer
    nan, stop = StopOnNan(training.metrics), StopOnSignal()
    recorder = Recorder(training, run, nan)
    if idist.get_rank() == 0:
        write_environment(run, device, idist.get_world_size(), recipe.train.seed)

    # The order of these lines is the order in which handlers of one event are called.
    _attach_iterations(training)
    nan.attach(trainer)
    if trace:
        Trace(run.path).attach(trainer)
    if kill_at is not None:
        KillAtIteration(kill_at).attach(trainer)
    attach_handlers(trainer, recipe.train.handlers)
    _attach_epoch_end(training, recorder, device)
    recorder.attach(trainer)
    if recipe.train.checkpoint.every is not None:
        every = Events.ITERATION_COMPLETED(every=recipe.train.checkpoint.every)
        trainer.add_event_handler(every, recorder.save_mid_epoch)
    stop.attach(trainer)
    time_limit = None
    if recipe.train.time_limit_s is not None:
        time_limit = StopAtTimeLimit(recipe.train.time_limit_s)
        time_limit.attach(trainer)
    if stop_at is not None:
        StopAtIteration(stop_at).attach(trainer)

    recorder.restore()
    if idist.get_rank() == 0:
        record_recipe(run, recipe)
    is_whole = stop_at is None and not trace
    report = ReportBehind(run, training.splits, device, recipe.train.report and is_whole)
    stream = training.batches.stream(trainer.state.iteration, training.iterations)
    with stop, report, recorder, closing(stream):
        trainer.run(stream, max_epochs=recipe.train.epochs, epoch_length=len(training.batches))
        recorder.save_mid_epoch(trainer)
    _say_why_it_ended(training, run, stop, time_limit)


def _say_why_it_ended(
    training: Training, run: RunFolder, stop: StopOnSignal, time_limit: StopAtTimeLimit | None
) -> None:
    iteration = training.trainer.state.iteration
    if iteration >= training.iterations:
        return
    if stop.received is not None:
        raise Interrupted(
            f"stopped by {stop.received.name} at iteration {iteration}; all is saved. "
            f"Go on with: {how_to_go_on(training.recipe, run, idist.get_world_size())}"
        )
    if time_limit is not None and time_limit.reached and idist.get_rank() == 0:
        say(
            f"stopped by train.time_limit_s at iteration {iteration}; all is saved. "
            f"Go on with: {how_to_go_on(training.recipe, run, idist.get_world_size())}"
        )


def _attach_iterations(training: Training) -> None:
    """What belongs to every step besides the step itself."""
    trainer, scheduler = training.trainer, training.scheduler

    def begin_epoch() -> None:
        set_training_mode(training.network, training.frozen)

    def step_scheduler() -> None:
        if scheduler is None:
            return
        if scheduler.last_epoch > 0:
            scheduler.step()
            return
        with warnings.catch_warnings():
            # While gradients are accumulated, or fp16 finds its scale, no step was made yet.
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")
            scheduler.step()

    trainer.add_event_handler(Events.EPOCH_STARTED, begin_epoch)
    if training.ema is not None:
        training.ema.attach(trainer)
    training.metrics.attach(trainer)
    if training.steps_scheduler_by_iteration:
        trainer.add_event_handler(Events.ITERATION_COMPLETED, step_scheduler)


def _attach_epoch_end(training: Training, recorder: Recorder, device: torch.device) -> None:
    """Evaluate, log, and only then save: a checkpoint of a whole epoch has its score."""
    evaluation = HeldOutEvaluation(training, device)
    scheduler = training.scheduler

    def finish_epoch(trainer: Engine) -> None:
        train_metrics = training.metrics.finish_epoch()
        held_out_metrics = evaluation.run()
        score = evaluation.score(held_out_metrics)
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(math.inf if score is None else -score)
        elif scheduler is not None and not training.steps_scheduler_by_iteration:
            scheduler.step()
        if training.early_stopping is not None:
            trainer.state.metrics["score"] = -math.inf if score is None else score
            training.early_stopping(trainer)
        recorder.epoch(evaluation.split, train_metrics, held_out_metrics)
        recorder.save(score)

    training.trainer.add_event_handler(Events.EPOCH_COMPLETED, finish_epoch)
