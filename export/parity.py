"""The gate: a file gives what the trained model gives, or it is not exported."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..core.errors import ParityError
from ..core.manifest import Parity
from .runners import Runner

BATCH_SIZES = (1, 2, 3, 7)


def check_parity(
    name: str, reference: Runner, runner: Runner, samples: Sequence[Tensor], tolerance: float
) -> Parity:
    """Compare a file with the trained model on raw samples, at several batch sizes.

    Args:
        name: the file, for the message.
        samples: raw samples without the batch axis; their shapes may differ.
        tolerance: the largest absolute error that passes.

    Raises:
        ParityError: an output departs by more, or a label differs; the worst sample is named.
    """
    largest, total, count, agreed, compared = 0.0, 0.0, 0, 0, 0
    for batch_size in BATCH_SIZES:
        for indices in _batches(samples, batch_size):
            raw = torch.stack([samples[index] for index in indices])
            expected, given = reference(raw), runner(raw)
            if expected.shape != given.shape:
                raise ParityError(
                    f"{name}: gives shape {given.shape} where the trained model gives "
                    f"{expected.shape}, at batch size {batch_size}"
                )
            errors = np.abs(expected.astype(np.float64) - given.astype(np.float64))
            worst = float(errors.max())
            same = expected.argmax(axis=-1) == given.argmax(axis=-1)
            if not worst <= tolerance or not same.all():
                row = int(np.unravel_index(np.nanargmax(errors), errors.shape)[0])
                raise ParityError(
                    f"{name}: departs from the trained model by {worst:.3g} (tolerance "
                    f"{tolerance:.3g}), {int((~same).sum())} labels of {len(same)} differ; "
                    f"worst at held-out sample {indices[row]}, batch size {batch_size}"
                )
            largest = max(largest, worst)
            total, count = total + float(errors.sum()), count + errors.size
            agreed, compared = agreed + int(same.sum()), compared + len(same)
    return Parity(
        samples=len(samples),
        max_abs_error=largest,
        mean_abs_error=total / count,
        label_agreement=agreed / compared,
        batch_sizes=BATCH_SIZES,
    )


def _batches(samples: Sequence[Tensor], batch_size: int) -> Iterator[list[int]]:
    """Every sample in full batches of its shape; a group that runs short begins again."""
    groups: dict[torch.Size, list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        groups[sample.shape].append(index)
    for group in groups.values():
        for start in range(0, len(group), batch_size):
            yield [group[(start + offset) % len(group)] for offset in range(batch_size)]
