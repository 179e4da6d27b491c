import pytest
import torch

from wfctl.train.order import BatchPlan, Sampler, derived_seed, epoch_order


def test_seeds_differ_for_each_of_their_parts() -> None:
    parts = [(), (0,), (0, 0), (1,), (1, 0), (1, 0, 0), (0, 1), (2, 1), (1, 2), (7, 2**40)]
    seeds = [derived_seed(*each) for each in parts]
    assert len(set(seeds)) == len(parts)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derived_seed(7, 3) == derived_seed(7, 3)


def test_every_sample_comes_once_an_epoch_in_another_order_each_time() -> None:
    first, second = (epoch_order(50, seed=1, epoch=epoch) for epoch in (1, 2))
    for order in (first, second):
        assert sorted(order.tolist()) == list(range(50))
    assert not torch.equal(first, second)
    assert torch.equal(first, epoch_order(50, seed=1, epoch=1))
    assert not torch.equal(first, epoch_order(50, seed=2, epoch=1))


def test_order_draws_from_no_other_generator() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    epoch_order(50, seed=1, epoch=1)
    epoch_order(50, seed=1, epoch=1, sampler="weighted", classes=torch.zeros(50, dtype=torch.int64))
    assert torch.equal(torch.rand(3), expected)


def test_sequential_and_weighted() -> None:
    assert epoch_order(4, 1, 1, "sequential").tolist() == [0, 1, 2, 3]
    classes = torch.tensor([0] * 990 + [2] * 10)  # class 1 has no samples
    drawn = classes[epoch_order(1000, 1, 1, "weighted", classes)]
    assert 400 < int((drawn == 2).sum()) < 600
    with pytest.raises(ValueError, match="needs the classes"):
        epoch_order(4, 1, 1, "weighted")


@pytest.mark.parametrize("sampler", ["shuffle", "sequential", "weighted"])
@pytest.mark.parametrize("first", [0, 1, 4, 5, 7, 10, 14])
def test_batches_go_on_wherever_they_were_stopped(sampler: Sampler, first: int) -> None:
    plan = BatchPlan(18, batch_size=4, seed=3, sampler=sampler, classes=torch.arange(18) % 3)
    assert len(plan) == 5
    whole = list(plan.shares(0, 15))
    rest = list(plan.shares(first, 15))
    assert [share.epoch for share in whole] == [1] * 5 + [2] * 5 + [3] * 5
    assert len(rest) == 15 - first
    for share, expected in zip(rest, whole[first:], strict=True):
        assert share.epoch == expected.epoch
        assert torch.equal(share.indices, expected.indices)
    assert len(whole[4].indices) == 2  # the last batch of an epoch is smaller


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_processes_share_every_batch(processes: int) -> None:
    one = list(BatchPlan(18, 4, seed=3).shares(0, 10))
    parts = [list(BatchPlan(18, 4, seed=3, rank=rank, processes=processes).shares(0, 10))
             for rank in range(processes)]  # fmt: skip
    for batch, *shares in zip(one, *parts, strict=True):
        counted = torch.cat([share.indices for share in shares if share.weight])
        assert sorted(counted.tolist()) == sorted(batch.indices.tolist())
        assert sum(share.weight for share in shares) == pytest.approx(processes)
        for share in shares:
            assert len(share.indices) > 0  # also of a process without a share: it takes part
            if share.weight:
                expected = len(share.indices) * processes / len(batch.indices)
                assert share.weight == pytest.approx(expected)
