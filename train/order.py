"""Which samples are in which batch, as a function of (seed, epoch) and nothing else.

So it does not depend on the number of workers, on validation having run, or on where a run was
stopped. With several processes, each takes its share of every batch.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

Sampler = Literal["shuffle", "weighted", "sequential"]


class Share(NamedTuple):
    """What one process takes of one batch; `weight` as in `Batch`."""

    epoch: int
    indices: Tensor
    weight: float


def derived_seed(*parts: int) -> int:
    """A 63-bit seed that follows from `parts` and differs for each of them."""
    # With their number in front: a SeedSequence takes (1, 0) for the same as (1,).
    words = np.random.SeedSequence((len(parts), *parts)).generate_state(2, np.uint32)
    return (int(words[0]) << 31) | (int(words[1]) >> 1)


def epoch_order(
    samples: int, seed: int, epoch: int, sampler: Sampler = "shuffle", classes: Tensor | None = None
) -> Tensor:
    """Sample indices of an epoch counted from 1, shape (samples,).

    Args:
        sampler: `weighted` draws with replacement, every class equally often.
        classes: the class of each sample, shape (samples,); needed for `weighted`.
    """
    if sampler == "sequential":
        return torch.arange(samples)
    generator = torch.Generator().manual_seed(derived_seed(seed, epoch))
    if sampler == "shuffle":
        return torch.randperm(samples, generator=generator)
    if classes is None:
        raise ValueError("the weighted sampler needs the classes of all samples")
    weights = 1.0 / torch.bincount(classes).clamp(min=1)[classes]
    return torch.multinomial(weights, samples, replacement=True, generator=generator)


@dataclass(frozen=True)
class BatchPlan:
    """The batches of all epochs.

    Args:
        samples: in the split.
        batch_size: of all processes together.
        rank, processes: which process of how many.
    """

    samples: int
    batch_size: int
    seed: int
    sampler: Sampler = "shuffle"
    classes: Tensor | None = None
    rank: int = 0
    processes: int = 1

    def __len__(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-self.samples // self.batch_size)

    def shares(self, first: int, last: int) -> Iterator[Share]:
        """This process's share of the batches behind iteration `first`, up to iteration `last`."""
        first_epoch, skipped = divmod(first, len(self))
        batches = itertools.chain.from_iterable(
            self._epoch(epoch, skipped if epoch == first_epoch + 1 else 0)
            for epoch in itertools.count(first_epoch + 1)
        )
        yield from itertools.islice(batches, last - first)

    def _epoch(self, epoch: int, skipped: int) -> Iterator[Share]:
        order = epoch_order(self.samples, self.seed, epoch, self.sampler, self.classes)
        for batch in torch.split(order, self.batch_size)[skipped:]:
            if self.processes == 1:
                yield Share(epoch, batch, 1.0)
                continue
            own = batch[self.rank :: self.processes]
            weight = len(own) * self.processes / len(batch)
            # A process without a sample still has to take part in the step.
            yield Share(epoch, own if len(own) else batch[:1], weight)
