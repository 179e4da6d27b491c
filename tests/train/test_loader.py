from collections.abc import Sequence
from contextlib import closing

import pytest
import torch
from torch.multiprocessing import active_children

from wfctl.models.dataset import load_splits
from wfctl.models.preprocess import build_preprocess
from wfctl.tests.helpers.training import NUMBERS, PICTURES, recipe
from wfctl.train.batch import Batch
from wfctl.train.loader import HeldOutBatches, TrainingBatches, training_batches

NOISY = "data.options={noisy: true}"
AUGMENT = "augment=[{RandomAffine: {degrees: 20}}]"


def batches(values: dict[str, object], *overrides: str) -> TrainingBatches:
    loaded = recipe(values, *overrides)
    preprocess = build_preprocess(loaded.preprocess)
    return training_batches(loaded, load_splits(loaded.data), preprocess)


def read(source: TrainingBatches, first: int, last: int) -> list[Batch]:
    with closing(source.stream(first, last)) as stream:
        return list(stream)


def assert_equal(given: Sequence[Batch], expected: Sequence[Batch]) -> None:
    assert len(given) == len(expected)
    for one, other in zip(given, expected, strict=True):
        assert torch.equal(one.indices, other.indices)
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.targets, other.targets)


def test_data_in_memory_is_cut_out_of_whole_tensors() -> None:
    source = batches(NUMBERS)
    assert len(source) == 8
    (batch, *_) = read(source, 0, 8)
    assert batch.inputs.shape == (128, 10)
    numbers = (batch.inputs.long() * 2 ** torch.arange(10)).sum(dim=1)
    assert torch.equal(numbers, batch.indices + 101)


@pytest.mark.parametrize("values", [NUMBERS, PICTURES], ids=["in memory", "one by one"])
def test_batches_go_on_from_any_iteration(values: dict[str, object]) -> None:
    whole = read(batches(values), 0, 20)
    assert_equal(read(batches(values), 5, 20), whole[5:])


@pytest.mark.parametrize("overrides", [[NOISY], [AUGMENT], [NOISY, AUGMENT]], ids=str)
def test_what_is_random_follows_from_seed_epoch_and_sample(overrides: list[str]) -> None:
    """Whichever process loads a sample, and wherever it began."""
    alone = batches(PICTURES, *overrides)
    whole = read(alone, 0, 16)
    torch.manual_seed(1234)
    assert_equal(read(alone, 0, 16), whole)
    assert_equal(read(batches(PICTURES, *overrides, "data.workers=2"), 3, 16), whole[3:])
    other_seed = read(batches(PICTURES, *overrides, "train.seed=4"), 0, 16)
    epochs = [
        {index: value for batch in part for index, value in zip(
            batch.indices.tolist(), batch.inputs, strict=True)}
        for part in (whole[:8], whole[8:], other_seed[:8])
    ]  # fmt: skip
    changed = [not torch.equal(epochs[0][index], epochs[1][index]) for index in epochs[0]]
    assert sum(changed) > len(changed) // 2
    reseeded = [not torch.equal(epochs[0][index], epochs[2][index]) for index in epochs[0]]
    assert sum(reseeded) > len(reseeded) // 2


@pytest.mark.parametrize("workers", [0, 2])
def test_loading_leaves_the_generator_of_dropout_alone(workers: int) -> None:
    source = batches(PICTURES, NOISY, AUGMENT, f"data.workers={workers}")
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    read(source, 0, 4)
    assert torch.equal(torch.rand(3), expected)


def test_worker_processes_end_with_a_closed_stream() -> None:
    stream = batches(PICTURES, "data.workers=2").stream(0, 1000)
    next(stream)
    assert len(active_children()) == 2
    stream.close()
    assert active_children() == []


@pytest.mark.parametrize("values", [NUMBERS, PICTURES], ids=["in memory", "one by one"])
@pytest.mark.parametrize("processes", [1, 3])
def test_held_out_samples_come_once_in_order(values: dict[str, object], processes: int) -> None:
    loaded = recipe(values)
    splits, preprocess = load_splits(loaded.data), build_preprocess(loaded.preprocess)
    parts = [HeldOutBatches(loaded, splits, preprocess, rank, processes)
             for rank in range(processes)]  # fmt: skip
    seen = [torch.cat([batch.indices for batch in part]).tolist() for part in parts]
    assert all(part == sorted(part) for part in seen)
    assert sorted(index for part in seen for index in part) == list(range(len(splits.held_out)))
