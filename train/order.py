"""The order of samples, as a function of (seed, epoch) and nothing else.

So it does not depend on the number of workers, on validation having run, or on where a run was
stopped.
"""

import numpy as np
import torch
from torch import Tensor


def derived_seed(*parts: int) -> int:
    """A 63-bit seed that follows from `parts` and differs for each of them."""
    words = np.random.SeedSequence(parts).generate_state(2, np.uint32)
    return (int(words[0]) << 31) | (int(words[1]) >> 1)


def epoch_order(samples: int, seed: int, epoch: int) -> Tensor:
    """A permutation of the sample indices, shape (samples,), of an epoch counted from 1."""
    generator = torch.Generator().manual_seed(derived_seed(seed, epoch))
    return torch.randperm(samples, generator=generator)
