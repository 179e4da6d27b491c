"""The gate: a file gives what the trained model gives, or it is not exported."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.departure import departure
from ..core.errors import ParityError
from ..core.manifest import Parity, TensorSpec
from ..models.task import ClassesOf, most_probable
from .runners import Floats, Runner

BATCH_SIZES = (1, 2, 3, 7)


def check_parity(
    name: str,
    reference: Runner,
    runner: Runner,
    samples: Sequence[Tensor],
    tolerance: float,
    classes_of: ClassesOf | None = most_probable,
) -> Parity:
    """Compare a file with the trained model on raw samples, at several batch sizes.

    Args:
        name: the file, for the message.
        samples: raw samples without the batch axis; their shapes may differ.
        tolerance: the largest `departure` that passes.
        classes_of: answers to class indices, which must agree too; None where there are none. A
            pixel between two classes whose probabilities are as good as equal may be of either.

    Raises:
        ParityError: an output departs by more, a label differs, or the file refuses a batch; the
            worst sample is named.
    """
    largest, total, count, agreed, compared = 0.0, 0.0, 0, 0, 0
    for batch_size in BATCH_SIZES:
        for indices in _batches(samples, batch_size):
            raw = torch.stack([samples[index] for index in indices])
            expected, given = reference(raw), _run(name, runner, raw)
            if expected.shape != given.shape:
                raise ParityError(
                    f"{name}: gives shape {given.shape} where the trained model gives "
                    f"{expected.shape}, at batch size {batch_size}"
                )
            errors = departure(given, expected)
            worst = float(errors.max())
            same = _agreement(expected, given, classes_of, tolerance)
            if not worst <= tolerance or not same.all():
                ranked = np.nan_to_num(errors, nan=np.inf)  # an output that is no number is worst
                row = int(np.unravel_index(ranked.argmax(), errors.shape)[0])
                shape = " x ".join(map(str, samples[indices[row]].shape))
                raise ParityError(
                    f"{name}: departs from the trained model by {worst:.3g} (tolerance "
                    f"{tolerance:.3g}), {int((~same).sum())} labels of {len(same)} differ; "
                    f"worst at sample {indices[row]}{f' ({shape})' if shape else ''}, "
                    f"batch size {batch_size}"
                )
            largest = max(largest, worst)
            total, count = total + float(errors.sum()), count + errors.size
            agreed, compared = agreed + int(same.sum()), compared + len(same)
    return Parity(
        samples=len(samples),
        max_abs_error=largest,
        mean_abs_error=total / count,
        label_agreement=None if classes_of is None else agreed / compared,
        batch_sizes=BATCH_SIZES,
    )


def _agreement(
    expected: Floats, given: Floats, classes_of: ClassesOf | None, tolerance: float
) -> NDArray[np.bool_]:
    """Whether each sample of a batch has the same class (everywhere), shape (B,)."""
    if classes_of is None:
        return np.ones(len(expected), dtype=bool)
    same = classes_of(expected) == classes_of(given)
    if expected.ndim > 2 and not same.all():
        second, first = np.partition(expected, -2, axis=1)[:, -2:].swapaxes(0, 1)
        same |= first - second <= 2 * tolerance
    return np.asarray(same.reshape(len(same), -1).all(axis=1))


def other_sizes(samples: Sequence[Tensor], spec: TensorSpec) -> list[Tensor]:
    """A few samples stretched and cropped along each axis that a file must leave free.

    Data is often of one size, at which a resize does nothing: equal answers there say little about
    the pictures that a service is sent.

    Args:
        samples: raw samples without the batch axis.
        spec: the input; -1 marks a free axis.
    """
    free = [axis for axis, size in enumerate(spec.shape[1:]) if size == -1]
    changed: list[Tensor] = []
    for sample in samples[: max(BATCH_SIZES)] if free else ():
        stretched = cropped = sample
        for factor, axis in enumerate(free, start=2):
            stretched = stretched.repeat_interleave(factor, dim=axis)
            length = max(sample.shape[axis] - factor, 1)
            cropped = cropped.narrow(axis, 0, length)
        changed += [stretched, cropped]
    return changed


def _run(name: str, runner: Runner, raw: Tensor) -> Floats:
    try:
        return runner(raw)
    except Exception as error:  # each runtime raises its own kinds
        lines = [line.strip() for line in str(error).splitlines()]
        cause = next((line for line in lines if line.startswith("RuntimeError: ")), " ".join(lines))
        raise ParityError(
            f"{name}: cannot run a batch of shape {tuple(raw.shape)}: {cause}"
        ) from error


def _batches(samples: Sequence[Tensor], batch_size: int) -> Iterator[list[int]]:
    """Every sample in full batches of its shape; a group that runs short begins again."""
    groups: dict[torch.Size, list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        groups[sample.shape].append(index)
    for group in groups.values():
        for start in range(0, len(group), batch_size):
            yield [group[(start + offset) % len(group)] for offset in range(batch_size)]
