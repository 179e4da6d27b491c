"""The learning-rate finder: raise the rate batch by batch, and see where the loss falls fastest.

Method: Leslie N. Smith, Cyclical Learning Rates for Training Neural Networks, 2015
(arXiv:1506.01186), section 3.3, in Ignite's `FastaiLRFinder`.
"""

import logging
import math
import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from ignite.engine import Events
from ignite.handlers import FastaiLRFinder

from ..core.errors import CheckFailed
from ..core.recipe import Recipe
from .build import build_training
from .parameters import set_training_mode

FIRST_LR = 1e-7


@dataclass(frozen=True)
class LrSearch:
    """What was tried. `losses` are smoothed; both have one value an iteration."""

    suggestion: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]


def find_lr(
    recipe: Recipe, device: torch.device, iterations: int = 200, last_lr: float = 10.0
) -> LrSearch:
    """Train a fresh network from a tiny rate up to `last_lr` or until the loss diverges.

    Raises:
        RecipeError: a name or an option is unknown.
        CheckFailed: the loss never fell, so that there is nothing to suggest.
    """
    logging.getLogger("ignite").addHandler(logging.NullHandler())
    training = build_training(recipe, device)
    trainer, finder = training.trainer, FastaiLRFinder()
    trainer.add_event_handler(
        Events.STARTED, lambda: set_training_mode(training.network, training.frozen)
    )
    epochs = math.ceil(iterations / len(training.batches))
    attached = finder.attach(
        trainer,
        to_save={"model": training.network, "optimizer": training.optimizer},
        output_transform=lambda output: output.loss,
        num_iter=iterations,
        start_lr=FIRST_LR,
        end_lr=last_lr,
        smooth_f=0.0,
    )
    stream = training.batches.stream(0, epochs * len(training.batches))
    with attached as search, warnings.catch_warnings(), closing(stream):
        warnings.filterwarnings("ignore", message="Run completed without loss diverging")
        search.run(stream, max_epochs=epochs, epoch_length=len(training.batches))
    history = finder.get_results()
    rates, losses = tuple(history["lr"]), smooth(history["loss"])
    return LrSearch(steepest_rate(rates, losses), rates, losses)


def smooth(losses: Sequence[float], decay: float = 0.95) -> tuple[float, ...]:
    """An exponential average that does not lean on the first batch (bias-corrected as in Adam)."""
    average, smoothed = 0.0, []
    for count, loss in enumerate(losses, start=1):
        average = decay * average + (1 - decay) * loss
        smoothed.append(average / (1 - decay**count))
    return tuple(smoothed)


def steepest_rate(rates: Sequence[float], losses: Sequence[float]) -> float:
    """The rate at which the loss falls fastest over a tenth of the curve, before its minimum.

    A tenth, because the slope between neighbours is mostly the noise of single batches; the first
    tenth is passed over, because its average is still of few batches.

    Raises:
        CheckFailed: the loss never fell.
    """
    window = max(len(losses) // 10, 1)
    lowest = window + int(np.argmin(losses[window:]))
    starts = range(window, lowest - window + 1)
    falls = [losses[start] - losses[start + window] for start in starts]
    if not falls or max(falls) <= 0:
        raise CheckFailed(
            f"the loss never fell between the rates {rates[0]:g} and {rates[-1]:g}; look at the "
            "data, the loss and the network"
        )
    return rates[starts[int(np.argmax(falls))] + window // 2]
