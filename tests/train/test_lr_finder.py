import math

import pytest
import torch

from wfctl.core.errors import CheckFailed
from wfctl.core.recipe_file import find_recipe, load_recipe
from wfctl.train.lr_finder import find_lr, smooth, steepest_rate


def test_the_suggestion_lies_on_the_slope() -> None:
    rates = [10 ** (-6 + 0.06 * step) for step in range(100)]
    losses = [1 / (1 + math.exp((step - 60) / 5)) for step in range(90)] + [5.0] * 10
    assert rates[55] < steepest_rate(rates, losses) < rates[65]


def test_noise_of_the_first_batches_does_not_mislead() -> None:
    rates = [10 ** (-6 + 0.06 * step) for step in range(100)]
    losses = [3.0, 2.0] + [1 / (1 + math.exp((step - 60) / 5)) for step in range(98)]
    assert steepest_rate(rates, losses) > rates[50]


def test_a_loss_that_never_falls_is_said_so() -> None:
    with pytest.raises(CheckFailed, match=r"the loss never fell between the rates 0.1 and 1"):
        steepest_rate([0.1, 0.5, 1.0], [1.0, 2.0, 3.0])


def test_the_average_of_equal_losses_is_that_loss() -> None:
    assert smooth([2.0, 2.0, 2.0]) == pytest.approx((2.0, 2.0, 2.0))


def test_a_usable_rate_for_the_digits() -> None:
    search = find_lr(load_recipe(find_recipe("digits")), torch.device("cpu"), iterations=100)
    assert 1e-5 < search.suggestion < 0.3
    assert list(search.rates) == sorted(search.rates)
