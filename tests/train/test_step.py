import copy

import pytest
import torch
import torch.nn.functional as F
from ignite.engine import Engine
from torch import nn

from wfctl.core.errors import RecipeError
from wfctl.train.batch import Batch
from wfctl.train.precision import Precision
from wfctl.train.step import EvaluationStep, TrainingStep

CPU = torch.device("cpu")


def nothing(engine: Engine, batch: Batch) -> None:
    """A step."""


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def batches(count: int, size: int = 6) -> list[Batch]:
    torch.manual_seed(1)
    return [
        Batch(torch.randn(size, 4), torch.randint(0, 3, (size,)), torch.arange(size))
        for _ in range(count)
    ]


def train(net: nn.Module, data: list[Batch], lr: float = 0.1, **options: object) -> None:
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    precision = Precision("off", CPU)
    step = TrainingStep(net, optimizer, F.cross_entropy, CPU, precision, **options)  # type: ignore[arg-type]
    Engine(step).run(data, max_epochs=1)


def weights(net: nn.Module) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in net.parameters()])


def test_a_step_is_that_of_the_loop_that_everybody_writes() -> None:
    ours, theirs = network(), network()
    train(ours, batches(3))
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    for batch in batches(3):
        optimizer.zero_grad()
        F.cross_entropy(theirs(batch.inputs), batch.targets).backward()
        optimizer.step()
    assert torch.equal(weights(ours), weights(theirs))


def test_accumulated_batches_make_the_step_of_one_large_batch() -> None:
    parts = batches(4)
    whole = Batch(
        torch.cat([each.inputs for each in parts]),
        torch.cat([each.targets for each in parts]),
        torch.arange(24),
    )
    accumulated, large = network(), network()
    train(accumulated, parts, accumulate=4)
    train(large, [whole])
    torch.testing.assert_close(weights(accumulated), weights(large))


def test_the_last_batches_of_an_epoch_make_a_step_of_their_own() -> None:
    net = network()
    before = weights(net)
    train(net, batches(1), accumulate=4)
    assert not torch.equal(before, weights(net))


def test_gradients_are_clipped_to_the_norm() -> None:
    net = network()
    before = weights(net)
    train(net, batches(1), lr=1.0, clip_norm=1e-3)
    assert float((weights(net) - before).norm()) == pytest.approx(1e-3, rel=1e-3)


def test_a_share_of_a_batch_weighs_as_much_as_it_is() -> None:
    light, heavy = network(), network()
    start = weights(light)
    batch = batches(1)[0]
    train(light, [batch._replace(weight=0.5)])
    train(heavy, [batch])
    torch.testing.assert_close(weights(light) - start, (weights(heavy) - start) / 2)


def test_mixed_precision_trains_close_to_full_precision() -> None:
    full, mixed = network(), network()
    train(full, batches(3))
    optimizer = torch.optim.SGD(mixed.parameters(), lr=0.1)
    step = TrainingStep(mixed, optimizer, F.cross_entropy, CPU, Precision("bf16", CPU))
    Engine(step).run(batches(3), max_epochs=1)
    assert weights(mixed).dtype == torch.float32
    assert 0 < float((weights(full) - weights(mixed)).abs().max()) < 1e-2


def test_fp16_on_the_cpu_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"train.amp: fp16 needs CUDA; on cpu use bf16"):
        Precision("fp16", CPU)


def test_evaluation_changes_nothing() -> None:
    net = network()
    before = copy.deepcopy(net.state_dict())
    step = EvaluationStep(net, F.cross_entropy, CPU, Precision("off", CPU))
    output = step(Engine(nothing), batches(1)[0])
    assert not output.predictions.requires_grad
    assert all(torch.equal(before[name], now) for name, now in net.state_dict().items())
